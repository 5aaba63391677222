"""Networks as others write them, handed over as plain modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.mapping.dense.drawn import Gate, difference
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks import attention
from spectile.mapping.dense import densify

pytestmark = pytest.mark.usefixtures("sharing_always_pays")

SIZES = ((1, 1), (3, 8), (7, 5))


class Written(nn.Module):
    """A forward written as a function of the network and its input."""

    def __init__(self, forward: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.written = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.written(self, x)


def spectral_strides(net: Written, x: Tensor) -> Tensor:
    x = F.relu(net.c1(x.unsqueeze(1)))
    x = F.relu(net.c2(net.p1(x)))
    x = F.relu(net.c3(net.p2(x)))
    return net.fc(x.view(-1, x.numel() // x.shape[0]))


def bare_squeeze(net: Written, x: Tensor) -> Tensor:
    x = torch.tanh(net.pool(net.conv(x.squeeze().unsqueeze(1))))
    return net.fc(x.flatten(1))


def scales(net: Written, x: Tensor) -> Tensor:
    x = x.unsqueeze(1)
    one, three, five = F.relu(net.one(x)), F.relu(net.three(x)), F.relu(net.five(x))
    y = torch.cat([one[:, :, :, 2:-2, 2:-2], three[:, :, :, 1:-1, 1:-1], five], 1)
    return net.fc(F.relu(net.conv(y.flatten(1, 2))).flatten(1))


def flattened_scales(net: Written, x: Tensor) -> Tensor:
    sides = [net.a(x).flatten(1), net.b(x).flatten(1), x[:, :, 4, 4]]
    return net.fc(F.relu(torch.cat(sides, 1)))


def repeats(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x).unsqueeze(1).expand(-1, 5, -1, -1, -1)
    return net.fc(F.relu(y[:, 1:4:2].sum(1) + y[:, :1].mean(1)).mean((2, 3)))


def pooled_scales(net: Written, x: Tensor) -> Tensor:
    y = torch.cat([net.a(x).amax((2, 3)), net.b(x).mean((2, 3))], 1)
    return net.fc(F.log_softmax(y, 1))


def channels_last(net: Written, x: Tensor) -> Tensor:
    y = net.norm(net.conv(x).permute(0, 2, 3, 1))
    return net.fc(F.gelu(net.mix(y)).permute(0, 3, 1, 2).flatten(1))


def bands_as_images(net: Written, x: Tensor) -> Tensor:
    n, bands, h, w = x.shape
    y = F.relu(net.conv(x.reshape(n * bands, 1, h, w)))
    return net.fc(y.reshape(n, -1))


def spectra_of_pixels(net: Written, x: Tensor) -> Tensor:
    n, bands, h, w = x.shape
    y = net.conv(x.permute(0, 2, 3, 1).reshape(n * h * w, 1, bands))
    return net.fc(y.reshape(n, h, w, -1).permute(0, 3, 1, 2).reshape(n, -1))


def gated_volume(net: Written, x: Tensor) -> Tensor:
    return net.fc(F.relu(net.gate(F.relu(net.conv(x.unsqueeze(1))))).flatten(1))


def in_place(net: Written, x: Tensor) -> Tensor:
    y = net.conv(x)
    y += 1
    y *= net.norm.weight[:, None, None]
    return net.fc(F.relu_(y).view(y.size(0), -1))


def two_heads(net: Written, x: Tensor) -> Tensor:
    value, weight = net.conv(x).chunk(2, 1)
    return net.fc((value * torch.sigmoid(weight)).flatten(1))


def regrouped(net: Written, x: Tensor) -> Tensor:
    """Features as an image, as in Luo et al. (2018)."""
    y = F.relu(net.conv(x.unsqueeze(1)))
    return net.fc(F.relu(net.image(y.view(len(x), 1, -1, 9))).flatten(1))


def padded_branch(net: Written, x: Tensor) -> Tensor:
    y = torch.tanh(net.trunk(x))
    padded = net.padded(y.unsqueeze(1)).mean((3, 4)).flatten(1)
    return net.fc(torch.cat([padded, net.conv(y).amax((2, 3))], 1))


STYLES: dict[str, tuple[nn.Module, int, tuple[int, int]]] = {
    "3-D stack with spectral strides and padding": (
        Written(
            spectral_strides,
            c1=nn.Conv3d(1, 6, 3),
            p1=nn.Conv3d(6, 6, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
            c2=nn.Conv3d(6, 8, 3, padding=(1, 0, 0)),
            p2=nn.MaxPool3d((2, 1, 1)),
            c3=nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0)),
            fc=nn.Linear(8 * 7, 6),
        ),
        30,
        (5, 5),
    ),
    "1-D spectral network on 1x1 windows": (
        Written(
            bare_squeeze, conv=nn.Conv1d(1, 20, 11), pool=nn.MaxPool1d(3), fc=nn.Linear(320, 4)
        ),
        60,
        (1, 1),
    ),
    "scales cropped and joined": (
        Written(
            scales,
            one=nn.Conv3d(1, 3, (3, 1, 1), padding=(1, 0, 0)),
            three=nn.Conv3d(1, 4, (5, 3, 3), padding=(2, 0, 0)),
            five=nn.Conv3d(1, 5, (7, 5, 5), padding=(3, 0, 0)),
            conv=nn.Conv2d(120, 8, 3),
            fc=nn.Linear(72, 4),
        ),
        10,
        (9, 9),
    ),
    "scales flattened and joined": (
        Written(
            flattened_scales,
            a=nn.Sequential(nn.Conv2d(6, 4, 3), nn.Tanh()),
            b=nn.Sequential(nn.Conv2d(6, 5, 5), nn.MaxPool2d(2), Gate(5, nn.Sigmoid())),
            fc=nn.Linear(4 * 49 + 5 * 4 + 6, 3),
        ),
        6,
        (9, 9),
    ),
    "repeats": (
        Written(
            repeats,
            conv=nn.Conv2d(6, 4, 3),
            fc=nn.Linear(4, 3),
        ),
        6,
        (7, 7),
    ),
    "scales pooled and joined": (
        Written(
            pooled_scales,
            a=nn.Conv2d(6, 4, 3),
            b=nn.Conv2d(6, 5, 5, stride=2),
            fc=nn.Linear(9, 3),
        ),
        6,
        (9, 9),
    ),
    "max-pooled 2-D network": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 9, 2), nn.ReLU(), nn.AvgPool2d(2, stride=1), nn.Flatten()),
            *(nn.Linear(81, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 5)),
        ),
        6,
        (12, 12),
    ),
    "strides all the way": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3, stride=2), nn.PReLU(8), nn.Conv2d(8, 9, 3, stride=2), nn.ELU()),
            *(nn.Flatten(), nn.Linear(54, 5)),
        ),
        6,
        (15, 13),
    ),
    "separable convolutions": (
        nn.Sequential(
            *(nn.Conv2d(6, 6, 3, groups=6), nn.ReLU6(), nn.Conv2d(6, 8, 1), nn.BatchNorm2d(8)),
            *(nn.Conv2d(8, 4, 1, groups=2), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
            nn.Linear(16, 5),
        ),
        6,
        (8, 8),
    ),
    "fully convolutional": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 7), nn.ReLU()),
            *(nn.Conv2d(16, 3, 1), nn.Flatten()),
        ),
        6,
        (9, 9),
    ),
    "channels last with layer norm": (
        Written(
            channels_last,
            conv=nn.Conv2d(6, 8, 3),
            norm=nn.LayerNorm(8),
            mix=nn.Linear(8, 10),
            fc=nn.Linear(490, 3),
        ),
        6,
        (9, 9),
    ),
    "bands as images": (
        Written(bands_as_images, conv=nn.Conv2d(1, 3, 3), fc=nn.Linear(450, 4)),
        6,
        (7, 7),
    ),
    "spectra of pixels": (
        Written(spectra_of_pixels, conv=nn.Conv1d(1, 3, 5), fc=nn.Linear(450, 4)),
        10,
        (5, 5),
    ),
    "gated volume": (
        Written(
            gated_volume,
            conv=nn.Conv3d(1, 4, 3),
            gate=Gate(4, nn.Sigmoid()),
            fc=nn.Linear(800, 3),
        ),
        10,
        (7, 7),
    ),
    "gate in the middle": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3), Gate(8, nn.Sigmoid()), nn.Conv2d(8, 7, 3), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(175, 5)),
        ),
        6,
        (9, 9),
    ),
    "written in place": (
        Written(in_place, conv=nn.Conv2d(6, 8, 3), norm=nn.BatchNorm2d(8), fc=nn.Linear(200, 3)),
        6,
        (7, 7),
    ),
    "chunked channels": (
        Written(two_heads, conv=nn.Conv2d(6, 8, 3), fc=nn.Linear(100, 3)),
        6,
        (7, 7),
    ),
    "normalised over the window": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten()),
            *(nn.BatchNorm1d(200), nn.Linear(200, 3)),
        ),
        6,
        (7, 7),
    ),
    "each channel normalised over the window": (
        nn.Sequential(
            *(nn.Conv2d(6, 8, 3), nn.InstanceNorm2d(8, affine=True), nn.ReLU()),
            *(nn.Conv2d(8, 7, 3), nn.InstanceNorm2d(7, track_running_stats=True), nn.Flatten()),
            nn.Linear(63, 3),
        ),
        6,
        (7, 7),
    ),
    "padded behind a trunk": (
        nn.Sequential(
            *(nn.Conv2d(6, 20, 3), nn.ReLU(), nn.Conv2d(20, 8, 1), nn.BatchNorm2d(8)),
            *(nn.Conv2d(8, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.MaxPool2d(3, stride=2, padding=1), nn.Flatten(), nn.Linear(36, 3)),
        ),
        6,
        (7, 7),
    ),
    "padded in one branch alone": (
        Written(
            padded_branch,
            trunk=nn.Conv2d(6, 20, 3),
            padded=nn.Conv3d(1, 2, 3, padding=1),
            conv=nn.Conv2d(20, 9, 3),
            fc=nn.Linear(2 * 20 + 9, 3),
        ),
        6,
        (7, 7),
    ),
    "depths and channels regrouped": (
        Written(
            regrouped,
            conv=nn.Conv3d(1, 9, (4, 3, 3), stride=(2, 1, 1)),
            image=nn.Conv2d(1, 3, 3),
            fc=nn.Linear(3 * 2 * 7, 3),
        ),
        10,
        (3, 3),
    ),
    "transformer on the window's features": (
        nn.Sequential(
            nn.Conv2d(6, 8, 3),
            nn.Flatten(2),
            Written(
                lambda net, x: net.layer(x.transpose(1, 2)).mean(1),
                layer=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            ),
            nn.Linear(8, 3),
        ),
        6,
        (7, 7),
    ),
}


@pytest.mark.parametrize("style", STYLES)
def test_style(style: str) -> None:
    torch.manual_seed(0)
    network, bands, window = STYLES[style]
    network = network.double().eval()
    dense = densify(network, window, bands=bands)
    for size in SIZES[1:] if style.startswith("1-D") else SIZES:
        assert difference(dense, network, window, size) <= 1e-9


@pytest.mark.parametrize("name", ["se", "eca", "cbam", "scse", "coordinate", "non-local", "double"])
def test_attention_after_the_trunk(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(6, 16, 3), nn.ReLU(), attention(name)(16), nn.Flatten(), nn.Linear(784, 5)),
    )
    network = network.double().eval()
    dense = densify(network, (9, 9))
    assert difference(dense, network, (9, 9), (4, 6)) <= 1e-9


def test_weights_on_the_left_and_einsum() -> None:
    torch.manual_seed(0)
    mix = nn.Linear(8, 5, bias=False)

    def forward(net: Written, x: Tensor) -> Tensor:
        y = net.conv(x)
        left = (net.mix.weight @ y.flatten(2)).flatten(1)
        return net.fc(left + torch.einsum("nchw,oc->nohw", y, net.mix.weight).flatten(1))

    network = Written(forward, conv=nn.Conv2d(6, 8, 3), mix=mix, fc=nn.Linear(125, 3)).double()
    dense = densify(network, (7, 7))
    assert difference(dense, network, (7, 7), (3, 4)) <= 1e-9


def test_a_network_keeps_its_mode_and_its_weights() -> None:
    network = nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 2))
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    densify(network, (5, 5))
    assert all(part.training for part in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
