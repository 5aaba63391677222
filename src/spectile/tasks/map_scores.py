"""What test pixels say of a map: scores, how sure those are, and how much ground follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Places
from spectile.data.labels.legend import Legend
from spectile.data.scene import Scene
from spectile.scoring.areas import class_areas
from spectile.scoring.intervals import score_intervals
from spectile.scoring.metrics import score
from spectile.scoring.squares import Grid
from spectile.tasks.map_areas import mapped_areas
from spectile.tasks.scores import map_counts


def map_scores(
    path: Path,
    mapped: NDArray[np.int32],
    scene: Scene,
    legend: Legend,
    pixels: Places,
    grid: Grid,
) -> dict[str, Any]:
    """The part of metrics.json that a map of a whole scene has on test pixels.

    `mapped` is what the map says there, by :func:`~spectile.tasks.scores.mapped_at`. The squares of
    `grid` are what is resampled for intervals. Pixels where the map has no data are left out.
    Raises InputError where it has data in none.
    """
    counts = map_counts(mapped, pixels, grid, len(legend))
    areas, unit = mapped_areas(path, scene, legend)
    return {
        **score(counts.total, legend.names).as_dict(),
        "intervals": score_intervals(counts, grid.edge),
        "areas": class_areas(counts, areas, legend.names, unit),
    }
