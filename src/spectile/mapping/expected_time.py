"""How long a scene will take patch by patch, measured before it is begun."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from spectile.mapping.dense import NotShareableError, densify
from spectile.mapping.dense.recording import evaluation_mode
from spectile.mapping.patches import BATCH
from spectile.networks.own.fitting import first_weight

BATCHES = 5
"""Timed, after one that isn't: the first makes room for what the others find ready."""


def notice_of_patches(
    network: nn.Module,
    name: str,
    *,
    bands: int,
    window: int,
    height: int,
    width: int,
    device: str | torch.device = "cpu",
) -> str | None:
    """What to tell before a scene is mapped by a network that can't be shared, or None if it can.

    The network called `name` is tried, and where it has to be mapped patch by patch it is timed on
    a few batches. Its weights may be those before training.
    """
    try:
        densify(network, (window, window), bands=bands)
    except NotShareableError as error:
        sizes = {"bands": bands, "window": window, "pixels": height * width}
        seconds = seconds_patch_by_patch(network, **sizes, device=device)
        return expected_time(name, error.reason, height, width, seconds)
    return None


def seconds_patch_by_patch(
    network: nn.Module,
    *,
    bands: int,
    window: int,
    pixels: int,
    device: str | torch.device = "cpu",
    batch: int = BATCH,
) -> float:
    """About how many seconds the network takes for so many pixels, each in a window of its own.

    `network` is taken to `device`, run there on a few batches of random windows
    (batch, bands, window, window), and taken back; reading and writing come on top.
    """
    device = torch.device(device)
    weight = first_weight(network)
    before, network = weight.device, network.to(device)
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(batch, bands, window, window, generator=generator)
    windows = windows.to(device, weight.dtype)
    seconds = []
    with evaluation_mode(network), torch.inference_mode():
        for _ in range(1 + BATCHES):
            start = time.perf_counter()
            network(windows)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - start)
    network.to(before)
    return statistics.median(seconds[1:]) * pixels / batch


def expected_time(name: str, reason: str, height: int, width: int, seconds: float) -> str:
    """The sentence that tells it of the network called `name`, which can't be shared for a reason.

    `reason` is as :class:`~spectile.mapping.dense.NotShareableError` has it.
    """
    return (
        f"{name} can't be mapped densely ({reason}): its map of {height} x {width} pixels will "
        f"take about {rounded(seconds)} patch by patch."
    )


def rounded(seconds: float) -> str:
    """Seconds, minutes or hours with as many digits as a few batches can tell."""
    if seconds < 1.5:
        return "a second"
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return (
                f"{seconds / size:.2g} {unit}"
                if seconds < 100 * size
                else (f"{round(seconds / size):,} {unit}")
            )
    return f"{seconds:.0f} s" if seconds < 10 else f"{round(seconds, -1):.0f} s"
