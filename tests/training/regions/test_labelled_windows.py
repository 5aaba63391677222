"""Windows are the cuts of the scene that they should be, in memory that grows with the labels."""

import numpy as np
import pytest
import torch

from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.training.augmentation import rotate_and_flip
from spectile.training.regions.labelled_windows import LabelledWindows


@pytest.mark.parametrize("window", [1, 9, 13])
def test_windows_are_cuts_around_their_pixels(window: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(4, 130, 75)).astype(np.float32)
    reducer = fit_reducer("none", pixels.reshape(4, -1).T)
    rows = np.array([0, 129, 63, 64, 65, 0, 100])
    columns = np.array([0, 74, 63, 64, 0, 74, 10])
    windows = LabelledWindows(
        scene_from_array(pixels),
        Preprocessing((0, 1, 2, 3), reducer, "reflect"),
        window,
        rows,
        columns,
        np.arange(7),
    )
    cuts, classes = windows.__getitems__([6, 0, 1, 2, 3, 4, 5])
    half = window // 2
    padded = np.pad(pixels, ((0, 0), (half, half), (half, half)), mode="reflect")
    for cut, k in zip(cuts, classes, strict=True):
        r, c = rows[k], columns[k]
        np.testing.assert_array_equal(cut, padded[:, r : r + window, c : c + window])
    assert classes.tolist() == [6, 0, 1, 2, 3, 4, 5]


def test_memory_grows_with_the_labels_and_not_with_the_scene() -> None:
    pixels = np.zeros((3, 2000, 2000), np.int16)
    pixels[:, ::3] = 1
    reducer = fit_reducer("none", np.ones((2, 3)))
    rows = columns = np.array([5, 1000, 1990])
    windows = LabelledWindows(
        scene_from_array(pixels),
        Preprocessing((0, 1, 2), reducer, "zero"),
        25,
        rows,
        columns,
        np.array([0, 1, 0]),
    )
    assert windows.tiles.numel() < 0.01 * pixels.size


def test_turns_keep_the_centre_and_reach_all_eight_symmetries() -> None:
    torch.manual_seed(0)
    one = torch.arange(9.0).reshape(1, 1, 3, 3)
    rotated = rotate_and_flip(one.expand(400, 1, 3, 3).clone())
    assert (rotated[:, 0, 1, 1] == 4).all()
    assert len({tuple(t.flatten().tolist()) for t in rotated}) == 8
    assert (rotated.flatten(1).sort().values == torch.arange(9.0)).all()
