"""A raster whose pixels arrive in windows, stored as a cloud-optimised GeoTIFF (COG)."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from spectile.data.labels.legend import Category, Legend
from spectile.mapping.styles.xml_text import xml_text

SOFTWARE_TAG, SOFTWARE = "TIFFTAG_SOFTWARE", "Spectile"
"""Tells the maps that Spectile wrote from others."""
GDAL_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
}
GDAL_CACHE = 64 * 2**20
"""Bytes; rasterio takes a number for GDAL_CACHEMAX as bytes, where GDAL itself thinks in MB."""
WIDEST_TILE = 32 * 2**20
"""Bytes of a tile with all of its bands; GDAL holds a few of them at a time."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels lie, and when they were seen."""

    height: int
    width: int
    crs: CRS | None
    transform: Affine | None
    acquired: str | None = None


@dataclass(frozen=True)
class RasterForm:
    """What one GeoTIFF holds: a class map when it has a legend, else measurements."""

    dtype: str
    """A key of GDAL_TYPES."""
    nodata: float
    bands: tuple[str, ...]
    """The description of each band."""
    legend: Legend | None = None
    holds_numbers: bool = False
    """Whether its values are names rather than measurements: overviews don't average them."""


@dataclass(frozen=True)
class WaitingPixels:
    """The pixels of a GeoTIFF to be, which arrive window by window, from any process.

    They wait in a plain file, each line with its bands one after the other. A GDAL writer would
    not do: it tells of a full disk only when it flushes, and then prints it instead of raising.
    The plain file has its full size from the start, so that a disk that is too small shows before
    the work and not after it; pixels never written are nodata.
    """

    path: Path
    """The plain file."""
    grid: Grid
    form: RasterForm

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        return self._line * self.grid.height

    def create(self) -> None:
        """Make the plain file, all nodata."""
        values = len(self.form.bands) * self.grid.width
        line = np.full(values, self.form.nodata, self._dtype).tobytes()
        with self.path.open("xb") as file:
            for _ in range(self.grid.height):
                file.write(line)

    def write(self, window: Window, pixels: NDArray[np.generic]) -> None:
        """Put `pixels` (bands, h, w) into `window`; they are on the disk when this returns."""
        bands, height, width = pixels.shape
        if bands != len(self.form.bands) or (height, width) != (window.height, window.width):
            raise ValueError(f"{pixels.shape} pixels for {len(self.form.bands)} bands, {window}")
        top, left = window.row_off, window.col_off
        if not (0 <= top <= self.grid.height - height and 0 <= left <= self.grid.width - width):
            raise ValueError(f"{window} lies outside {self.grid.height} × {self.grid.width}")
        lines = np.ascontiguousarray(pixels.transpose(1, 0, 2), self._dtype)
        with self.path.open("r+b") as file:
            if width == self.grid.width:
                file.seek(top * self._line)
                file.write(lines.tobytes())
            else:
                for row, line in enumerate(lines, start=top):
                    for band, segment in enumerate(line):
                        column = band * self.grid.width + left
                        file.seek(row * self._line + column * self._dtype.itemsize)
                        file.write(segment.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def finish(self, target: Path) -> None:
        """Write the GeoTIFF `target`; OSError or a GDAL error if it fails."""
        source = self.path.with_suffix(".vrt")
        self._describe(source)
        tile = 512
        while tile > 64 and tile**2 * self._dtype.itemsize * len(self.form.bands) > WIDEST_TILE:
            tile //= 2
        classes = self.form.legend is not None or self.form.holds_numbers
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE):
            rasterio.shutil.copy(
                source,
                target,
                driver="COG",
                compress="DEFLATE",
                # Probabilities hardly compress: the lowest level takes half the time and 3% more.
                level=6 if classes else 1,
                predictor="NO" if classes else "YES",
                overview_resampling="MODE" if classes else "AVERAGE",
                blocksize=tile,
                bigtiff="IF_SAFER",
            )
            check_copy(source, target)

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(self.form.dtype).newbyteorder("<")

    @property
    def _line(self) -> int:
        return len(self.form.bands) * self.grid.width * self._dtype.itemsize

    def _describe(self, path: Path) -> None:
        """Write the GDAL virtual raster that tells what the plain file's numbers are.

        All that rasterio can set on a dataset goes through it as well, and what it can't:
        category names, which GDAL keeps beside a GeoTIFF in an .aux.xml.
        """
        root = Element(
            "VRTDataset",
            rasterXSize=str(self.grid.width),
            rasterYSize=str(self.grid.height),
        )
        if self.grid.crs:
            SubElement(root, "SRS").text = self.grid.crs.to_wkt(version="WKT2_2019")
        if self.grid.transform is not None:
            coefficients = self.grid.transform.to_gdal()
            SubElement(root, "GeoTransform").text = ", ".join(map(repr, map(float, coefficients)))
        about = SubElement(root, "Metadata")
        # As rasterio gives it back, and other programs show it.
        SubElement(about, "MDI", key=SOFTWARE_TAG).text = SOFTWARE
        if self.grid.acquired:
            date = SubElement(about, "MDI", key="ACQUISITION_DATE")
            date.text = xml_text(self.grid.acquired)
        for index in range(len(self.form.bands)):
            self._describe_band(root, index)
        ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)

    def _describe_band(self, root: Element, index: int) -> None:
        band = SubElement(
            root,
            "VRTRasterBand",
            dataType=GDAL_TYPES[self.form.dtype],
            band=str(index + 1),
            subClass="VRTRawRasterBand",
        )
        SubElement(band, "Description").text = xml_text(self.form.bands[index])
        SubElement(band, "NoDataValue").text = str(self.form.nodata)
        if self.form.legend is not None:
            _describe_classes(band, self.form.legend)
        SubElement(band, "SourceFilename", relativeToVRT="1").text = self.path.name
        offset = index * self.grid.width * self._dtype.itemsize
        SubElement(band, "ImageOffset").text = str(offset)
        SubElement(band, "PixelOffset").text = str(self._dtype.itemsize)
        SubElement(band, "LineOffset").text = str(self._line)
        SubElement(band, "ByteOrder").text = "LSB"


def _describe_classes(band: Element, legend: Legend) -> None:
    """Colour table, category names and CLASS_<value>=<name> tags, in the order GDAL wants."""
    categories = {category.value: category for category in legend.categories}
    metadata = SubElement(band, "Metadata")
    for value, category in sorted(categories.items()):
        SubElement(metadata, "MDI", key=f"CLASS_{value}").text = xml_text(category.name)
    SubElement(band, "ColorInterp").text = "Palette"
    names = SubElement(band, "CategoryNames")
    colors = SubElement(band, "ColorTable")
    unused = Category(0, "", (0, 0, 0))
    categories[0] = Category(0, "no data", (0, 0, 0))
    for value in range(max(categories) + 1):
        category = categories.get(value, unused)
        SubElement(names, "Category").text = xml_text(category.name)
        red, green, blue = map(str, category.color)
        opacity = "255" if category.value else "0"
        SubElement(colors, "Entry", c1=red, c2=green, c3=blue, c4=opacity)


def check_copy(source: Path, copy: Path) -> None:
    """Raise OSError unless `copy` reads back as `source`, pixel by pixel.

    GDAL does not report a failure of its very last write, and leaves a file cut short.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(source) as wanted, rasterio.open(copy) as written:
            for _, window in written.block_windows(1):
                there, due = written.read(window=window), wanted.read(window=window)
                if there.tobytes() != due.tobytes():
                    raise OSError("it reads back differently from what was written")
