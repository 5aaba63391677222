"""Metrics and history of a run on images, as metrics.json and history.csv hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import Category, Legend
from spectile.scoring.metrics import confusion, score

NAMES = ("cat", "dog", "ship", "frog")
"""The last has no test images."""


def legend(names: tuple[str, ...] = NAMES) -> Legend:
    return Legend(
        tuple(Category(i, name, (i * 7 % 256, 40, 90)) for i, name in enumerate(names, 1))
    )


def metrics(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    names: tuple[str, ...] = NAMES,
    *,
    overlap: float | None = 0.0,
) -> dict[str, Any]:
    """`truth` and `prediction` hold places from 0, shape (N,)."""
    return {
        **score(confusion(truth, prediction, len(names)), names).as_dict(),
        "split": {
            "kind": "order",
            "seed": 3,
            "train_images": 45000,
            "validation_images": 0,
            "test_images": len(truth),
            "test_pixels": 1234,
            "overlap": overlap,
            "verdict": "a verdict",
            "notes": ["a note of the split"],
        },
        "seconds": {"fit": 61.0, "predict": None},
        "network": "resnet-18",
        "seed": 3,
        "versions": {"spectile": "0.1.0"},
    }


def history(epochs: int = 3, **columns: float | None) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "train_loss": 1 / epoch, "validation_loss": None, **columns}
        for epoch in range(1, epochs + 1)
    ]


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
