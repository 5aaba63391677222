"""Labels from a raster that GDAL reads, brought onto the scene's grid, with its own legend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from spectile.data.labels.counts import count_values, raster_counts
from spectile.data.labels.label_values import LabelValues, check_size, class_values
from spectile.data.labels.legend import BLACK
from spectile.data.labels.outside import count_outside
from spectile.data.labels.palette import Color
from spectile.data.labels.warping import on_the_grid_of
from spectile.data.projection import boxes_meet, is_placed, project_box, same_grid, scene_box
from spectile.data.readers.envi_files import find_data
from spectile.data.readers.gdal import open_dataset
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError

_NAME_TAG = re.compile(r"CLASS_(?P<value>[0-9]{1,5})")
"""How the maps of this program name their classes in a tag each: CLASS_10 = Soybean-notill."""

STAND_IN = CRS.from_epsg(3857)
"""For two rasters that both name no coordinate system: nothing is projected."""
PHOTOS = (".jpg", ".jpeg")
"""Files that may ask to be turned before they are looked at; GDAL doesn't turn them."""
PIXELS_AT_ONCE = 1 << 24
"""Read at a time: a raster needs little more memory than the int32 grid it becomes."""


def read_label_raster(path: str, like: Scene) -> LabelValues:
    """The class values of a one-band raster on the scene's grid, with names and colours in it.

    Where both have a coordinate system, each pixel of the scene takes the value at its centre
    (nearest neighbour); pixels outside the raster are unlabelled. A raster with a place but no
    coordinate system is taken to be in the scene's where it meets the scene. All others are laid
    on pixel by pixel: their sizes must be equal, and a note says so. The file's nodata value, 0
    and negative values are unlabelled. Names come from the
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
        raster, like, notes = _paired(raster, like)
        # None for what GDAL can't open alone, such as one array of several.
        dataset = open_dataset(_name_for_gdal(path))
        with nullcontext() if dataset is None else dataset:
            return _read(raster, dataset, like, notes)


def _read(
    raster: Scene, dataset: DatasetReader | None, like: Scene, notes: tuple[str, ...]
) -> LabelValues:
    path = raster.source
    before: dict[int, int] = {}
    if is_placed(raster) and is_placed(like) and not same_grid(raster, like):
        _check_overlap(raster, like)
        values = _brought_over(dataset, raster, like)
        before, outside = count_outside(raster, like, _strips(raster), _labelled)
        counts = raster_counts(before, values, outside)
        if lost := sum(outside.values()):
            notes = (*notes, f"{path}: {lost} labelled pixels lie outside the scene.")
        gone = set(before) - set(count_values(values))
        notes += tuple(f"{path}: the class {value} got no pixel of the scene." for value in gone)
    else:
        _check_same_size(raster, like)
        values = _values(raster)
        counts = raster_counts(count_values(values), values)
    if dataset is None or dataset.count == 0:
        return LabelValues(values, notes=notes, counts=counts)
    return LabelValues(values, _names(dataset), _colors(dataset), notes, counts)


def _paired(raster: Scene, like: Scene) -> tuple[Scene, Scene, tuple[str, ...]]:
    """Raster and scene in one coordinate system where one lacks its own, and what to say of it."""
    if is_placed(raster) and is_placed(like):
        return raster, like, ()
    lacking = " and ".join(one.source for one in (raster, like) if not is_placed(one))
    said = f"{lacking} {'name' if ' and ' in lacking else 'names'} no coordinate system"
    if all(one.transform not in (None, Affine.identity()) for one in (raster, like)):
        crs = raster.crs or like.crs or STAND_IN
        ours, theirs = replace(like, crs=crs), replace(raster, crs=crs)
        if same_grid(theirs, ours):
            return theirs, ours, (f"{said}: taken to be the other's, for their grids are one.",)
        if boxes_meet(scene_box(theirs), scene_box(ours)):
            return (
                theirs,
                ours,
                (
                    f"{said}: taken to be the other's, and the labels were laid where their own "
                    "coordinates say.",
                ),
            )
        said = f"{said}, and the coordinates lie apart"
    _check_same_size(raster, like)
    note = f"{said}: {raster.source} was laid on the scene pixel by pixel"
    if turned := _orientation(like.source):
        note = (
            f"{note}, as the scene is stored, without the turn that its EXIF orientation {turned} "
            "asks for"
        )
    return raster, like, (f"{note}.",)


def _check_same_size(raster: Scene, like: Scene) -> None:
    shape = raster.height, raster.width
    turned = _orientation(like.source)
    if turned > 4 and shape == (like.width, like.height):
        raise InputError(
            f"{raster.source} has the size of {like.source} turned by its EXIF orientation "
            f"{turned}, and scenes are taken as stored: turn the labels back, or write the scene "
            "anew without the orientation."
        )
    check_size(shape, like, raster.source)


def _orientation(source: str) -> int:
    """The EXIF orientation of a photo, 1 to 8; 0 where there is none or it turns nothing."""
    if not source.lower().endswith(PHOTOS) or not Path(source).is_file():
        return 0
    dataset = open_dataset(source)
    if dataset is None:
        return 0
    with dataset:
        found = _tags(dataset, 0).get("EXIF_Orientation", "1").strip()
    return int(found) if found in "2345678" and found else 0


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
        values[window.toslices()] = _labelled(raster, window)
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
                copy.write(_labelled(raster, window).astype(np.uint16), 1, window=window)
        with memory.open() as made:
            return _aligned(made, raster, like)


def _labelled(raster: Scene, window: Window) -> NDArray[np.int32]:
    """The class values in a window of the raster itself."""
    pixels = raster.read(window)
    return class_values(np.where(raster.valid(pixels), pixels[0], 0), raster.source)


def _aligned(dataset: DatasetReader, raster: Scene, like: Scene) -> NDArray[np.int32]:
    values = np.empty((like.height, like.width), dtype=np.int32)
    with on_the_grid_of(like, dataset, raster) as aligned:
        for window in _strips(like):
            pixels = aligned.read(1, window=window, masked=True).filled(0)
            values[window.toslices()] = class_values(pixels, raster.source)
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
