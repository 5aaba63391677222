"""The score while training, against COCO's own program."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spectile.data.instances.objects import Objects
from spectile.networks.instances.detections import Detections
from spectile.training.instances.average_precision import MaskAveragePrecision


def drawn_image(seed: int) -> tuple[Detections, Objects]:
    """Rectangles, some of them found more or less well, some twice, some where nothing is."""
    chance = np.random.default_rng(seed)
    count = int(chance.integers(0, 7))
    corners = chance.integers(0, 40, (count, 2))
    boxes = np.hstack([corners, corners + chance.integers(4, 20, (count, 2))])
    objects = Objects(
        60,
        60,
        chance.integers(0, 3, count),
        boxes,
        [np.ones((y2 - y1, x2 - x1), bool) for x1, y1, x2, y2 in boxes.tolist()],
        chance.random(count) < 0.2,
    )
    seen = np.repeat(boxes, chance.integers(0, 3, count), 0) + 0.0
    seen[:, :2] += chance.normal(0, 1.0, (len(seen), 2))
    false = chance.integers(0, 40, (2, 2)) + 0.0
    found = np.vstack([seen, np.hstack([false, false + 10])])
    scores = np.sort(chance.random(len(found)))[::-1].copy()
    return Detections(
        torch.from_numpy(found).float(),
        torch.from_numpy(scores).float(),
        torch.from_numpy(chance.integers(0, 3, len(found))),
        torch.full((len(found), 4, 4), 3.0),
    ), objects


def encoded(mask: NDArray[np.bool_], row: int, column: int) -> dict[str, object]:
    from pycocotools import mask as rle

    whole = np.zeros((60, 60), np.uint8, order="F")
    whole[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
    return rle.encode(whole)


def coco(images: list[tuple[Detections, Objects]]) -> float:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = [], []
    for image, (detections, objects) in enumerate(images):
        for place in range(len(objects)):
            left, top = objects.boxes[place, :2].tolist()
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image,
                    "category_id": int(objects.classes[place]),
                    "iscrowd": int(objects.ignored[place]),
                    "segmentation": encoded(objects.masks[place], top, left),
                    "area": float(objects.masks[place].sum()),
                    "bbox": [0, 0, 1, 1],
                }
            )
        for place in range(len(detections)):
            row, column, mask = detections.mask_of(place, 60, 60)
            found.append(
                {
                    "image_id": image,
                    "category_id": int(detections.classes[place]),
                    "score": float(detections.scores[place]),
                    "segmentation": encoded(mask.numpy(), row, column),
                }
            )
    listed = COCO()
    listed.dataset = {
        "images": [{"id": image, "height": 60, "width": 60} for image in range(len(images))],
        "categories": [{"id": name} for name in range(3)],
        "annotations": truth,
    }
    listed.createIndex()
    scored = COCOeval(listed, listed.loadRes(found), "segm")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    return float(scored.stats[0])


@pytest.mark.parametrize("seed", range(4))
def test_it_is_cocos(seed) -> None:
    images = [drawn_image(100 * seed + number) for number in range(12)]
    metric = MaskAveragePrecision(3)
    for found, objects in images:
        metric.update([found], [objects])
    assert float(metric.compute()) == pytest.approx(coco(images), abs=1e-6)


def test_nothing_there_and_nothing_found() -> None:
    empty = Objects.of_numbers(np.zeros((8, 8), np.int64))
    none = Detections(*(torch.zeros(0, *rest) for rest in ((4,), (), (), (3, 3))))
    metric = MaskAveragePrecision(2)
    metric.update([none], [empty])
    assert float(metric.compute()) == 0
    metric.update([none], [Objects.of_numbers(np.ones((8, 8), np.int64))])
    assert float(metric.compute()) == 0
