"""Output stride: past it a network's strides become dilation, so that maps stay large.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3. The
block that loses its stride still samples its input as closely as before, so its own (first)
convolution keeps the dilation so far and those behind it double theirs: the rule of timm and, for
ResNets, of torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectile.errors import InputError

OUTPUT_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class BlockStep:
    """How one block of a chain samples its input."""

    stride: int
    first_dilation: int
    """Dilation of the convolution that has, or would have had, the stride."""
    dilation: int
    """Dilation of what follows it."""
    reached: int
    """Input pixels that one step on the block's output spans."""


def dilate(
    strides: Sequence[int], *, stem_stride: int, output_stride: int
) -> tuple[BlockStep, ...]:
    """A step for each of a chain of blocks with `strides` behind a stem.

    Raises InputError for an output stride other than 8, 16 or 32.
    """
    if output_stride not in OUTPUT_STRIDES:
        raise InputError(f"There is no output stride of {output_stride}: choose 8, 16 or 32.")
    steps = []
    reached, dilation = stem_stride, 1
    for stride in strides:
        first_dilation = dilation
        if reached * stride > output_stride:
            dilation *= stride
            stride = 1
        reached *= stride
        steps.append(BlockStep(stride, first_dilation, dilation, reached))
    return tuple(steps)
