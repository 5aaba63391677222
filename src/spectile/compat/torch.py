"""Of PyTorch: base classes without a public name, oneDNN's products, what operations say of them.

All of it is in PyTorch 2.13, which the tests run with; what older ones may lack says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

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
    """Whether the CPU multiplies matrices of bf16 faster than such of float32.

    Those with units for it (AMX) do, eight times, and AMD's by AVX-512, twice; by AVX-512 Intel's
    take twice as long.
    """
    # Where a version can't tell, nothing is known.
    if getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        return True
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16")) and "AMD" in str(known.get("cpu_name"))


def packed(weight: Tensor) -> Tensor | None:
    """A matrix (O, K) in the order of oneDNN's own, for :func:`packed_product`.

    None where oneDNN can't: on other devices, of other types, or if PyTorch was built without it.
    """
    # PyTorch gives products of float32 to MKL, which runs at half of oneDNN's rate and less on
    # processors that aren't Intel's; on those that are, both are as fast.
    here = weight.device.type == "cpu" and torch._C._has_mkldnn
    if not here or weight.dtype not in (torch.float32, torch.bfloat16):
        return None
    reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    return None if reorder is None else reorder(weight.contiguous())


def packed_product(
    rows: Tensor, weight: Tensor, *, bias: Tensor | None = None, total: Tensor | None = None
) -> Tensor:
    """The rows (M, K) times a `packed` matrix (O, K), plus a bias (O,) and a total (M, O)."""
    multiply = torch.ops.mkldnn._linear_pointwise
    if total is None:
        return cast(Tensor, multiply(rows, weight, bias, "none", [], ""))
    return cast(Tensor, multiply.binary(rows, total, weight, bias, "add"))


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
