"""ENVI scenes: a text header beside raw pixels in band, line or pixel order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader, MemoryFile

from spectile.data.readers.envi_header import EnviHeader, read_header
from spectile.data.readers.gdal import (
    GdalReader,
    georeference,
    open_dataset,
    quiet_gdal,
    scene_of_dataset,
)
from spectile.data.readers.gdal_marks import Marks, has_mask, marks_of_dataset
from spectile.data.readers.header_fields import ignored_values, names
from spectile.data.readers.mapped import MappedReader
from spectile.data.readers.physical import Shown, in_values
from spectile.data.readers.scaling import scaling_of_fields
from spectile.data.scene import Scene
from spectile.data.wavelengths import Spectrum, spectrum_of_dataset, spectrum_of_header
from spectile.errors import InputError

_AXES = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (2, 0, 1)}
"""Which axes of the stored array are bands, rows and columns."""
_TYPES = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4", 14: "i8",
    15: "u8",
}  # fmt: skip
"""NumPy's names of ENVI's data types."""
_LAYOUT = ("lines", "samples", "bands", "data type", "interleave", "byte order", "header offset")
_Place = tuple[CRS | None, Affine | None, tuple[str, ...]]
_PLACE = ("map info", "projection info", "coordinate system string")
"""The fields that say where the pixels lie on the ground."""


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
    path = next((Path(name) for name in dataset.files if name.lower().endswith(".hdr")), None)
    header = None if path is None or not path.is_file() else read_header(path)
    if header is None:
        return scene_of_dataset(dataset, source)  # in an archive or on a server
    if header.number("file compression", missing=0) != 0:
        return scene_of_dataset(dataset, source)
    return open_envi(Path(dataset.name), header, source, dataset)


def open_envi(
    data: Path, header: EnviHeader, source: str, dataset: DatasetReader | None = None
) -> Scene:
    """A scene as its header describes it; `dataset` is what GDAL makes of it, where it does.

    GDAL is asked for the place on the ground, and for masks: of the text in a header it refuses
    some, and takes other for fields. Raises InputError for a header that can't be understood.
    """
    layout = _layout(header)
    _check_layout(source, data, header, layout)
    fields, bands = header.fields, layout.bands
    spectrum = _spectrum(header, bands, dataset)
    marks = _marks(header, bands, dataset)
    shown, files = None, (str(data), str(header.path))
    place: _Place = (None, None, ())
    if dataset is not None:
        files, place = tuple(dataset.files), georeference(dataset)
        shown = _mask_of(dataset, layout)
    if place[:2] == (None, None):
        place = _placed_by(header) or place
    crs, transform, placing = place
    named = tuple(names(fields.get("band names", "")))
    scene = Scene(
        source=source,
        format=f"ENVI ({layout.interleave})",
        height=layout.height,
        width=layout.width,
        bands=bands,
        dtype=layout.dtype.newbyteorder("="),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=crs,
        transform=transform,
        reader=MappedReader(
            data, layout.dtype, layout.shape, _AXES[layout.interleave], offset=layout.offset
        ),
        notes=(*_repeated(header), *spectrum.notes, *marks.notes, *placing),
        files=files,
        band_names=named if len(named) == bands else (),
        acquired=fields.get("acquisition time", "").strip("{} ") or None,
    )
    return in_values(scene, scaling=marks.scaling, nodata=marks.nodata, shown=shown)


def _mask_of(dataset: DatasetReader, layout: _Layout) -> Shown | None:
    """What GDAL's mask beside the file shows, for all bands; without one the dataset is closed."""
    same = (dataset.height, dataset.width) == (layout.height, layout.width)
    if same and has_mask(dataset, range(min(1, dataset.count))):
        return GdalReader(dataset, [0] * layout.bands).shown
    dataset.close()
    return None


