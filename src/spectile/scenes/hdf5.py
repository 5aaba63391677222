"""Cubes in HDF5 and netCDF-4 files: PRISMA, EMIT, NEON and whatever else calls its axes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from spectile.scenes.axes import Shape, Words, find_axes
from spectile.scenes.grid_mapping import crs_of_attributes, even_steps, grid_transform
from spectile.scenes.header_fields import Tags, field_of
from spectile.scenes.matlab73 import CHUNKS_KEPT, Hdf5Reader
from spectile.scenes.named_arrays import (
    DEFLATE,
    check_stored,
    choose_array,
    damage_reported,
)
from spectile.scenes.physical import in_values
from spectile.scenes.scaling import scaling_of_attributes
from spectile.scenes.scene import Scene
from spectile.scenes.wavelengths import Spectrum, spectrum_of_header

if TYPE_CHECKING:
    import h5py

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MISSING = ("_FillValue", "missing_value", "Data_Ignore_Value", "data_ignore_value")


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5 by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def open_hdf5(
    path: Path,
    source: str,
    wanted: str | None,
    *,
    bands_last: bool | None = None,
    bands: int | None = None,
) -> Scene:
    """The array `wanted`, or the only numeric one with three axes, as a scene.

    Its axes are found by the names of their dimensions, else by a list of wavelengths as long as
    one of them, else by `bands_last` or the number of `bands`. Wavelengths come from a list in the
    file, scale and nodata from the array's attributes, the place on the ground from its grid
    mapping and even coordinates. An array of two axes is a scene of one band. Raises InputError
    that names what there is to choose from, or both readings where the axes aren't told.
    """
    import h5py

    with damage_reported(source):
        file = h5py.File(path, "r", rdcc_nbytes=CHUNKS_KEPT)
        return _scene(_Cube(file, _chosen(file, source, wanted), source), bands_last, bands)


def _chosen(file: h5py.File, source: str, wanted: str | None) -> h5py.Dataset:
    arrays = dict(_arrays(file))
    if wanted is not None and wanted.strip("/") not in arrays:
        # The last part of a name will do where it is the only one of it.
        ends = [name for name in arrays if name.rsplit("/", 1)[-1] == wanted.strip("/")]
        wanted = ends[0] if len(ends) == 1 else wanted
    wanted = None if wanted is None else wanted.strip("/")
    shapes: dict[str, Shape] = {name: _without_ones(item.shape) for name, item in arrays.items()}
    axes = 3
    if (wanted is not None and len(shapes.get(wanted, ())) == 2) or (
        wanted is None and not any(len(shape) == 3 for shape in shapes.values())
    ):
        axes = 2
    dataset = arrays[choose_array(source, shapes, wanted, axes)]
    most = 1 if dataset.compression is None else DEFLATE
    check_stored(source, dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size(), most)
    return dataset


def _arrays(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    import h5py

    found: list[tuple[str, h5py.Dataset]] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf":
            found.append((name, item))

    group.visititems(note)
    yield from found


def _without_ones(shape: Shape) -> Shape:
    """A shape without axes of a single place beyond three, such as that of one time."""
    kept = list(shape)
    while len(kept) > 3 and 1 in kept:
        kept.remove(1)
    return tuple(kept)


@dataclass(frozen=True)
class _Cube:
    """An array in its file."""

    file: h5py.File
    dataset: h5py.Dataset
    source: str

    @property
    def axes(self) -> list[int]:
        """The axes that are left without those of a single place, or the last three."""
        kept = list(range(self.dataset.ndim))
        for axis in range(self.dataset.ndim):
            if len(kept) > 3 and self.dataset.shape[axis] == 1:
                kept.remove(axis)
        return kept

    def names(self) -> list[str]:
        """What the axes are called, empty texts where they aren't."""
        return [_dimension(self.dataset, axis) for axis in self.axes]

    def attributes(self) -> dict[str, Any]:
        """The array's own, by name."""
        return _attributes(self.dataset)

    def lists(self, field: str) -> Iterator[tuple[NDArray[Any], Mapping[str, Any]]]:
        """Lists of numbers that may be the `field` of a header, those next to the array first."""
        near = self.dataset.parent.name.strip("/")
        own = self.dataset.name.lower()
        arrays = sorted(_arrays(self.file), key=lambda item: not item[0].startswith(near))
        for name, item in arrays:
            if item.ndim == 1 and field_of(name.rsplit("/", 1)[-1]) == field:
                yield np.asarray(item[()], np.float64), _attributes(item)
        for holder in (self.dataset, self.dataset.parent, self.file):
            for name, value in _attributes(holder).items():
                # PRISMA has a list for each detector, whose cubes may have as many bands.
                other = next((d for d in ("vnir", "swir") if d in name.lower()), "")
                values = np.asarray(value)
                numeric = values.ndim == 1 and values.dtype.kind in "iuf"
                if numeric and field_of(name) == field and other in own:
                    yield values.astype(np.float64), {}

    def beside(self, name: str) -> h5py.Dataset | None:
        """The array `name` in the cube's group or above it."""
        import h5py

        group = self.dataset.parent
        while True:
            item = group.get(name)
            if isinstance(item, h5py.Dataset):
                return item
            if group.name == "/":
                return None
            group = group.parent


