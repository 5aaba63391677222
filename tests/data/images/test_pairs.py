"""Which mask belongs to which image, and which images are trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.images.pictures import write_mask, write_picture

from spectile.data.images import ImageOverlap, load_images, measure_image_overlap, open_pair_set
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError


def mask_of(seed: int, size: tuple[int, int] = (4, 5)) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 4, size)


def write_pair(image: Path, mask: Path, seed: int) -> None:
    write_picture(image, seed)
    write_mask(mask, mask_of(seed))


def write_numbered(folder: Path, count: int, tail: str = "") -> tuple[Path, Path]:
    for seed in range(count):
        write_pair(folder / "images" / f"{seed}.png", folder / "masks" / f"{seed}{tail}.png", seed)
    return folder / "images", folder / "masks"


@pytest.mark.parametrize("tail", ["", "_mask", "_L", "-gt", "0_gt"])
def test_names_match_with_a_common_tail(tmp_path: Path, tail: str) -> None:
    pairs = open_pair_set(*write_numbered(tmp_path, 12, tail))
    assert len(pairs) == 12
    for index in range(12):
        assert pairs.images.name(index) == str(tmp_path / "images" / f"{index}.png")
        assert pairs.masks.name(index) == str(tmp_path / "masks" / f"{index}{tail}.png")
        np.testing.assert_array_equal(pairs.masks.read(index), mask_of(index))


def test_nested_folders_of_one_name(tmp_path: Path) -> None:
    for city in ("a", "b"):
        write_pair(tmp_path / "x" / city / "0.png", tmp_path / "y" / city / "0.png", ord(city))
    pairs = open_pair_set(tmp_path / "x", tmp_path / "y")
    np.testing.assert_array_equal(pairs.masks.read(1), mask_of(ord("b")))


def test_runs_in_the_order_of_names(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 20)
    pairs = open_pair_set(images, masks, train=0.7, validation=0.2)
    assert pairs.kind == "order"
    assert pairs.seed is None
    assert pairs.select(TRAIN).tolist() == list(range(11))
    assert pairs.select(VALIDATION).tolist() == [11, 12, 13]
    assert pairs.select(TEST).tolist() == list(range(14, 20))


def test_drawn(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 20)
    pairs = open_pair_set(images, masks, split="random", seed=3)
    assert (pairs.kind, pairs.seed) == ("random", 3)
    assert [len(pairs.select(side)) for side in (TRAIN, VALIDATION, TEST)] == [14, 2, 4]
    assert pairs.select(TEST).tolist() != [16, 17, 18, 19]


def test_side_folders_on_both_sides(tmp_path: Path) -> None:
    seeds = {"train": range(6), "val": range(6, 8), "test": range(8, 11)}
    for side, of in seeds.items():
        for seed in of:
            write_pair(
                tmp_path / "img" / side / f"{seed}.png",
                tmp_path / "ann" / side / f"{seed}_l.png",
                seed,
            )
    pairs = open_pair_set(tmp_path / "img", tmp_path / "ann")
    assert (pairs.kind, pairs.seed) == ("given", None)
    for index in range(11):
        name = Path(pairs.images.name(index))
        code = {"train": TRAIN, "val": VALIDATION, "test": TEST}[name.parent.name]
        assert pairs.sides[index] == code
        np.testing.assert_array_equal(pairs.masks.read(index), mask_of(int(name.stem)))


def test_mask_folders_beside_image_folders(tmp_path: Path) -> None:
    for side, seeds in (("train", range(8)), ("test", range(8, 10))):
        for seed in seeds:
            write_pair(
                tmp_path / side / f"{seed}.jpg", tmp_path / f"{side}annot" / f"{seed}.png", seed
            )
    pairs = open_pair_set(tmp_path, tmp_path, validation=0.25)
    assert pairs.kind == "given"
    assert [len(pairs.select(side)) for side in (TRAIN, VALIDATION, TEST)] == [6, 2, 2]
    assert {Path(pairs.masks.name(i)).parent.name for i in pairs.select(TEST)} == {"testannot"}
    (tmp_path / "train_more").mkdir()
    with pytest.raises(InputError, match=r"there is train_more, trainannot"):
        open_pair_set(tmp_path, tmp_path)


def test_table(tmp_path: Path) -> None:
    write_numbered(tmp_path, 5)
    rows = "".join(
        f"images/{i}.png,masks/{i}.png,{s}\n"
        for i, s in enumerate(("train", "train", "val", "test", "test"))
    )
    (tmp_path / "pairs.csv").write_text("image,mask,split\n" + rows)
    pairs = open_pair_set(tmp_path / "pairs.csv")
    assert pairs.sides.tolist() == [1, 1, 2, 3, 3]
    np.testing.assert_array_equal(pairs.masks.read(3), mask_of(3))
    rows = "".join(f"images/{i}.png,masks/{i}.png\n" for i in range(5))
    (tmp_path / "pairs.csv").write_text("image,mask\n" + rows)
    assert open_pair_set(tmp_path / "pairs.csv").kind == "order"
    (tmp_path / "pairs.csv").write_text("image,mask\nimages/0.png,masks/x.png\n")
    with pytest.raises(InputError, match=r"1 of the 1 files .* line 2: 'masks/x\.png'"):
        open_pair_set(tmp_path / "pairs.csv")


def test_what_doesnt_match_is_named_and_counted(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 6)
    (masks / "2.png").unlink()
    (masks / "4.png").rename(masks / "four.png")
    with pytest.raises(
        InputError,
        match=r"2 of 6 images have no mask \(the first is .*images/2\.png\) and 1 of 5 masks have "
        r"no image \(the first is .*masks/four\.png\)",
    ):
        open_pair_set(images, masks)


def test_bad_folders(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 3)
    for paths, said in (
        ((images, None), "without masks"),
        ((images, tmp_path / "none"), "none is no folder"),
        ((images, images), "images and masks alike"),
    ):
        with pytest.raises(InputError, match=said):
            open_pair_set(*paths)
    write_picture(images / "1.jpg", 9)
    with pytest.raises(InputError, match="differ in their suffix alone"):
        open_pair_set(images, masks)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no image"):
        open_pair_set(images, tmp_path / "empty")


def test_a_single_image_cant_be_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="single image"):
        open_pair_set(*write_numbered(tmp_path, 1))


def test_a_mask_of_another_size_is_named_with_its_image(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 4)
    write_mask(masks / "2.png", mask_of(2, (5, 4)))
    pairs = open_pair_set(images, masks)
    with pytest.raises(
        InputError, match=r"masks/2\.png is a mask of 5 x 4 pixels.*images/2\.png has 4 x 5"
    ):
        load_images(pairs.images, range(4), memory=1, masks=pairs.masks, skip_bad=True)


def test_summary(tmp_path: Path) -> None:
    images, masks = write_numbered(tmp_path, 10)
    write_mask(masks / "9.png", np.full((4, 5), 9))
    write_mask(masks / "0.png", np.full((4, 5), 7))
    write_picture(images / "8.png", 1)  # a copy of a training image
    pairs = open_pair_set(images, masks)
    stores = {
        side: load_images(pairs.images, pairs.select(side), memory=1, masks=pairs.masks)
        for side in (TRAIN, VALIDATION, TEST)
    }
    overlap = measure_image_overlap(
        stores[TRAIN].hashes + stores[VALIDATION].hashes, stores[TEST].hashes
    )
    summary = pairs.summary(overlap, {side: s.class_pixels for side, s in stores.items()})
    assert summary["kind"] == "order"
    assert summary["train_pixels"] + summary["validation_pixels"] == 8 * 20
    assert summary["test_pixels"] == 40
    assert (summary["train_images"], summary["test_images"]) == (7, 2)
    assert summary["overlap"] == 0.5
    assert summary["verdict"].startswith("1 of 2 test images (50%)")
    assert summary["untested_classes"] == ["class 7"]
    assert "class 9" in summary["tested_classes"]
    assert "Trained on but not tested: class 7." in summary["notes"]
    assert "Tested without having been trained on: class 9." in summary["notes"]
    with pytest.raises(InputError, match="left to test on"):
        pairs.without(pairs.select(TEST).tolist())
    assert pairs.without([3]).summary(ImageOverlap(2, 0), {})["train_images"] == 6
