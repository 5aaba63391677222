"""What a graph that leaves the package computes: raw bands in, probabilities out."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.choices import Padding
from spectile.errors import InputError
from spectile.export.raw_bands import RawBands
from spectile.mapping.dense import NotShareableError, densify
from spectile.mapping.dense.plain import PlainDenseNetwork
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, PixelTask, WindowTask

Takes = Literal["windows", "tile", "images", "pixels"]
"""windows: one a pixel; tile: a piece of a scene, by a network of windows; images: for one class
each; pixels: images for a class of each pixel."""
Border = Literal["pad", "cut"]
"""Around a tile: what the model takes for the surroundings of a scene, or no probabilities for the
pixels whose windows reach beyond it."""

PIXELS_OF_AN_IMAGE = 32
"""Least edge of an image to try a graph on."""


@dataclass(frozen=True)
class GraphOptions:
    """What is up to the user."""

    dense: bool = False
    """A network of windows takes tiles."""
    border: Border = "pad"
    nodata: float | None = None
    """A number that means no data, besides NaN."""
    scale: float = 1.0
    """What input is multiplied by before all else."""
    edge: int | None = None
    """Of the square that is the only input; None leaves height and width free."""


class ModelGraph(nn.Module):
    """Maps scenes (N, bands, H, W) to probabilities.

    Of windows and images (N, classes); of tiles and pixels (N, classes, H, W), tiles one by one.
    Where a pixel holds no data all probabilities are 0. Raises InputError for a task without graph
    and for a tile of a network that computes each window by itself.
    """

    def __init__(self, model: Model, options: GraphOptions = GraphOptions()) -> None:
        super().__init__()
        self.takes = _takes(model, options)
        self.bands = model.scene_bands
        self.window = model.window
        self.edge = options.edge
        self.border = options.border
        self.scale = options.scale
        self.temperature = model.temperature
        self.padding: Padding = model.preprocessing.padding
        self.raw_bands = RawBands(model.preprocessing, model.scene_bands, options.nodata)
        network = copy.deepcopy(model.network).cpu().float().eval()
        self.network = _for_tiles(network, model) if self.takes == "tile" else network
        self.eval()

    @property
    def around(self) -> tuple[int, int]:
        """Pixels of a window before and behind the one that it decides."""
        return self.window // 2, self.window - 1 - self.window // 2

    @property
    def free(self) -> tuple[str, ...]:
        """Which of batch, height and width a user may choose."""
        if self.edge is not None:
            return ()
        kinds = {"windows": ("batch",), "tile": ("height", "width")}
        return kinds.get(self.takes, ("batch", "height", "width"))

    @property
    def least_edge(self) -> int:
        """Of what the graph takes, in pixels."""
        if self.takes == "tile":
            return self.window if self.border == "cut" else max(self.around) + 1
        return self.window if self.takes == "windows" else PIXELS_OF_AN_IMAGE

    def forward(self, scene: Tensor) -> Tensor:
        if self.scale != 1:
            scene = scene * self.scale
        components, valid = self.raw_bands(scene)
        if self.takes == "tile":
            if self.border == "pad":
                mode = "reflect" if self.padding == "reflect" else "constant"
                components = F.pad(components, self.around * 2, mode=mode)
            else:
                valid = _inside(_inside(valid, 2, self.around), 3, self.around)
        elif self.takes == "windows":
            middle = self.window // 2
            valid = valid[:, 0, middle, middle, None]
        logits = self.network(components)
        if self.temperature != 1:
            logits = logits / self.temperature
        probabilities: Tensor = logits.softmax(1)
        if self.takes == "images":
            return probabilities
        return torch.where(valid, probabilities, 0.0)


def _inside(x: Tensor, axis: int, around: tuple[int, int]) -> Tensor:
    before, behind = around
    return x[(slice(None),) * axis + (slice(before, -behind if behind else None),)]


def _takes(model: Model, options: GraphOptions) -> Takes:
    task = model.trained_for
    if isinstance(task, WindowTask):
        return "tile" if options.dense else "windows"
    if not isinstance(task, ImageTask | PixelTask):
        raise InputError(f"a model for the task {model.task} can't be exported: give another.")
    if options.dense:
        raise InputError(
            f"{model.name} takes whole images already: leave out --dense, which is for models of "
            "windows."
        )
    return "images" if isinstance(task, ImageTask) else "pixels"


def _for_tiles(network: nn.Module, model: Model) -> nn.Module:
    components, window = model.preprocessing.reducer.components, (model.window, model.window)
    try:
        return PlainDenseNetwork(densify(network, window, bands=components))
    except NotShareableError as error:
        raise InputError(
            f"{model.name} can't map tiles exactly ({error.reason}): leave out --dense."
        ) from error
