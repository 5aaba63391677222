"""ENVI scenes: a text header beside raw pixels in band, line or pixel order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from spectile.errors import InputError
from spectile.scenes.gdal_raster import georeference, nodata_of_dataset, scene_of_dataset
from spectile.scenes.mapped import MappedReader
from spectile.scenes.scene import Scene
from spectile.scenes.wavelengths import Spectrum, Tags, spectrum_of_dataset, spectrum_of_header

_INTERLEAVES = {"BAND": "BSQ", "LINE": "BIL", "PIXEL": "BIP"}
"""ENVI's words by GDAL's."""
_AXES = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (2, 0, 1)}
"""Which axes of the stored array are bands, rows and columns."""


@dataclass(frozen=True)
class _Layout:
    """How the pixels lie in the data file."""

    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]
    interleave: str
    offset: int

    @property
    def shape(self) -> tuple[int, int, int]:
        bands, rows, columns = _AXES[self.interleave]
        stored = {bands: self.bands, rows: self.height, columns: self.width}
        return stored[0], stored[1], stored[2]

    @property
    def size(self) -> int:
        """Bytes that the data file must have."""
        return self.offset + self.height * self.width * self.bands * self.dtype.itemsize


def scene_of_envi_dataset(dataset: DatasetReader, source: str) -> Scene:
    """A scene of what GDAL's ENVI driver opened.

    The pixels are read through a memory map: a window of all bands takes a fifth (BIP) to a
    thirtieth (BIL) of the time that GDAL takes line by line and band by band, once the system
    has the file in memory. Straight from disk, GDAL is up to five times faster for lone windows
    of BSQ and BIP, and a pass over the whole scene takes about as long as reading the file.
    """
    header = next((Path(name) for name in dataset.files if name.lower().endswith(".hdr")), None)
    if header is None or not header.is_file():
        return scene_of_dataset(dataset, source)  # in an archive or on a server
    fields = _fields(header)
    if _whole_number(fields, "file compression", source) != 0:
        return scene_of_dataset(dataset, source)
    big_endian = _whole_number(fields, "byte order", source) == 1
    with dataset:
        layout = _Layout(
            height=dataset.height,
            width=dataset.width,
            bands=dataset.count,
            dtype=np.dtype(dataset.dtypes[0]).newbyteorder(">" if big_endian else "<"),
            interleave=_INTERLEAVES[dataset.interleaving.name.upper()],
            offset=_whole_number(fields, "header offset", source),
        )
        _check_layout(source, Path(dataset.name), fields, layout)
        crs, transform = georeference(dataset)
        return _scene(
            source,
            Path(dataset.name),
            layout,
            spectrum_of_dataset(dataset),
            nodata=nodata_of_dataset(dataset, source),
            crs=crs,
            transform=transform,
            files=tuple(dataset.files),
        )


def open_through_spectral(data: Path, header: Path, source: str) -> Scene:
    """A scene whose header GDAL refuses, as the `spectral` package understands it."""
    from spectral.io import envi
    from spectral.utilities.errors import SpyException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # upper-case field names, which we take as well
            fields = envi.read_envi_header(str(header))
            envi.check_compatibility(fields)
            found = envi.gen_params(fields)
        layout = _Layout(
            height=found.nrows,
            width=found.ncols,
            bands=found.nbands,
            dtype=np.dtype(found.dtype),
            interleave=str(fields["interleave"]).strip().upper(),
            offset=found.offset,
        )
        ignored = fields.get("data ignore value")
        nodata = None if ignored is None else float(str(ignored))
    except (SpyException, OSError, KeyError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{header} can't be understood ({reason}): mend the header or export the scene again."
        ) from error
    _check_layout(source, data, fields, layout)
    spectrum = spectrum_of_header(fields, layout.bands)
    return _scene(
        *(source, data, layout, spectrum),
        nodata=nodata,
        crs=None,
        transform=None,
        files=(str(data), str(header)),
    )


def _scene(
    source: str,
    data: Path,
    layout: _Layout,
    spectrum: Spectrum,
    *,
    nodata: float | None,
    crs: CRS | None,
    transform: Affine | None,
    files: tuple[str, ...],
) -> Scene:
    return Scene(
        source=source,
        format=f"ENVI ({layout.interleave})",
        height=layout.height,
        width=layout.width,
        bands=layout.bands,
        dtype=layout.dtype.newbyteorder("="),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=nodata,
        crs=crs,
        transform=transform,
        reader=MappedReader(
            data, layout.dtype, layout.shape, _AXES[layout.interleave], offset=layout.offset
        ),
        notes=spectrum.notes,
        files=files,
    )


def _check_layout(source: str, data: Path, fields: Tags, layout: _Layout) -> None:
    if layout.interleave not in _AXES:
        raise InputError(
            f"The header of {source} says interleave = {layout.interleave}: "
            "make it bsq, bil or bip."
        )
    if min(layout.height, layout.width, layout.bands) < 1 or layout.offset < 0:
        raise InputError(
            f"The header of {source} says {layout.height} lines, {layout.width} samples, "
            f"{layout.bands} bands and a header offset of {layout.offset}: mend these numbers."
        )
    for name in ("major frame offsets", "minor frame offsets"):
        if re.search("[1-9]", "".join(fields.get(name, ""))):
            raise InputError(
                f"{source} has {name}, which can't be read: export it again without them."
            )
    size = data.stat().st_size
    if size < layout.size:
        raise InputError(
            f"{data} has {size:,} bytes where its header says {layout.size:,} "
            f"({layout.height} lines x {layout.width} samples x {layout.bands} bands): "
            "it is cut short, or it lies beside another scene's header."
        )


def _fields(header: Path) -> dict[str, str]:
    """The one-line fields of a header.

    GDAL hands them on too, but lets an .aux.xml that an earlier file left behind overrule them.
    """
    lines = header.read_text(encoding="latin-1").splitlines()
    fields = [line.partition("=") for line in lines]
    return {" ".join(name.lower().split()): text.strip() for name, equals, text in fields if equals}


def _whole_number(fields: Mapping[str, str], name: str, source: str) -> int:
    text = fields.get(name) or "0"
    try:
        return int(text)
    except ValueError:
        raise InputError(
            f"The header of {source} says {name} = {text}: make it a whole number."
        ) from None
