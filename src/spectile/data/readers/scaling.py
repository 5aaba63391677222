"""From the numbers that a file stores to the values that they stand for, such as reflectances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectile.data.readers.header_fields import Tags, entries, plain_names, to_numbers


@dataclass(frozen=True, eq=False)
class Scaling:
    """Value = number x factor + offset, band by band."""

    factors: NDArray[np.float64]
    """Shape (bands,), none of them 0."""
    offsets: NDArray[np.float64]
    """Shape (bands,)."""

    def of_bands(self, bands: Sequence[int]) -> Scaling:
        """The scaling of some of the bands, counted from 0."""
        chosen = list(bands)
        return Scaling(self.factors[chosen], self.offsets[chosen])

    def __str__(self) -> str:
        """For people: "x 0.0001 - 0.1"; ranges where bands differ."""
        low, high = float(self.offsets.min()), float(self.offsets.max())
        shift = "" if low == high == 0 else f" {'-' if low < 0 else '+'} {abs(low):g}"
        if low != high:
            shift = f" + {low:g} to {high:g}"
        return f"x {_range(self.factors)}{shift}"


def make_scaling(
    factors: ArrayLike | None, offsets: ArrayLike | None, bands: int, what: str
) -> tuple[Scaling | None, tuple[str, ...]]:
    """The scaling of `bands` bands, and why it isn't used; None where it changes nothing.

    One number stands for all bands, None for 1 and 0. `what` is the file's own name for it.
    """
    lists = []
    for values, neutral in ((factors, 1.0), (offsets, 0.0)):
        array = np.asarray(neutral if values is None else values, dtype=np.float64).ravel()
        if array.size not in (1, bands):
            return None, (f"{what}: {array.size} entries for {bands} bands, so it isn't used",)
        lists.append(np.array(np.broadcast_to(array, (bands,))))
    scale, offset = lists
    if not np.isfinite([scale, offset]).all() or (scale == 0).any():
        return None, (f"{what}: a factor of 0 or no number, so it isn't used",)
    if (scale == 1).all() and (offset == 0).all():
        return None, ()
    return Scaling(scale, offset), ()


def scaling_of_fields(fields: Tags, bands: int) -> tuple[Scaling | None, tuple[str, ...]]:
    """What an ENVI header says: gains and offsets, else the factor of reflectances.

    value = number x gain + offset; reflectance = number / factor. Headers that give both mean
    radiances by the first and reflectances by the second; the first is used, and a note says so
    where they differ.
    """
    plain = plain_names(fields)
    lists, notes = {}, []
    for name in ("data gain values", "data offset values", "reflectance scale factor"):
        texts = entries(plain.get(name.replace(" ", "_"), ""))
        numbers = to_numbers(texts)
        if texts and numbers is None:
            notes.append(f"the {name} hold something that is no number, so they aren't used")
        elif numbers is not None:
            lists[name] = numbers
    gains, offsets, factor = (
        lists.get(name)
        for name in ("data gain values", "data offset values", "reflectance scale factor")
    )
    linear, refused = make_scaling(gains, offsets, bands, "the data gain and offset values")
    notes += refused
    reflectance = None
    if factor is not None:
        if (factor == 0).any():
            notes.append("the reflectance scale factor is 0, so it isn't used")
        else:
            reflectance, refused = make_scaling(
                1 / factor, None, bands, "the reflectance scale factor"
            )
            notes += refused
    if linear is None or reflectance is None:
        return linear or reflectance, tuple(notes)
    if not _alike(linear, reflectance):
        notes.append(
            f"the header gives data gain values ({linear}) and a reflectance scale factor "
            f"({reflectance}): the gains are used"
        )
    return linear, tuple(notes)


def scaling_of_attributes(
    attributes: Mapping[str, Any], bands: int
) -> tuple[Scaling | None, tuple[str, ...]]:
    """What CF's attributes scale_factor and add_offset say, and NEON's Scale_Factor, a divisor."""
    factors, offsets = _numbers(attributes, "scale_factor"), _numbers(attributes, "add_offset")
    if factors is None and offsets is None:
        divisor = _numbers(attributes, "Scale_Factor")
        if divisor is not None and (divisor != 0).all():
            return make_scaling(1 / divisor, None, bands, "Scale_Factor")
    return make_scaling(factors, offsets, bands, "scale_factor and add_offset")


def _numbers(attributes: Mapping[str, Any], name: str) -> NDArray[np.float64] | None:
    if name not in attributes:
        return None
    try:
        numbers = np.atleast_1d(np.asarray(attributes[name])).astype(np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.size else None


def _alike(one: Scaling, other: Scaling) -> bool:
    return bool(
        np.allclose(one.factors, other.factors, rtol=1e-6, atol=0)
        and np.allclose(one.offsets, other.offsets)
    )


def _range(values: NDArray[np.float64]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
