"""Masks of every kind mean the same classes; what they can't mean is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from tests.data.images.pictures import write_picture

from spectile.data.images import PairSet, UnreadableImageError, load_images, open_pair_set
from spectile.data.labels.masks.mask_file import read_mask
from spectile.errors import InputError

VALUES = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)
COLORS = np.zeros((256, 3), np.uint8)
COLORS[:3] = [(0, 0, 0), (200, 10, 30), (5, 150, 60)]
COLORS[255] = 255


def grey(path: Path) -> None:
    Image.fromarray(VALUES).save(path.with_suffix(".png"))


def wide_grey(path: Path) -> None:
    Image.fromarray(VALUES.astype(np.uint16)).save(path.with_suffix(".png"))


def grey_as_rgb(path: Path) -> None:
    Image.fromarray(VALUES).convert("RGB").save(path.with_suffix(".png"))


def palette(path: Path) -> None:
    picture = Image.fromarray(VALUES, mode="P")
    picture.putpalette(COLORS.ravel().tolist())
    picture.save(path.with_suffix(".png"))


def tif(path: Path, dtype: str = "uint8", **options: object) -> None:
    with rasterio.open(
        path.with_suffix(".tif"),
        "w",
        driver="GTiff",
        count=1,
        height=2,
        width=3,
        dtype=dtype,
        **options,
    ) as file:
        file.write(VALUES.astype(dtype)[None])


def nodata_tif(path: Path) -> None:
    tif(path, "int32", nodata=255)


def negative(path: Path) -> None:
    np.save(path.with_suffix(".npy"), np.where(VALUES == 255, -100, VALUES.astype(np.int16)))


def float_tif(path: Path) -> None:
    tif(path, "float32")


def array(path: Path) -> None:
    np.save(path.with_suffix(".npy"), VALUES.astype(np.int64)[..., None])


def pairs_of(
    folder: Path, write: Callable[[Path], None], count: int = 4, **options: object
) -> PairSet:
    (folder / "masks").mkdir()
    for index in range(count):
        write_picture(folder / "images" / f"{index}.png", index, (2, 3))
        write(folder / "masks" / str(index))
    return open_pair_set(folder / "images", folder / "masks", **options)


@pytest.mark.parametrize(
    "write", [grey, wide_grey, grey_as_rgb, palette, tif, nodata_tif, negative, float_tif, array]
)
def test_values(tmp_path: Path, write: Callable[[Path], None]) -> None:
    pairs = pairs_of(tmp_path, write)
    assert pairs.mask_values == (0, 1, 2)
    assert pairs.legend.values == (1, 2, 3)
    assert pairs.legend.names == ("class 0", "class 1", "class 2")
    assert any("--ignore 0" in note for note in pairs.notes)
    np.testing.assert_array_equal(pairs.masks.read(1), [[1, 2, 3], [3, 2, 0]])
    assert pairs.masks.read(1).dtype == np.uint16


def test_a_palette_gives_colours(tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, palette)
    assert pairs.legend.colors[1:] == ((200, 10, 30), (5, 150, 60))
    assert pairs.legend.colors[0] != (0, 0, 0)


@pytest.mark.parametrize("write", [grey, palette, grey_as_rgb])
def test_ignored_values(tmp_path: Path, write: Callable[[Path], None]) -> None:
    pairs = pairs_of(tmp_path, write, ignore=(0, 255))
    assert pairs.mask_values == pairs.legend.values == (1, 2)
    np.testing.assert_array_equal(pairs.masks.read(0), [[0, 1, 2], [2, 1, 0]])


def test_what_is_ignored_adds_to_255(tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, grey, ignore=(1,))
    assert pairs.mask_values == (0, 2)
    np.testing.assert_array_equal(pairs.masks.read(0), [[1, 0, 2], [2, 0, 0]])
    assert "255 means unlabelled in the masks (4 of 24 pixels)" in " ".join(pairs.notes)


def black_and_white(path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 0], [0, 0, 255]], np.uint8)).save(path.with_suffix(".png"))


def test_white_is_a_class_of_black_and_white_masks(tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, black_and_white)
    assert pairs.mask_values == (0, 255)
    np.testing.assert_array_equal(pairs.masks.read(0), [[1, 2, 1], [1, 1, 2]])


def rgb(path: Path) -> None:
    Image.fromarray(COLORS[VALUES]).save(path.with_suffix(".png"))


def rgba(path: Path) -> None:
    alpha = np.where(VALUES == 255, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([COLORS[VALUES], alpha])).save(path.with_suffix(".png"))


def rgb_tif(path: Path) -> None:
    Image.fromarray(COLORS[VALUES]).save(path.with_suffix(".tif"))


def own_palette(path: Path) -> None:
    """As programs leave it that make PNGs smaller: places in the palette mean nothing."""
    shuffled = np.random.default_rng(int(path.name)).permutation(4)
    order = np.zeros(256, np.uint8)
    order[[0, 1, 2, 255]] = shuffled
    colors = np.zeros((256, 3), np.uint8)
    colors[shuffled] = COLORS[[0, 1, 2, 255]]
    picture = Image.fromarray(order[VALUES], mode="P")
    picture.putpalette(colors.ravel().tolist())
    picture.save(path.with_suffix(".png"))


@pytest.mark.parametrize("write", [rgb, rgb_tif, own_palette])
def test_colours_are_classes_and_black_is_none(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    pairs = pairs_of(tmp_path, write)
    assert pairs.mask_values is None
    assert pairs.legend.names == ("#05963c", "#c80a1e", "#ffffff")
    assert pairs.legend.colors == ((5, 150, 60), (200, 10, 30), (255, 255, 255))
    for index in range(4):
        np.testing.assert_array_equal(pairs.masks.read(index), [[0, 2, 1], [1, 2, 3]])


LEGEND = "value,name,color\n1,roof,#c80a1e\n2,tree,#05963c\n9,void,#ffffff\n"


@pytest.mark.parametrize("write", [rgb, rgba, rgb_tif, own_palette])
def test_a_legend_says_what_colours_mean(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "legend.csv").write_text(LEGEND)
    pairs = pairs_of(tmp_path, write, legend=tmp_path / "legend.csv", ignore=())
    assert pairs.legend.names == ("roof", "tree", "void")
    assert pairs.legend.values == (1, 2, 9)
    for index in range(4):
        white = 0 if write is rgba else 3
        np.testing.assert_array_equal(pairs.masks.read(index), [[0, 1, 2], [2, 1, white]])


@pytest.mark.parametrize("write", [grey, grey_as_rgb, palette, tif, array])
def test_a_legend_says_what_values_mean(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "legend.csv").write_text("value,name\n0,sky\n2,tree\n1,roof\n")
    pairs = pairs_of(tmp_path, write, legend=tmp_path / "legend.csv")
    assert pairs.legend.names == ("sky", "roof", "tree")
    assert pairs.legend.values == (1, 2, 3)
    assert pairs.mask_values == (0, 1, 2)
    np.testing.assert_array_equal(pairs.masks.read(0), [[1, 2, 3], [3, 2, 0]])


def test_a_legend_without_zero(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text("value,name\n2,tree\n1,roof\n5,never seen\n")
    pairs = pairs_of(tmp_path, grey, legend=tmp_path / "legend.csv", ignore=(0, 255))
    assert pairs.mask_values == pairs.legend.values == (1, 2, 5)
    np.testing.assert_array_equal(pairs.masks.read(0), [[0, 1, 2], [2, 1, 0]])
    pairs = open_pair_set(tmp_path / "images", tmp_path / "masks", legend=tmp_path / "legend.csv")
    with pytest.raises(InputError, match=r"masks/0\.png holds the value 0.*ignore=0"):
        pairs.masks.read(0)


def test_a_class_that_is_ignored_leaves_the_legend(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text("value,name\n0,sky\n1,roof\n2,void\n")
    pairs = pairs_of(tmp_path, grey, legend=tmp_path / "legend.csv", ignore=(2, 255))
    assert pairs.legend.names == ("sky", "roof")
    np.testing.assert_array_equal(pairs.masks.read(0), [[1, 2, 0], [0, 2, 0]])


def test_a_colour_that_the_legend_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text("value,name,color\n1,roof,#c80a1e\n2,tree,#0000ff\n")
    pairs = pairs_of(tmp_path, rgb, legend=tmp_path / "legend.csv")
    with pytest.raises(InputError, match=r"masks/2\.png holds the colour #05963c, which .*legend"):
        load_images(pairs.images, [2], memory=1, masks=pairs.masks)


def jpeg(path: Path) -> None:
    Image.fromarray(VALUES).save(path.with_suffix(".jpg"))


def disguised_jpeg(path: Path) -> None:
    Image.fromarray(VALUES).save(path.with_suffix(".png"), format="JPEG")


def mixed(path: Path) -> None:
    (rgb if path.name == "0" else grey)(path)


def photograph(path: Path) -> None:
    write_picture(path.with_suffix(".png"), int(path.name), (30, 30))


def measurement(path: Path) -> None:
    values = np.arange(900).reshape(30, 30)
    np.save(path.with_suffix(".npy"), values)


def fractions(path: Path) -> None:
    np.save(path.with_suffix(".npy"), VALUES / 2)


def large(path: Path) -> None:
    np.save(path.with_suffix(".npy"), VALUES.astype(np.int32) * 1000)


def one_class(path: Path) -> None:
    Image.fromarray(np.full((2, 3), 4, np.uint8)).save(path.with_suffix(".png"))


def all_ignored(path: Path) -> None:
    Image.fromarray(np.full((2, 3), 255, np.uint8)).save(path.with_suffix(".png"))


def two_bands(path: Path) -> None:
    with rasterio.open(
        path.with_suffix(".tif"), "w", driver="GTiff", count=2, height=2, width=3, dtype="uint8"
    ) as file:
        file.write(np.stack([VALUES, VALUES]))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (jpeg, r"0\.jpg is a JPEG"),
        (disguised_jpeg, r"\.png is a JPEG"),
        (mixed, r"1\.png holds class numbers and .*0\.png colours"),
        (photograph, "colours, which are those of a photograph"),
        (measurement, "900 classes|899 classes"),
        (fractions, r"0\.npy holds 0\.5, which is no whole number"),
        (large, r"0\.npy holds the value 255000"),
        (one_class, "the value 4 and no other class"),
        (all_ignored, "nothing and no other class"),
        (two_bands, r"0\.tif has 2 bands"),
    ],
)
def test_masks_that_cant_be_understood(
    tmp_path: Path, write: Callable[[Path], None], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        pairs_of(tmp_path, write)
    assert "\n" not in str(caught.value)


def damaged(values: NDArray[np.uint8]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        grey(path)
        if path.name == "1":
            path.with_suffix(".png").write_bytes(b"\x89PNG\r\n\x1a\n broken")

    return write


def test_a_damaged_mask_is_left_to_the_loader(tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path, damaged(VALUES))
    with pytest.raises(UnreadableImageError, match=r"masks/1\.png"):
        pairs.masks.read(1)
    with pytest.raises(InputError, match=r"masks/1\.png .* skip_bad=True"):
        load_images(pairs.images, range(4), memory=1, masks=pairs.masks)
    store = load_images(pairs.images, range(4), memory=1, masks=pairs.masks, skip_bad=True)
    assert store.kept.tolist() == [0, 2, 3]
    assert store.bad[0][0].endswith("masks/1.png")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pairs_of(tmp_path, grey, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_one_bit_masks_are_zero_and_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.eye(3, dtype=np.uint8) * 255).convert("1").save(path)
    np.testing.assert_array_equal(read_mask(path).numbers, np.eye(3))
