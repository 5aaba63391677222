"""Objects of images: COCO results and label images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from tests.mapping.instances.bright_objects import drawn, object_model

from spectile.compat.pycocotools import decoded
from spectile.tasks.instances.prediction import (
    is_coco_results,
    predict_coco,
    predict_label_images,
)


def test_coco_results_and_label_images_have_every_object(tmp_path: Path) -> None:
    classes = np.zeros((20, 30), np.int64)
    classes[2:6, 3:9] = 1
    classes[10:18, 20:30] = 2
    image = tmp_path / "in" / "7.npy"
    image.parent.mkdir()
    np.save(image, drawn(classes).transpose(1, 2, 0))
    out = tmp_path / "found.json"
    predict_coco(object_model(), [image], out)
    results = json.loads(out.read_text())
    assert is_coco_results(out)
    assert [(one["image_id"], one["category_id"]) for one in results] == [(7, 3), (7, 7)]
    assert results[0]["bbox"] == [3, 2, 6, 4]
    np.testing.assert_array_equal(decoded(results[1]["segmentation"]), classes == 2)
    folder = tmp_path / "labels"
    predict_label_images(object_model(), [image], folder, sure=0.5, roots=[image.parent])
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "7.png")), classes)
    assert Image.open(folder / "7_outlines.png").size == (30, 20)
    table = (folder / "objects.csv").read_text().splitlines()
    assert table[0].startswith("image,number,class,score")
    assert table[1].endswith(",1,field,0.900000,24,3,2,9,6")
