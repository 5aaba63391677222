"""What test pixels score when their scene is changed: other light, noise, shifted or lost bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.changed_scene import Change, changed, changes, remembered
from spectile.data.labels.legend import Legend
from spectile.data.scene import Scene
from spectile.mapping.at_pixels import EDGE, AskedPixels, sample_in_squares
from spectile.mapping.compute import Compute
from spectile.mapping.mapper import Mapper, mapper_or_patches
from spectile.model.model import Model
from spectile.scoring.metrics import confusion, score
from spectile.scoring.stress import sentence

PIXELS, SQUARES = 5000, 300
"""About so many are scored, in at most so many places: on fewer, two points are chance."""
FEW_PIXELS, SMALL_SQUARE = 500, 8
"""The least where windows are classified one by one, and the edge of the squares they are in."""
REMEMBERED = 0.5
"""Of the memory, for pixels that aren't read again for every change."""


def changes_for(model: Model, scene: Scene) -> tuple[Change, ...]:
    """The changes of a scene that a model is tried on, in the bands that it takes of it.

    A lost band holds the band's median in training, as a user would fill it who knows no better;
    of models that don't know their medians, the mean.
    """
    reducer = model.preprocessing.reducer
    typical = reducer.mean if model.medians is None else model.medians
    return changes(model.values_of(scene), model.for_scene(scene).bands, typical)


def stress(
    model: Model,
    scene: Scene,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    truth: NDArray[np.int64],
    compute: Compute = Compute(),  # noqa: B008, frozen
) -> dict[str, Any]:
    """The scores of a model on changed scenes, as metrics.json has them, at the given pixels (N,).

    `truth` (N,) are class indices. Of many pixels about five thousand are scored, in whole
    squares, the same for all changes. Patch by patch there are so many that all changes take about
    as long as the map does: the numbers never depend on a clock. Pixels without data aren't
    scored; raises InputError where there are no others.
    """
    read = remembered(model.values_of(scene), REMEMBERED * compute.memory)
    bands = model.for_scene(scene).bands
    mapper, _ = mapper_or_patches(model, read, compute)
    tried = changes_for(model, read)
    chosen, edge = _sample(mapper, scene, rows, columns, 1 + len(tried))
    truth = truth[chosen]
    asked = AskedPixels(mapper, read, rows[chosen], columns[chosen], compute.memory, edge=edge)

    def scores(here: Scene) -> tuple[int, dict[str, float]]:
        said = asked.probabilities(mapper.with_pixels(here), len(model.legend))
        return _scores(said, truth, model.legend)

    known, unchanged = scores(read)
    found = [
        {"name": change.name, "size": change.size, **scores(changed(read, bands, change))[1]}
        for change in tried
    ]
    said = sentence(unchanged, found)
    return {"pixels": known, "unchanged": unchanged, "changes": found, "sentence": said}


def _sample(
    mapper: Mapper,
    scene: Scene,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    times: int,
) -> tuple[NDArray[np.int64], int]:
    """Which pixels are mapped so many times, and the edge of the squares that they are in."""
    if mapper.method != "patches":
        return sample_in_squares(rows, columns, PIXELS, seed=0, squares=SQUARES), EDGE
    # About half of a square is labelled.
    as_the_map = scene.height * scene.width // (2 * times)
    count = min(PIXELS, max(FEW_PIXELS, as_the_map))
    return sample_in_squares(rows, columns, count, seed=0, edge=SMALL_SQUARE), SMALL_SQUARE


def _scores(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], legend: Legend
) -> tuple[int, dict[str, float]]:
    """How many pixels hold data, and what they score."""
    known = ~np.isnan(probabilities[:, 0])
    mapped = probabilities[known].argmax(1)
    found = score(confusion(truth[known], mapped, len(legend)), legend.names)
    return int(known.sum()), {
        "overall_accuracy": found.overall_accuracy,
        "average_accuracy": found.average_accuracy,
    }
