"""Spectra that are looked at: those pinned by a click, and what spectra of a class are like."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.scene import Scene, UnreadableError
from spectile.viewing.layers import ClassLayer

GAP = 3.0
"""Bands farther apart than so many times the usual distance have others missing between them."""
PER_CLASS = 200
"""Pixels of a class that its mean and spread are of at most."""
SPREAD = (10, 90)
"""Percentiles that the spread of a class lies between."""
_WINDOWS = 64
"""Squares that are read of a scene too large to be read whole, and their edge in pixels."""
_EDGE = 16
_WHOLE = 128 << 20
"""Bytes of a scene that is read whole."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The order in which bands are drawn, and where the line is broken."""

    x: NDArray[np.float64]
    """Wavelengths in nanometres, or the bands' numbers from 1, rising; (points,)."""
    bands: NDArray[np.intp]
    """The band (from 0) of each point; -1 for a gap."""
    unit: str

    def along(self, spectrum: NDArray[np.floating]) -> NDArray[np.float64]:
        """The values of a spectrum (bands, ...) along the axis, NaN in the gaps."""
        values = np.full((len(self.bands), *spectrum.shape[1:]), np.nan)
        told = self.bands >= 0
        values[told] = spectrum[self.bands[told]]
        return values


def axis_of(scene: Scene) -> Axis:
    """The axis of a scene's spectra: bad bands, and stretches that no band covers, are gaps."""
    known = scene.wavelengths is not None
    x = scene.wavelengths if known else np.arange(1.0, scene.bands + 1)
    assert x is not None
    order = np.argsort(x, kind="stable")
    good = order[scene.good_bands[order]]
    points: list[float] = []
    bands: list[int] = []
    usual = float(np.median(np.diff(x[good]))) if len(good) > 1 else 1.0
    bad = np.sort(x[~scene.good_bands])
    for before, band in zip([None, *good[:-1].tolist()], good.tolist(), strict=True):
        if before is not None:
            between = np.any((bad > x[before]) & (bad < x[band]))
            # Where detectors overlap, bands lie close: only a wide step counts.
            wide = usual > 0 and known and x[band] - x[before] > GAP * max(usual, 1e-9)
            if between or (wide and len(good) > 20):
                points.append((x[before] + x[band]) / 2)
                bands.append(-1)
        points.append(float(x[band]))
        bands.append(band)
    unit = "wavelength in nm" if known else "band"
    return Axis(np.array(points), np.array(bands, np.intp), unit)


@dataclass(frozen=True, eq=False)
class Pin:
    """A pixel whose spectrum is kept."""

    number: int
    """As shown in the picture, from 1."""
    row: int
    column: int
    spectrum: NDArray[np.float64] = field(repr=False)
    """(bands,), NaN without data."""
    name: str | None
    """Of its class in the map, or else of its label."""


def read_spectrum(scene: Scene, row: int, column: int) -> NDArray[np.float64]:
    """The values (bands,) of one pixel as the scene gives them, NaN where a band has no data."""
    pixel = scene.read(Window(column, row, 1, 1))[:, :, 0]
    values: NDArray[np.float64] = pixel[:, 0].astype(np.float64)
    valid = np.array([bool(scene.valid(band[None])[0]) for band in pixel])
    values[~valid] = np.nan
    return values


def spectra_as_csv(scene: Scene, pins: Sequence[Pin], places: Sequence[str]) -> str:
    """Pinned spectra as a table: a row a band, a column a pixel, in the file's own values.

    `places` says where each pin lies, for the head of its column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [f"{pin.number}: {place}" for pin, place in zip(pins, places, strict=True)]
    writer.writerow(["band", "wavelength_nm", "good", *heads])
    for band in range(scene.bands):
        wavelength = "" if scene.wavelengths is None else f"{scene.wavelengths[band]:.10g}"
        values = [
            "" if np.isnan(pin.spectrum[band]) else f"{pin.spectrum[band]:.10g}" for pin in pins
        ]
        writer.writerow([band + 1, wavelength, int(scene.good_bands[band]), *values])
    return text.getvalue()


@dataclass(frozen=True, eq=False)
class ClassSpectra:
    """What spectra of a class are like."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """(bands,) each; the latter two are the 10th and the 90th percentile."""
    pixels: int


def class_spectra(scene: Scene, classes: ClassLayer) -> dict[str, ClassSpectra]:
    """By their names, the spectra of classes that `classes` says, at most 200 pixels each.

    Of a large scene only some squares are read, spread over it.
    """
    found: dict[int, list[NDArray[np.float64]]] = {}
    rng = np.random.default_rng(0)
    for window in _windows(scene):
        values = classes.thinned.raster.read(window)[0]
        if not values.any():
            continue
        try:
            pixels = scene.read(window)
        except UnreadableError:
            continue
        valid = scene.valid(pixels[scene.good_bands])
        for value in np.unique(values[valid & (values != 0)]).tolist():
            spectra = pixels[:, valid & (values == value)].T
            if len(spectra) > PER_CLASS:
                spectra = spectra[rng.choice(len(spectra), PER_CLASS, replace=False)]
            found.setdefault(value, []).append(spectra.astype(np.float64))
    summed = {}
    for category in classes.categories:
        if category.value not in found:
            continue
        spectra = np.concatenate(found[category.value])
        if len(spectra) > PER_CLASS:
            spectra = spectra[rng.choice(len(spectra), PER_CLASS, replace=False)]
        low, high = np.percentile(spectra, SPREAD, axis=0)
        summed[category.name] = ClassSpectra(spectra.mean(axis=0), low, high, len(spectra))
    return summed


def _windows(scene: Scene) -> list[Window]:
    row_bytes = scene.width * scene.bands * scene.dtype.itemsize
    if scene.height * row_bytes <= _WHOLE:
        rows = max(1, (16 << 20) // row_bytes)
        return [
            Window(0, row, scene.width, min(rows, scene.height - row))
            for row in range(0, scene.height, rows)
        ]
    side = round(_WINDOWS**0.5)
    height, width = min(_EDGE, scene.height), min(_EDGE, scene.width)
    return [
        Window(
            int((i + 0.5) / side * (scene.width - width)),
            int((j + 0.5) / side * (scene.height - height)),
            width,
            height,
        )
        for j in range(side)
        for i in range(side)
    ]
