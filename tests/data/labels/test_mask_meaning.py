"""What masks mean follows from their numbers: void stays void, blends are found out."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.data.images.pictures import write_picture

from spectile.data.images import PairSet, open_pair_set
from spectile.errors import InputError

SIZE = (48, 48)
GREYS = np.array([0, 255, 128], np.uint8)
COLORS = np.array([[0, 0, 0], [200, 10, 30], [5, 150, 60]], np.uint8)
Save = Callable[[Path, NDArray[np.uint8]], None]


def classes(seed: int) -> NDArray[np.uint8]:
    """A square (1) and a strip (2) on a ground (0)."""
    mask = np.zeros(SIZE, np.uint8)
    row, column = np.random.default_rng(seed).integers((4, 10), (28, 30))
    mask[row : row + 16, column : column + 16] = 1
    mask[:, :8] = 2
    return mask


def pairs_of(
    folder: Path, mask: Callable[[int], Image.Image], count: int = 10, **options: object
) -> PairSet:
    (folder / "masks").mkdir(parents=True)
    for index in range(count):
        write_picture(folder / "images" / f"{index}.png", index, SIZE)
        mask(index).save(folder / "masks" / f"{index}.png")
    return open_pair_set(folder / "images", folder / "masks", **options)


def with_palette(numbers: NDArray[np.uint8], colors: dict[int, tuple[int, ...]]) -> Image.Image:
    picture = Image.fromarray(numbers, mode="P")
    table = np.zeros((256, 3), np.uint8)
    for value, color in colors.items():
        table[value] = color
    picture.putpalette(table.ravel().tolist())
    return picture


def void_at_the_edge(seed: int) -> NDArray[np.uint8]:
    numbers = classes(seed)
    numbers[:, 40:] = 255
    return numbers


GROUND = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0)}
VOIDS: dict[str, Callable[[int], Image.Image]] = {
    "grey": lambda seed: Image.fromarray(void_at_the_edge(seed)),
    "rgb": lambda seed: Image.fromarray(void_at_the_edge(seed)).convert("RGB"),
    "palette without it": lambda seed: with_palette(void_at_the_edge(seed), GROUND),
    "palette with it": lambda seed: with_palette(
        void_at_the_edge(seed), {**GROUND, 255: (224, 224, 192)}
    ),
    "in some palettes": lambda seed: with_palette(
        void_at_the_edge(seed), GROUND if seed % 2 else {**GROUND, 255: (224, 224, 192)}
    ),
    "shown as a class": lambda seed: with_palette(
        void_at_the_edge(seed), {**GROUND, 255: (128, 0, 0)}
    ),
    "16 bits": lambda seed: Image.fromarray(
        np.where(void_at_the_edge(seed) == 255, 65535, void_at_the_edge(seed)).astype(np.uint16)
    ),
}


@pytest.mark.parametrize("form", VOIDS)
def test_void_stays_void(tmp_path: Path, form: str) -> None:
    pairs = pairs_of(tmp_path, VOIDS[form])
    assert pairs.mask_values == (0, 1, 2)
    for index in range(10):
        np.testing.assert_array_equal(
            pairs.masks.read(index),
            np.where(void_at_the_edge(index) > 2, 0, classes(index) + 1),
        )
    assert any("means unlabelled in the masks (3,840 of 23,040 pixels)" in n for n in pairs.notes)


@pytest.mark.parametrize("ignore", [(0,), (0, 255)])
def test_what_is_ignored_leaves_void_alone(tmp_path: Path, ignore: tuple[int, ...]) -> None:
    pairs = pairs_of(tmp_path, VOIDS["grey"], ignore=ignore)
    assert pairs.mask_values == (1, 2)
    assert any("255 means" in note for note in pairs.notes) == (ignore == (0,))


def test_a_legend_makes_255_a_class(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text("value,name\n0,ground\n1,house\n2,road\n255,sky\n")
    pairs = pairs_of(tmp_path, VOIDS["grey"], legend=tmp_path / "legend.csv")
    assert pairs.legend.names == ("ground", "house", "road", "sky")
    assert pairs.masks.read(0).max() == 4


def test_the_colour_of_an_ignored_value_is_void(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text(
        "value,name,color\n1,house,#c80a1e\n2,road,#05963c\n255,border,#e0e0c0\n"
    )
    table = np.zeros((256, 3), np.uint8)
    table[:3], table[255] = COLORS, (224, 224, 192)
    pairs = pairs_of(
        tmp_path,
        lambda seed: Image.fromarray(table[void_at_the_edge(seed)]),
        legend=tmp_path / "legend.csv",
        ignore=(255,),
    )
    assert pairs.legend.names == ("house", "road")
    assert (pairs.masks.read(0)[:, 40:] == 0).all()


def jpeg(mask: NDArray[np.uint8]) -> Image.Image:
    held = io.BytesIO()
    Image.fromarray(mask).save(held, "JPEG", quality=80)
    return Image.open(held)


def resized(mask: NDArray[np.uint8], by: Image.Resampling) -> Image.Image:
    small = Image.fromarray(mask).resize((24, 24), by)
    return small.resize(SIZE, by)


BLENDS: dict[str, Callable[[int], Image.Image]] = {
    "antialiased": lambda seed: resized((classes(seed) == 1) * GREYS[1], Image.Resampling.BILINEAR),
    "cubic": lambda seed: resized(GREYS[classes(seed)], Image.Resampling.BICUBIC),
    "colours": lambda seed: resized(COLORS[classes(seed)], Image.Resampling.BILINEAR),
    "compressed": lambda seed: jpeg((classes(seed) == 1) * GREYS[1]),
    "compressed colours": lambda seed: jpeg(COLORS[classes(seed)]),
    "palette": lambda seed: resized(COLORS[classes(seed)], Image.Resampling.BILINEAR).quantize(64),
    "one level as RGB": lambda seed: BLENDS["one level"](seed).convert("RGB"),
    "one level": lambda seed: Image.fromarray(
        np.where(
            np.roll(classes(seed) == 1, 1, axis=0) ^ (classes(seed) == 1),
            np.uint8(77),
            (classes(seed) == 1) * GREYS[1],
        )
    ),
}


@pytest.mark.parametrize("form", BLENDS)
def test_blended_masks_are_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(InputError, match=r"the masks look blended: .* nearest neighbour"):
        pairs_of(tmp_path, BLENDS[form])


def test_blends_are_named_before_a_value_that_a_legend_lacks(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text("value,name\n0,ground\n255,house\n")
    with pytest.raises(InputError, match="look blended"):
        pairs_of(tmp_path, BLENDS["antialiased"], legend=tmp_path / "legend.csv")


def thin_classes(seed: int) -> Image.Image:
    """Masts, wires and points of many classes: rare, and at the border of others."""
    mask = classes(seed)
    for value in range(3, 7):
        mask[:, 5 * value] = value
    for value in range(7, 20):
        mask[2 * value, 6] = value
    return Image.fromarray(mask)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 20, SIZE).astype(np.uint8))


@pytest.mark.parametrize("mask", [thin_classes, noise])
def test_thin_classes_are_no_blends(tmp_path: Path, mask: Callable[[int], Image.Image]) -> None:
    assert pairs_of(tmp_path, mask).mask_values == tuple(range(20))


@pytest.mark.parametrize("levels", [(0, 128, 255), (0, 85, 170, 255), (0, 32768, 65535)])
def test_grey_levels_up_to_white_are_asked_about(tmp_path: Path, levels: tuple[int, ...]) -> None:
    table = np.array(levels, np.uint8 if levels[-1] == 255 else np.uint16)

    def mask(seed: int) -> Image.Image:
        return Image.fromarray(table[np.indices(SIZE)[0] * len(levels) // SIZE[0]])

    white = levels[-1]
    with pytest.raises(InputError, match=f"so {white} may be a class .* or mean unlabelled"):
        pairs_of(tmp_path / "a", mask)
    assert pairs_of(tmp_path / "b", mask, ignore=(white,)).mask_values == levels[:-1]
    rows = "".join(f"{value},level {value}\n" for value in levels)
    (tmp_path / "legend.csv").write_text(f"value,name\n{rows}")
    pairs = pairs_of(tmp_path / "c", mask, legend=tmp_path / "legend.csv")
    assert pairs.mask_values == levels


def test_palettes_that_may_mean_either_are_asked_about(tmp_path: Path) -> None:
    def mask(seed: int) -> Image.Image:
        color = (200, 0, 0) if seed % 2 else (0, 0, 200)
        return with_palette((classes(seed) == 1).astype(np.uint8), {0: (0, 0, 0), 1: color})

    with pytest.raises(InputError, match=r"shows the value 1 in #0000c8 and .*1\.png in #c80000"):
        pairs_of(tmp_path / "a", mask)
    (tmp_path / "values.csv").write_text("value,name\n0,ground\n1,house\n")
    pairs = pairs_of(tmp_path / "b", mask, legend=tmp_path / "values.csv")
    np.testing.assert_array_equal(pairs.masks.read(1), (classes(1) == 1) + 1)
    (tmp_path / "colors.csv").write_text("value,name,color\n7,red,#c80000\n9,blue,#0000c8\n")
    pairs = pairs_of(tmp_path / "c", mask, legend=tmp_path / "colors.csv")
    np.testing.assert_array_equal(pairs.masks.read(1), classes(1) == 1)
    np.testing.assert_array_equal(pairs.masks.read(2), 2 * (classes(2) == 1))


def test_numbers_count_where_palettes_show_two_of_them_alike(tmp_path: Path) -> None:
    def mask(seed: int) -> Image.Image:
        color = (200, seed, 0)
        return with_palette(classes(seed), {0: (9, 9, 9), 1: color, 2: color})

    pairs = pairs_of(tmp_path, mask)
    assert pairs.mask_values == (0, 1, 2)
    assert any("the numbers say the classes" in note for note in pairs.notes)


def test_a_legend_that_contradicts_the_palette_is_refused(tmp_path: Path) -> None:
    (tmp_path / "legend.csv").write_text(
        "value,name,color\n0,ground,#0a0a0a\n1,house,#008000\n2,road,#800000\n"
    )
    with pytest.raises(
        InputError, match=r"0\.png shows the value 1 in #800000, which .* to the class 'road'"
    ):
        pairs_of(
            tmp_path,
            lambda seed: with_palette(classes(seed), GROUND),
            legend=tmp_path / "legend.csv",
        )
