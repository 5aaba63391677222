"""Networks of many kinds mapped densely and patch by patch, beside what the plan expects.

    python benchmarks/mapping_networks.py [--file nets.py] [--only NAME ...] [--rows 24]

Each network on windows of random numbers, from components in memory to logits, one thread, float32:
dense on all rows of 145 pixels, patches in batches of 128 on 1024 pixels or so, extrapolated. The
networks stand below, written in the manner of the field; --file names a file of one's own instead,
with a dictionary NETWORKS of functions that give a network, its bands and the edge of its window.
"""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from contest import timed
from spectile.mapping import NotShareableError, densify
from spectile.mapping.patches import PatchByPatch

Made = tuple[nn.Module, int, int]
WIDTH, BATCH, PATCHES, CLASSES = 145, 128, 1024, 16
FEW_SECONDS = 5
"""Up to so long a run is repeated, and the shorter one counts."""


class Residual(nn.Module):
    """The input plus two padded 3-D convolutions of it."""

    def __init__(self, channels: int, taps: tuple[int, int, int]) -> None:
        super().__init__()
        padding = tuple(size // 2 for size in taps)
        self.layers = nn.Sequential(
            *(nn.Conv3d(channels, channels, taps, padding=padding), nn.BatchNorm3d(channels)),
            *(nn.ReLU(), nn.Conv3d(channels, channels, taps, padding=padding)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Tokens(nn.Module):
    """A transformer over tokens (N, channels, h, w): places, or channels where `of_channels`."""

    def __init__(self, size: int, width: int, depth: int, *, of_channels: bool = False) -> None:
        super().__init__()
        self.of_channels = of_channels
        self.embed = nn.Linear(size, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2) if self.of_channels else x.flatten(2).transpose(1, 2)
        mixed: Tensor = self.layers(self.embed(tokens))
        return mixed.mean(1)


class Recurrent(nn.Module):
    """A GRU along the spectrum of a window's centre."""

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)
        self.fc = nn.Linear(bands * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        centre = x[:, :, x.shape[2] // 2, x.shape[3] // 2]
        logits: Tensor = self.fc(torch.tanh(self.gru(centre.unsqueeze(2))[0]).flatten(1))
        return logits


class Centre(nn.Module):
    """Features of the window's centre."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, x.shape[2] // 2, x.shape[3] // 2]


def late_padding() -> Made:
    """Spectral residuals, then padded spatial ones, as in SSRN."""
    spectral = [nn.Conv3d(1, 24, (7, 1, 1), stride=(2, 1, 1)), Residual(24, (7, 1, 1))]
    spatial = [nn.Conv3d(24, 24, (97, 3, 3)), nn.ReLU(), Residual(24, (1, 3, 3))]
    head = [nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, CLASSES)]
    return nn.Sequential(nn.Unflatten(1, (1, -1)), *spectral, *spatial, *head), 200, 9


def padded_to_the_centre() -> Made:
    """Padded layers of which the centre alone is read, as in Lee and Kwon (2016)."""
    layers: list[nn.Module] = []
    for channels in (200, 64, 64):
        layers += [nn.Conv2d(channels, 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, Centre(), nn.Linear(64, CLASSES)), 200, 9


def spectral_strides() -> Made:
    """3-D convolutions in turn with spectral strides, as in Hamida et al. (2018)."""
    stride, padding = (2, 1, 1), (1, 0, 0)
    layers = [
        *(nn.Conv3d(1, 20, 3), nn.ReLU(), nn.Conv3d(20, 20, (3, 1, 1), stride, padding)),
        *(nn.Conv3d(20, 35, 3, padding=padding), nn.ReLU()),
        *(nn.Conv3d(35, 35, (3, 1, 1), stride, padding), nn.ReLU()),
    ]
    head = [nn.Flatten(), nn.Linear(35 * 50, CLASSES)]
    return nn.Sequential(nn.Unflatten(1, (1, -1)), *layers, *head), 200, 5


def tokens_behind_a_trunk() -> Made:
    """Convolutions, then attention over the places of the window, as in SSFTT."""
    trunk = [nn.Conv3d(1, 8, 3), nn.ReLU(), nn.Flatten(1, 2), nn.Conv2d(224, 64, 3), nn.ReLU()]
    head = [Tokens(64, 64, 1), nn.Linear(64, CLASSES)]
    return nn.Sequential(nn.Unflatten(1, (1, -1)), *trunk, *head), 30, 13


def attention_over_bands() -> Made:
    """Attention over the bands of a pixel, as in SpectralFormer: nothing is shared."""
    network = nn.Sequential(Tokens(1, 64, 5, of_channels=True), nn.Linear(64, CLASSES))
    return network, 200, 1


def recurrent() -> Made:
    """A GRU over the spectrum, as in Mou et al. (2017)."""
    return Recurrent(200, 64), 200, 1


def spectral() -> Made:
    """1-D convolutions along the spectrum of a pixel."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, (1, 200))]
    for channels in (1, 32, 32):
        layers += [nn.Conv1d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(800, CLASSES)), 200, 1


def padded_from_the_start() -> Made:
    """Padded layers all the way and a mean over the window: nothing can be shared."""
    layers = [Residual(8, (3, 3, 3)), Residual(8, (3, 3, 3))]
    head = [nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, CLASSES)]
    first = nn.Conv3d(1, 8, 3, padding=1)
    return nn.Sequential(nn.Unflatten(1, (1, -1)), first, *layers, *head), 30, 9


NETWORKS: dict[str, Callable[[], Made]] = {
    "late padding": late_padding,
    "padded, read at the centre": padded_to_the_centre,
    "spectral strides": spectral_strides,
    "tokens behind a trunk": tokens_behind_a_trunk,
    "recurrent over bands": recurrent,
    "spectral, one pixel": spectral,
    "attention over bands": attention_over_bands,
    "padded from the start": padded_from_the_start,
}


def measure(name: str, made: Made, rows: int) -> str:
    """A row of the table; what is refused is shared all the same where that can be measured."""
    network, bands, edge = made
    network = network.eval().requires_grad_(False)
    scene = torch.randn(1, bands, rows + edge - 1, WIDTH + edge - 1)
    few = min(rows, -(-PATCHES // WIDTH))
    plain = PatchByPatch(network, (edge, edge), BATCH)
    patches, logits = shortest(lambda: plain(scene[:, :, : few + edge - 1]))
    patches *= rows / few
    try:
        dense = densify(network, (edge, edge), bands=bands)
    except NotShareableError as error:
        return f"| {name} | {bands}, {edge} x {edge} | {patches:.3g} s | {error.reason} | | | | |"
    seconds, ours = shortest(lambda: dense(scene))
    difference = float((ours[:, :, :few] - logits).abs().max())
    return (
        f"| {name} | {bands}, {edge} x {edge} | {patches:.3g} s | {seconds:.3g} s "
        f"| {patches / seconds:.3g} | {dense.plan.faster:.3g} | {dense.plan.speed_up:.3g} "
        f"| {difference:.0e} of {float(logits.abs().max()):.2g} |"
    )


def shortest(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """The seconds of the better of two runs, of one if it takes long."""
    with torch.inference_mode():
        seconds, result = timed(run)
        if seconds < FEW_SECONDS:
            seconds = min(seconds, timed(run)[0])
    return seconds, result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--quick", action="store_true", help="two rows of pixels")
    arguments = parser.parse_args()
    rows = 2 if arguments.quick else arguments.rows
    networks: Mapping[str, Callable[[], Made]] = NETWORKS
    if arguments.file:
        networks = runpy.run_path(str(arguments.file))["NETWORKS"]
    torch.set_num_threads(1)
    print(
        "| network | bands, window | patches of 128 | dense | ratio | expected "
        "| by multiply-adds | largest difference |\n|---|---|---|---|---|---|---|---|"
    )
    for name in arguments.only or networks:
        torch.manual_seed(0)
        print(measure(name, networks[name](), rows), flush=True)


if __name__ == "__main__":
    main()
