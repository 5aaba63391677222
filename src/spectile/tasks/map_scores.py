"""What test pixels say of a map: scores, how sure those are, and how much ground follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectile.data.labels.legend import Legend
from spectile.data.scene import Scene
from spectile.scoring.areas import class_areas
from spectile.scoring.intervals import score_intervals
from spectile.scoring.metrics import score
from spectile.scoring.squares import Grid
from spectile.tasks.calibration import Pixels
from spectile.tasks.map_areas import mapped_areas
from spectile.tasks.scores import map_counts


def map_scores(
    path: Path, scene: Scene, legend: Legend, pixels: Pixels, grid: Grid
) -> dict[str, Any]:
    """The part of metrics.json that a map of a whole scene has on test pixels.

    The squares of `grid` are what is resampled for intervals. Pixels where the map has no data are
    left out. Raises InputError where it has data in none.
    """
    counts = map_counts(path, legend, *pixels, grid)
    mapped, unit = mapped_areas(path, scene, legend)
    return {
        **score(counts.total, legend.names).as_dict(),
        "intervals": score_intervals(counts, grid.edge),
        "areas": class_areas(counts, mapped, legend.names, unit),
    }
