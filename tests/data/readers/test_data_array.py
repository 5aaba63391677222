"""DataArrays as scenes: whatever their order of dimensions, and read no further than needed."""

import itertools
from pathlib import Path

import dask.array
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from spectile.data.datasets.simulated import simulate_file
from spectile.data.readers.open import open_scene
from spectile.data.readers.xarray import scene_from_data_array
from spectile.errors import InputError

PIXELS = np.arange(4 * 5 * 7, dtype=np.int16).reshape(4, 5, 7)
UTM = CRS.from_epsg(32633)


def array(*dims: str, **coords: object) -> xr.DataArray:
    return xr.DataArray(PIXELS, dims=dims or ("band", "y", "x"), coords=coords)


@pytest.mark.parametrize("dims", list(itertools.permutations(["band", "y", "x"])))
def test_dimensions_are_found_in_any_order(dims: tuple[str, ...]) -> None:
    scene = scene_from_data_array(array().transpose(*dims))
    assert (scene.bands, scene.height, scene.width) == (4, 5, 7)
    np.testing.assert_array_equal(scene.read(), PIXELS)
    window = Window(2, 1, 4, 3)
    np.testing.assert_array_equal(scene.read(window, (3, 0)), PIXELS[[3, 0], 1:4, 2:6])


@pytest.mark.parametrize(
    ("row", "column"),
    [("lat", "lon"), ("Latitude", "Longitude"), ("row", "col"), ("lines", "samples")],
)
def test_dimensions_are_known_by_their_names(row: str, column: str) -> None:
    scene = scene_from_data_array(array(column, "wavelength", row))
    assert (scene.width, scene.bands, scene.height) == PIXELS.shape


def test_dimensions_that_rioxarray_was_told_are_known() -> None:
    told = array("depth", "north", "east").rio.set_spatial_dims("east", "north")
    assert scene_from_data_array(told).width == 7


