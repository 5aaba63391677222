"""Values, numbers and models: which of the two a model gets, and a warning where they are odd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.data.readers.test_open_raster import write_tif
from tests.mapping.small_model import cube, small_model

from spectile.api.model import load
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.mapping.likeness import unlike_training


def test_models_of_old_map_the_stored_numbers(tmp_path: Path) -> None:
    """Their files have no word on values."""
    numbers = (np.nan_to_num(cube()) * 1000).round().astype(np.int16)
    path = write_tif(tmp_path / "scene.tif", numbers)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (1e-3,) * 6, (0.25,) * 6
    small_model().save(tmp_path / "old.safetensors")
    old = load(tmp_path / "old.safetensors")
    assert not old.physical
    scene = open_scene(path)
    of_numbers, of_values = numbers.astype(np.float32), scene.read()
    np.testing.assert_array_equal(old.map(scene), small_model().map(of_numbers))
    replace(old, physical=True, medians=np.ones(4)).save(tmp_path / "new.safetensors")
    new = load(tmp_path / "new.safetensors")
    assert new.physical
    np.testing.assert_array_equal(new.medians, np.ones(4))
    np.testing.assert_array_equal(
        replace(new, medians=None).map(scene), small_model().map(of_values)
    )


def test_another_scale_is_warned_of() -> None:
    pixels = np.abs(cube()) + 0.5
    medians = np.nanmedian(pixels.reshape(6, -1), axis=1)[[0, 1, 3, 4]]
    model = replace(small_model(), physical=True, medians=medians)
    assert unlike_training(model, scene_from_array(pixels * 5)) is None
    doubt = unlike_training(model, scene_from_array(pixels * 10_000))
    assert doubt is not None
    assert "about 10,000 times larger" in doubt
    smaller = unlike_training(model, scene_from_array(pixels / 100))
    assert smaller is not None
    assert "about 100 times smaller" in smaller
    with pytest.warns(UserWarning, match="times larger"):
        model.map(pixels * 10_000)


def test_nothing_is_said_of_what_nobody_knows() -> None:
    assert unlike_training(small_model(), scene_from_array(cube() * 1e6)) is None
    model = replace(small_model(), medians=np.ones(4))
    assert unlike_training(model, scene_from_array(np.full((6, 12, 12), np.nan))) is None
