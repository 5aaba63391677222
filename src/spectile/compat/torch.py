"""Of PyTorch: base classes without a public name, and what operations say of themselves.

All of it is in PyTorch 2.13, which the tests run with; what older ones may lack says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves as tree_leaves

# tree_leaves gives the tensors and numbers in nested arguments, as operations are given them.

AnyConvolution = _ConvNd
"""The base of all convolutions, of any number of axes, transposed ones too."""
AnyBatchNorm = _BatchNorm
"""The base of all batch normalisations, synchronised ones too."""


class DispatchMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every ATen operation in its ``with`` block, in ``__torch_dispatch__``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and only to keep it so PyTorch would import its compiler: 0.8 s.
        # Versions without this hook don't.
        return False


def is_recording() -> bool:
    """Whether ``torch.jit.trace`` records what happens."""
    return bool(torch._C._get_tracing_state())


def multiplies_bf16() -> bool:
    """Whether the CPU has units for matrices of bf16 (AMX)."""
    # Where a version can't tell, nothing is known.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def storage_number(storage: torch.UntypedStorage) -> int:
    """What tells one storage from all others alive; on any device, and of empty ones too."""
    return int(storage._cdata)


def lerp_all(averaged: list[Tensor], current: list[Tensor], weight: float) -> None:
    """Move every one of the averaged tensors by `weight` towards its current one, in one kernel."""
    torch._foreach_lerp_(averaged, current, weight)


@contextmanager
def without_onednn() -> Iterator[None]:
    """CPU kernels without oneDNN, which does whole LSTMs as one operation."""
    # torch.backends.mkldnn.flags would touch settings of Intel's GPUs, and warn.
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


def is_mutable(operation: Any) -> bool:
    """Whether an ATen operation writes into one of its arguments."""
    return bool(operation._schema.is_mutable)


def argument_names(operation: Any) -> list[str]:
    """What an ATen operation calls its arguments, in order."""
    return [argument.name for argument in operation._schema.arguments]


def same_overload(packet: Any, operation: Any) -> Any:
    """The overload of another ATen operation with the arguments of this one; None without one."""
    return getattr(packet, operation._overloadname, None)
