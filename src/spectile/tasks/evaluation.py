"""Scoring a trained model on labels."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import open_labels
from spectile.data.scene import Scene
from spectile.data.splits.overlap import honest_window
from spectile.data.splits.splits import TEST
from spectile.errors import InputError
from spectile.files import working_folder
from spectile.mapping.compute import Compute
from spectile.mapping.output.split_raster import SPLIT_FILE_LEGEND, sides_in
from spectile.mapping.scene_map import map_scene
from spectile.model.fingerprint import sha256
from spectile.model.model import Model
from spectile.model.trained_task import WindowTask
from spectile.progress import Progress
from spectile.scoring.squares import Grid, grid_of_labels, grid_of_split
from spectile.tasks.calibration import calibration
from spectile.tasks.hardware import best_device
from spectile.tasks.map_scores import map_scores
from spectile.tasks.mask_labels import Numbering, mask_labels
from spectile.tasks.scene.stress import stress
from spectile.tasks.scores import mapped_at

TEST_PIXELS = "These are the test pixels of the run that trained the model: {verdict}"
OTHER_SPLIT = "The model wasn't trained under this split: pixels it has seen may be among these."
PERHAPS_SEEN = (
    "The model may have been trained on this ground: pixels it has seen may be among these. "
    "Score the test pixels alone with --split."
)
ELSEWHERE = "The model was trained elsewhere: none of these pixels was seen in training."


def evaluate_model(
    model: Model,
    scene: Scene,
    labels: str,
    *,
    column: str | None = None,
    split: str | None = None,
    numbering: Numbering | None = None,
    stressed: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Scores as in metrics.json, on all labelled pixels or on the test pixels of `split`.

    Labels are understood by the model's legend, or by the numbers that its masks had, as
    `numbering` says; see :func:`mask_labels`. With `stressed` scores of changed scenes are among
    them. Labelled pixels without data in the scene aren't
    scored. Raises InputError for a class that the model doesn't know.
    """
    opened, notes = mask_labels(model, labels, scene, numbering)
    if opened is None:
        opened = open_labels(labels, like=scene, column=column, legend=model.legend)
    scored = opened.classes > 0
    sides = None
    if split is not None:
        sides = sides_in(open_labels(split, like=scene, legend=SPLIT_FILE_LEGEND).classes)
        scored &= sides == TEST
        if not scored.any():
            raise InputError(f"{split} has no test pixel that is labelled: give a run's split.tif.")
    rows, columns = np.nonzero(scored)
    truth = opened.classes[rows, columns].astype(np.int64) - 1
    compute = Compute(device=best_device("auto"))
    path = Path(tempfile.gettempdir(), "map.tif")
    with working_folder(path) as folder:
        summary = map_scene(
            model, scene, folder / path.name, device=compute.device, progress=progress
        )
        start = time.perf_counter()
        pixels = rows, columns, truth
        grid = _own_grid(model, sides) or grid_of_labels(
            opened.classes, rows, columns, window=_window(model)
        )
        mapped = mapped_at(folder / path.name, model.legend, rows, columns)
        scores = map_scores(folder / path.name, mapped, scene, model.legend, pixels, grid)
        if isinstance(model.trained_for, WindowTask):
            scores["calibration"] = calibration(model, scene, pixels, compute, seed=0)
    known = int(np.sum(scores["confusion"]))
    if known < len(rows):
        lost = len(rows) - known
        notes = (*notes, f"{lost:,} labelled pixels have no data in the scene: they aren't scored.")
    seconds = {"map": summary.seconds, "score": time.perf_counter() - start}
    more: dict[str, Any] = {}
    if stressed:
        start = time.perf_counter()
        more["stress"] = stress(model, scene, rows, columns, truth, compute)
        seconds["stress"] = time.perf_counter() - start
    return {
        **scores,
        **more,
        "split": {
            "test_pixels": known,
            **_trust(model, scene, sides),
            "notes": [*opened.notes, *notes],
        },
        **labels_in(opened.tally),
        "seconds": seconds,
        "network": model.name,
    }


def _window(model: Model) -> int:
    """The edge of the square that decides a pixel; 1 where there is none."""
    of_windows = isinstance(model.trained_for, WindowTask)
    return honest_window(model.window, model.smooth) if of_windows else 1


def _own_grid(model: Model, sides: NDArray[np.uint8] | None) -> Grid | None:
    """The blocks of the split that trained the model, where these are its sides."""
    if sides is None or split_hash(sides) != model.provenance.get("split_sha256"):
        return None
    return grid_of_split(model.provenance["split"])


def _trust(model: Model, scene: Scene, sides: NDArray[np.uint8] | None) -> dict[str, Any]:
    """How far test and training pixels are known to overlap; None for what nobody can tell."""
    unknown = {"overlap": None, "window_overlap": None}
    if sides is None:
        if lies_elsewhere(scene, model.provenance.get("scene", {})):
            return {"kind": "none", "overlap": 0.0, "window_overlap": 0.0, "verdict": ELSEWHERE}
        return {"kind": "none", **unknown, "verdict": PERHAPS_SEEN}
    if split_hash(sides) != model.provenance.get("split_sha256"):
        return {"kind": "file", **unknown, "verdict": OTHER_SPLIT}
    trained = model.provenance["split"]
    overlaps = {key: trained[key] for key in unknown}
    return {"kind": "file", **overlaps, "verdict": TEST_PIXELS.format(verdict=trained["verdict"])}


def split_hash(sides: NDArray[Any]) -> str:
    """Fingerprint of a split's codes (H, W)."""
    return sha256(sides.astype(np.uint8))


def scene_place(scene: Scene) -> dict[str, Any]:
    """Where a scene lies, as far as it tells: coordinate system, and left, bottom, right, top."""
    if scene.crs is None or scene.transform is None:
        return {}
    bounds = array_bounds(scene.height, scene.width, scene.transform)
    return {"crs": scene.crs.to_wkt(), "bounds": [float(side) for side in bounds]}


def lies_elsewhere(scene: Scene, place: Mapping[str, Any]) -> bool:
    """Whether a scene surely shares no ground with `place`; not sure where one of them is mute."""
    here = scene_place(scene)
    if not here or not place:
        return False
    try:
        left, bottom, right, top = transform_bounds(scene.crs, place["crs"], *here["bounds"])
    except GDAL_ERRORS:
        return False
    if not np.isfinite((left, bottom, right, top)).all():
        return False
    other_left, other_bottom, other_right, other_top = place["bounds"]
    return bool(
        right <= other_left or left >= other_right or top <= other_bottom or bottom >= other_top
    )
