"""Texts and lists in the fields of ENVI headers, which GDAL keeps as tags of any file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tags = Mapping[str, str | Sequence[str]]

_LISTS = {
    "fwhm": re.compile(r"fwhm|full_?width|bandwidth", re.IGNORECASE),
    "bbl": re.compile(r"^bbl$|good_?(bands|wavelengths)", re.IGNORECASE),
    "wavelength": re.compile(
        r"wave_?length|^wave$|wvl|^wls?$|lambda|center_?wave|list_cw|^cw", re.IGNORECASE
    ),
}
_LONGEST = 100_000
"""Bands that no sensor has."""
_NO_VALUE = {"", "none", "null", "no", "n/a", "na", "undefined", "unset"}


def plain_names(fields: Tags) -> dict[str, str | Sequence[str]]:
    """Fields by name in lower case with underscores: ENVI writes spaces, GDAL underscores."""
    return {re.sub(r"[\s_]+", "_", name.strip().lower()): text for name, text in fields.items()}


def entries(text: str | Sequence[str]) -> list[str]:
    """The entries of `{1, 2, 3}`, or of a list that a library has split already."""
    if not isinstance(text, str):
        return [entry.strip() for entry in text if entry.strip()]
    return re.findall(r"[^\s,{}\"']+", re.sub(r";[^\n]*\n", "\n", text))


def to_numbers(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """The entries as numbers; None where one is none, or not finite, or there are none."""
    values = _floats(texts)
    return values if values is not None and np.isfinite(values).all() else None


def names(text: str | Sequence[str]) -> list[str]:
    """The entries of a list of names, ``{ Blue, Green, NIR 1 }``, which may hold blanks."""
    if not isinstance(text, str):
        return [entry.strip() for entry in text]
    inner = re.sub(r"^\s*\{|\}\s*$", "", text)
    return [" ".join(entry.split()) for entry in inner.split(",")] if inner.strip() else []


def ignored_values(
    fields: Tags, bands: int
) -> tuple[tuple[float | None, ...] | None, tuple[str, ...]]:
    """The `data ignore value` of each band, and why it isn't used; None where none is given.

    It comes as -9999, {-9999}, "nan", a list of one a band, or a word for none.
    """
    text = plain_names(fields).get("data_ignore_value")
    if text is None:
        return None, ()
    texts = entries(text)
    if all(entry.lower() in _NO_VALUE for entry in texts):
        return (None,) * bands, ()
    values = _floats(texts)
    if values is None or len(values) not in (1, bands):
        said = " ".join(texts)[:40]
        return None, (f"the data ignore value {said!r} is no number, so it isn't used",)
    return tuple(float(value) for value in np.broadcast_to(values, bands)), ()


def field_of(name: str) -> str | None:
    """The field of an ENVI header that says what a list called `name` does along the bands."""
    return next((f for f, pattern in _LISTS.items() if pattern.search(name)), None)


def lists_along_bands(
    lengths: Mapping[str, int], load: Callable[[str], NDArray[Any]]
) -> dict[str, list[NDArray[np.float64]]]:
    """The lists in a file that are named as wavelengths, band widths or bad-band lists are.

    By the field of an ENVI header; `lengths` are those of the file's lists by name.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for name, length in lengths.items():
        field = field_of(re.split(r"[/.]", name)[-1])
        if field is not None and length <= _LONGEST:
            found.setdefault(field, []).append(np.asarray(load(name), np.float64).ravel())
    return found


def _floats(texts: Sequence[str]) -> NDArray[np.float64] | None:
    if not texts:
        return None
    try:
        # Fortran writes 1.0d+34.
        return np.array([float(re.sub("(?<=[0-9.])[dD](?=[+-]?[0-9])", "e", t)) for t in texts])
    except ValueError:
        return None
