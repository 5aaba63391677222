"""What windows compute for themselves is what the network computes, in other operations."""

from __future__ import annotations

import pytest
import torch
from tests.mapping.dense.drawn import difference
from torch import Tensor, nn

from spectile.mapping.dense import densify
from spectile.mapping.dense.window_cuts import OTHERWISE

CONVOLUTIONS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "depth among the channels": (nn.Conv3d(1, 4, (3, 3, 9), padding=(1, 1, 0)), (1, 5, 5, 9)),
    "one depth, padded": (nn.Conv3d(6, 4, (1, 1, 7), padding=(0, 0, 3)), (6, 5, 5, 1)),
    "one depth, padded and dilated": (
        nn.Conv3d(6, 4, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1)),
        (6, 1, 5, 5),
    ),
    "one place all in all": (nn.Conv2d(6, 4, 3, padding=1), (6, 1, 1)),
    "one place, grouped": (nn.Conv2d(6, 6, 3, padding=1, groups=3), (6, 1, 1)),
    "one depth, more out": (nn.Conv3d(2, 3, (1, 3, 3), padding=1), (2, 1, 4, 4)),
    "covered, grouped": (nn.Conv2d(6, 6, (5, 3), groups=2), (6, 5, 7)),
    "covered in one axis": (nn.Conv2d(6, 4, (5, 3), stride=(2, 2)), (6, 5, 7)),
    "covered all in all": (nn.Conv3d(2, 4, (3, 4, 5), bias=False), (2, 3, 4, 5)),
    "1-D": (nn.Conv1d(3, 4, 3, padding=1), (3, 1)),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, stride=2), (3, 1, 2)),
    "ordinary": (nn.Conv2d(3, 4, 3, padding=1, stride=2), (3, 6, 7)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_with_fewer_axes(name: str) -> None:
    torch.manual_seed(0)
    layer, shape = CONVOLUTIONS[name]
    layer = layer.double()
    axes = len(shape) - 1
    told = [getattr(layer, key) for key in ("stride", "padding", "dilation", "transposed")]
    operation = torch.ops.aten.convolution.default

    def ours(x: Tensor) -> Tensor:
        rest = (*told, [0] * axes, layer.groups)
        result: Tensor = OTHERWISE[operation](x, layer.weight, layer.bias, *rest)
        return result

    windows = torch.randn(5, 1, *shape).double()
    with torch.no_grad():
        together = torch.func.vmap(ours)(windows)[:, 0]
        torch.testing.assert_close(together, layer(windows[:, 0]), rtol=1e-10, atol=1e-10)


def test_a_kernel_that_covers_the_spectrum_is_a_matrix() -> None:
    """As the last spectral layer of SSRN, whose channels are depths and depths channels."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Unflatten(1, (1, -1)), nn.Conv3d(1, 3, (4, 1, 1), stride=(2, 1, 1)), nn.ReLU()),
        *(nn.Conv3d(3, 5, (4, 2, 2)), nn.BatchNorm3d(5), nn.ReLU(), nn.Flatten()),
        nn.Linear(5 * 16, 3),
    )
    network = network.double().eval()
    dense = densify(network, (5, 5), bands=10)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    for size in ((1, 1), (3, 8)):
        assert difference(dense, network, (5, 5), size) <= 1e-9
