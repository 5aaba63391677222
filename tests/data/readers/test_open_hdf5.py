"""HDF5 and netCDF-4: axes by the file's own words, wavelengths, scale, place."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyproj
import pytest
import xarray as xr
from affine import Affine
from rasterio.windows import Window

from spectile.data.readers.open import open_scene
from spectile.data.readers.xarray import scene_from_data_array
from spectile.errors import InputError

CUBE = np.random.default_rng(0).integers(1, 9999, (5, 6, 7)).astype(np.int16)
CENTRES = [400.0, 500.0, 600.0, 700.0, 800.0]
ORDERS = [(0, 1, 2), (1, 2, 0), (1, 0, 2), (2, 1, 0)]
"""Axes (bands, rows, columns) of the file; PRISMA's are rows, bands, columns."""
NAMES = ("wavelength", "y", "x")


@pytest.mark.parametrize("order", ORDERS)
def test_axes_by_their_names(tmp_path: Path, order: tuple[int, int, int]) -> None:
    path = tmp_path / "scene.nc"
    with h5py.File(path, "w") as file:
        cube = file.create_dataset("reflectance", data=CUBE.transpose(order), chunks=True)
        for name, values in (
            ("wavelength", CENTRES),
            ("y", 5e6 - 30 * np.arange(6.0)),
            ("x", 3e5 + 30 * np.arange(7.0)),
        ):
            file[name] = values
            file[name].make_scale(name)
        file["wavelength"].attrs["units"] = "nm"
        for axis, of_cube in enumerate(order):
            cube.dims[axis].attach_scale(file[NAMES[of_cube]])
        cube.attrs["_FillValue"] = np.int16(CUBE[1, 2, 3])
        cube.attrs["grid_mapping"] = "utm"
        mapping = file.create_dataset("utm", data=0)
        for key, value in pyproj.CRS(32633).to_cf().items():
            mapping.attrs[key] = value
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(), CUBE)
    np.testing.assert_array_equal(scene.read(Window(2, 1, 4, 3), [4, 0]), CUBE[[4, 0], 1:4, 2:6])
    np.testing.assert_array_equal(scene.wavelengths, CENTRES)
    assert scene.crs.to_epsg() == 32633
    assert scene.transform == Affine(30, 0, 3e5 - 15, 0, -30, 5e6 + 15)
    assert not scene.valid(scene.read())[2, 3]
    sent = pickle.loads(pickle.dumps(scene.reader))
    np.testing.assert_array_equal(sent.read(Window(1, 2, 3, 4), [1]), CUBE[[1], 2:6, 1:4])


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (1, 0, 2)])
@pytest.mark.parametrize("attribute", [False, True])
def test_axes_by_the_list_of_wavelengths(
    tmp_path: Path, order: tuple[int, int, int], attribute: bool
) -> None:
    path = tmp_path / "scene.he5"
    with h5py.File(path, "w") as file:
        file["HDFEOS/Data Fields/VNIR_Cube"] = CUBE.transpose(order)
        if attribute:
            file.attrs["List_Cw_Vnir"] = np.array([*CENTRES[:4], 0.0])
            file.attrs["List_Cw_Swir"] = np.arange(1000.0, 1006)
            file.attrs["L2ScaleVnirMin"], file.attrs["L2ScaleVnirMax"] = 0.5, 1.5
        else:
            file["HDFEOS/Metadata/Wavelength"] = CENTRES
            file["HDFEOS/Metadata/FWHM"] = [10.0] * 5
    scene = open_scene(path)
    wanted = CUBE / 65535 + 0.5 if attribute else CUBE
    np.testing.assert_allclose(scene.read(), wanted, rtol=1e-6)
    if attribute:
        by_gdals_name = open_scene(f'HDF5:"{path}"://HDFEOS/Data_Fields/VNIR_Cube')
        assert by_gdals_name.bands == 5
        assert scene.good_bands.tolist() == [True] * 4 + [False]
        np.testing.assert_array_equal(scene.wavelengths, [*CENTRES[:4], np.nan])
    else:
        np.testing.assert_array_equal(scene.wavelengths, CENTRES)
        np.testing.assert_array_equal(scene.fwhm, [10] * 5)


