"""What only a set of files tells: alpha or a band, pages, EXIF, bit depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from tests.data.images.pictures import write_mask, write_picture
from tests.data.readers.test_read_image import raster

from spectile.data.images import UnreadableImageError, load_images, open_pair_set, read_image
from spectile.data.images.looks import looks_of
from spectile.data.labels.masks.mask_file import read_mask
from spectile.data.readers.pixel_types import note_on_types
from spectile.errors import InputError
from spectile.tasks.images.sides import check_sides, fingerprints

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

NOISE = np.random.default_rng(0).integers(1, 250, (4, 20, 20)).astype(np.uint8)


def four_bands(folder: Path, fourth: list[NDArray[np.uint8]]) -> list[Path]:
    folder.mkdir()
    return [
        raster(folder / f"{i}.tif", np.concatenate([NOISE[:3], np.asarray(band)[None]]))
        for i, band in enumerate(fourth)
    ]


DARK, FULL = np.zeros((20, 20), np.uint8), np.full((20, 20), 255, np.uint8)
HOLE = np.where(np.indices((20, 20))[0] < 5, 0, 255).astype(np.uint8)
SOFT = HOLE.copy()
SOFT[5] = 99


@pytest.mark.parametrize(
    ("fourth", "alpha"),
    [
        ([NOISE[3], DARK, FULL], False),  # near infrared, over water and saturated
        ([HOLE, FULL, SOFT], True),
        ([HOLE, DARK], True),  # a tile beside the picture
        ([DARK, DARK], False),  # no signal, and it would hide all
        ([FULL, FULL], True),
    ],
)
def test_the_set_tells_whether_the_fourth_band_is_alpha(
    tmp_path: Path, fourth: list[NDArray[np.uint8]], alpha: bool
) -> None:
    paths = four_bands(tmp_path / "i", fourth)
    looks = looks_of(paths)
    assert looks.alpha is alpha
    assert any("marked as alpha in" in note for note in looks.notes)
    for path, band in zip(paths, fourth, strict=True):
        pixels = read_image(path, alpha=looks.alpha)
        assert len(pixels) == (3 if alpha else 4)
        assert np.isnan(pixels).sum() == (3 * (band == 0).sum() if alpha else 0)
        assert len(read_image(path, bands=4)) == 4
        assert len(read_image(path, bands=3)) == 3


def test_a_water_tile_has_the_bands_of_the_others(tmp_path: Path) -> None:
    four_bands(tmp_path / "i", [NOISE[3], DARK, NOISE[3]])
    for index in range(3):
        write_mask(tmp_path / "m" / f"{index}.png", np.indices((20, 20))[0] // 10)
    pairs = open_pair_set(tmp_path / "i", tmp_path / "m")
    assert load_images(pairs.images, range(3), memory=1, masks=pairs.masks).bands == 4


def paged(path: Path, pages: list[NDArray[np.uint8]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(path, save_all=True, append_images=others)
    return path


def test_pages_are_bands(tmp_path: Path) -> None:
    path = paged(tmp_path / "a.tif", list(NOISE))
    np.testing.assert_array_equal(read_image(path), NOISE)
    assert looks_of([path]).notes == (
        f"1 image was stored in several pages, which were taken for bands; the first is {path}.",
    )


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([NOISE[0], NOISE[1, :10, :10]], "its 2 pages differ, 1 x 20 x 20 of uint8 and 1 x 10"),
        ([NOISE[:3].transpose(1, 2, 0)] * 3, "its 3 pages have 3 bands each"),
    ],
)
def test_pages_that_are_no_bands_are_refused(
    tmp_path: Path, pages: list[NDArray[np.uint8]], said: str
) -> None:
    with pytest.raises(UnreadableImageError, match=said):
        read_image(paged(tmp_path / "a.tif", pages))


@pytest.mark.parametrize(
    "description",
    ["ImageJ=1.11a\nimages=5\nslices=5\n", '{"shape": [5, 20, 20], "truncated": true}'],
)
def test_images_that_the_directory_does_not_list_are_missed(
    tmp_path: Path, description: str
) -> None:
    path = raster(tmp_path / "a.tif", NOISE[:1])
    assert read_image(path).shape == (1, 20, 20)
    with rasterio.open(path, "r+") as file:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION=description)
    with pytest.raises(UnreadableImageError, match="its description counts 5 images"):
        read_image(path)


def test_overviews_and_masks_are_no_pages(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 9, (3, 600, 600)).astype(np.uint8)
    path = raster(tmp_path / "a.tif", wide, tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    np.testing.assert_array_equal(read_image(path), wide)


PLACES = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("on", [1, 255])
@pytest.mark.parametrize("pages", [True, False])
def test_a_layer_for_each_class(tmp_path: Path, count: int, on: int, pages: bool) -> None:
    if count == 3 and on == 255 and not pages:
        return  # a mask in red, green and blue
    layers = np.stack([(value == PLACES) * np.uint8(on) for value in range(count)])
    path = tmp_path / "a.tif"
    if pages:
        paged(path, list(layers))
    else:
        raster(path, layers, photometric="minisblack", alpha="no")
    mask = read_mask(path)
    np.testing.assert_array_equal(mask.numbers, PLACES)
    assert (mask.layers, mask.colored) == (count, False)


def test_layers_that_overlap_or_hold_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 pages, a layer for each class, and 2 pixels lie in"):
        read_mask(paged(tmp_path / "a.tif", [np.eye(2, dtype=np.uint8)] * 2))
    with pytest.raises(InputError, match=r"2 pages of uint8: a mask has one band"):
        read_mask(paged(tmp_path / "b.tif", [PLACES, PLACES]))


def turned_pairs(folder: Path, orientation: int, size: tuple[int, int] = (4, 6)) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (folder / "i").mkdir(parents=True)
    for index in range(4):
        Image.new("RGB", size[::-1], (index, 9, 9)).save(folder / "i" / f"{index}.jpg", exif=exif)
        write_mask(folder / "m" / f"{index}.png", np.indices(size)[0] // 2)


def test_images_that_exif_turns_beside_masks(tmp_path: Path) -> None:
    turned_pairs(tmp_path / "half", 3)
    pairs = open_pair_set(tmp_path / "half" / "i", tmp_path / "half" / "m")
    assert any("4 images were turned as the EXIF orientation says" in n for n in pairs.notes)
    turned_pairs(tmp_path / "quarter", 6)
    pairs = open_pair_set(tmp_path / "quarter" / "i", tmp_path / "quarter" / "m")
    with pytest.raises(InputError, match=r"has 6 x 4, turned as its EXIF orientation \(6\) says"):
        load_images(pairs.images, range(4), memory=1, masks=pairs.masks)


def test_a_mask_is_turned_as_its_own_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(PLACES).save(tmp_path / "a.png", exif=exif)
    mask = read_mask(tmp_path / "a.png")
    assert mask.turned
    np.testing.assert_array_equal(mask.numbers, PLACES[::-1, ::-1])


def test_mixed_bit_depth_is_noted() -> None:
    names = ("a.png", "b.png", "c.tif", "d.tif")
    assert note_on_types(names, ("uint8", "uint8", None, "uint8")) == ()
    (note,) = note_on_types(names, ("uint8", "uint8", None, "uint16"))
    assert "uint8 (2 images, the first is a.png) and uint16 (1 images, the first is d.tif)" in note


def test_gaps_hide_what_pixels_were_stored_in(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1, (20, 20))
    raster(tmp_path / "b.tif", np.concatenate([NOISE[:3], HOLE[None]]))
    raster(tmp_path / "c.tif", NOISE[:3].astype(np.uint16))
    np.save(tmp_path / "d.npy", NOISE[:3].transpose(1, 2, 0) / np.float32(255))
    for index in "abcd":
        write_mask(tmp_path / "m" / f"{index}.png", np.indices((20, 20))[0] // 10)
    (tmp_path / "images").mkdir()
    for file in [*tmp_path.glob("?.*")]:
        file.rename(tmp_path / "images" / file.name)
    pairs = open_pair_set(tmp_path / "images", tmp_path / "m")
    store = load_images(pairs.images, range(4), memory=1, masks=pairs.masks)
    assert store.pixel_types == ("uint8", None, "uint16", "float32")


def test_a_side_without_a_labelled_pixel_with_data_is_refused(tmp_path: Path) -> None:
    four_bands(tmp_path / "i", [FULL] * 8 + [HOLE] * 2)
    for index in range(10):
        mask = np.indices((20, 20))[1] // 10
        if index >= 8:
            mask = np.where(HOLE == 0, mask, 255)  # labelled where the test images hide all
        write_mask(tmp_path / "m" / f"{index}.png", mask)
    pairs = open_pair_set(tmp_path / "i", tmp_path / "m")
    store = load_images(pairs.images, range(10), memory=1, masks=pairs.masks)
    assert store.unseen.tolist() == [0] * 8 + [100] * 2
    assert store.counts is not None
    assert store.counts[8:].sum() == 0
    with pytest.raises(InputError, match="the test side has no labelled pixel with data"):
        check_sides(pairs, store, (0, 1, 2))


def test_fingerprints_tell_images_and_masks_apart(tmp_path: Path) -> None:
    def prints() -> list[str]:
        pairs = open_pair_set(tmp_path / "i", tmp_path / "m")
        store = load_images(pairs.images, range(4), memory=1, masks=pairs.masks)
        return fingerprints(pairs, store)

    for index in range(4):
        write_picture(tmp_path / "i" / f"{index}.png", index)
        write_mask(tmp_path / "m" / f"{index}.png", np.indices((4, 5))[0] // 2)
    before = prints()
    write_picture(tmp_path / "i" / "1.png", 99)
    write_mask(tmp_path / "m" / "2.png", 1 - np.indices((4, 5))[0] // 2)
    assert [a == b for a, b in zip(before, prints(), strict=True)] == [True, False, False, True]
