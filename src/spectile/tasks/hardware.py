"""What of the machine is used. Light: mapping needs it, and nothing of what fits networks."""

from __future__ import annotations

import os

import torch
from torch import nn

from spectile.errors import InputError


def use_threads(threads: int | None) -> None:
    """Compute with so many CPU threads; None leaves PyTorch's choice."""
    if threads is not None:
        torch.set_num_threads(threads)


def check_memory(network: nn.Module) -> None:
    """Raise InputError for a network that the machine can't train, however small its images are."""
    weights = sum(parameter.numel() for parameter in network.parameters())
    # A weight, its gradient and the two moments of an optimiser, in float32.
    needed, there = 16 * weights, _memory()
    if there is not None and needed > there:
        raise InputError(
            f"the network has {weights:,} weights, which take {needed / 1e9:,.0f} GB to train, and "
            f"this machine has {there / 1e9:,.0f}: choose a smaller one."
        )


def _memory() -> int | None:
    """Bytes of memory; None where the system doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def best_device(accelerator: str) -> str:
    """Where to map: the GPU if Lightning would fit there."""
    wanted = accelerator in ("auto", "gpu", "cuda")
    return "cuda" if wanted and torch.cuda.is_available() else "cpu"
