"""COCO's JSON: what it says is used or told, and what can't be is refused by a sentence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from spectile.compat.pycocotools import decoded, encoded, of_polygons
from spectile.data.instances.coco import open_coco
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError

SQUARE = [2.0, 3.0, 8.0, 3.0, 8.0, 9.0, 2.0, 9.0]


def code_of(mask: NDArray[np.bool_], *, compressed: bool) -> dict[str, Any]:
    if compressed:
        code = encoded(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": list(mask.shape), "counts": code["counts"].decode()}
    flat = mask.T.ravel().astype(int)
    ends = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), len(flat)]
    runs = np.diff(ends).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def content(outlines: list[Any], images: int = 4) -> dict[str, Any]:
    """Images of 20 x 30 pixels, the same objects in each."""
    return {
        "images": [
            {"id": 10 + at, "file_name": f"{at}.png", "height": 20, "width": 30}
            for at in range(images)
        ],
        "annotations": [
            {"id": 1, "image_id": 10 + at, "category_id": 7, "segmentation": outline}
            for at in range(images)
            for outline in outlines
        ],
        "categories": [{"id": 7, "name": "cell"}, {"id": 3, "name": "crowd <b>"}],
    }


def written(folder: Path, said: Any, name: str = "all.json", images: int = 4) -> Path:
    for at in range(images):
        pixels = np.full((20, 30, 3), 40 * at, np.uint8)
        Image.fromarray(pixels).save(folder / f"{at}.png")
    path = folder / name
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


def test_polygons_codes_and_crowds(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[5:11, 12:20] = True
    mask[7, 15] = False
    said = content(
        [[SQUARE], code_of(mask, compressed=True), code_of(mask, compressed=False), [SQUARE]]
    )
    for entry in said["annotations"][3::4]:
        entry |= {"iscrowd": 1, "category_id": 3}
    found = open_coco(written(tmp_path, said))
    assert found.legend.names == ("crowd <b>", "cell")
    assert [category.value for category in found.legend.categories] == [3, 7]
    objects = found.objects[0]
    assert objects.classes.tolist() == [1, 1, 1, 0]
    assert objects.ignored.tolist() == [False, False, False, True]
    assert objects.boxes[1].tolist() == objects.boxes[2].tolist() == [12, 5, 20, 11]
    for place in (1, 2):
        assert (objects.masks[place] == mask[5:11, 12:20]).all()
    whole = decoded(of_polygons([SQUARE], 20, 30))
    drawn = np.zeros((20, 30), np.uint8)
    left, top, right, bottom = objects.boxes[0]
    drawn[top:bottom, left:right] = objects.masks[0]
    assert (drawn == whole).all()
    assert found.counts(TRAIN)[0] == 0
    assert found.kind == "random"


def test_sides_come_from_files_or_from_the_seed(tmp_path: Path) -> None:
    all_of_it = content([[SQUARE]], images=4)
    files = {}
    for name, places in (("train", (0, 1)), ("val", (2,)), ("test", (3,))):
        kept = {10 + at for at in places}
        said = all_of_it | {
            "images": [image for image in all_of_it["images"] if image["id"] in kept],
            "annotations": [a for a in all_of_it["annotations"] if a["image_id"] in kept],
        }
        files[name] = written(tmp_path, said, f"{name}.json")
    found = open_coco(files["train"], validation=files["val"], test=files["test"])
    assert found.sides.tolist() == [TRAIN, TRAIN, VALIDATION, TEST]
    assert (found.kind, found.seed) == ("given", None)
    whole = written(tmp_path, all_of_it)
    drawn = [open_coco(whole, seed=seed).sides.tolist() for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len({tuple(sides) for sides in drawn}) > 1


@settings(max_examples=30, deadline=None)
@given(corners=st.lists(st.tuples(st.floats(-40, 60), st.floats(-40, 60)), min_size=3, max_size=8))
def test_a_polygon_covers_what_pycocotools_says(
    corners: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outline = [number for corner in corners for number in corner]
    said = content([[outline], [SQUARE]])
    found = open_coco(written(tmp_path_factory.mktemp("coco"), said))
    drawn = np.zeros((20, 30), np.uint8)
    for (left, top, right, bottom), mask in list(
        zip(found.objects[0].boxes, found.objects[0].masks, strict=True)
    )[:-1]:
        drawn[top:bottom, left:right] |= mask
    # Drawn on a larger image, on which no corner lies outside.
    moved = (np.array(outline) + 100).tolist()
    whole = decoded(of_polygons([moved], 300, 300))
    assert (drawn == whole[100:120, 100:130]).mean() > 0.97


def test_what_has_no_pixel_is_left_out_and_told(tmp_path: Path) -> None:
    outside, beyond = [40.0, 5, 50, 5, 50, 9], [25.0, 5, 50, 5, 50, 9]
    said = content([[SQUARE], [], [[1, 1, 2, 2]], [outside], [beyond]])
    found = open_coco(written(tmp_path, said))
    assert [len(objects) for objects in found.objects] == [2] * 4
    assert found.notes == (
        "12 objects without a pixel in their image were left out.",
        "8 objects reach beyond their image: what lies outside was cut off.",
    )


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: "{", "is no JSON"),
        (lambda said: [], 'no list of "images"'),
        (lambda said: said.pop("annotations") and said, 'no list of "annotations"'),
        (lambda said: said | {"categories": [1]}, 'no list of "categories"'),
        (lambda said: said | {"images": []}, "lists no image"),
        (lambda said: said | {"annotations": []}, "no object in any"),
        (lambda said: said | {"categories": []}, "category 7, which it doesn't list"),
        (lambda said: said["annotations"][0].update(image_id=99) or said, "image 99, which it"),
        (lambda said: said["annotations"][0].update(category_id=[]) or said, "category"),
        (lambda said: said["annotations"][0].update(segmentation="x") or said, "outline can't be"),
        (lambda said: said["annotations"][0].update(segmentation=[[1, 2, 3]]) or said, "outline"),
        (
            lambda said: (
                said["annotations"][0].update(segmentation={"size": [2, 2], "counts": [4]}) or said
            ),
            "of an image of 2 x 2 pixels",
        ),
        (
            lambda said: (
                said["annotations"][0].update(segmentation={"size": [20, 30], "counts": "zzzz"})
                or said
            ),
            "damaged",
        ),
        (
            lambda said: (said["annotations"][0].pop("segmentation"), said)[1],
            "outline can't be understood",
        ),
        (
            lambda said: (
                said["annotations"][0].pop("segmentation"),
                said["annotations"][0].update(bbox=[1, 1, 3, 3]),
                said,
            )[2],
            "boxes alone",
        ),
        (
            lambda said: said["images"][0].update(file_name="gone.png") or said,
            "name the folder of its images",
        ),
        (lambda said: said["images"][1].update(id=10) or said, "two images with the id 10"),
        (lambda said: said["images"][1].update(file_name="0.png") or said, "listed twice"),
        (lambda said: said["images"][1].update(height=None) or said, "no height"),
        (
            lambda said: said | {"annotations": said["annotations"][:1]},
            "show no object",
        ),
    ],
)
def test_what_is_no_such_file_is_refused(change: Change, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says) as refused:
        open_coco(written(tmp_path, change(content([[SQUARE]]))))
    assert len(str(refused.value)) < 400


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_never_anything_but_a_sentence(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged-coco"
    folder.mkdir(exist_ok=True)
    mask = np.ones((20, 30), np.bool_)
    said = content([[SQUARE], code_of(mask, compressed=True), code_of(mask, compressed=False)])
    text = json.dumps(said)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    with_what = data.draw(st.text("0123456789[]{},:\"-eaN\\ '", max_size=6))
    path = written(folder, text[:start] + with_what + text[end:])
    with contextlib.suppress(InputError):
        open_coco(path)