def test_axes_that_nothing_tells_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
    with pytest.raises(InputError, match=r"5 x 6 x 7 .*=False .*=True .*7 bands"):
        open_scene(path)
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), CUBE)
    np.testing.assert_array_equal(open_scene(path, bands=5).read(), CUBE)
    turned = open_scene(path, bands_last=True)
    np.testing.assert_array_equal(turned.read(), CUBE.transpose(2, 0, 1))


def test_several_cubes_and_gdals_names(tmp_path: Path) -> None:
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file["a/cube"], file["b/other"] = CUBE, CUBE + 1
        file["a/wavelength"], file["text"] = CENTRES, "nothing"
    with pytest.raises(InputError, match=r"2 arrays .*cube .*other .*as in .*scene.h5:cube"):
        open_scene(path)
    for name in (f"{path}:b/other", f"{path}:other", f'HDF5:"{path}"://b/other'):
        np.testing.assert_array_equal(open_scene(name).read(), CUBE + 1)


@pytest.mark.parametrize("decoded", [False, True])
def test_xarray_before_and_after_decoding(decoded: bool) -> None:
    attributes = {"scale_factor": 1e-4, "add_offset": 0.1, "_FillValue": -9}
    numbers = CUBE.copy()
    numbers[2, 3, 4] = -9
    dataset = xr.Dataset({"r": (NAMES, numbers, attributes)}, {"wavelength": CENTRES})
    array = (xr.decode_cf(dataset) if decoded else dataset)["r"]
    scene = scene_from_data_array(array)
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[3, 4]]
    np.testing.assert_allclose(scene.read()[:, :3], CUBE[:, :3] * 1e-4 + 0.1, rtol=1e-6)
    assert (scene.scaling is None) == decoded


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"scale_factor": 0.5, "add_offset": -1.0}, lambda x: x * 0.5 - 1),
        ({"Scale_Factor": 10_000.0}, lambda x: x / 10_000),
    ],
)
def test_scale_in_attributes(
    tmp_path: Path, attributes: dict[str, float], wanted: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
        file["cube"].attrs.update(attributes)
    scene = open_scene(path, bands_last=False)
    np.testing.assert_allclose(scene.read(), wanted(CUBE.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("dims", [NAMES, ("y", "x", "wavelength"), ("y", "wavelength", "x")])
def test_netcdf_of_the_classic_kind(tmp_path: Path, dims: tuple[str, str, str]) -> None:
    path = tmp_path / "scene.nc"
    numbers = CUBE.copy()
    numbers[2, 3, 4] = -9
    coordinates = {"wavelength": CENTRES, "y": 5e6 - 30 * np.arange(6), "x": 30 * np.arange(7)}
    attributes = {"scale_factor": 1e-4, "add_offset": 0.1, "_FillValue": np.int16(-9)}
    array = xr.DataArray(numbers, coordinates, NAMES, attrs=attributes)
    xr.Dataset({"r": array.transpose(*dims)}).to_netcdf(path, engine="scipy")
    scene = open_scene(path)
    np.testing.assert_allclose(scene.read()[:, :3], CUBE[:, :3] * 1e-4 + 0.1, rtol=1e-6)
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[3, 4]]
    np.testing.assert_array_equal(scene.wavelengths, CENTRES)
    assert scene.transform == Affine(30, 0, -15, 0, -30, 5e6 + 15)
    window = scene.read(Window(2, 1, 4, 2), [4, 0])
    np.testing.assert_allclose(window, CUBE[[4, 0], 1:3, 2:6] * 1e-4 + 0.1, rtol=1e-6)
