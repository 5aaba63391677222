"""How much memory a network takes at once for an image, told from two small ones."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spectile.compat.torch import DispatchMode, storage_number, tree_leaves

SMALL_EDGES = 64, 128
"""Of the images to measure, in pixels: together a window of 512 costs twenty times as much."""


def peak_bytes(network: Callable[[Tensor], Any], x: Tensor, pixels: int) -> int:
    """The most bytes of tensors alive at once while `network`, evaluating, takes `pixels` pixels.

    `x` (1, bands, H, W) is an example of the type and on the device that it takes. Feature maps
    grow with the pixels, attention between all of them with their square; what is found is that
    sum through both small images. The input counts, the weights don't, and neither does what a
    library sets aside inside of an operation.
    """
    # Not on the meta device, where a convolution imports sympy and PyTorch's compiler: 1 s.
    sizes = [edge * edge for edge in SMALL_EDGES]
    small, large = (
        _measured(network, x.new_zeros(1, x.shape[1], edge, edge)) / size
        for edge, size in zip(SMALL_EDGES, sizes, strict=True)
    )
    growth = max(0.0, (large - small) / (sizes[1] - sizes[0]))
    return int((max(small, large) + growth * max(0, pixels - sizes[0])) * pixels)


def _measured(network: Callable[[Tensor], Any], x: Tensor) -> int:
    live = _LiveBytes()
    with torch.inference_mode(), live:
        network(x.clone())
    return live.peak


class _LiveBytes(DispatchMode):
    """Counts the bytes of all storages that operations make, until their last tensor is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._tensors_of: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {id(leaf) for leaf in tree_leaves((args, kwargs))}
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor) not in given:
                self._note(tensor)
        self.peak = max(self.peak, self._now)
        return result

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage_number(storage), storage.nbytes()
        if key not in self._tensors_of:
            self._now += size
        self._tensors_of[key] = self._tensors_of.get(key, 0) + 1
        weakref.finalize(tensor, self._forget, key, size).atexit = False

    def _forget(self, key: int, size: int) -> None:
        self._tensors_of[key] -= 1
        if not self._tensors_of[key]:
            del self._tensors_of[key]
            self._now -= size
