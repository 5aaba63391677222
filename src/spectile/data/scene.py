"""A multiband image that is read window by window."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from spectile.data.readers.scaling import Scaling
from spectile.errors import InputError

_GONE = "no such file|does not exist|permission denied|can't open|connection|timed out|resolve host"
"""What libraries say where a whole file can't be reached."""


class UnreadableError(InputError):
    """Pixels that the file should hold can't be read: it is damaged, or gone for the moment."""

    def __init__(self, source: str, window: Window, reason: str) -> None:
        """`reason` is what the library says, without a full stop."""
        advice = "the file is damaged or cut short, so fetch or export it again"
        if re.search(_GONE, reason, re.IGNORECASE):
            advice = "a file that it is made of is gone or closed, so put it back"
        super().__init__(
            f"{source} can't be read in {rows_and_columns(window)} ({reason}): {advice}."
        )
        self.source = source
        self.window = window
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableError], tuple[str, Window, str]]:
        return type(self), (self.source, self.window, self.reason)


class Reader(Protocol):
    """Reads pixels of one file."""

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of the pieces that the file is stored in.

        A part of a piece takes as long to read as the whole; (1, 1) where every pixel is free.
        """
        ...

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` (counted from 0) as (bands, height, width)."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True, eq=False)
class Scene:
    """A multiband image, read window by window; make one with :func:`open_scene`."""

    source: str
    """The path as the user gave it."""
    format: str
    """For people: "ENVI (BIL)", "GTiff", "MATLAB v7.3" ..."""
    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]
    wavelengths: NDArray[np.float64] | None = field(repr=False)
    """Centre of each band in nanometres, shape (bands,)."""
    fwhm: NDArray[np.float64] | None = field(repr=False)
    """Full width at half maximum of each band in nanometres, shape (bands,)."""
    good_bands: NDArray[np.bool_] = field(repr=False)
    """False where the file's own bad-band list excludes a band, shape (bands,)."""
    nodata: float | None
    """The stored number that means no data; None where bands differ in it."""
    crs: CRS | None
    transform: Affine | None
    reader: Reader = field(repr=False)
    notes: tuple[str, ...] = ()
    """What of the file's metadata was left out, and why, for people."""
    files: tuple[str, ...] = field(default=(), repr=False)
    """All that the image is made of, as GDAL names it; empty for an array in memory."""
    stored_dtype: np.dtype[Any] | None = None
    """What the file holds, where `dtype` is that of the values made of it."""
    scaling: Scaling | None = field(default=None, repr=False)
    """How values follow from the file's numbers; None where they are the numbers."""
    unscaled: Scene | None = field(default=None, repr=False)
    """The same scene without the scaling, for models that were fitted on stored numbers."""
    masked: bool = False
    """Whether a mask or an alpha band hides pixels."""
    gaps_are_nan: bool = field(default=False, repr=False)
    """Whether what is no data, by whatever mark, is read as NaN; `nodata` is a stored number."""
    band_names: tuple[str, ...] = field(default=(), repr=False)
    """What the file calls its bands, one name a band; empty where it doesn't."""
    acquired: str | None = None
    """When the image was taken, in the file's own words."""

    def __post_init__(self) -> None:
        if self.dtype.kind not in "iuf" or self.dtype.itemsize > 8:
            raise InputError(
                f"{self.source} holds {self.dtype} pixels: convert them to int16, uint16, "
                "float32 or another real number type of at most 64 bits."
            )
        if min(self.height, self.width, self.bands) < 1:
            raise InputError(
                f"{self.source} is empty ({self.height} rows, {self.width} columns, "
                f"{self.bands} bands): give a scene that holds pixels."
            )

    def read(
        self, window: Window | None = None, bands: Sequence[int] | None = None
    ) -> NDArray[Any]:
        """Pixels of `window` (default: all) in `bands` (from 0; default: all).

        Shape (bands, height, width); the window must lie inside the scene. The file's numbers in
        its own dtype, or where it names a scale, or masks pixels, values as floats, with NaN for
        what is no data. Raises UnreadableError where the file turns out to be damaged.
        """
        inside = self._inside(window)
        chosen = range(self.bands) if bands is None else [int(band) for band in bands]
        if any(not 0 <= band < self.bands for band in chosen):
            raise ValueError(f"bands {list(chosen)} go beyond the {self.bands} of {self.source}")
        try:
            return self.reader.read(inside, chosen)
        except MemoryError as error:
            size = inside.height * inside.width * len(chosen) * self.dtype.itemsize / 1e9
            raise InputError(
                f"{self.source}: {size:,.1f} GB asked for at once are more than the memory "
                "holds; read smaller windows or check that the file's size is right."
            ) from error
        except (OSError, RasterioError, RuntimeError, ValueError) as error:
            raise UnreadableError(self.source, inside, first_line(error)) from error

    def wavelengths_of(self, bands: Sequence[int]) -> NDArray[np.float64] | None:
        """Centres of `bands` (from 0) in nanometres; None where the file doesn't tell them."""
        return None if self.wavelengths is None else self.wavelengths[list(bands)]

    def valid(self, pixels: NDArray[Any]) -> NDArray[np.bool_]:
        """Which pixels hold data in every band: not nodata, NaN or infinite.

        `pixels` has shape (bands, ...) as :meth:`read` gave it; the result lacks the first axis.
        """
        pixels = np.asarray(pixels)
        valid = np.ones(pixels.shape[1:], dtype=np.bool_)
        missing = None if self.gaps_are_nan else as_stored(self.nodata, pixels.dtype)
        # Band by band: one mask of all bands at once would be as large as the pixels.
        for band in pixels:
            if pixels.dtype.kind == "f":
                valid &= np.isfinite(band)
            if missing is not None:
                valid &= band != missing
        return valid

    def view(self, other: Any = None, **options: Any) -> None:
        """Look at it in a notebook or in the browser; see :func:`spectile.view`."""
        # By its public name: what shows scenes stands on top of them.
        importlib.import_module("spectile").view(self, other, **options)

    def _inside(self, window: Window | None) -> Window:
        if window is None:
            return Window(0, 0, self.width, self.height)
        column, row = int(window.col_off), int(window.row_off)
        width, height = int(window.width), int(window.height)
        inside = Window(column, row, width, height)
        if (
            inside != window
            or min(column, row, width, height) < 0
            or column + width > self.width
            or row + height > self.height
        ):
            raise ValueError(
                f"{window} is no window of whole pixels inside {self.source} "
                f"({self.height} rows, {self.width} columns)"
            )
        return inside


def rows_and_columns(window: Window) -> str:
    """Where `window` lies, for people, who count from 1."""
    return (
        f"rows {window.row_off + 1} to {window.row_off + window.height}, "
        f"columns {window.col_off + 1} to {window.col_off + window.width}"
    )


def as_stored(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """`nodata` as a number of `dtype`; None where no pixel can be equal to it."""
    if nodata is None or not np.isfinite(nodata):
        return None  # NaN and the infinities are never data anyway
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            number = dtype.type(nodata)
        return number if np.isfinite(number) else None
    limits = np.iinfo(dtype)
    if nodata != int(nodata) or not limits.min <= nodata <= limits.max:
        return None
    return dtype.type(int(nodata))


def first_line(error: BaseException) -> str:
    """The first line of what the library says; rasterio keeps GDAL's own words in the cause."""
    text = str(error.__cause__ or error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
