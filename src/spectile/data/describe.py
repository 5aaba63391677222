"""What a scene is, in numbers and words: what `spectile info` shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import array_bounds
from rasterio.windows import Window

from spectile.data.scene import Scene

_WINDOWS = 4
_WINDOW = 64
"""The sample: this many windows along each side of the scene, of this many pixels a side."""

_NAMES = 16
"""Bands whose names are all shown."""


def describe(scene: Scene) -> dict[str, Any]:
    """Everything there is to say about `scene`, ready for JSON; None where the file is silent.

    Bands are counted from 1, as in "3, 130-135"; ``extent`` is left, bottom, right, top and
    ``pixel_size`` width, height, both in ``crs_unit``. ``sample`` is what pixels tell, see
    :func:`describe_sample`. Raises InputError where these can't be read.
    """
    crs, transform = scene.crs, scene.transform
    stored = scene.dtype if scene.stored_dtype is None else scene.stored_dtype
    size = extent = None
    if transform is not None:
        size = [
            float(np.hypot(transform.a, transform.d)),
            float(np.hypot(transform.b, transform.e)),
        ]
        extent = [float(side) for side in array_bounds(scene.height, scene.width, transform)]
    return {
        "path": scene.source,
        "format": scene.format,
        "height": scene.height,
        "width": scene.width,
        "bands": scene.bands,
        "dtype": str(stored),
        "bytes": scene.height * scene.width * scene.bands * stored.itemsize,
        "scale": None if scene.scaling is None else _one_or_range(scene.scaling.factors),
        "offset": None if scene.scaling is None else _one_or_range(scene.scaling.offsets),
        "wavelengths_nm": _range(scene.wavelengths),
        "fwhm_nm": _range(scene.fwhm),
        "bad_bands": band_ranges(np.flatnonzero(~scene.good_bands)),
        "nodata": None if scene.nodata is None else _number(scene.nodata),
        "masked": "by a mask or an alpha band" if scene.masked else None,
        "band_names": _names(scene.band_names),
        "acquired": scene.acquired,
        "crs": None if crs is None else crs_name(crs),
        "crs_unit": None
        if crs is None
        else str(crs.units_factor[0]).lower().replace("meter", "metre"),
        "pixel_size": size,
        "extent": extent,
        "sample": describe_sample(scene),
        "notes": list(scene.notes),
    }


def describe_sample(scene: Scene) -> dict[str, Any]:
    """What a sample of the pixels tells: all of a small scene, else 16 windows spread over it.

    Whole windows instead of single pixels: of a large compressed scene only a few blocks have to
    be unpacked. ``valid_share``, ``minimum`` and ``maximum`` are of the bands that are good and
    not empty, in values where there is a scale; an empty band has no data in the sample, a
    constant one a single value.
    """
    sample = np.concatenate(
        [scene.read(window).reshape(scene.bands, -1) for window in _sample_windows(scene)], axis=1
    )
    limits = [_limits(band[scene.valid(band[None])]) for band in sample]
    empty = np.array([limit is None for limit in limits])
    constant = np.array([limit is not None and limit[0] == limit[1] for limit in limits])
    usable = np.flatnonzero(scene.good_bands & ~empty)
    known = [limit for band in usable if (limit := limits[band]) is not None]
    return {
        "pixels": sample.shape[1],
        "share_of_scene": sample.shape[1] / (scene.height * scene.width),
        "valid_share": float(scene.valid(sample[usable]).mean()) if known else 0.0,
        "minimum": min(low for low, _ in known) if known else None,
        "maximum": max(high for _, high in known) if known else None,
        "empty_bands": band_ranges(np.flatnonzero(empty)),
        "constant_bands": band_ranges(np.flatnonzero(constant)),
    }


def band_ranges(bands: Sequence[int] | NDArray[np.intp]) -> str:
    """Ascending bands (from 0) as people write them, counted from 1: "3, 130-135"."""
    numbers = np.asarray(bands, dtype=np.intp) + 1
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs if len(run)
    )


def crs_name(crs: CRS) -> str:
    """For instance "WGS 84 / UTM zone 33N (EPSG:32633)"."""
    authority = crs.to_authority()
    # A file's own words for a known system may lack its name: ENVI's come as "unnamed".
    known = CRS.from_authority(*authority) if authority else crs
    named = re.search(r'"([^"]*)"', known.to_wkt())
    name = named.group(1) if named else "unnamed"
    return f"{name} ({':'.join(authority)})" if authority else name


def _sample_windows(scene: Scene) -> Iterator[Window]:
    for row, height in _spread(scene.height):
        for column, width in _spread(scene.width):
            yield Window(column, row, width, height)


def _spread(length: int) -> list[tuple[int, int]]:
    """Start and length of the sample's windows along one side of the scene."""
    starts = list(range(0, length, _WINDOW))
    if len(starts) > _WINDOWS:
        starts = [round(part * (length - _WINDOW)) for part in np.linspace(0, 1, _WINDOWS)]
    return [(start, min(_WINDOW, length - start)) for start in starts]


def _limits(values: NDArray[Any]) -> tuple[float, float] | None:
    return (float(values.min()), float(values.max())) if values.size else None


def _range(values: NDArray[np.float64] | None) -> list[float] | None:
    return None if values is None else [float(np.nanmin(values)), float(np.nanmax(values))]


def _one_or_range(values: NDArray[np.float64]) -> float | list[float]:
    low, high = float(values.min()), float(values.max())
    return low if low == high else [low, high]


def _names(names: Sequence[str]) -> list[str]:
    """Names for a screen: of many bands the first and the last."""
    return list(names) if len(names) <= _NAMES else [*names[:2], "...", names[-1]]


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity; these go as words."""
    return value if np.isfinite(value) else str(value)
