"""Arrays whose axes have names and that tell of themselves in attributes, as CF has it: scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from spectile.data.readers.axes import Shape, Words, find_axes
from spectile.data.readers.grid_mapping import crs_of_attributes, grid_steps, grid_transform
from spectile.data.readers.header_fields import Tags
from spectile.data.readers.named_arrays import choose_array
from spectile.data.readers.physical import in_values
from spectile.data.readers.scaling import scaling_of_attributes
from spectile.data.scene import Reader, Scene
from spectile.data.wavelengths import Spectrum, spectrum_of_header

Attributes = Mapping[str, Any]
FileAxes = tuple[int | None, int, int]
"""The places of bands (None: there is one), rows and columns; any other axis has one place."""
_MISSING = ("_FillValue", "missing_value", "Data_Ignore_Value", "data_ignore_value")


class Cube(Protocol):
    """An array in its file."""

    @property
    def shape(self) -> Shape:
        """As stored."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored."""
        ...

    def dimensions(self) -> Sequence[str]:
        """What the axes are called, empty texts where they aren't."""
        ...

    def attributes(self) -> Attributes:
        """The array's own, by name."""
        ...

    def lists(self, field: str) -> Iterator[tuple[NDArray[Any], Attributes]]:
        """Lists that may be the `field` of an ENVI header, those next to the array first."""
        ...

    def beside(self, name: str) -> tuple[NDArray[Any], Attributes] | None:
        """The array `name` next to this one, if it has one axis or none."""
        ...

    def reader(self, axes: FileAxes) -> Reader:
        """Of windows."""
        ...


def choose_cube(source: str, shapes: Mapping[str, Shape], wanted: str | None) -> str:
    """The array `wanted`, by its name or the end of it, or the only one that can be a scene.

    An array of three axes is one, and if there is none, one of two. Axes of a single place beyond
    three don't count. Raises InputError that names what there is.
    """
    last = [name.rsplit("/", 1)[-1] for name in shapes]
    # Names of groups are long, and the end mostly tells.
    full = {
        end if last.count(end) == 1 else name: name for name, end in zip(shapes, last, strict=True)
    }
    plain = {
        short: tuple(shapes[name][axis] for axis in kept_axes(shapes[name]))
        for short, name in full.items()
    }
    if wanted is not None:
        # GDAL writes underscores for blanks.
        asked = "/" + wanted.strip("/").replace(" ", "_")
        ends = [k for k, name in full.items() if f"/{name}".replace(" ", "_").endswith(asked)]
        exact = [k for k, name in full.items() if name == wanted.strip("/")]
        found = exact or ends
        wanted = found[0] if len(found) == 1 else wanted
    three = any(len(shape) == 3 for shape in plain.values())
    axes = 3 if three else 2
    if wanted is not None:
        axes = 2 if len(plain.get(wanted, ())) == 2 else 3
    return full[choose_array(source, plain, wanted, axes)]


def kept_axes(shape: Shape) -> list[int]:
    """The axes of an array, without those of a single place beyond three."""
    kept = list(range(len(shape)))
    for axis, length in enumerate(shape):
        if len(kept) > 3 and length == 1:
            kept.remove(axis)
    return kept


def scene_of_cube(
    cube: Cube, source: str, kind: str, file: str, bands_last: bool | None, bands: int | None
) -> Scene:
    """A scene of an array of two or three axes.

    Its axes are found by the names of their dimensions, else by a list of wavelengths as long as
    one of them, else by `bands_last` or the number of `bands`. Raises InputError that names both
    readings where the axes aren't told.
    """
    kept = kept_axes(cube.shape)
    names = cube.dimensions()
    band: int | None = None
    note = ""
    if len(kept) == 2:
        rows, columns = kept
    else:
        lists = {len(values) for values, _ in cube.lists("wavelength")}
        words = Words([names[axis] for axis in kept], lists, bands_last, bands)
        shape = tuple(cube.shape[axis] for axis in kept)
        found, note = find_axes(source, shape, words, usual=None)
        band, rows, columns = (kept[axis] for axis in found)
    count = 1 if band is None else int(cube.shape[band])
    spectrum, gone = _spectrum(cube, count)
    attributes = cube.attributes()
    scaling, refused = scaling_of_attributes(attributes, count)
    crs, transform, placing = _georeference(cube, rows, columns)
    scene = Scene(
        source=source,
        format=kind,
        height=int(cube.shape[rows]),
        width=int(cube.shape[columns]),
        bands=count,
        dtype=cube.dtype.newbyteorder("="),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=crs,
        transform=transform,
        reader=cube.reader((band, rows, columns)),
        notes=tuple(filter(None, (note, *spectrum.notes, gone, *refused, *placing))),
        files=(file,),
    )
    return in_values(scene, scaling=scaling, nodata=(_missing(attributes),) * count)


def _spectrum(cube: Cube, bands: int) -> tuple[Spectrum, str]:
    """The lists along the bands, and a note on centres of 0, which stand for unused bands."""
    fields: dict[str, Any] = {}
    unused = np.zeros(bands, np.bool_)
    for field in ("wavelength", "fwhm", "bbl"):
        for values, attributes in cube.lists(field):
            if len(values) != bands:
                continue
            if field == "wavelength":
                unused = values == 0
                unit = next(
                    (attributes[k] for k in ("units", "Units", "unit") if k in attributes), ""
                )
                fields["wavelength units"] = str(unit)
            if field != "bbl" and unused.any() and not unused.all():
                values = np.where(unused, values[~unused].mean(), values)
            fields[field] = [repr(float(value)) for value in values]
            break
    tags: Tags = fields
    spectrum = spectrum_of_header(tags, bands)
    if spectrum.wavelengths is None or not unused.any() or unused.all():
        return spectrum, ""
    return (
        replace(
            spectrum,
            wavelengths=np.where(unused, np.nan, spectrum.wavelengths),
            fwhm=None if spectrum.fwhm is None else np.where(unused, np.nan, spectrum.fwhm),
            good_bands=spectrum.good_bands & ~unused,
        ),
        f"{int(unused.sum())} bands have a wavelength of 0 and are taken for bad ones",
    )


def _missing(attributes: Mapping[str, Any]) -> float | None:
    for name in _MISSING:
        value = np.asarray(attributes.get(name, ""))
        if value.size == 1 and value.dtype.kind in "iuf":
            return float(value.ravel()[0])
    return None


def _georeference(
    cube: Cube, rows: int, columns: int
) -> tuple[CRS | None, Affine | None, tuple[str, ...]]:
    named = cube.attributes().get("grid_mapping", "spatial_ref")
    mapping = cube.beside(named) if isinstance(named, str) else None
    attributes: Attributes = {} if mapping is None else mapping[1]
    crs, note = crs_of_attributes(attributes)
    names, steps = cube.dimensions(), []
    for axis in (rows, columns):
        told = cube.beside(names[axis]) if names[axis] else None
        fits = told is not None and told[0].shape == (cube.shape[axis],)
        steps.append(grid_steps(told[0]) if told is not None and fits else None)
    return crs, grid_transform(steps[0], steps[1], crs, attributes), note
