"""Our average precision against pycocotools' own, on files."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from spectile.data.instances.objects import Objects
from spectile.scoring.average_precision import AveragePrecision, Found, average_precision
from spectile.scoring.overlaps import box_overlaps, mask_overlaps

SIZE = 160


def drawn(rng: np.random.Generator, count: int, *, ignored: float = 0.0) -> Objects:
    """Ellipses of many sizes that overlap."""
    masks, boxes = [], []
    rows, columns = np.mgrid[:SIZE, :SIZE]
    while len(masks) < count:
        row, column = rng.uniform(0, SIZE, 2)
        high, wide = rng.choice([6, 15, 40, 70], 2) * rng.uniform(0.7, 1.3, 2)
        inside = ((rows - row) / high) ** 2 + ((columns - column) / wide) ** 2 < 1
        if inside.any():
            masks.append(inside)
    for inside in masks:
        down, across = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        boxes.append((across[0], down[0], across[-1] + 1, down[-1] + 1))
    cut = [
        inside[top:bottom, left:right]
        for inside, (left, top, right, bottom) in zip(masks, boxes, strict=True)
    ]
    return Objects(
        SIZE,
        SIZE,
        rng.integers(0, 3, count),
        np.array(boxes, np.int64).reshape(-1, 4),
        cut,
        rng.random(count) < ignored,
    )


def nearly(rng: np.random.Generator, truth: Objects) -> Found:
    """Most true objects, shrunk or cut, some twice, among others."""
    others = drawn(rng, 4)
    boxes, masks, classes = list(others.boxes), list(others.masks), list(others.classes)
    for place in rng.integers(0, max(len(truth), 1), len(truth) * 2).tolist():
        mask = truth.masks[place].copy()
        mask[: int(len(mask) * rng.choice([0, 0.1, 0.25, 0.4]))] = False
        masks.append(mask)
        boxes.append(truth.boxes[place])
        classes.append(truth.classes[place] if rng.random() < 0.9 else 0)
    count = len(masks)
    found = Objects(
        SIZE,
        SIZE,
        np.array(classes, np.int64),
        np.array(boxes, np.int64).reshape(-1, 4),
        masks,
        np.zeros(count, np.bool_),
    )
    return found, np.round(rng.random(count), 1)  # with ties


def ours(
    truth: list[Objects], found: list[Found], names: list[str], by: str = "mask", most: int = 100
) -> AveragePrecision:
    compare = {"mask": mask_overlaps, "box": box_overlaps}[by]
    overlaps = [compare(true, one) for true, (one, _) in zip(truth, found, strict=True)]
    return average_precision(truth, found, names, overlaps, most=most)


def whole(objects: Objects, place: int) -> dict[str, object]:
    image = np.zeros((SIZE, SIZE), np.uint8, order="F")
    left, top, right, bottom = objects.boxes[place]
    image[top:bottom, left:right] = objects.masks[place]
    encoded: dict[str, object] = run_lengths.encode(image)
    return encoded


def theirs(truth: list[Objects], found: list[Found], kind: str) -> list[float]:
    """COCOeval's summary: AP, AP50, AP75, small, medium, large."""
    annotations, results = [], []
    for image, (true, (objects, scores)) in enumerate(zip(truth, found, strict=True)):
        for place in range(len(true)):
            left, top, right, bottom = true.boxes[place].tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(true.classes[place]),
                    "iscrowd": int(true.ignored[place]),
                    "bbox": [left, top, right - left, bottom - top],
                    "segmentation": whole(true, place),
                    "area": int(true.masks[place].sum()),
                }
            )
        for place in range(len(objects)):
            left, top, right, bottom = objects.boxes[place].tolist()
            box = {"bbox": [left, top, right - left, bottom - top]}
            shape = box if kind == "bbox" else {"segmentation": whole(objects, place)}
            results.append(
                {
                    "image_id": image,
                    "category_id": int(objects.classes[place]),
                    "score": float(scores[place]),
                    **shape,
                }
            )
    known = COCO()
    known.dataset = {
        "info": {},
        "images": [{"id": image, "height": SIZE, "width": SIZE} for image in range(len(truth))],
        "annotations": annotations,
        "categories": [{"id": place} for place in range(3)],
    }
    with redirect_stdout(StringIO()):
        known.createIndex()
        evaluation = COCOeval(known, known.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats[:6]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("by", "kind"), [("mask", "segm"), ("box", "bbox")])
def test_scores_are_those_of_pycocotools(seed, by, kind):
    rng = np.random.default_rng(seed)
    truth = [drawn(rng, count, ignored=0.2) for count in (7, 0, 12, 1)]
    found = [nearly(rng, one) for one in truth]
    scores = ours(truth, found, ["a", "b", "c"], by=by)
    numbers = [scores.ap, scores.ap50, scores.ap75, scores.small, scores.medium, scores.large]
    assert np.nan_to_num(numbers, nan=-1) == pytest.approx(theirs(truth, found, kind), abs=1e-12)
    assert 0 < scores.ap < 1


def test_the_true_objects_score_one_and_an_absent_class_says_nothing():
    rng = np.random.default_rng(5)
    truth = [drawn(rng, 9)]
    found = [(truth[0], np.full(9, 0.9))]
    scores = ours(truth, found, ["a", "b", "c", "none"], by="mask")
    assert (scores.ap, scores.ap50, scores.ap75) == pytest.approx((1, 1, 1))
    assert np.isnan(scores.of_classes["none"])


def test_nothing_found_scores_nothing():
    rng = np.random.default_rng(6)
    nothing = drawn(rng, 0), np.zeros(0)
    assert ours([drawn(rng, 3)], [nothing], ["a", "b", "c"], by="box").ap == 0
    assert np.isnan(ours([drawn(rng, 0)], [nothing], ["a"], by="mask").ap)


def test_only_the_best_of_many_count():
    rng = np.random.default_rng(7)
    truth = drawn(rng, 6)
    one_class = Objects(
        SIZE, SIZE, np.zeros(6, np.int64), truth.boxes, truth.masks, np.zeros(6, np.bool_)
    )
    found = one_class, np.linspace(0.9, 0.4, 6)
    assert ours([one_class], [found], ["a"], by="mask", most=3).ap == pytest.approx(0.5, abs=0.01)
