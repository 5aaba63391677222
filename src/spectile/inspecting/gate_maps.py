"""Gates as maps over a scene: what each pixel's window makes of a block's channels.

Exact, as maps of classes are: what a network computes up to the gates of a block is a network of
windows by itself, which is shared between windows where it can be, and else runs window by window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn

from spectile.blocks.attention import GatesChannels
from spectile.data.scene import Scene
from spectile.inspecting.watching import parts_of
from spectile.mapping.compute import Method
from spectile.mapping.dense import NotShareableError, densify
from spectile.mapping.patches import PatchByPatch
from spectile.mapping.tiles import even_steps
from spectile.mapping.window_mapper import around_windows
from spectile.model.model import Model
from spectile.progress import Progress

LONGEST = {"dense": 512, "patches": 48}
"""Edge of the part of a scene that is mapped at most, in pixels."""
TILE = 64


class GatesOf(nn.Module):
    """Windows (N, bands, h, w) to the gates (N, channels) of one block of a network."""

    def __init__(self, network: nn.Module, block: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        found: list[Tensor] = []

        def see(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(block, GatesChannels)
            found.append(block.channel_gates(inputs[0]).flatten(1))
            raise _ReachedError

        handle = self.block.register_forward_pre_hook(see)
        try:
            self.network(x)
        except _ReachedError:
            pass
        finally:
            handle.remove()
        return found[0]


class _ReachedError(Exception):
    """What is behind the block isn't computed."""


@dataclass(frozen=True, eq=False)
class GateMaps:
    """The gates of a block, at each pixel of a part of a scene."""

    block: str
    window: Window
    """The part of the scene."""
    method: Method
    channels: tuple[int, ...]
    """Those that are shown."""
    gates: NDArray[np.float32]
    """(shown channels, h, w); NaN where there are no data."""
    mean: NDArray[np.float32]
    """(h, w): over all channels; NaN where there are no data."""


@torch.inference_mode()
def gate_maps(
    model: Model,
    scene: Scene,
    block: str,
    channels: Sequence[int],
    *,
    progress: Progress | None = None,
) -> GateMaps:
    """The gates of the block called `block` at the pixels of `scene`, or of its middle.

    `model` is one of windows. The middle is as large as can be computed soon: `LONGEST`.
    """
    network = model.network.eval()
    module = GatesOf(network, parts_of(network, GatesChannels)[block])
    size = model.window, model.window
    evaluator: nn.Module
    method: Method = "dense"
    try:
        evaluator = densify(module, size, bands=model.preprocessing.reducer.components)
    except NotShareableError:
        evaluator, method = PatchByPatch(module, size), "patches"
    part = middle_of(scene, LONGEST[method])
    shown = np.full((len(channels), part.height, part.width), np.nan, np.float32)
    mean = np.full((part.height, part.width), np.nan, np.float32)
    preprocessing, pixels = model.for_scene(scene), model.values_of(scene)
    steps = [
        (top, rows, left, columns)
        for top, rows in even_steps(part.height, TILE)
        for left, columns in even_steps(part.width, TILE)
    ]
    for done, (top, rows, left, columns) in enumerate(steps, start=1):
        here = Window(part.col_off + left, part.row_off + top, columns, rows)
        components, valid = preprocessing.read(pixels, here, model.window // 2)
        components = around_windows(components, model.window)
        found = evaluator(torch.from_numpy(components[None]))[0].numpy()
        target = (slice(top, top + rows), slice(left, left + columns))
        mean[target] = np.where(valid, found.mean(axis=0), np.nan)
        shown[:, *target] = np.where(valid, found[list(channels)], np.nan)
        if progress:
            progress(done, len(steps))
    return GateMaps(block, part, method, tuple(channels), shown, mean)


def middle_of(scene: Scene, longest: int) -> Window:
    """The middle of a scene, at most `longest` pixels a side."""
    height, width = min(scene.height, longest), min(scene.width, longest)
    return Window((scene.width - width) // 2, (scene.height - height) // 2, width, height)
