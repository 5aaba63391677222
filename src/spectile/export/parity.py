"""Whether an exported graph says what the model says, to the last digits but a few.

The model's side goes the way of mapping: NumPy's reducer, the network window by window, softmax,
temperature.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.export.graph import ModelGraph
from spectile.export.runtimes import Run
from spectile.mapping.patches import PatchByPatch
from spectile.model.model import Model
from spectile.model.temperature import with_temperature

TOLERANCE = 1e-4
"""Of the largest probability, in float32."""
BATCHES = 1, 3
LONGEST = 256
"""Rows and columns of an image that are compared."""
GAPS_FROM = 3
"""Rows and columns: in smaller windows a gap would leave nothing to compare."""
WIDE = 7
"""Pixels more than the least that a tile has."""


def difference(model: Model, graph: ModelGraph, run: Run, scene: NDArray[np.float32]) -> float:
    """The largest difference of probabilities, as a share of the largest one.

    `scene` (N, bands, H, W) is what the graph takes, NaN for no data.
    """
    ours = expected(model, graph, scene)
    theirs = run(scene / np.float32(graph.scale) if graph.scale != 1 else scene)
    if ours.shape != theirs.shape:
        raise InputError(f"the graph gives {theirs.shape} where the model gives {ours.shape}.")
    # A piece of a scene may hold no data at all.
    return float(np.abs(ours - theirs).max() / (ours.max() or 1))


def expected(model: Model, graph: ModelGraph, scene: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model says of `scene` (N, bands, H, W), in the graph's shape."""
    preprocessing = model.preprocessing
    pixels = scene[:, list(preprocessing.bands)]
    valid = np.asarray(np.isfinite(pixels).all(axis=1))
    if graph.raw_bands.nodata is not None:
        valid &= (pixels != graph.raw_bands.nodata).all(1)
    with np.errstate(invalid="ignore"):
        reduced = [preprocessing.reducer.apply(*both) for both in zip(pixels, valid, strict=True)]
    components = np.stack(reduced)
    network: torch.nn.Module = model.network.eval()
    before, behind = graph.around
    if graph.takes == "tile":
        if graph.border == "pad":
            around = ((0, 0), (0, 0), (before, behind), (before, behind))
            padding = "reflect" if preprocessing.padding == "reflect" else "constant"
            components = np.pad(components, around, mode=padding)  # type: ignore[call-overload]
        else:
            rows, columns = (slice(before, size - behind) for size in valid.shape[1:])
            valid = valid[:, rows, columns]
        network = PatchByPatch(network, (model.window, model.window))
    dtype = next((w.dtype for w in model.network.parameters()), torch.float32)
    with torch.inference_mode():
        logits = network(torch.from_numpy(components).to(dtype)).float()
        found = logits.softmax(1).numpy().swapaxes(0, 1)
    probabilities: NDArray[np.float32] = with_temperature(found, model.temperature).swapaxes(0, 1)
    if graph.takes == "images":
        return probabilities
    if graph.takes == "windows":
        return probabilities * valid[:, before, before, None]
    return probabilities * valid[:, None]


def random_scenes(model: Model, graph: ModelGraph) -> Iterator[NDArray[np.float32]]:
    """Spectra such as in training, with gaps, in all numbers and sizes that the graph takes."""
    draw = np.random.default_rng(0)
    used, reducer = list(model.preprocessing.bands), model.preprocessing.reducer
    if (known := model.scene_statistics) is not None:
        centre, spread = np.asarray(known.means), np.asarray(known.deviations)
    else:
        centre = reducer.mean if reducer.darkest is None else np.exp(reducer.mean)
        spread = 1 / np.maximum(np.abs(reducer.matrix).max(1), 1e-30)
        spread = spread if reducer.darkest is None else 0.1 * centre
    least = graph.edge or graph.least_edge
    free = "height" in graph.free
    for batch in BATCHES if "batch" in graph.free else BATCHES[:1]:
        height, width = (least + WIDE, least + WIDE + batch) if free else (least, least)
        # What isn't used must not matter, so it is out of all bounds.
        scene = draw.normal(0, 1e9, (batch, model.scene_bands, height, width))
        drawn = draw.normal(0, 1, (batch, len(used), height, width))
        scene[:, used] = centre[:, None, None] + spread[:, None, None] * drawn
        if min(height, width) > GAPS_FROM:
            scene[0, used[-1], height // 3, width // 4] = np.nan
            scene[-1, used[0], height // 4, width // 3] = np.inf
        if min(height, width) > GAPS_FROM and graph.raw_bands.nodata is not None:
            scene[0, used[0], height // 2, width // 4] = graph.raw_bands.nodata
        yield scene.astype(np.float32)


def real_scenes(model: Model, graph: ModelGraph, scene: Scene) -> Iterator[NDArray[np.float32]]:
    """Pieces of a scene or an image, NaN for no data.

    Raises InputError for other bands than the model's, and for a scene that is too small.
    """
    scene = model.values_of(model.as_trained(scene))
    bands = model.for_scene(scene).bands if model.task != "classify" else None
    if bands not in (None, model.preprocessing.bands) or scene.bands != model.scene_bands:
        raise InputError(
            f"{scene.source} has other bands than the {model.scene_bands} of the training data, "
            "which the graph takes: give one that has them."
        )
    least = graph.edge or graph.least_edge
    if min(scene.height, scene.width) < least:
        raise InputError(
            f"{scene.source} is {scene.height} x {scene.width} pixels, and the graph takes "
            f"{least} x {least}: give a larger one."
        )
    free = "height" in graph.free
    longest = LONGEST if graph.takes in ("images", "pixels") else least + WIDE
    for down, across in ((0.5, 0.5), (0.2, 0.7), (0.7, 0.2)):
        height = min(scene.height, longest) if free else least
        width = min(scene.width, longest) if free else least
        top, left = int(down * (scene.height - height)), int(across * (scene.width - width))
        pixels = scene.read(Window(left, top, width, height))
        found = np.where(scene.valid(pixels), pixels.astype(np.float32), np.float32(np.nan))
        yield found[None]
