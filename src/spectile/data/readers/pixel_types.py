"""The number types that decoded images come in, and how missing pixels are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT = ("uint8", "uint16", "int16", "float32")
"""Types that stay as they are; of the others each goes to the smallest that holds it best."""

WIDENED = {"bool": "uint8", "int8": "int16"}


def as_pixels(stored: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """`stored` (bands, H, W) as uint8, uint16, int16 or float32, C-contiguous, native order.

    Where `missing`, which broadcasts to the same shape, is True, and for NaN and infinities, the
    pixels become NaN, in float32. Integers of 32 bits and more become float32. Raises ValueError
    for complex numbers and what isn't a number.
    """
    if stored.dtype.kind not in "buif":
        raise ValueError(f"{stored.dtype} pixels aren't real numbers")
    gaps = missing is not None and bool(missing.any())
    name = stored.dtype.newbyteorder("=").name
    kind = np.dtype("float32" if gaps else name if name in KEPT else WIDENED.get(name, "float32"))
    with np.errstate(over="ignore"):
        # Pillow hands out its own memory, read-only, which PyTorch takes under protest.
        copy = None if stored.flags.writeable else True
        pixels = np.array(stored, dtype=kind, order="C", copy=copy)
    if kind.kind != "f":
        return pixels
    broken = ~np.isfinite(pixels)
    if missing is not None:
        broken |= missing
    if broken.any():
        pixels = pixels.copy() if np.may_share_memory(pixels, stored) else pixels
        pixels[broken] = np.nan
    return pixels


def stored_type(pixels: NDArray[Any]) -> str | None:
    """What pixels (bands, H, W) of :func:`as_pixels` were stored in; None where gaps hide it.

    Gaps turn whole numbers into float32, and these numbers don't tell how many bits they had.
    """
    if pixels.dtype.kind != "f":
        return str(pixels.dtype.name)
    known = pixels[np.isfinite(pixels)]
    if known.size < pixels.size and bool((known == np.rint(known)).all()):
        return None
    return str(pixels.dtype.name)


def note_on_types(names: Sequence[str], types: Sequence[str | None]) -> tuple[str, ...]:
    """A note where images of one set were stored in different number types."""
    first: dict[str, str] = {}
    for name, kind in zip(names, types, strict=True):
        if kind is not None:
            first.setdefault(kind, name)
    if len(first) < 2:
        return ()
    told = " and ".join(
        f"{kind} ({list(types).count(kind)} images, the first is {name})"
        for kind, name in first.items()
    )
    return (
        f"The images mix {told}, whose numbers mean different brightness: bring them to one type "
        "unless they are of one scale.",
    )
