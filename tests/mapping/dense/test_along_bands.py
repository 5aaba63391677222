"""What a network does along the bands of each pixel is shared, whatever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.mapping.dense.drawn import difference
from tests.mapping.dense.test_styles import Written
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.mapping.dense import NotShareableError, densify

BANDS, WINDOW = 6, (5, 4)

OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "index": lambda x: x[:, [4, 0, 0, 2]],
    "index by a mask": lambda x: x[:, torch.tensor([True, False, True, True, False, True])],
    "index in two rows": lambda x: x[:, torch.tensor([[0, 1, 2], [5, 4, 3]])].flatten(1, 2),
    "index_select": lambda x: x.index_select(1, torch.tensor([5, 1])),
    "flip": lambda x: x.flip(1),
    "flip of two axes": lambda x: x.unflatten(1, (2, 3)).flip(1, 2).flatten(1, 2),
    "roll": lambda x: x.roll(2, 1),
    "roll of two axes": lambda x: x.unflatten(1, (2, 3)).roll((1, -1), (1, 2)).flatten(1, 2),
    "norm": lambda x: x / x.norm(dim=1, keepdim=True),
    "normalize": lambda x: F.normalize(x, p=1.0),
    "vector norm": lambda x: torch.linalg.vector_norm(x, 3, dim=1, keepdim=True) * x,
    "norm of one band": lambda x: x[:, :1].norm(dim=1, keepdim=True) + x,
    "amin": lambda x: x - x.amin(1, keepdim=True),
    "min": lambda x: x - x.min(1, keepdim=True).values,
    "max": lambda x: x - x.max(1).values.unsqueeze(1),
    "standard deviation": lambda x: (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True),
    "variance": lambda x: x * x.var(1, correction=0).unsqueeze(1),
    "variance and mean": lambda x: x - torch.var_mean(x, 1, keepdim=True)[0],
    "median": lambda x: x - x.median(1, keepdim=True).values,
    "log of sums": lambda x: x - x.logsumexp(1, keepdim=True),
    "product": lambda x: x + x.prod(1, keepdim=True),
    "cumulative sum": lambda x: x.cumsum(1),
    "cumulative product": lambda x: x.cumprod(1),
    "cumulative maximum": lambda x: x.cummax(1).values,
    "sorted": lambda x: x.sort(1).values,
    "largest": lambda x: x.topk(3, 1).values,
    "place of the largest": lambda x: x + x.argmax(1, keepdim=True).to(x.dtype),
    "difference": lambda x: x.diff(dim=1),
    "gated linear unit": lambda x: F.glu(x, 1),
    "repeat": lambda x: x.repeat(1, 2, 1, 1),
    "pieces": lambda x: x.unfold(1, 3, 2).mean(-1),
    "zeros around": lambda x: F.pad(x, (0, 0, 0, 0, 2, 1)),
    "ones behind, a column less": lambda x: F.pad(x, (0, -1, 0, 0, 0, 1), value=1.0),
    "reflected": lambda x: F.pad(x[:, None], (0, 0, 0, 0, 2, 3), mode="reflect")[:, 0],
    "replicated": lambda x: F.pad(x[:, None], (0, 0, 0, 0, 2, 1), mode="replicate")[:, 0],
    "in a circle": lambda x: F.pad(x[:, None], (0, 0, 0, 0, 2, 1), mode="circular")[:, 0],
    "a constant before": lambda x: torch.cat(
        [torch.arange(2.0).to(x).view(1, 2, 1, 1).expand(len(x), 2, *x.shape[2:]), x], 1
    ),
    "zeros between": lambda x: torch.cat([x[:, :3], torch.zeros_like(x[:, :1]), x[:, 3:]], 1),
    "a constant on top": lambda x: torch.stack([x, torch.ones_like(x)], 1).flatten(1, 2),
}


def then_classified(change: Callable[[Tensor], Tensor]) -> tuple[nn.Module, int]:
    torch.manual_seed(0)
    shape = change(torch.randn(2, BANDS, *WINDOW)).shape

    def forward(net: Written, x: Tensor) -> Tensor:
        return net.fc(net.norm(F.relu(net.conv(change(x)))).flatten(1))

    features = 5 * (shape[2] - 1) * (shape[3] - 1)
    network = Written(
        forward,
        conv=nn.Conv2d(shape[1], 5, 2),
        norm=nn.BatchNorm2d(5),
        fc=nn.Linear(features, 3),
    )
    return network.double().eval(), BANDS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_shared_with_the_same_numbers(operation: str) -> None:
    network, bands = then_classified(OPERATIONS[operation])
    dense = densify(network, WINDOW, bands=bands)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    for size in ((1, 1), (3, 8)):
        assert difference(dense, network, WINDOW, size) <= 1e-9


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_convolutions_padded_along_the_spectrum_alone(mode: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Unflatten(1, (1, BANDS)),
        nn.Conv3d(1, 2, 3, padding=(1, 0, 0), padding_mode=mode),
        nn.Flatten(),
        nn.Linear(2 * BANDS * 3 * 2, 3),
    ).double()
    dense = densify(network, WINDOW, bands=BANDS)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    assert difference(dense, network, WINDOW, (3, 8)) <= 1e-9


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_in_space_ends_what_is_shared(mode: str) -> None:
    torch.manual_seed(0)
    padded = nn.Conv2d(BANDS, 4, 3, padding=1, padding_mode=mode)
    network = nn.Sequential(padded, nn.Flatten(), nn.Linear(80, 3)).double()
    with pytest.raises(NotShareableError, match="layer 0 pads its window in space"):
        densify(network, WINDOW, bands=BANDS)
    trunk = nn.Sequential(nn.Conv2d(BANDS, 60, 1), nn.Conv2d(60, BANDS, 1))
    network = nn.Sequential(trunk, network).double()
    dense = densify(network, WINDOW, bands=BANDS)
    assert [row.way for row in dense.plan.rows] == ["shared", "shared", "windowed", "windowed"]
    assert difference(dense, network, WINDOW, (3, 8)) <= 1e-9


def test_constants_beside_flattened_features() -> None:
    torch.manual_seed(0)

    def forward(net: Written, x: Tensor) -> Tensor:
        ones = torch.ones(len(x), 2, dtype=x.dtype)
        return net.fc(F.silu(torch.cat([net.conv(x).flatten(1), ones], 1)))

    network = Written(forward, conv=nn.Conv2d(BANDS, 4, 3), fc=nn.Linear(4 * 6 + 2, 3)).double()
    dense = densify(network, WINDOW, bands=BANDS)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    assert difference(dense, network, WINDOW, (3, 8)) <= 1e-9


def test_the_minimum_over_a_window() -> None:
    torch.manual_seed(0)

    def forward(net: Written, x: Tensor) -> Tensor:
        return net.fc(net.conv(x).amin((2, 3)))

    network = Written(forward, conv=nn.Conv2d(BANDS, 4, 2), fc=nn.Linear(4, 3)).double()
    dense = densify(network, WINDOW, bands=BANDS)
    assert {row.way for row in dense.plan.rows} == {"shared"}
    assert difference(dense, network, WINDOW, (3, 8)) <= 1e-9
