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


class Overwritten(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        flat = x.view(x.size(0), -1)
        flat.relu_()
        return x


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
            then_classified(nn.Conv2d(6, 4, 2), nn.ReLU(), nn.MaxPool2d(2, padding=1)),
            "layer 2",
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
        (then_classified(Overwritten()), "layer 1", "changed through a view"),
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
    inner = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1))
    network = nn.Sequential()
    network.add_module("trunk", inner)
    network.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(36, 2)))
    with pytest.raises(NotShareableError, match=r"layer trunk\.1 pads its window"):
        densify(network, (5, 5))


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
