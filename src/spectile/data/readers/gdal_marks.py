"""What GDAL's metadata say of a raster's numbers: scale, no data, masks, names and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from spectile.data.readers.header_fields import ignored_values, names, plain_names
from spectile.data.readers.scaling import Scaling, make_scaling, scaling_of_fields
from spectile.data.wavelengths import named_tags

_SAMPLE = 64
"""Edge of the windows in which a band marked as alpha is looked at, in pixels."""
_DATES = (
    "acquisition_time",
    "acquisitiondatetime",
    "acquisition_date",
    "date_acquired",
    "sensing_time",
    "start_time",
    "time_coverage_start",
)


@dataclass(frozen=True)
class Marks:
    """How the numbers of some bands are to be taken."""

    scaling: Scaling | None
    nodata: tuple[float | None, ...]
    """Of each band."""
    notes: tuple[str, ...]


def marks_of_dataset(dataset: DatasetReader, bands: Sequence[int]) -> Marks:
    """Scale and nodata of `bands` (from 0).

    GDAL's scale and offset; where there are none, the fields of an ENVI header among the tags, of
    whole numbers alone: GDAL hands these fields on when it has applied the scale, too.
    """
    count = len(bands)
    # Each of these asks GDAL for all bands, of which there may be hundreds.
    scales, offsets, numbers = dataset.scales, dataset.offsets, dataset.nodatavals
    scaling, notes = make_scaling(
        [scales[band] for band in bands],
        [offsets[band] for band in bands],
        count,
        "GDAL's scale and offset",
    )
    nodata = tuple(None if (n := numbers[band]) is None else float(n) for band in bands)
    fields = named_tags(dataset, 0, "ENVI")
    if dataset.driver == "ENVI":
        given, refused = ignored_values(fields, count)
        # GDAL takes 0 for whatever it can't read, as in {-9999}.
        nodata = given or ((None,) * count if refused else nodata)
        found, more = scaling_of_fields(fields, count)
        return Marks(found or scaling, nodata, (*refused, *more))
    if scaling is None:
        found, more = scaling_of_fields({**named_tags(dataset, 0), **fields}, count)
        if found is not None and np.dtype(dataset.dtypes[bands[0]]).kind == "f":
            more += (f"its tags name a scale ({found}), which floats are taken to have already",)
            found = None
        scaling, notes = found, (*notes, *more)
        loose = named_tags(dataset, bands[0] + 1).get("scale_factor")
        if scaling is None and loose not in (None, "1", "1.0"):
            notes += (f"the tag scale_factor = {loose} isn't used: GDAL's own scale is 1",)
    return Marks(scaling, nodata, notes)


def has_mask(dataset: DatasetReader, bands: Sequence[int]) -> bool:
    """Whether a mask hides pixels of `bands` (from 0), other than a nodata number or alpha."""
    enums = dataset.mask_flag_enums
    flags = {frozenset(enums[band]) for band in bands}
    plain = (frozenset({MaskFlags.all_valid}), frozenset({MaskFlags.nodata}))
    return any(of_band not in plain and MaskFlags.alpha not in of_band for of_band in flags)


def alpha_band(dataset: DatasetReader) -> tuple[int | None, tuple[str, ...]]:
    """The band (from 0) that says which pixels are seen, and a note where one only claims to.

    GDAL marks the fourth of four 8-bit bands as alpha unless told otherwise, and more often that is
    the near infrared: then it holds values between transparent and opaque, or nothing.
    """
    marked = [i for i, kind in enumerate(dataset.colorinterp) if kind == ColorInterp.alpha]
    if not marked or dataset.count == 1:
        return None, ()
    band = marked[0]
    kind = np.dtype(dataset.dtypes[band])
    most = np.iinfo(kind).max if kind.kind in "iu" else 1
    try:
        sample = _sample(dataset, band)
    except (RasterioError, OSError):
        return band, ()  # the damage is told when the pixels are read
    if np.isin(sample, (0, most)).all() and sample.any():
        return band, ()
    held = "more than transparent and opaque" if sample.any() else "nothing"
    return None, (f"band {band + 1} is marked as alpha but holds {held}: taken for a band",)


def _sample(dataset: DatasetReader, band: int) -> NDArray[np.generic]:
    """Values of a band: all of a small image, else in a grid of windows."""
    if dataset.height * dataset.width <= (8 * _SAMPLE) ** 2:
        whole: NDArray[np.generic] = dataset.read(band + 1)
        return whole.ravel()
    rows, columns = (
        np.unique(np.linspace(0, max(0, side - _SAMPLE), 6).astype(int)).tolist()
        for side in (dataset.height, dataset.width)
    )
    return np.concatenate(
        [
            dataset.read(
                band + 1,
                window=Window(
                    column,
                    row,
                    min(_SAMPLE, dataset.width - column),
                    min(_SAMPLE, dataset.height - row),
                ),
            ).ravel()
            for row in rows
            for column in columns
        ]
    )


def band_names(dataset: DatasetReader, bands: Sequence[int]) -> tuple[str, ...]:
    """What the file calls `bands` (from 0); empty unless every one has a name."""
    listed = names(plain_names(named_tags(dataset, 0, "ENVI")).get("band_names", ""))
    if len(listed) == len(bands):
        return tuple(listed)
    try:
        descriptions = dataset.descriptions
    except UnicodeDecodeError:
        return ()
    described = [descriptions[band] for band in bands]
    return tuple(str(name).strip() for name in described) if all(described) else ()


def acquired(dataset: DatasetReader) -> str | None:
    """When the image was taken: the first of the tags in which files say so."""
    for domain in ("IMAGERY", "ENVI", None):
        tags = named_tags(dataset, 0, domain)
        found = next((tags[name] for name in _DATES if tags.get(name, "").strip()), None)
        if found:
            return found.strip("{} ")
    return None
