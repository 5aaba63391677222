"""Which axis of an array with three of them holds the bands, and which are rows and columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from spectile.errors import InputError

Shape = tuple[int, ...]
Axes = tuple[int, int, int]
"""The places of bands, rows and columns among the axes of an array."""

BANDS_LAST: Axes = (2, 0, 1)
"""Of rows, columns, bands, as MATLAB users have it."""
BANDS_FIRST: Axes = (0, 1, 2)
"""Of bands, rows, columns."""

SPATIAL_NAMES = (
    ("y", "x"),
    ("lat", "lon"),
    ("latitude", "longitude"),
    ("northing", "easting"),
    ("row", "col"),
    ("row", "column"),
    ("rows", "cols"),
    ("rows", "columns"),
    ("line", "sample"),
    ("lines", "samples"),
    ("downtrack", "crosstrack"),
    ("along_track", "across_track"),
    ("number_of_lines", "pixels_per_line"),
    ("height", "width"),
)
"""What the dimensions of rows and columns are called, in lower case."""
_BAND_NAMES = {
    "band", "bands", "wavelength", "wavelengths", "wl", "lambda", "spectral", "spectral_bands",
    "channel", "channels", "wavelength_3d", "n_bands", "nbands", "spectral_band", "b", "feature",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What a file says of an array's axes, and what is known beside it."""

    names: Sequence[str] = ()
    """Of the axes, if they have any."""
    lists: Collection[int] = ()
    """Lengths of the lists of wavelengths in the file."""
    bands_last: bool | None = None
    """What the user says."""
    bands: int | None = None
    """How many bands there are, where a model says so."""


def find_axes(source: str, shape: Shape, words: Words, *, usual: Axes | None) -> tuple[Axes, str]:
    """The axes of an array, and a note on what they were told by, or empty.

    The names of the dimensions decide, then the length of a list of wavelengths, then the user,
    then the bands of a model. Where nothing does, `usual` is taken for what a format mostly holds,
    unless the shape speaks for the bands first. Raises InputError that names both readings where
    two are left.
    """
    told = by_names(words.names)
    if told is None and len(by_length := _axes_of_length(shape, words.lists)) == 1:
        told = _with_bands_at(by_length[0])
    if told is not None:
        wished = {True: BANDS_LAST, False: BANDS_FIRST, None: told}[words.bands_last]
        return told, "" if wished == told else (
            f"the file itself says that its axis {told[0] + 1} holds the bands, which is followed"
        )
    if words.bands_last is not None:
        return (BANDS_LAST if words.bands_last else BANDS_FIRST), ""
    if words.bands is not None:
        fitting = _axes_of_length(shape, (words.bands,))
        if len(fitting) == 1:
            return _with_bands_at(fitting[0]), ""
    first, second, third = shape
    # Rows and columns alike, or a few bands before them.
    speaks_for_first = second == third != first or 2 * first <= min(second, third)
    if usual is None or (usual == BANDS_LAST and speaks_for_first):
        raise InputError(
            f"{source} is an array of {first} x {second} x {third} that doesn't say which axis "
            f"holds the bands: give --bands-first (bands_last=False) for {first} bands of {second} "
            f"x {third} pixels, or --bands-last (bands_last=True) for {third} bands of {first} x "
            f"{second} pixels."
        )
    return usual, "nothing says which axis holds the bands: the last one is taken (--bands-last)"


def by_names(names: Sequence[str]) -> Axes | None:
    """The axes by the names of the dimensions; None where these don't tell."""
    lower = [name.rsplit("/", 1)[-1].strip().lower() for name in names]
    if len(lower) != 3 or len(set(lower)) != 3:
        return None
    for row, column in SPATIAL_NAMES:
        if row in lower and column in lower:
            rows, columns = lower.index(row), lower.index(column)
            return 3 - rows - columns, rows, columns
    bands = [axis for axis, name in enumerate(lower) if name in _BAND_NAMES]
    return _with_bands_at(bands[0]) if len(bands) == 1 else None


def _axes_of_length(shape: Shape, lengths: Collection[int]) -> list[int]:
    return [axis for axis, length in enumerate(shape) if length in lengths]


def _with_bands_at(axis: int) -> Axes:
    """Rows come before columns, wherever the bands are."""
    rows, columns = (other for other in range(3) if other != axis)
    return axis, rows, columns
