"""What a window network says of the tiles of a scene."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn

from spectile.data.preprocessing.components import Preprocessing
from spectile.data.readers.salvage import read_around_damage
from spectile.data.scene import Scene, UnreadableError
from spectile.mapping.compute import Compute, Method, Precision
from spectile.mapping.dense import DenseNetwork, densify
from spectile.mapping.dense.recording import typical_weight
from spectile.mapping.patches import PatchByPatch
from spectile.mapping.pipeline import read_ahead
from spectile.mapping.tiles import (
    BYTES_A_FEATURE_PIXEL,
    reading_order,
    tile_edge,
    tile_gigabytes,
    tiles,
)
from spectile.model.model import Model
from spectile.model.temperature import with_temperature


@dataclass(frozen=True)
class Tile:
    """Pixels to be mapped at once."""

    window: Window
    wanted: NDArray[np.bool_] | None = None
    """Which of its pixels, shape (h, w); None for all."""


@dataclass(frozen=True)
class ReadTile:
    """A tile as a network takes it."""

    window: Window
    components: NDArray[np.float32]
    """(components, h + window - 1, w + window - 1)."""
    valid: NDArray[np.bool_]
    """(h, w): pixels that are wanted and hold data."""
    damage: tuple[UnreadableError, ...]


@dataclass(frozen=True)
class MapPart:
    """What a network says of one window of the scene."""

    window: Window
    classes: NDArray[np.int32]
    """(h, w): 0 without data, k the k-th class of the legend."""
    probabilities: NDArray[np.floating]
    """(classes, h, w): how probable each class is; without meaning where there are no data."""
    damage: tuple[UnreadableError, ...] = ()
    """Pieces of the file that couldn't be read, and that decide on a pixel here."""
    components: NDArray[np.float32] | None = None
    """(components, h, w): the pixels' reduced spectra, where they were asked for."""


class WindowMapper:
    """A model made ready for one scene.

    Raises InputError if the scene's bands don't match the model's, NotShareableError if `method`
    is dense and can't be. With `keep_going` unreadable pixels are left out instead of raising
    UnreadableError.
    """

    def __init__(
        self,
        model: Model,
        scene: Scene,
        compute: Compute = Compute(),  # noqa: B008, frozen
        *,
        keep_going: bool = False,
        components: bool = False,
    ) -> None:
        """With `components` the parts carry them."""
        self.method: Method = compute.method
        self._scene = model.values_of(scene)
        self._preprocessing = model.for_scene(scene)
        self._classes = len(model.legend)
        pixels = (
            some_pixels(self._preprocessing, scene, model.window)
            if compute.method == "dense"
            else None
        )
        self._network = evaluator(model, compute, pixels).eval()
        self._temperature = model.temperature
        self._tf32 = compute.precision == "tf32"
        self._device = torch.device(compute.device)
        self._dtype = input_dtype(model.network, compute.precision)
        self._keep_going = keep_going
        self._with_components = components
        self.window = model.window
        """Edge of the square that decides a pixel, in pixels."""

    def with_pixels(self, scene: Scene) -> WindowMapper:
        """The same for `scene`, which differs in its pixels' values alone; no work is done anew."""
        other = copy.copy(self)
        other._scene = scene
        return other

    def tile_edge(self, memory: float) -> int:
        """The largest edge of a tile that `memory` in GB allows; InputError if there is none."""
        return tile_edge(self._scene, self.window, memory, self._bytes_a_pixel, self._beside)

    def gigabytes(self, edge: int, around: int = 0) -> float:
        """What tiles of at most `edge` pixels a side take, and `around` more on each side."""
        bytes_a_pixel, beside = self._bytes_a_pixel, self._beside
        return tile_gigabytes(self._scene, self.window, edge, bytes_a_pixel, beside, around)

    @property
    def _bytes_a_pixel(self) -> int:
        """What computing a pixel of a tile with its halo takes, and handing the result on."""
        computing = getattr(self._network, "bytes_a_pixel", BYTES_A_FEATURE_PIXEL)
        # Components that wait; logits, probabilities twice and what entropy is made of.
        waiting = 8 * self._preprocessing.reducer.components + 24 * (self._classes + 1)
        return int(computing) + waiting

    def _beside(self, edge: int) -> int:
        return self._network.workspace(edge) if isinstance(self._network, DenseNetwork) else 0

    def tiles(self, edge: int) -> Iterator[Window]:
        """The tiles of the scene, of at most `edge` pixels a side."""
        return tiles(self._scene.height, self._scene.width, edge)

    def in_order(self, windows: Iterable[Window], cache: int) -> list[Window]:
        """Tiles, or what is wanted of them, in the order to map them in."""
        return reading_order(windows, self._scene, self.window // 2, cache)

    def groups(self, windows: Iterable[Window], cache: int) -> list[list[Window]]:
        """Tiles that are best mapped by the same worker; here each for itself."""
        return [[window] for window in self.in_order(windows, cache)]

    def parts(self, tiles: Iterable[Tile]) -> Generator[MapPart]:
        """Classify tile after tile; the next is read meanwhile."""
        with closing(read_ahead(self.read, tiles)) as read:
            for tile in read:
                yield self.classify(tile)

    def read(self, tile: Tile) -> ReadTile:
        """Read a tile with the pixels around it that decide on it."""
        read = reading(self._keep_going)
        components, valid, damage = read(
            self._preprocessing, self._scene, tile.window, self.window // 2
        )
        components = around_windows(components, self.window)
        if tile.wanted is not None:
            valid &= tile.wanted
        return ReadTile(tile.window, components, valid, damage)

    def classify(self, tile: ReadTile) -> MapPart:
        """Run the network on a tile."""
        if not tile.valid.any():
            probabilities: NDArray[np.floating] = np.zeros(
                (self._classes, *tile.valid.shape), np.float32
            )
        else:
            components = torch.from_numpy(tile.components[None])
            with rounding(self._tf32):
                probabilities = class_probabilities(
                    self._network, components.to(self._device, self._dtype)
                )
        inner = None
        if self._with_components:
            halo, (height, width) = self.window // 2, tile.valid.shape
            inner = tile.components[:, halo : halo + height, halo : halo + width]
        return map_part(
            tile.window, probabilities, tile.valid, tile.damage, inner, self._temperature
        )


def evaluator(model: Model, compute: Compute, pixels: Tensor | None = None) -> nn.Module:
    """The module that maps padded components to logits of every pixel.

    The dense one is checked on `pixels` (1, components, rows, columns) of the scene.
    """
    window = (model.window, model.window)
    network = placed(model.network, compute)
    if compute.method == "dense":
        components = model.preprocessing.reducer.components
        return densify(network, window, bands=components, pixels=pixels)
    return PatchByPatch(network, window)


LOOKED_AT = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25))
"""Places of a scene where it may hold data, as shares of its height and width."""


