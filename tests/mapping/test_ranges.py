"""Functions refuse the numbers that options refuse, without a word on options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.mapping.small_model import small_model

from spectile import networks
from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import labels_from_array
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.splits.splits import split_blocks, split_random
from spectile.errors import InputError
from spectile.mapping.cluster import Cluster
from spectile.mapping.scene_map import map_parts, map_scene

PIXELS, CLASSES = simulate(40, 40, 6, 3, seed=0)
LABELS = labels_from_array(CLASSES)


@pytest.mark.parametrize("memory", [math.inf, math.nan, -1, 0, 1e300, "much", None])
def test_memory(memory: Any, tmp_path: Any) -> None:
    model, scene = small_model(), scene_from_array(PIXELS)
    for refused in (
        lambda: model.map(PIXELS, memory=memory, bands_last=False),
        lambda: map_parts(model, scene, memory=memory),
        lambda: map_scene(model, scene, tmp_path / "map.tif", memory=memory),
    ):
        with pytest.raises(InputError, match="memory is ") as error:
            refused()
        assert "--" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {"train": math.inf},
        {"train": "half"},
        {"validation": math.nan},
        {"seed": -1},
        {"seed": 1.5},
        {"window": 3.5},
    ],
)
def test_splits(options: dict[str, Any]) -> None:
    for split in (split_random, split_blocks):
        with pytest.raises(InputError) as error:
            split(LABELS, **{"window": 3, **options})
        assert "--" not in str(error.value)


def test_numbers_of_numpy_are_numbers() -> None:
    small_model().map(PIXELS, memory=np.float32(1), bands_last=False)  # type: ignore[call-overload]
    split_random(LABELS, window=np.int64(3), train=np.float32(0.3), seed=np.int64(1))  # type: ignore[arg-type]


def test_clusters_and_networks() -> None:
    for options in ({"workers": 0}, {"workers": 100_000}, {"threads": -1}):
        with pytest.raises(InputError):
            Cluster(**options)  # type: ignore[arg-type]
    for options in ({"width": math.inf}, {"width": 1e9}, {"depth": 1e9}, {"dropout": "much"}):
        with pytest.raises(InputError):
            networks.create("mobilenet-v2", bands=3, classes=2, **options)
