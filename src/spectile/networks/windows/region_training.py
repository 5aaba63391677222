"""The protocol of region training: what neighbouring windows share is computed once.

Windows around neighbouring pixels have most of their pixels in common. A network that can compute
on a whole region of a scene what its windows share, and cut each window's part out of that, is
trained several times faster, with the same gradients; any other one is trained window by window.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from spectile.compat.torch import AnyBatchNorm
from spectile.networks.insertion import attention_places
from spectile.networks.map_channels import evaluating
from spectile.networks.spectral_branch import without_spectral_branch

TOLERANCE = 1e-3
"""Of differences between both ways in float32, as a share of the largest logit."""


@runtime_checkable
class TrainsOnRegions(Protocol):
    """A network of windows (N, bands, window, window) that can be trained region by region.

    Any module with these attributes and methods is one; nothing has to be inherited.
    """

    bands: int
    window: int

    @property
    def bytes_a_pixel(self) -> int:
        """About what a training step holds in memory for each pixel of a region."""
        ...

    def shared(self, region: Tensor) -> tuple[Tensor, ...]:
        """What the windows of a region (1, bands, H, W) have in common, such as the trunk's maps.

        Any number of tensors of any shape. In training the gradients of all windows are added up in
        these, and go on from there to the weights once.
        """
        ...

    def window_logits(self, shared: tuple[Tensor, ...], rows: Tensor, columns: Tensor) -> Tensor:
        """Logits (N, classes) of the windows whose first row and column are `rows` and `columns`.

        `rows` and `columns` (N,) count from the region's upper left corner; `shared` is what
        :meth:`shared` gave. Dropout aside, the logits are those of the windows cut out of the
        region. :func:`cut_out` cuts the part of each window out of a map.
        """
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """PyTorch's."""
        ...


def cut_out(maps: Tensor, rows: Tensor, columns: Tensor, size: int) -> Tensor:
    """The squares (N, C, size, size) of `maps` (1, C, H, W) that begin at `rows` and `columns`."""
    channels, _, width = maps.shape[1:]
    pixels = maps[0].permute(1, 2, 0).reshape(-1, channels)
    along = torch.arange(size, device=maps.device)
    corners = rows * width + columns
    places = corners[:, None, None] + along[:, None] * width + along
    cuts = pixels.index_select(0, places.flatten()).view(len(rows), size, size, channels)
    return cuts.permute(0, 3, 1, 2)


def why_not_on_regions(network: nn.Module) -> str | None:
    """Why `network` can't be trained on regions, as words that follow its name; None if it can.

    What it offers is tried on a few windows, unless it lies on the meta device. A spectral branch
    is no obstacle.
    """
    network = without_spectral_branch(network)
    if not isinstance(network, TrainsOnRegions):
        return "doesn't offer what training on regions needs"
    if attention_places(network):
        return "has blocks inserted that a region's windows don't share"
    if any(isinstance(module, AnyBatchNorm) for module in network.modules()):
        return "has batch normalisation, which ties the windows of a batch to one another"
    if next(network.parameters()).is_meta:
        return None
    return None if _is_the_same(network) else "gives other numbers on a region than on windows"


def _is_the_same(network: nn.Module) -> bool:
    assert isinstance(network, TrainsOnRegions)
    weight, edge = next(network.parameters()), network.window
    generator = torch.Generator().manual_seed(0)
    region = torch.randn(1, network.bands, edge + 2, edge + 1, generator=generator).to(weight)
    rows, columns = torch.tensor([0, 2, 1]), torch.tensor([0, 1, 1])
    with evaluating(network):
        rows, columns = rows.to(weight.device), columns.to(weight.device)
        ours = network.window_logits(network.shared(region), rows, columns)
        expected = network(cut_out(region, rows, columns, edge))
    if ours.shape != expected.shape:
        return False
    return bool((ours - expected).abs().max() <= TOLERANCE * expected.abs().max())