def some_pixels(preprocessing: Preprocessing, scene: Scene, window: int) -> Tensor | None:
    """Components (1, components, h, w) of up to 2 x 2 pixels, half a window around them.

    None where none of a few places can be read and holds data.
    """
    height, width = min(2, scene.height), min(2, scene.width)
    for down, across in LOOKED_AT:
        here = Window(
            int(across * (scene.width - width)), int(down * (scene.height - height)), width, height
        )
        try:
            components, valid = preprocessing.read(scene, here, window // 2)
        except UnreadableError:
            continue
        if valid.any():
            return torch.from_numpy(around_windows(components, window)[None])
    return None


def around_windows(pixels: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """What the windows of (C, h + 2 halo, w + 2 halo) pixels see, half a window being the halo.

    An even window has one row and column more before its pixel than behind it.
    """
    return pixels if window % 2 else np.ascontiguousarray(pixels[:, :-1, :-1])


def placed(network: nn.Module, compute: Compute) -> nn.Module:
    """`network` where it is to run and in the type that it is to run in; a copy if need be."""
    short = compute.precision == "bf16"
    if torch.device(compute.device).type == "cpu" and not short:
        return network
    return copy.deepcopy(network).to(compute.device, torch.bfloat16 if short else None)


def input_dtype(network: nn.Module, precision: Precision) -> torch.dtype:
    """What `network` computes in."""
    kept = typical_weight(network).dtype
    return torch.bfloat16 if precision == "bf16" else kept


def map_part(
    window: Window,
    probabilities: NDArray[np.floating],
    valid: NDArray[np.bool_],
    damage: tuple[UnreadableError, ...],
    components: NDArray[np.float32] | None = None,
    temperature: float = 1.0,
) -> MapPart:
    """The part of a map with these `probabilities` (classes, h, w), and data where `valid`.

    The classes are chosen before the `temperature` is applied: rounding can't change one.
    """
    classes = probabilities.argmax(axis=0).astype(np.int32) + 1
    classes[~valid] = 0
    tempered = with_temperature(probabilities, temperature)
    return MapPart(window, classes, tempered, damage, components)


Read = Callable[
    [Preprocessing, Scene, Window, int],
    tuple[NDArray[np.float32], NDArray[np.bool_], tuple[UnreadableError, ...]],
]
"""As :meth:`Preprocessing.read`, and what couldn't be read."""


def reading(keep_going: bool) -> Read:
    """How to read: around damage, or raising UnreadableError."""
    return read_around_damage if keep_going else _read_whole


def _read_whole(
    preprocessing: Preprocessing, scene: Scene, window: Window, halo: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], tuple[UnreadableError, ...]]:
    return (*preprocessing.read(scene, window, halo), ())


@contextmanager
def rounding(tf32: bool) -> Iterator[None]:
    """Whether a GPU may round factors to TF32, which PyTorch lets its convolutions by itself."""
    matrices = torch.backends.cuda.matmul.allow_tf32
    convolutions = torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matrices
        torch.backends.cudnn.allow_tf32 = convolutions


@torch.inference_mode()
def class_probabilities(network: nn.Module, components: Tensor) -> NDArray[np.floating]:
    """The probabilities (classes, h, w) that `network` gives for (1, components, H, W)."""
    logits = network(components)[0]
    # NumPy has no bfloat16, and three digits are too few for a probability.
    if logits.dtype == torch.bfloat16:
        logits = logits.float()
    probabilities: NDArray[np.floating] = logits.softmax(0).cpu().numpy()
    return probabilities
