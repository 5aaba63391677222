"""The devices that a run is fitted on."""

from __future__ import annotations

from spectile.tasks.config import HardwareConfig
from spectile.training.fit import Hardware


def hardware_of(wanted: HardwareConfig) -> Hardware:
    """The devices that a configuration asks for."""
    return Hardware(wanted.accelerator, wanted.devices, wanted.precision)
