"""One scene as tiles: which are there, which side each is on, and what is in them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.data.images import ImageOverlap, load_images, tiles_of
from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError


def scene_of(height: int, width: int) -> Scene:
    pixels = np.arange(3 * height * width, dtype=np.int16).reshape(3, height, width)
    return scene_from_array(pixels, nodata=100)


def stripes(height: int, width: int, classes: int) -> Labels:
    return labels_from_array(np.arange(width)[None] % classes + np.ones((height, 1), int))


@settings(deadline=None, max_examples=30)
@given(st.integers(20, 70), st.integers(20, 70), st.integers(5, 18), st.integers(0, 9))
def test_tiles_cover_the_labels_once(height: int, width: int, edge: int, seed: int) -> None:
    scene, labels = scene_of(height, width), stripes(height, width, 3)
    labels.classes[: height // 3] = 0
    pairs = tiles_of(scene, labels, edge=edge, seed=seed)
    seen = np.zeros((height, width), int)
    for index, window in enumerate(pairs.images.windows):
        rows, columns = window.toslices()
        seen[rows, columns] += 1
        assert max(window.height, window.width) <= edge
        assert (labels.classes[rows, columns] > 0).any()
        np.testing.assert_array_equal(pairs.masks.read(index), labels.classes[rows, columns])
        assert pairs.images.name(index) == (
            f"rows {rows.start}-{rows.stop - 1}, columns {columns.start}-{columns.stop - 1}"
        )
    assert seen.max() == 1
    assert (seen[labels.classes > 0] == 1).all()
    assert set(pairs.sides.tolist()) >= {TRAIN, TEST}


def test_every_class_is_on_both_sides_where_it_can_be() -> None:
    """Two tiles of a rare class among 64: a plain draw of a fifth would mostly miss them."""
    classes = np.ones((64, 64), int)
    classes[:8, :8] = classes[40:48, 24:32] = 2
    labels = labels_from_array(classes)
    for seed in range(5):
        pairs = tiles_of(scene_of(64, 64), labels, edge=8, seed=seed)
        for side in (TRAIN, TEST):
            assert any((pairs.masks.read(int(i)) == 2).any() for i in pairs.select(side))
        trained = np.isin(pairs.sides, (TRAIN, VALIDATION)).mean()
        assert abs(trained - 0.8) < 0.05


def test_summary_claims_no_overlap() -> None:
    pairs = tiles_of(scene_of(40, 40), stripes(40, 40, 2), edge=10, seed=4)
    stores = {
        side: load_images(pairs.images, pairs.select(side), memory=1, masks=pairs.masks)
        for side in (1, 2, 3)
    }
    summary = pairs.summary(ImageOverlap(3, 0), {s: of.class_pixels for s, of in stores.items()})
    assert (summary["kind"], summary["seed"], summary["overlap"]) == ("blocks", 4, 0)
    assert "No test tile shares a pixel" in summary["verdict"]
    assert summary["train_pixels"] + summary["validation_pixels"] + summary["test_pixels"] == 1600


def test_pixels_without_data_are_missing() -> None:
    pairs = tiles_of(scene_of(40, 40), stripes(40, 40, 2), edge=20)
    second = pairs.images.read(1)  # the scene's nodata is 100: band 1, row 3, column 21
    assert second.dtype == np.float32
    assert np.argwhere(np.isnan(second)).tolist() == [[0, 2, 0]]
    assert pairs.images.read(3).dtype == np.int16


def test_tiles_travel_to_other_processes() -> None:
    pairs = tiles_of(scene_of(40, 40), stripes(40, 40, 2), edge=20)
    sent = pickle.loads(pickle.dumps(pairs))
    np.testing.assert_array_equal(sent.images.read(3), pairs.images.read(3))


def test_bad_input() -> None:
    scene = scene_of(40, 40)
    for labels, edge, said in (
        (stripes(40, 40, 1), 10, "one class"),
        (stripes(40, 40, 2), 40, "one tile of 40 pixels"),
        (stripes(40, 40, 2), 0, "tiles of 0 pixels"),
    ):
        with pytest.raises(InputError, match=said):
            tiles_of(scene, labels, edge=edge)
