"""A raster whose pixels arrive in windows, stored as a cloud-optimised GeoTIFF (COG)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from spectile.mapping.xml_text import xml_text
from spectile.scenes.legend import Category, Legend

GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16", "float32": "Float32"}
GDAL_CACHE = 64 * 2**20
"""Bytes; rasterio takes a number for GDAL_CACHEMAX as bytes, where GDAL itself thinks in MB."""
WIDEST_TILE = 32 * 2**20
"""Bytes of a tile with all of its bands; GDAL holds a few of them at a time."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels lie."""

    height: int
    width: int
    crs: CRS | None
    transform: Affine | None


@dataclass(frozen=True)
class Layer:
    """What one GeoTIFF holds: a class map when it has a legend, else measurements."""

    dtype: str
    """A key of GDAL_TYPES."""
    nodata: float
    bands: tuple[str, ...]
    """The description of each band."""
    legend: Legend | None = None


class WindowedGeoTiff:
    """Takes pixels window by window, then writes them as one GeoTIFF.

    The pixels wait in a plain file beside the GeoTIFF to be, each line with its bands one after
    the other. A GDAL writer would not do: it tells of a full disk only when it flushes, and then
    prints it instead of raising. The plain file has its full size from the start, so that a disk
    that is too small shows before the work and not after it; pixels never written are nodata.
    """

    def __init__(self, path: Path, grid: Grid, layer: Layer) -> None:
        self._path = path
        self._grid = grid
        self._layer = layer
        self._dtype = np.dtype(layer.dtype).newbyteorder("<")
        self._pixels = path.with_suffix(".bil")
        line = np.full(len(layer.bands) * grid.width, layer.nodata, self._dtype).tobytes()
        with self._pixels.open("xb") as file:
            for _ in range(grid.height):
                file.write(line)

    @property
    def size(self) -> int:
        """Bytes of the uncompressed pixels."""
        return self._line * self._grid.height

    def write(self, window: Window, pixels: NDArray[np.generic]) -> None:
        """Put `pixels` (bands, h, w) into `window`."""
        bands, height, width = pixels.shape
        if bands != len(self._layer.bands) or (height, width) != (window.height, window.width):
            raise ValueError(f"{pixels.shape} pixels for {len(self._layer.bands)} bands, {window}")
        top, left = window.row_off, window.col_off
        if not (0 <= top <= self._grid.height - height and 0 <= left <= self._grid.width - width):
            raise ValueError(f"{window} lies outside {self._grid.height} × {self._grid.width}")
        lines = np.ascontiguousarray(pixels.transpose(1, 0, 2), self._dtype)
        with self._pixels.open("r+b") as file:
            if width == self._grid.width:
                file.seek(top * self._line)
                file.write(lines.tobytes())
                return
            for row, line in enumerate(lines, start=top):
                for band, segment in enumerate(line):
                    column = band * self._grid.width + left
                    file.seek(row * self._line + column * self._dtype.itemsize)
                    file.write(segment.tobytes())

    def finish(self) -> None:
        """Write the GeoTIFF and drop the waiting pixels; OSError or a GDAL error if it fails."""
        source = self._path.with_suffix(".vrt")
        self._describe(source)
        tile = 512
        while tile > 64 and tile**2 * self._dtype.itemsize * len(self._layer.bands) > WIDEST_TILE:
            tile //= 2
        classes = self._layer.legend is not None
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE):
            rasterio.shutil.copy(
                source,
                self._path,
                driver="COG",
                compress="DEFLATE",
                # Probabilities hardly compress: the lowest level takes half the time and 3% more.
                level=6 if classes else 1,
                predictor="NO" if classes else "YES",
                overview_resampling="MODE" if classes else "AVERAGE",
                blocksize=tile,
                bigtiff="IF_SAFER",
            )
            check_same(source, self._path)
        source.unlink()
        self._pixels.unlink()

    @property
    def _line(self) -> int:
        return len(self._layer.bands) * self._grid.width * self._dtype.itemsize

    def _describe(self, path: Path) -> None:
        """Write the GDAL virtual raster that tells what the plain file's numbers are.

        All that rasterio can set on a dataset goes through it as well, and what it can't:
        category names, which GDAL keeps beside a GeoTIFF in an .aux.xml.
        """
        root = Element(
            "VRTDataset",
            rasterXSize=str(self._grid.width),
            rasterYSize=str(self._grid.height),
        )
        if self._grid.crs:
            SubElement(root, "SRS").text = self._grid.crs.to_wkt(version="WKT2_2019")
        if self._grid.transform is not None:
            coefficients = self._grid.transform.to_gdal()
            SubElement(root, "GeoTransform").text = ", ".join(map(repr, map(float, coefficients)))
        for index in range(len(self._layer.bands)):
            self._describe_band(root, index)
        ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)

    def _describe_band(self, root: Element, index: int) -> None:
        band = SubElement(
            root,
            "VRTRasterBand",
            dataType=GDAL_TYPES[self._layer.dtype],
            band=str(index + 1),
            subClass="VRTRawRasterBand",
        )
        SubElement(band, "Description").text = xml_text(self._layer.bands[index])
        SubElement(band, "NoDataValue").text = str(self._layer.nodata)
        if self._layer.legend is not None:
            _describe_classes(band, self._layer.legend)
        SubElement(band, "SourceFilename", relativeToVRT="1").text = self._pixels.name
        offset = index * self._grid.width * self._dtype.itemsize
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


def check_same(source: Path, copy: Path) -> None:
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
