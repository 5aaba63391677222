"""The fastest product of matrices that the machine has, in the libraries that PyTorch brings.

    python benchmarks/rates.py

No library is the fastest on every processor: MKL on AMD's runs at half of oneDNN's rate, on Intel's
both are level. A floor is computed from whichever is faster here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from contest import timed
from spectile.compat.torch import packed, packed_product

SHAPES = {"2048 x 2048 by 2048": (2048, 2048, 2048), "600 x 1088 by 256": (600, 1088, 256)}
"""Rows, depth and columns: a large product, and one of hybridsn-se's where windows are gated."""
TURNS = 12


def products(dtype: torch.dtype, shape: tuple[int, int, int]) -> dict[str, Callable[[], Tensor]]:
    """The ways to multiply, by the name of the library."""
    rows, depth, columns = shape
    x, matrix = torch.randn(rows, depth).to(dtype), torch.randn(columns, depth).to(dtype)
    transposed, out = matrix.t().contiguous(), torch.empty(rows, columns, dtype=dtype)
    ways: dict[str, Callable[[], Tensor]] = {
        "torch.mm": partial(torch.mm, x, transposed, out=out),
    }
    inner = packed(matrix)
    if inner is not None:
        ways["oneDNN, packed"] = partial(packed_product, x, inner)
    return ways


def rates(dtype: torch.dtype) -> dict[str, dict[str, float]]:
    """Multiply-adds a second of each way, for each shape: the best of some turns."""
    found = {}
    for name, shape in SHAPES.items():
        ways = products(dtype, shape)
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(TURNS):
            for way, run in ways.items():
                best[way] = min(best[way], timed(run)[0])
        work = shape[0] * shape[1] * shape[2]
        found[name] = {way: work / seconds for way, seconds in best.items()}
    return found


def fastest(dtype: torch.dtype) -> float:
    """Multiply-adds a second of the fastest way of all."""
    return max(rate for ways in rates(dtype).values() for rate in ways.values())


def main() -> None:
    print("| type | product | library | multiply-adds a second |\n|---|---|---|---|")
    for dtype in (torch.float32, torch.bfloat16):
        for shape, ways in rates(dtype).items():
            for way, rate in ways.items():
                print(f"| {str(dtype)[6:]} | {shape} | {way} | {rate / 1e9:.0f} G |")


if __name__ == "__main__":
    main()
