"""Fewer digits only when asked for."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from tests.mapping.small_model import cube, small_model

from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.mapping.compute import Compute
from spectile.mapping.scene_map import map_scene
from spectile.mapping.tiles import tiles
from spectile.mapping.window_mapper import Tile, WindowMapper


def probabilities(precision: str) -> np.ndarray:
    scene = scene_from_array(cube(30, 40))
    classifier = WindowMapper(small_model(), scene, Compute(precision=precision))  # type: ignore[arg-type]
    (window,) = tiles(30, 40, 64)
    return classifier.classify(classifier.read(Tile(window))).probabilities


def test_bf16_keeps_about_three_digits() -> None:
    exact, short = probabilities("float32"), probabilities("bf16")
    difference = np.abs(exact - short).max()
    assert 0 < difference < 0.01


def test_tf32_is_asked_for_and_given_back() -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    assert np.array_equal(probabilities("tf32"), probabilities("float32"))  # only GPUs have it
    assert before == (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


def test_a_map_is_not_gone_on_with_in_another_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for edges in ("tiles.EDGES", "scene_map.SMOOTHED_EDGES"):
        monkeypatch.setattr(f"spectile.mapping.{edges}", (32,))
    path = tmp_path / "scene.tif"
    pixels = cube(200, 90)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(pixels), height=200, width=90, dtype=pixels.dtype
    ) as file:
        file.write(pixels)
    from spectile.data.readers.open import open_scene

    def stop(done: int, total: int) -> None:
        if done > 3000:
            raise KeyboardInterrupt

    scene, out = open_scene(path), tmp_path / "map.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(small_model(), scene, out, progress=stop)
    with pytest.raises(InputError, match="precision"):
        map_scene(small_model(), scene, out, resume=True, precision="bf16")
