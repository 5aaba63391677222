"""Scene and model to map, window by window within a memory bound."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.mapping.dense import NotShareableError, densify
from spectile.mapping.patches import PatchByPatch
from spectile.mapping.writer import MapWriter
from spectile.model import Model
from spectile.scenes.scene import Scene

Method = Literal["dense", "patches"]
Progress = Callable[[int, int], None]
"""Called with the pixels done and the pixels in all."""

LARGEST_TILE = 1024
"""Edge beyond which the halo costs so little that a larger tile no longer pays, in pixels."""
BYTES_A_FEATURE_PIXEL = 6144
"""Measured peak of a HybridSN trunk on 30 components: two neighbouring layers and their copies."""


@dataclass(frozen=True)
class MapPart:
    """What a network says of one window of the scene."""

    window: Window
    classes: NDArray[np.int32]
    """(h, w): 0 without data, k the k-th class of the legend."""
    logits: NDArray[np.floating]
    """(classes, h, w)."""


@dataclass(frozen=True)
class MapSummary:
    """How a map was made."""

    method: Method
    reason: str
    """Why patch by patch was used though dense was asked for; else empty."""
    seconds: float


def map_parts(
    model: Model,
    scene: Scene,
    *,
    method: Method = "dense",
    memory: float = 1.0,
    device: str | torch.device = "cpu",
) -> Iterator[MapPart]:
    """Classify `scene` part by part, top to bottom.

    `memory` in GB bounds what one part needs, besides the program itself. Raises InputError if the
    scene's bands don't match the model's, NotShareableError if `method` is dense and can't be.
    """
    # All that can be refused is refused here, before the first part and before any output.
    preprocessing = model.for_scene(scene)
    evaluate = evaluator(model, method).to(device)
    edge = tile_edge(scene, model.window, memory)

    def parts() -> Iterator[MapPart]:
        weight = next(evaluate.parameters())
        for window in tiles(scene, edge):
            components, valid = preprocessing.read(scene, window, model.window // 2)
            logits = _evaluate(evaluate, torch.from_numpy(components[None]).to(weight))
            classes = logits.argmax(axis=0).astype(np.int32) + 1
            classes[~valid] = 0
            yield MapPart(window, classes, logits)

    return parts()


def map_scene(
    model: Model,
    scene: Scene,
    path: str | Path,
    *,
    method: Method = "dense",
    memory: float = 1.0,
    probabilities: bool = False,
    entropy: bool = False,
    overwrite: bool = False,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> MapSummary:
    """Write the class map of `scene` to the GeoTIFF `path`, whole or not at all.

    `probabilities` and `entropy` add their rasters beside it. A network that can't be mapped
    densely is mapped patch by patch, and the summary says why.
    """
    start = time.perf_counter()
    reason = ""
    try:
        parts = map_parts(model, scene, method=method, memory=memory, device=device)
    except NotShareableError as error:
        method, reason = "patches", str(error)
        parts = map_parts(model, scene, method=method, memory=memory, device=device)
    done, total = 0, scene.height * scene.width
    with MapWriter(
        path,
        height=scene.height,
        width=scene.width,
        legend=model.legend,
        crs=scene.crs,
        transform=scene.transform,
        probabilities=probabilities,
        entropy=entropy,
        overwrite=overwrite,
    ) as writer:
        for part in parts:
            shares = softmax(part, probabilities or entropy)
            writer.write(
                part.window,
                part.classes,
                shares if probabilities else None,
                normalised_entropy(shares) if entropy and shares is not None else None,
            )
            done += part.classes.size
            if progress:
                progress(done, total)
    return MapSummary(method, reason, time.perf_counter() - start)


def evaluator(model: Model, method: Method) -> nn.Module:
    """The module that maps padded components to logits of every pixel."""
    window = (model.window, model.window)
    if method == "dense":
        return densify(model.network, window)
    return PatchByPatch(model.network, window)


def tile_edge(scene: Scene, window: int, memory: float) -> int:
    """The edge in pixels of the largest square that can be mapped in `memory` GB.

    Raises InputError if that is less than one pixel.
    """
    pixel = BYTES_A_FEATURE_PIXEL + scene.bands * (scene.dtype.itemsize + 12)
    edge = min(LARGEST_TILE, int(math.sqrt(memory * 1e9 / pixel)) - (window - 1))
    if edge < 1:
        needed = window**2 * pixel / 1e9
        raise InputError(
            f"{memory:g} GB is too little to map with a window of {window} pixels: "
            f"allow at least --memory {math.ceil(needed * 10) / 10:g}."
        )
    return edge


def tiles(scene: Scene, edge: int) -> Iterator[Window]:
    """Rectangles of at most `edge` pixels a side that cover the scene, top to bottom."""
    # Even parts: a remainder of a few columns would be mostly halo.
    for top, height in _even_steps(scene.height, edge):
        for left, width in _even_steps(scene.width, edge):
            yield Window(left, top, width, height)


def softmax(part: MapPart, wanted: bool = True) -> NDArray[np.float32] | None:
    """The classes' shares (classes, h, w) of a part, NaN without data; None unless `wanted`."""
    if not wanted:
        return None
    shares: NDArray[np.float32] = torch.from_numpy(part.logits).softmax(0).float().numpy()
    shares[:, part.classes == 0] = np.nan
    return shares


def normalised_entropy(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy (h, w) of shares (classes, h, w): 0 for one sure class, 1 for all alike."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), shares)
    entropy: NDArray[np.float32] = -terms.sum(axis=0) / np.float32(math.log(max(2, len(shares))))
    return entropy


@torch.inference_mode()
def _evaluate(network: nn.Module, components: Tensor) -> NDArray[np.floating]:
    network.eval()
    logits: NDArray[np.floating] = network(components)[0].cpu().numpy()
    return logits


def _even_steps(length: int, largest: int) -> Iterator[tuple[int, int]]:
    parts = -(-length // largest)
    edges = [length * part // parts for part in range(parts + 1)]
    for start, stop in itertools.pairwise(edges):
        yield start, stop - start