def _layout(header: EnviHeader) -> _Layout:
    kind = header.fields.get("file type", "").strip("{} ").lower()
    if "spectral library" in kind:
        raise InputError(
            f"{header.path} describes a spectral library of {header.fields.get('lines', 'some')} "
            "spectra, which has no rows and columns of pixels: give a scene."
        )
    number = header.number("data type")
    order = header.number("byte order", missing=0)
    if number not in _TYPES or order not in (0, 1):
        raise InputError(
            f"{header.path} can't be understood (it says data type = {number}, byte order = "
            f"{order}): mend the header or export the scene again."
        )
    return _Layout(
        height=header.number("lines"),
        width=header.number("samples"),
        bands=header.number("bands"),
        dtype=np.dtype(_TYPES[number]).newbyteorder(">" if order == 1 else "<"),
        interleave=header.fields.get("interleave", "bsq").strip("{} \"'").upper(),
        offset=header.number("header offset", missing=0),
    )


def _check_layout(source: str, data: Path, header: EnviHeader, layout: _Layout) -> None:
    if layout.interleave not in _AXES or "interleave" in header.repeated:
        said = " and ".join(header.repeated.get("interleave", (layout.interleave,)))
        raise InputError(
            f"The header of {source} says interleave = {said}: make it bsq, bil or bip."
        )
    if min(layout.height, layout.width, layout.bands) < 1 or layout.offset < 0:
        raise InputError(
            f"The header of {source} says {layout.height} lines, {layout.width} samples, "
            f"{layout.bands} bands and a header offset of {layout.offset}: mend these numbers."
        )
    for name in ("major frame offsets", "minor frame offsets"):
        if re.search("[1-9]", header.fields.get(name, "")):
            raise InputError(
                f"{source} has {name}, which can't be read: export it again without them."
            )
    if header.number("file compression", missing=0) != 0:
        raise InputError(f"{source} is compressed by ENVI: export it again without compression.")
    size = data.stat().st_size
    if size < layout.size:
        raise InputError(
            f"{data} has {size:,} bytes where its header says {layout.size:,} "
            f"({layout.height} lines x {layout.width} samples x {layout.bands} bands): "
            "it is cut short, or it lies beside another scene's header."
        )


def _spectrum(header: EnviHeader, bands: int, dataset: DatasetReader | None) -> Spectrum:
    told = any(header.fields.get(name) for name in ("wavelength", "fwhm", "bbl"))
    if told or dataset is None or dataset.count != bands:
        return spectrum_of_header(header.fields, bands)
    return spectrum_of_dataset(dataset, range(bands))  # what a file beside it may say


def _marks(header: EnviHeader, bands: int, dataset: DatasetReader | None) -> Marks:
    """Scale and nodata in the header, and what GDAL has from a file beside it of the rest."""
    scaling, notes = scaling_of_fields(header.fields, bands)
    nodata, refused = ignored_values(header.fields, bands)
    if dataset is not None and dataset.count == bands:
        beside = marks_of_dataset(dataset, range(bands))
        scaling = scaling or beside.scaling
        if "data ignore value" not in header.fields:
            nodata = beside.nodata
    return Marks(scaling, nodata or (None,) * bands, (*notes, *refused))


def _placed_by(header: EnviHeader) -> _Place | None:
    """What GDAL says of the place in a header, asked by a header of nothing else."""
    told = [f"{name} = {header.fields[name]}" for name in _PLACE if header.fields.get(name)]
    if not told:
        return None
    pixel = "samples = 1\nlines = 1\nbands = 1\ndata type = 1\ninterleave = bsq\n"
    text = "ENVI\n" + pixel + "\n".join(told)
    folder = uuid4().hex
    with (
        quiet_gdal(),
        MemoryFile(text.encode(), dirname=folder, filename="place.hdr"),
        MemoryFile(bytes(16), dirname=folder, filename="place.dat") as pixels,
    ):
        asked = open_dataset(pixels.name, "ENVI")
        if asked is None:
            return None
        with asked:
            return georeference(asked)


def _repeated(header: EnviHeader) -> tuple[str, ...]:
    return tuple(
        f"the header says {name} {len(texts)} times: the last one is used"
        for name, texts in header.repeated.items()
        if name not in _LAYOUT
    )
