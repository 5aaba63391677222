"""The layer that tells where a model can be believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.cli.conftest import spectile, write_tif
from tests.mapping.small_model import cube, small_model

from spectile.api.model import Model
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.mapping.likeness import outside_training
from spectile.model.applicability import Applicability


def model(outside_in_training: float = 0.0) -> Model:
    """Its training pixels are those of the cube's left half."""
    plain = small_model()
    preprocessing = plain.preprocessing
    left = cube()[list(preprocessing.bands), :, :8]
    spectra = preprocessing.reducer.apply(left).reshape(3, -1).T
    spectra = spectra[np.isfinite(spectra).all(axis=1)]
    known = Applicability(spectra, np.eye(3, dtype=np.float32), 2.0, 0.25, outside_in_training)
    return replace(plain, applicability=known)


def test_the_index_and_the_side_of_each_pixel() -> None:
    pixels = cube()
    pixels[:, :, 12:] += 10
    found = model(outside_in_training=0.9).map(pixels, layers="applicability").applicability
    assert found.shape == (2, 14, 17)
    gaps = np.isnan(pixels).any(axis=0)
    np.testing.assert_array_equal(np.isnan(found), [gaps, gaps])
    index, inside = found
    np.testing.assert_allclose(index[:, :8][~gaps[:, :8]], 0, atol=1e-3)
    assert (inside[:, :8][~gaps[:, :8]] == 1).all()
    assert (inside[:, 12:] == 0).all()
    assert (index[:, 12:] > 1).all()
    np.testing.assert_array_equal(inside[~gaps], index[~gaps] <= 0.25)


def test_it_is_a_raster_of_two_bands_whatever_the_tiles(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene.tif", np.nan_to_num(cube(40, 50)))
    model().save(tmp_path / "m.safetensors")
    files = (tmp_path / "m.safetensors", tmp_path / "scene.tif")
    for name, memory in (("whole", 1), ("tiled", 0.002)):
        out = tmp_path / f"{name}.tif"
        options = ("--layers", "applicability", "--memory", memory, "--method", "patches")
        spectile("map", *files, out, "--quiet", *map(str, options))
    whole, tiled = (
        rasterio.open(tmp_path / f"{name}_applicability.tif") for name in ("whole", "tiled")
    )
    assert whole.count == 2
    assert "inside" in whole.descriptions[1]
    np.testing.assert_allclose(whole.read(1), tiled.read(1), atol=1e-4)


def test_a_model_without_it_is_refused_before_anything_is_mapped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="so train it anew"):
        small_model().map(cube(), layers="applicability")
    with pytest.raises(InputError, match="so train it anew"):
        small_model().map(cube(), tmp_path / "map.tif", layers="applicability")
    assert not list(tmp_path.iterdir())


def test_a_scene_unlike_training_is_warned_of() -> None:
    other = scene_from_array(cube() + 10)
    assert outside_training(model(outside_in_training=0.9), other) is None
    assert outside_training(small_model(), other) is None
    doubt = outside_training(model(), other)
    assert doubt is not None
    assert doubt.startswith("100% of ")
    assert "0% of its training scene" in doubt
    assert "--align" in doubt
    doubt = outside_training(replace(model(), aligned=True), other)
    assert doubt is not None
    assert "--align" not in doubt
    with pytest.warns(UserWarning, match=r"100% of .* is unlike the pixels"):
        model().map(cube() + 10)
