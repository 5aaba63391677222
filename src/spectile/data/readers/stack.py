"""One scene out of images of one band each: the pages of a TIFF, a folder or list of files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from spectile.data.readers.gdal import open_dataset, quiet_gdal, scene_of_dataset
from spectile.data.readers.gdal_marks import has_mask
from spectile.data.scene import Reader, Scene
from spectile.data.wavelengths import named_tags
from spectile.errors import InputError

_TYPES = {
    "uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32",
    "int32": "Int32", "uint64": "UInt64", "int64": "Int64", "float32": "Float32",
    "float64": "Float64",
}  # fmt: skip
"""GDAL's names of NumPy's types."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
AnyPath = TypeVar("AnyPath", bound=PurePath)
_LONGEST = 60
"""Letters of a fact in a sentence: coordinate systems can fill a page."""
MOST_PARTS = 5000
"""Images that are put together."""


@dataclass(frozen=True)
class BandFile:
    """An image that may become a band."""

    name: str
    """For people, and of the band."""
    opened: str
    """What GDAL opens."""


def stack(parts: Sequence[BandFile], source: str, advice: str) -> DatasetReader:
    """A dataset with a band for each of `parts`, in their order.

    Raises InputError, which ends in `advice`, unless they are of one band, size, type and place.
    """
    root: Element | None = None
    first: dict[str, Any] = {}
    for number, part in enumerate(parts[:MOST_PARTS], start=1):
        dataset = open_dataset(part.opened)
        if dataset is None:
            raise InputError(f"{part.name} of {source} can't be read as an image: {advice}.")
        with quiet_gdal(), dataset:
            said = _facts(dataset)
            if root is None:
                root, first = _root(dataset), said
            other = next((fact for fact in said if said[fact] != first[fact]), None)
            if other is None and dataset.count != 1:
                other = "bands"
            if other is not None:
                raise InputError(
                    f"{source} holds {len(parts)} images that don't make one scene: "
                    f"{parts[0].name} has {other} {_short(first[other])}, {part.name} "
                    f"{_short(said[other])}; "
                    f"{advice}."
                )
            if dataset.dtypes[0] not in _TYPES:
                raise InputError(f"{part.name} of {source} holds {dataset.dtypes[0]}: {advice}.")
            _add_band(root, number, part, dataset)
    assert root is not None
    stacked = open_dataset(tostring(root, encoding="unicode"))
    if stacked is None:
        raise InputError(f"{source} can't be put together from its {len(parts)} images: {advice}.")
    return stacked


def open_stack(
    parts: Sequence[BandFile], source: str, files: tuple[str, ...], advice: str
) -> Scene:
    """The scene whose bands `parts` are; raises InputError, which ends in `advice`, as stack."""
    with quiet_gdal():
        scene = scene_of_dataset(stack(parts, source, advice), source)
    names = ", ".join(part.name for part in parts[:4]) + (" ..." if len(parts) > 4 else "")
    note = f"its {len(parts)} bands are single images, in this order: {names}"
    return replace(scene, notes=(*scene.notes, note), files=files, format="single bands")


def _facts(dataset: DatasetReader) -> dict[str, Any]:
    """What all parts must have in common, for people."""
    return {
        "bands": dataset.count,
        "pixels": f"{dataset.height} x {dataset.width}",
        "type": ", ".join(sorted(set(dataset.dtypes))),
        "coordinate system": None if dataset.crs is None else dataset.crs.to_string(),
        "corner and pixel size": tuple(round(number, 9) for number in dataset.transform[:6]),
    }


def _short(fact: object) -> str:
    text = str(fact)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def _root(dataset: DatasetReader) -> Element:
    root = Element("VRTDataset", rasterXSize=str(dataset.width), rasterYSize=str(dataset.height))
    if dataset.crs is not None:
        SubElement(root, "SRS").text = dataset.crs.to_wkt()
    if not dataset.transform.is_identity:
        numbers = map(repr, map(float, dataset.transform.to_gdal()))
        SubElement(root, "GeoTransform").text = ", ".join(numbers)
    return root