@pytest.mark.parametrize(
    ("given_array", "message"),
    [
        (array("a", "b", "c"), "the dimensions a, b, c, of which none are known"),
        (array().expand_dims("time"), "the dimensions time, band besides y and x"),
        (array().isel(band=0, drop=True), "no dimension besides y and x"),
        (array().astype(str), "holds <U"),
        (array().isel(y=slice(0)), "is empty"),
    ],
)
def test_what_is_no_image_is_refused(given_array: xr.DataArray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scene_from_data_array(given_array)


@pytest.mark.parametrize(
    ("centres", "attributes"),
    [
        ([0.4, 0.5, 0.6, 0.7], {"units": "um"}),
        ([0.4, 0.5, 0.6, 0.7], {}),
        ([400, 500, 600, 700], {"units": "nm"}),
        (["400", "500", "600", "700"], {}),
    ],
)
def test_wavelengths_come_in_nanometres(centres: list[object], attributes: dict[str, str]) -> None:
    along_bands = array(wavelengths=("band", centres, attributes))
    as_dimension = array("wavelength", "y", "x", wavelength=("wavelength", centres, attributes))
    for given_array in (along_bands, as_dimension):
        wavelengths = scene_from_data_array(given_array).wavelengths
        np.testing.assert_allclose(wavelengths, [400, 500, 600, 700])


def test_what_is_no_wavelength_is_left_out_with_the_reason() -> None:
    wavenumbers = array(wavelength=("band", [1, 2, 3, 4], {"units": "cm-1"}))
    as_rioxarray_has_it = array(wavelength=("band", [1, 2, 3, 4]))
    as_rioxarray_has_it.attrs["wavelength_units"] = "cm-1"
    for given_array in (wavenumbers, as_rioxarray_has_it):
        scene = scene_from_data_array(given_array)
        assert scene.wavelengths is None
        assert scene.notes == ("the wavelengths are in 'cm-1', which is no length",)


def test_a_wavelength_that_is_not_the_bands_is_passed_over() -> None:
    assert scene_from_data_array(array(wavelength=550.0)).wavelengths is None


def test_widths_and_bad_bands_come_along() -> None:
    scene = scene_from_data_array(array(fwhm=("band", [9, 9, 10, 11]), bbl=("band", [1, 0, 1, 1])))
    assert scene.good_bands.tolist() == [True, False, True, True]
    measured = array(wavelength=("band", [400, 500, 600, 700]), fwhm=("band", [9, 9, 10, 11]))
    np.testing.assert_array_equal(scene_from_data_array(measured).fwhm, [9, 9, 10, 11])


@given(
    west=st.floats(-1e6, 1e6),
    north=st.floats(-1e7, 1e7),
    width=st.floats(0.5, 500),
    height=st.floats(-500, -0.5) | st.floats(0.5, 500),
)
def test_even_coordinates_make_the_transform(
    west: float, north: float, width: float, height: float
) -> None:
    placed = array(x=west + width * (np.arange(7) + 0.5), y=north + height * (np.arange(5) + 0.5))
    found = scene_from_data_array(placed).transform
    assert found is not None
    assert found.almost_equals(Affine(width, 0, west, 0, height, north), precision=1e-5)


def test_degrees_in_single_precision_are_even() -> None:
    lat = (52 - 0.00027 * np.arange(5)).astype(np.float32)
    lon = (150 + 0.00027 * np.arange(7)).astype(np.float32)
    assert scene_from_data_array(array("band", "lat", "lon", lat=lat, lon=lon)).transform


@pytest.mark.parametrize(
    "coordinates",
    [
        {"x": [0, 1, 2, 3, 4, 5, 7.0], "y": np.arange(5.0)},
        {"x": np.zeros(7), "y": np.arange(5.0)},
        {"x": list("abcdefg"), "y": np.arange(5.0)},
        {"x": 10 * np.arange(7)},
        {"x": np.arange(7), "y": np.arange(5)},
        {},
    ],
)
def test_other_coordinates_make_none(coordinates: dict[str, object]) -> None:
    assert scene_from_data_array(array(**coordinates)).transform is None


def test_the_coordinate_system_is_found_where_rioxarray_and_cf_put_it() -> None:
    plain = array()
    by_rioxarray = plain.rio.write_crs(UTM)
    assert by_rioxarray.encoding["grid_mapping"] == "spatial_ref"
    named = plain.assign_coords(utm33=((), 0, {"crs_wkt": UTM.to_wkt()}))
    named.attrs["grid_mapping"] = "utm33"
    for placed in (by_rioxarray, named):
        assert scene_from_data_array(placed).crs == UTM
    assert scene_from_data_array(plain).crs is None
    local = plain.assign_coords(spatial_ref=((), 0, {"crs_wkt": 'LOCAL_CS["Arbitrary"]'}))
    assert scene_from_data_array(local).crs is None
    broken = plain.assign_coords(spatial_ref=((), 0, {"crs_wkt": "PROJCS["}))
    scene = scene_from_data_array(broken)
    assert scene.crs is None
    assert "coordinate system" in scene.notes[0]


@pytest.mark.parametrize("masked", [False, True])
def test_a_file_through_rioxarray_is_the_scene_that_was_opened(
    tmp_path: Path, masked: bool
) -> None:
    path = tmp_path / "scene.img"
    simulate_file(path, 20, 30, 8, 3, seed=0)
    opened = open_scene(path)
    with rioxarray.open_rasterio(path, masked=masked) as read:
        scene = scene_from_data_array(read)
        assert (scene.crs, scene.transform) == (opened.crs, opened.transform)
        np.testing.assert_allclose(scene.wavelengths, opened.wavelengths)
        np.testing.assert_array_equal(scene.read(bands=(5, 1)), opened.read(bands=(5, 1)))
        assert scene.reader.block == (1, 30)  # of a file in line order


def test_a_rotated_raster_keeps_its_transform(tmp_path: Path) -> None:
    turned = Affine.translation(4e5, 5e6) @ Affine.rotation(30) @ Affine.scale(30, -30)
    profile = {"driver": "GTiff", "height": 5, "width": 7, "count": 4, "dtype": "int16"}
    with rasterio.open(tmp_path / "t.tif", "w", crs=UTM, transform=turned, **profile) as raster:
        raster.write(PIXELS)
    with rioxarray.open_rasterio(tmp_path / "t.tif") as read:
        found = scene_from_data_array(read).transform
    assert found.almost_equals(turned, precision=1e-9)


@pytest.mark.parametrize("masked", [False, True])
def test_nodata_is_no_data_before_and_after_decoding(tmp_path: Path, masked: bool) -> None:
    profile = {"driver": "GTiff", "height": 5, "width": 7, "count": 4, "dtype": "int16"}
    grid = {"crs": UTM, "transform": from_origin(4e5, 5e6, 30, 30)}
    with rasterio.open(tmp_path / "n.tif", "w", nodata=9, **grid, **profile) as raster:
        raster.write(PIXELS)
    with rioxarray.open_rasterio(tmp_path / "n.tif", masked=masked) as read:
        scene = scene_from_data_array(read)
        valid = scene.valid(scene.read())
    np.testing.assert_array_equal(valid, (PIXELS != 9).all(axis=0))
    assert not valid.all()


def test_of_an_array_in_chunks_only_those_of_the_window_are_computed() -> None:
    computed: list[tuple[int, ...]] = []

    def chunk(block_info: dict[object, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        place = block_info[None]["array-location"]
        computed.append(tuple(start for start, _ in place))
        return np.full([stop - start for start, stop in place], len(computed), np.float32)

    chunks = dask.array.map_blocks(
        chunk, chunks=((6,), (100,) * 5, (100,) * 7), dtype=np.float32, meta=np.empty((0, 0, 0))
    )
    scene = scene_from_data_array(xr.DataArray(chunks, dims=("band", "y", "x")))
    assert (scene.height, scene.width, computed) == (500, 700, [])
    assert scene.reader.block == (100, 100)
    assert scene.read(Window(150, 210, 100, 50)).shape == (6, 50, 100)
    assert sorted(computed) == [(0, 200, 100), (0, 200, 200)]


def test_pixels_come_in_the_machines_byte_order_and_are_the_readers_own() -> None:
    for stored in (array().astype(">i2"), array().copy()):
        scene = scene_from_data_array(stored)
        pixels = scene.read()
        assert pixels.dtype == scene.dtype == np.dtype("=i2")
        pixels[:] = 0
        np.testing.assert_array_equal(stored.to_numpy(), PIXELS)
