"""Labels from a raster that GDAL reads, brought onto the scene's grid, with its own legend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from spectile.errors import InputError
from spectile.scenes.envi_files import find_data
from spectile.scenes.gdal_raster import open_dataset
from spectile.scenes.label_values import LabelValues, check_size, class_values
from spectile.scenes.legend import BLACK
from spectile.scenes.open import open_scene
from spectile.scenes.palette import Color
from spectile.scenes.projection import is_placed, project_box, same_grid, scene_box
from spectile.scenes.scene import Scene

_NAME_TAG = re.compile(r"CLASS_(?P<value>[0-9]{1,5})")
"""How the maps of this program name their classes in a tag each: CLASS_10 = Soybean-notill."""

PIXELS_AT_ONCE = 1 << 24
"""Read at a time: a raster needs little more memory than the int32 grid it becomes."""


def read_label_raster(path: str, like: Scene) -> LabelValues:
    """The class values of a one-band raster on the scene's grid, with names and colours in it.

    Where both have a coordinate system, each pixel of the scene takes the value at its centre
    (nearest neighbour); pixels outside the raster are unlabelled. Otherwise the sizes must be
    equal. The file's nodata value, 0 and negative values are unlabelled. Names come from the
    category names beside the file (GDAL's .aux.xml), from the tags of a map of this program, or
    from an ENVI header, colours from the colour table. Raises InputError for a raster of other
    size or place, of several bands, of anything but whole numbers, or that can't be read.
    """
    raster = open_scene(path)
    with closing(raster.reader):
        if raster.bands != 1:
            raise InputError(
                f"{path} has {raster.bands} bands, but labels are one band of class numbers."
            )
        if raster.unscaled is not None:  # class numbers are no measurements
            raster = raster.unscaled
        # None for what GDAL can't open alone, such as one array of several.
        dataset = open_dataset(_name_for_gdal(path))
        with nullcontext() if dataset is None else dataset:
            if is_placed(raster) and is_placed(like) and not same_grid(raster, like):
                _check_overlap(raster, like)
                values = _brought_over(dataset, raster, like)
            else:
                check_size((raster.height, raster.width), like, path)
                values = _values(raster)
            if dataset is None or dataset.count == 0:
                return LabelValues(values)
            return LabelValues(values, _names(dataset), _colors(dataset))


def _name_for_gdal(path: str) -> str:
    return str(find_data(Path(path))) if path.lower().endswith(".hdr") else path


def _check_overlap(raster: Scene, like: Scene) -> None:
    assert raster.crs is not None  # placed, both of them
    assert like.crs is not None
    ours = scene_box(like)
    theirs = project_box(scene_box(raster), raster.crs, like.crs, raster.source)
    if theirs is None:
        return  # too large for a box of it in the scene's system; the pixels will tell
    apart = (
        theirs[0] >= ours[2] or theirs[2] <= ours[0] or theirs[1] >= ours[3] or theirs[3] <= ours[1]
    )
    if apart:
        raise InputError(
            f"{raster.source} lies outside {like.source}: it covers x {theirs[0]:.8g} to "
            f"{theirs[2]:.8g} and y {theirs[1]:.8g} to {theirs[3]:.8g}, the scene x {ours[0]:.8g} "
            f"to {ours[2]:.8g} and y {ours[1]:.8g} to {ours[3]:.8g}; check their coordinate "
            "systems."
        )


def _values(raster: Scene) -> NDArray[np.int32]:
    values = np.empty((raster.height, raster.width), dtype=np.int32)
    for window in _strips(raster):
        pixels = raster.read(window)
        labelled = np.where(raster.valid(pixels), pixels[0], 0)
        values[window.toslices()] = class_values(labelled, raster.source)
    return values


def _brought_over(dataset: DatasetReader | None, raster: Scene, like: Scene) -> NDArray[np.int32]:
    """The values on the grid of `like`.

    Of a raster with a mask, or with a nodata number that GDAL doesn't understand, a copy without
    the hidden pixels is warped: GDAL minds either the one or the other.
    """
    if dataset is not None and dataset.count == 1 and not raster.gaps_are_nan:
        understood = repr(dataset.nodatavals[0]) == repr(raster.nodata)
        if understood:
            return _aligned(dataset, raster, like)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=raster.height,
            width=raster.width,
            count=1,
            dtype="uint16",
            nodata=0,
            crs=raster.crs,
            transform=raster.transform,
            compress="deflate",
            bigtiff="if_safer",
        ) as copy:
            for window in _strips(raster):
                pixels = raster.read(window)
                labelled = np.where(raster.valid(pixels), pixels[0], 0)
                values = class_values(labelled, raster.source)
                copy.write(values.astype(np.uint16), 1, window=window)
        with memory.open() as made:
            return _aligned(made, raster, like)


def _aligned(dataset: DatasetReader, raster: Scene, like: Scene) -> NDArray[np.int32]:
    values = np.empty((like.height, like.width), dtype=np.int32)
    try:
        with WarpedVRT(
            dataset,
            crs=like.crs,
            transform=like.transform,
            width=like.width,
            height=like.height,
            resampling=Resampling.nearest,
        ) as aligned:
            for window in _strips(like):
                pixels = aligned.read(1, window=window, masked=True).filled(0)
                values[window.toslices()] = class_values(pixels, raster.source)
    except (RasterioError, CRSError, CPLE_BaseError) as error:
        raise InputError(
            f"{raster.source} can't be brought onto the grid of {like.source}: "
            "check that the file is whole, or reproject it first."
        ) from error
    return values


def _strips(scene: Scene) -> Iterator[Window]:
    rows = max(1, PIXELS_AT_ONCE // scene.width)
    for row in range(0, scene.height, rows):
        yield Window(0, row, scene.width, min(rows, scene.height - row))


def _names(dataset: DatasetReader) -> dict[int, str]:
    """Class names by value: category names beside the file, tags in it, an ENVI header."""
    listed = dict(enumerate(_names_beside(Path(dataset.name + ".aux.xml"))))
    if not listed:
        tags = {**_tags(dataset, 0), **_tags(dataset, 1)}
        found = {_NAME_TAG.fullmatch(key): name for key, name in tags.items()}
        listed = {int(key["value"]): name for key, name in found.items() if key}
    if not listed:
        listed = dict(enumerate(envi_list(_tags(dataset, 0, "ENVI").get("class_names", ""))))
    return {value: name for value, name in listed.items() if name and value > 0}


def _tags(dataset: DatasetReader, band: int, domain: str | None = None) -> dict[str, str]:
    try:
        return dict(dataset.tags(band, ns=domain))
    except UnicodeDecodeError:
        return {}


def _names_beside(path: Path) -> list[str]:
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError, ValueError):
        return []  # no such file in most cases; a damaged one is GDAL's to complain about
    band = root.find("PAMRasterBand/CategoryNames")
    return [] if band is None else [(entry.text or "").strip() for entry in band]


def envi_list(text: str) -> list[str]:
    """The entries of a list in an ENVI header, ``{ Unclassified, Corn, Woods }``."""
    inner = re.sub(r"^\s*\{|\}\s*$", "", text)
    return [entry.strip() for entry in inner.split(",")] if inner.strip() else []


def _colors(dataset: DatasetReader) -> dict[int, Color]:
    """The colour table without black and transparent entries, which stand for no class."""
    try:
        table = dataset.colormap(1)
    except ValueError:  # there is none
        return {}
    return {
        value: (red, green, blue)
        for value, (red, green, blue, alpha) in table.items()
        if alpha > 0 and (red, green, blue) != BLACK
    }
