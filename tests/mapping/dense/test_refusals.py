"""What can't be shared exactly is refused, with the layer and the reason."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.mapping.dense import NotShareableError, densify


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(54, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.fc(x) if float(x.sum()) > 0 else self.fc(-x)


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, training=True)


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class DiagonalOverwritten(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.diagonal(dim1=2, dim2=3).relu_()
        return x


class WithOut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, 1, out=x)


class WithFeatures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(54, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.fc(x.flatten(1)), x


def then_classified(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2))


@pytest.mark.parametrize(
    ("network", "layer", "reason"),
    [
        (then_classified(nn.Conv2d(6, 4, 3, padding=1)), "layer 0", "pads its window"),
        (then_classified(nn.Conv2d(6, 4, 3, padding="same")), "layer 0", "pads its window"),
        (
            then_classified(nn.Conv2d(6, 4, 3, padding=1, padding_mode="reflect")),
            "layer 0",
            "pads its window",
        ),
        (
            then_classified(nn.MaxPool2d(2, padding=1), nn.Conv2d(6, 4, 2)),
            "layer 0",
            "pads its window",
        ),
        (then_classified(nn.ZeroPad2d(1), nn.Conv2d(6, 4, 3)), "layer 0", "pads its window"),
        (
            then_classified(nn.Conv2d(6, 4, 2), nn.BatchNorm2d(4, track_running_stats=False)),
            "layer 1",
            "statistics over the batch",
        ),
        (then_classified(Noisy()), "layer 0", "random"),
        (then_classified(Centred()), "it", "in another batch"),
        (then_classified(DiagonalOverwritten()), "layer 0", "part of a tensor that no slice"),
        (then_classified(WithOut()), "layer 0", "given as out="),
        (Branching(), "it", "decides by its data"),
        (WithFeatures(), "WithFeatures", "no tensor of logits"),
        (nn.Sequential(nn.Conv2d(6, 2, 2)), "Sequential", r"\(N, 2, 2, 2\)"),
    ],
)
def test_refused(network: nn.Module, layer: str, reason: str) -> None:
    if not isinstance(network, Branching | WithFeatures):
        network.double()(torch.zeros(2, 6, 3, 3).double())
    with pytest.raises(NotShareableError, match=f"{layer}.*{reason}"):
        densify(network.double(), (3, 3), bands=6)


def test_a_nested_layer_is_named_in_full() -> None:
    inner = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 40, 3, padding=1))
    network = nn.Sequential()
    network.add_module("trunk", inner)
    network.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(1000, 2)))
    with pytest.raises(NotShareableError, match=r"layer trunk\.1 pads its window") as refusal:
        densify(network, (5, 5))
    # Multiply-adds 4 x 4 x 25 before, 40 x 4 x 9 x 25 and 1000 x 2 after; and 40 for each of the
    # numbers that come and go, 200 before, 1100 and about as many after.
    assert "; only 6% of its work could be shared: map it with" in str(refusal.value)
    assert refusal.value.reason.endswith("could be shared")


def test_padding_along_the_spectrum_is_no_padding_in_space() -> None:
    network = nn.Sequential(
        nn.Unflatten(1, (1, 6)),
        nn.Conv3d(1, 2, 3, padding=(1, 0, 0)),
        nn.Flatten(),
        nn.Linear(12, 2),
    )
    assert densify(network, (3, 3), bands=6).plan.speed_up >= 1


def test_a_window_that_the_network_cannot_take() -> None:
    network = nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(27, 2))
    with pytest.raises(InputError, match="takes no windows of 7 x 7 pixels"):
        densify(network, (7, 7))
    with pytest.raises(InputError, match="at least 1 x 1"):
        densify(network, (0, 5))


def test_a_scene_of_other_bands() -> None:
    network = nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(27, 2))
    with pytest.raises(InputError, match=r"maps \(1, 4, rows, columns\)"):
        densify(network, (5, 5))(torch.zeros(1, 5, 9, 9))
    with pytest.raises(InputError, match="smaller than its window"):
        densify(network, (5, 5))(torch.zeros(1, 4, 4, 9))


class Mixing(nn.Module):
    """Adds to each window a little of the batch's first, at any scale of its logits."""

    def __init__(self, scale: float, offset: float = 0.0, share: float = 1e-3) -> None:
        super().__init__()
        self.fc = nn.Linear(54, 2)
        self.scale, self.offset, self.share = scale, offset, share

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x.flatten(1))
        return (y + self.share * y[:1].detach()) * self.scale + self.offset


@pytest.mark.parametrize(("scale", "offset"), [(1e-10, 0), (1e-30, 0), (1e10, 0), (1e-6, 1.0)])
def test_a_batch_that_is_mixed_is_noticed_at_every_scale(scale: float, offset: float) -> None:
    torch.manual_seed(0)
    for network in (Mixing(scale, offset), Mixing(scale, offset).double()):
        with pytest.raises(NotShareableError, match="in another batch"):
            densify(network, (3, 3), bands=6)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10])
def test_small_and_large_logits_are_fine(scale: float) -> None:
    torch.manual_seed(0)
    densify(Mixing(scale, share=0.0), (3, 3), bands=6)


class MixingLargeValues(nn.Module):
    """Windows have nothing to do with one another unless one is as bright as a real scene."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(6, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).flatten(1) + F.relu(x.amax() - 100))


def test_it_is_checked_on_pixels_of_the_scene_as_well() -> None:
    torch.manual_seed(0)
    with pytest.raises(NotShareableError):
        densify(MixingLargeValues(), (3, 3), pixels=1000 * torch.rand(1, 6, 4, 4))


class WithWavelengths(nn.Module):
    """Its first parameter is in double precision, and no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.wavelengths = nn.Parameter(torch.linspace(400, 900, 6).double(), requires_grad=False)
        self.conv, self.fc = nn.Conv2d(6, 4, 3), nn.Linear(36, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.wavelengths.to(x.dtype)[:, None, None] / 1000
        return self.fc(self.conv(x).flatten(1))


def test_the_type_of_windows_is_that_of_most_weights() -> None:
    torch.manual_seed(0)
    network = WithWavelengths()
    dense = densify(network, (5, 5))
    assert dense(torch.randn(1, 6, 9, 9)).dtype == torch.float32
