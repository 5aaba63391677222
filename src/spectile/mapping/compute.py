"""How the network is evaluated: values that travel together from the user to every worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from spectile.ranges import Gigabytes, check

Method = Literal["dense", "patches"]
"""How a window network is mapped."""
Precision = Literal["float32", "tf32", "bf16"]
"""float32: as trained. tf32 (GPUs) and bf16 are faster with fewer digits, and only when asked for:
three digits are right, and classes of nearly equal probability may change places."""


@dataclass(frozen=True)
class Compute:
    """How a network is evaluated; raises InputError for a value out of its range."""

    method: Method = "dense"
    precision: Precision = "float32"
    memory: float = 1.0
    """What a process may use, in GB, besides the program itself."""
    device: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        check("memory", self.memory, Gigabytes)
        check("method", self.method, Method)
        check("precision", self.precision, Precision)
