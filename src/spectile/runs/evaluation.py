"""Scoring a trained model on labels."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from spectile.errors import InputError
from spectile.mapping.scene_map import Progress, map_scene
from spectile.mapping.split_raster import SPLIT_LEGEND
from spectile.model import Model
from spectile.runs.hardware import best_device
from spectile.runs.scores import map_scores
from spectile.scenes.labels import open_labels
from spectile.scenes.scene import Scene

TEST_PIXELS = "These are the test pixels of the run that trained the model: {verdict}"
SAME_SCENE = (
    "The model was trained on this scene: pixels it has seen may be among these. "
    "Score the test pixels alone with --split."
)
OTHER_SCENE = "The model was trained on another scene: none of these pixels was seen in training."


def evaluate_model(
    model: Model,
    scene: Scene,
    labels: str,
    *,
    column: str | None = None,
    split: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Scores as in metrics.json, on all labelled pixels or on the test pixels of `split`.

    Labels are understood by the model's legend. Raises InputError for a class it doesn't know.
    """
    opened = open_labels(labels, like=scene, column=column, legend=model.legend)
    scored = opened.classes > 0
    if split is not None:
        sides = open_labels(split, like=scene, legend=SPLIT_LEGEND).classes
        scored &= sides == SPLIT_LEGEND.names.index("test") + 1
        if not scored.any():
            raise InputError(f"{split} has no test pixel that is labelled: give a run's split.tif.")
    rows, columns = np.nonzero(scored)
    truth = opened.classes[rows, columns].astype(np.int64) - 1
    with tempfile.TemporaryDirectory() as folder:
        summary = map_scene(
            model, scene, Path(folder) / "map.tif", device=best_device("auto"), progress=progress
        )
        start = time.perf_counter()
        scores = map_scores(Path(folder) / "map.tif", model.legend, rows, columns, truth)
    return {
        **scores,
        "split": _trust(model, scene, split, len(rows)),
        "seconds": {"map": summary.seconds, "score": time.perf_counter() - start},
        "network": model.name,
    }


def _trust(model: Model, scene: Scene, split: str | None, pixels: int) -> dict[str, Any]:
    trained = model.provenance.get("split", {})
    if split is not None:
        verdict = TEST_PIXELS.format(verdict=trained.get("verdict", "its split is unknown."))
        overlaps = {key: trained.get(key) for key in ("overlap", "window_overlap")}
        return {"kind": "file", "test_pixels": pixels, **overlaps, "verdict": verdict}
    same = model.provenance.get("scene", {}) == scene_identity(scene)
    return {
        "kind": "none",
        "test_pixels": pixels,
        "overlap": None if same else 0.0,
        "window_overlap": None if same else 0.0,
        "verdict": SAME_SCENE if same else OTHER_SCENE,
    }


def scene_identity(scene: Scene) -> dict[str, Any]:
    """What tells one scene from another without reading it: its size and place, else its name."""
    place = {"transform": list(scene.transform)[:6]} if scene.transform else {"name": scene.source}
    return {"height": scene.height, "width": scene.width, **place}
