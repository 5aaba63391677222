"""Which kernel a selective kernel selects, and whether it follows the size of objects.

Li, Wang, Hu and Yang, "Selective Kernel Networks", CVPR 2019, section 4.4 and figures 3 and 4:
objects are enlarged by cropping the middle of an image and bringing it back to its size, and the
weight of the larger kernel is compared with that of the smaller. They find that it grows with the
object in the early and middle blocks, and no longer in the last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.inspecting.samples import Samples
from spectile.inspecting.squeeze_excitation import rounded
from spectile.inspecting.watching import parts_of
from spectile.networks.map_channels import evaluating

SIZES = (1.0, 1.5, 2.0)
"""How large objects are made, as in the paper."""
SURE = 1.96
"""Standard errors of a mean that it is surely other than 0 by: 95%."""


@dataclass(frozen=True, eq=False)
class BlockKernels:
    """What one block selects."""

    name: str
    differences: NDArray[np.float32]
    """(sizes, N): the weight of its largest kernel less that of its smallest, mean over channels.

    From -1 to 1; one column a sample.
    """

    @property
    def means(self) -> NDArray[np.float32]:
        """Over the samples, (sizes,)."""
        means: NDArray[np.float32] = self.differences.mean(axis=1)
        return means

    @property
    def rise(self) -> tuple[float, float]:
        """From the first size to the last: the mean over the samples, and its standard error."""
        rises = self.differences[-1] - self.differences[0]
        error = rises.std(ddof=1) / math.sqrt(len(rises)) if len(rises) > 1 else math.nan
        return float(rises.mean()), float(error)

    @property
    def verdict(self) -> str:
        """Whether larger objects get the larger kernel: rises, falls or same."""
        rise, error = self.rise
        if not abs(rise) > SURE * error:
            return "same"
        return "rises" if rise > 0 else "falls"

    def as_dict(self, classes: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
        """Plain numbers, in the order of :data:`SIZES`."""
        rise, error = self.rise
        return {
            "block": self.name,
            "sizes": list(SIZES),
            "all": rounded(self.means),
            "rise": rise,
            "standard_error": None if math.isnan(error) else error,
            "verdict": self.verdict,
            "classes": {
                names[index]: rounded(self.differences[:, classes == index].mean(axis=1))
                for index in np.unique(classes).tolist()
            },
        }


def kernel_differences(network: nn.Module, samples: Samples) -> list[BlockKernels]:
    """What all selective kernels of `network` select, with objects at each of :data:`SIZES`."""
    blocks = {
        name: block
        for name, block in parts_of(network, SelectiveKernel).items()
        if len(block.branches) > 1
    }
    found: dict[str, list[list[NDArray[np.float32]]]] = {
        name: [[] for _ in SIZES] for name in blocks
    }
    with torch.inference_mode(), evaluating(network):
        for _, centred in samples.batches() if blocks else ():
            components = samples.components(centred)
            for place, size in enumerate(SIZES):
                with _selecting(blocks, {name: of[place] for name, of in found.items()}):
                    network(enlarged(components, size))
    return [
        BlockKernels(name, np.stack([np.concatenate(of_size) for of_size in by_size]))
        for name, by_size in found.items()
    ]


@contextmanager
def _selecting(
    blocks: Mapping[str, SelectiveKernel], into: Mapping[str, list[NDArray[np.float32]]]
) -> Iterator[None]:
    """Meanwhile each block's differences (n,) are added to the list of its name."""

    def hook(name: str, block: SelectiveKernel) -> Any:
        smallest, largest = (int(at) for at in (np.argmin(block.rings), np.argmax(block.rings)))

        def after(_module: nn.Module, _inputs: object, scores: Tensor) -> None:
            weights = block.chosen(scores).flatten(2)
            apart = (weights[largest] - weights[smallest]).mean(1)
            into[name].append(apart.float().cpu().numpy())

        return after

    handles = [block.select.register_forward_hook(hook(n, block)) for n, block in blocks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def enlarged(images: Tensor, size: float) -> Tensor:
    """The middle of images (N, C, H, W), `size` times as large, in as many pixels (bilinear).

    Of a window of a scene this is the window at the same place of a scene that was resampled.
    """
    if size == 1:
        return images
    shrunk = torch.eye(2, 3).expand(len(images), -1, -1) / size
    grid = F.affine_grid(shrunk.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)