def _scene(cube: _Cube, bands_last: bool | None, bands: int | None) -> Scene:
    dataset, kept = cube.dataset, cube.axes
    shape = tuple(dataset.shape[axis] for axis in kept)
    names = cube.names()
    if len(shape) == 2:
        (rows, columns), band, note = kept, None, ""
    else:
        lists = {len(values) for values, _ in cube.lists("wavelength")}
        words = Words(names, lists, bands_last, bands)
        found, note = find_axes(cube.source, shape, words, usual=None)
        band, rows, columns = (kept[axis] for axis in found)
    count = 1 if band is None else int(dataset.shape[band])
    spectrum, gone = _spectrum(cube, count)
    attributes = cube.attributes()
    scaling, refused = scaling_of_attributes(attributes, count)
    crs, transform, placing = _georeference(cube, rows, columns)
    dtype = dataset.dtype.newbyteorder("=")
    scene = Scene(
        source=cube.source,
        format="HDF5",
        height=int(dataset.shape[rows]),
        width=int(dataset.shape[columns]),
        bands=count,
        dtype=dtype,
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=crs,
        transform=transform,
        reader=Hdf5Reader(dataset, (band, rows, columns)),
        notes=tuple(filter(None, (note, *spectrum.notes, gone, *refused, *placing))),
        files=(str(Path(cube.file.filename)),),
    )
    return in_values(scene, scaling=scaling, nodata=(_missing(attributes),) * count)


def _dimension(dataset: h5py.Dataset, axis: int) -> str:
    dimension = dataset.dims[axis]
    try:
        return dimension[0].name.rsplit("/", 1)[-1] if len(dimension) else str(dimension.label)
    except (RuntimeError, KeyError, ValueError, AttributeError):
        return ""


def _attributes(item: Any) -> dict[str, Any]:
    found = {}
    for name in item.attrs:
        try:
            value = item.attrs[name]
        except (OSError, TypeError, KeyError, ValueError):
            continue  # of a type that only the writing program knows
        found[str(name)] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return found


def _spectrum(cube: _Cube, bands: int) -> tuple[Spectrum, str]:
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
    cube: _Cube, rows: int, columns: int
) -> tuple[CRS | None, Affine | None, tuple[str, ...]]:
    named = cube.attributes().get("grid_mapping", "spatial_ref")
    mapping = cube.beside(str(named)) if isinstance(named, str) else None
    attributes = {} if mapping is None else _attributes(mapping)
    crs, note = crs_of_attributes(attributes)
    steps = []
    for axis in (rows, columns):
        scale = cube.beside(_dimension(cube.dataset, axis) or " ")
        values = None if scale is None or scale.ndim != 1 else np.asarray(scale[()])
        told = values is not None and len(values) == cube.dataset.shape[axis]
        steps.append(even_steps(values) if told and values is not None else None)
    return crs, grid_transform(steps[0], steps[1], crs, attributes), note


def split_gdal_name(source: str) -> tuple[Path, str] | None:
    """File and array in GDAL's name of a part, as in HDF5:"file.h5"://group/array."""
    found = re.fullmatch(r'(?:HDF5|NETCDF):"?(?P<file>[^"]+?)"?:/*(?P<name>[^:]+)', source, re.I)
    if found is None or not (file := Path(found["file"])).is_file() or not is_hdf5(file):
        return None
    return file, found["name"]
