"""The files that a map is made of, and whether those that are there may be written over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import rasterio
from rasterio.io import DatasetReader

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.data.labels.legend import Category, Legend
from spectile.data.readers.gdal import quiet_gdal
from spectile.errors import InputError
from spectile.files import check_output, working_folder
from spectile.mapping.layers.classes import LAYER as CLASSES
from spectile.mapping.layers.layer import Layer
from spectile.mapping.layers.registry import known_layers
from spectile.mapping.output.geotiff import SOFTWARE, SOFTWARE_TAG
from spectile.mapping.styles.qgis_style import is_plain_style

CLASS_TYPES = ("uint8", "uint16")


def raster_file(path: Path, layer: Layer) -> Path:
    """The file for a layer: map.tif, map_probabilities.tif, map_entropy.tif and so on."""
    return path.with_name(f"{path.stem}{layer.file_suffix}{path.suffix}")


def style_file(path: Path) -> Path:
    """The style that QGIS finds beside the map."""
    return path.with_suffix(".qml")


def map_files(path: Path) -> Iterator[Path]:
    """Every file that belongs to a map at `path`, whether there or not, the map first."""
    for layer in known_layers().values():
        raster = raster_file(path, layer)
        yield raster
        # What QGIS and GDAL leave beside a raster: statistics and overviews of its pixels.
        yield raster.with_name(f"{raster.name}.aux.xml")
        yield raster.with_name(f"{raster.name}.ovr")
    yield style_file(path)


def check_map_place(path: Path, *, overwrite: bool, inputs: Iterable[str] = ()) -> None:
    """Raise InputError, or the system's OSError, unless a map can be written at `path`.

    Overwriting replaces files of an earlier map alone: no `inputs`, no links, and nothing with a
    companion's name that is somebody else's.
    """
    if path.suffix.lower() not in {".tif", ".tiff"}:
        raise InputError(f"{path} is no name for a GeoTIFF: choose one that ends in .tif.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}, the folder for {path.name}, is no folder: "
            "make it first or choose another place."
        )
    inputs = list(inputs)
    for layer in known_layers().values():
        raster = raster_file(path, layer)
        # What programs note beside a raster is in nobody's way where the raster is gone.
        left = overwrite or not raster.exists()
        for file, ours, replaced in (
            (raster, lambda file, layer=layer: _is_layer(file, layer, path), overwrite),
            (raster.with_name(f"{raster.name}.aux.xml"), _is_of_raster, left),
            (raster.with_name(f"{raster.name}.ovr"), _are_overviews, left),
        ):
            check_output(file, ours=ours, overwrite=replaced, inputs=inputs)
    check_output(style_file(path), ours=_is_style, overwrite=overwrite, inputs=inputs)
    with working_folder(path):
        pass  # it can be written there


def remove_map(path: Path) -> None:
    """Remove what there is of a map, whole or not, from a folder where no other can be."""
    for file in map_files(path):
        file.unlink(missing_ok=True)


def is_map(path: Path) -> bool:
    """Whether a class map that Spectile wrote is there and can be read."""
    return _is_layer(path, CLASSES, path)


def is_finished_map(
    path: Path, legend: Legend, size: tuple[int, int], layers: Iterable[Layer]
) -> bool:
    """Whether a map of `legend` and of `size` (height, width) is there with all its `layers`."""
    if not all(_is_layer(raster_file(path, layer), layer, path) for layer in layers):
        return False
    with quiet_gdal(), rasterio.open(path) as raster:
        return raster.shape == size and _values(raster).keys() == set(legend.values)


def _is_layer(path: Path, layer: Layer, map_path: Path) -> bool:
    """Whether a raster is the layer of some map that Spectile wrote."""
    try:
        with quiet_gdal(), rasterio.open(path) as raster:
            if not _has_form(raster, layer):
                return False
            # Earlier versions didn't sign: their class maps show by their classes' names.
            if raster.tags().get(SOFTWARE_TAG) == SOFTWARE or layer is CLASSES:
                return True
            with rasterio.open(map_path) as classes:
                expected = layer.form(_legend_of(classes)).bands
            return sorted(raster.descriptions) == sorted(expected)
    except (*GDAL_ERRORS, OSError, TypeError, ValueError):
        return False


def _has_form(raster: DatasetReader, layer: Layer) -> bool:
    if raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
        return False
    if layer.holds_classes:
        return bool(_values(raster)) and raster.count == 1 and raster.dtypes[0] in CLASS_TYPES
    if layer.bands is None and raster.descriptions != (layer.description,):
        return False
    return callable(layer.dtype) or set(raster.dtypes) == {layer.dtype}


def _values(raster: DatasetReader) -> dict[int, str]:
    """The names of the classes in a raster by their values."""
    tags = raster.tags(1).items()
    return {int(tag[6:]): name for tag, name in tags if tag.startswith("CLASS_")}


def _legend_of(raster: DatasetReader) -> Legend:
    return Legend(
        tuple(Category(value, name, (0, 0, 0)) for value, name in _values(raster).items())
    )


def _is_of_raster(path: Path) -> bool:
    """Whether an .aux.xml is what GDAL keeps beside a raster: statistics, names of classes."""
    try:
        return ElementTree.parse(path).getroot().tag == "PAMDataset"
    except (ElementTree.ParseError, ValueError):
        return False


def _are_overviews(path: Path) -> bool:
    """Whether an .ovr holds smaller copies of the raster beside it, or of one that is gone."""
    beside = path.with_name(path.name.removesuffix(".ovr"))
    try:
        with quiet_gdal(), rasterio.open(path) as overview:
            if not beside.exists():
                return True
        with quiet_gdal(), rasterio.open(beside) as raster, rasterio.open(path) as overview:
            same = (overview.count, overview.dtypes) == (raster.count, raster.dtypes)
            return same and overview.width < raster.width and overview.height < raster.height
    except GDAL_ERRORS:
        return False


def _is_style(path: Path) -> bool:
    try:
        return is_plain_style(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return False
