"""What of the machine a run uses."""

from __future__ import annotations

import torch

from spectile.learning.fit import Hardware
from spectile.runs.config import HardwareConfig


def use_threads(threads: int | None) -> None:
    """Compute with so many CPU threads; None leaves PyTorch's choice."""
    if threads is not None:
        torch.set_num_threads(threads)


def best_device(accelerator: str) -> str:
    """Where to map: the GPU if Lightning would fit there."""
    wanted = accelerator in ("auto", "gpu", "cuda")
    return "cuda" if wanted and torch.cuda.is_available() else "cpu"


def hardware_of(wanted: HardwareConfig) -> Hardware:
    """The devices that a configuration asks for."""
    return Hardware(wanted.accelerator, wanted.devices, wanted.precision)