def _add_band(root: Element, number: int, part: BandFile, dataset: DatasetReader) -> None:
    band = SubElement(root, "VRTRasterBand", dataType=_TYPES[dataset.dtypes[0]], band=str(number))
    tags = {**named_tags(dataset, 0), **named_tags(dataset, 1)}
    metadata = SubElement(band, "Metadata")
    for key in ("wavelength", "wavelength_units", "wavelength_unit", "fwhm"):
        if key in tags:
            SubElement(metadata, "MDI", key=key).text = _NOT_XML.sub("", tags[key])
    SubElement(band, "Description").text = _NOT_XML.sub("", dataset.descriptions[0] or part.name)
    if dataset.nodatavals[0] is not None:
        SubElement(band, "NoDataValue").text = repr(float(dataset.nodatavals[0]))
    SubElement(band, "Offset").text = repr(float(dataset.offsets[0]))
    SubElement(band, "Scale").text = repr(float(dataset.scales[0]))
    _add_source(band, part, "1")
    if has_mask(dataset, [0]):
        mask = SubElement(SubElement(band, "MaskBand"), "VRTRasterBand", dataType="Byte")
        _add_source(mask, part, "mask,1")


def _add_source(band: Element, part: BandFile, number: str) -> None:
    source = SubElement(band, "SimpleSource")
    SubElement(source, "SourceFilename", relativeToVRT="0").text = part.opened
    SubElement(source, "SourceBand").text = number


class TurnedReader:
    """Reads a reader whose axes stand for others: what it calls bands, rows, columns."""

    block = (1, 1)

    def __init__(self, numbers: Reader, axes: tuple[int, int, int]) -> None:
        """`axes`: which of the reader's bands, rows and columns are the scene's."""
        self._numbers = numbers
        self._axes = axes

    def read(self, window: Window, bands: Sequence[int]) -> NDArray[Any]:
        """The pixels of `window` in `bands` as (bands, height, width)."""
        chosen = list(bands)
        low, high = min(chosen), max(chosen) + 1
        spans: list[tuple[int, int]] = [(0, 0)] * 3
        parts = (
            (low, high),
            (window.row_off, window.row_off + window.height),
            (window.col_off, window.col_off + window.width),
        )
        for axis, span in zip(self._axes, parts, strict=True):
            spans[axis] = span
        (first, last), (top, bottom), (left, right) = spans
        stored = self._numbers.read(
            Window(left, top, right - left, bottom - top), range(first, last)
        )
        return np.ascontiguousarray(stored.transpose(self._axes)[[band - low for band in chosen]])

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.close()


def pages_of(dataset: DatasetReader) -> list[BandFile]:
    """The pages of a TIFF; one that says that it holds more than are listed is refused.

    ImageJ writes stacks of more than 4 GB, and tifffile some, as one page followed by pixels.
    """
    # By number: GDAL lists page 10 before page 2.
    names = sorted(map(str, dataset.subdatasets), key=lambda name: (len(name), name))
    parts = [BandFile(f"page {number}", name) for number, name in enumerate(names, start=1)]
    announced = _announced(named_tags(dataset, 0).get("tifftag_imagedescription", ""))
    if announced > max(1, len(parts)) and dataset.count < announced:
        raise InputError(
            f"{Path(dataset.name).name} says that it holds {announced} images, of which "
            f"{max(1, len(parts))} can be found: save them as bands of a GeoTIFF, or as .npy."
        )
    return parts


def _announced(description: str) -> int:
    """How many images ImageJ or tifffile say that there are."""
    images = re.search(r"(?m)^images=([0-9]{1,9})\s*$", description)
    if description.startswith("ImageJ=") and images is not None:
        return int(images[1])
    if not description.startswith('{"shape"'):
        return 0
    try:
        shape = json.loads(description)["shape"]
        return int(np.prod([int(n) for n in shape[:-2]], dtype=object)) if len(shape) == 3 else 0
    except (ValueError, KeyError, TypeError):
        return 0


def in_order_of_names(paths: Sequence[AnyPath]) -> list[AnyPath]:
    """Paths as people count: B2 before B10."""

    def key(path: AnyPath) -> list[tuple[int, int | str]]:
        pieces = re.split(r"([0-9]+)", path.name.lower())
        return [(0, int(piece)) if piece.isdigit() else (1, piece) for piece in pieces]

    return sorted(paths, key=key)
