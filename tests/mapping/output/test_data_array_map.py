"""Model.map of a DataArray: a DataArray with its coordinates that other tools understand."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin
from tests.mapping.small_model import WAVELENGTHS, cube, small_model

from spectile.data.labels.legend import Category, Legend
from spectile.errors import InputError
from spectile.mapping.output.data_array import flag_meanings

UTM = CRS.from_epsg(32633)
TRANSFORM = from_origin(4e5, 5.8e6, 30, 30)


def placed(*dims: str) -> xr.DataArray:
    pixels = cube()
    height, width = pixels.shape[1:]
    whole = xr.DataArray(
        pixels,
        dims=("band", "y", "x"),
        coords={
            "y": 5.8e6 - 30 * (np.arange(height) + 0.5),
            "x": 4e5 + 30 * (np.arange(width) + 0.5),
            "wavelength": ("band", WAVELENGTHS, {"units": "nm"}),
            "time": np.datetime64("2026-06-01", "ns"),
            "elevation": (("x", "y"), np.zeros((width, height))),
        },
        name="reflectance",
    )
    return whole.rio.write_crs(UTM).transpose(*(dims or whole.dims))


@pytest.mark.parametrize("dims", list(itertools.permutations(["band", "y", "x"])))
def test_the_map_stands_on_the_coordinates_of_the_scene(dims: tuple[str, ...]) -> None:
    model, scene = small_model(wavelengths=True), placed(*dims)
    mapped = model.map(scene)
    assert mapped.dims == ("y", "x")
    assert set(mapped.coords) == {"y", "x", "time", "elevation", "spatial_ref"}
    np.testing.assert_array_equal(mapped, model.map(cube()))
    np.testing.assert_array_equal(mapped.y, scene.y)
    assert (mapped.rio.crs, mapped.rio.transform(), mapped.rio.nodata) == (UTM, TRANSFORM, 0)


@pytest.mark.parametrize("place", ["attrs", "encoding"])
def test_a_coordinate_system_of_another_name_is_still_found(place: str) -> None:
    scene = placed().rename(spatial_ref="utm33")
    scene.encoding.clear()
    getattr(scene, place)["grid_mapping"] = "utm33"
    dataset = small_model().map(scene, probabilities=True)
    assert dataset.classes.rio.crs == dataset.probabilities.rio.crs == UTM


def test_the_classes_are_described_by_the_cf_conventions() -> None:
    attributes = small_model(values=(3, 700)).map(placed()).attrs
    np.testing.assert_array_equal(attributes["flag_values"], [3, 700])
    assert attributes["flag_values"].dtype == np.uint16
    assert attributes["flag_meanings"] == "Äcker_Wiesen open_water"
    assert attributes["_FillValue"].dtype == np.uint16


def test_probabilities_and_entropy_come_as_variables_of_one_dataset() -> None:
    model = small_model()
    arrays = model.map(cube(), probabilities=True, entropy=True)
    dataset = model.map(placed("x", "y", "band"), probabilities=True, entropy=True)
    assert set(dataset) == {"classes", "probabilities", "entropy"}
    assert set(dataset.coords) == {"y", "x", "time", "elevation", "spatial_ref", "category"}
    for name, values in dataset.items():
        np.testing.assert_array_equal(values, getattr(arrays, name))
        assert values.rio.crs == UTM
    water = dataset.probabilities.sel(category="open water")
    np.testing.assert_array_equal(water, arrays.probabilities[1])
    assert set(model.map(placed(), entropy=True)) == {"classes", "entropy"}


def test_a_map_written_by_rioxarray_is_the_map_that_map_scene_writes(tmp_path: Path) -> None:
    model = small_model()
    model.map(placed(), tmp_path / "ours.tif", probabilities=True)
    dataset = model.map(placed(), probabilities=True)
    dataset.classes.rio.to_raster(tmp_path / "theirs.tif")
    dataset.probabilities.rio.to_raster(tmp_path / "theirs_probabilities.tif")
    for kind in ("", "_probabilities"):
        with (
            rasterio.open(tmp_path / f"ours{kind}.tif") as ours,
            rasterio.open(tmp_path / f"theirs{kind}.tif") as theirs,
        ):
            np.testing.assert_array_equal(ours.read(), theirs.read())
            np.testing.assert_equal(theirs.nodata, ours.nodata)
            assert theirs.crs == ours.crs == UTM
            assert theirs.transform == ours.transform == TRANSFORM


def test_a_file_in_chunks_is_mapped_as_the_file(tmp_path: Path) -> None:
    model, pixels = small_model(), cube(30, 40)
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        dtype=pixels.dtype,
        count=len(pixels),
        height=30,
        width=40,
        crs=UTM,
        transform=TRANSFORM,
        nodata=np.nan,
    ) as raster:
        raster.write(pixels)
    expected = model.map(tmp_path / "scene.tif")
    with rioxarray.open_rasterio(tmp_path / "scene.tif", chunks={"y": 16, "x": 16}) as chunked:
        np.testing.assert_array_equal(model.map(chunked), expected)
    with rioxarray.open_rasterio(tmp_path / "scene.tif") as lazy:
        np.testing.assert_array_equal(model.map(lazy), expected)


def test_bands_are_matched_by_wavelength() -> None:
    model = small_model(wavelengths=True)
    turned = placed().isel(band=[5, 4, 3, 2, 1, 0])
    np.testing.assert_array_equal(model.map(turned), model.map(cube()))
    with pytest.raises(InputError, match=r"DataArray reflectance lacks 2 of the model's 4 bands"):
        model.map(placed().isel(band=slice(0, 3)))


def test_a_dataset_is_refused() -> None:
    with pytest.raises(InputError, match="a Dataset is no scene"):
        small_model().map(placed().to_dataset())


@given(names=st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True))
def test_every_class_has_one_word_of_its_own(names: list[str]) -> None:
    legend = Legend(tuple(Category(i + 1, name, (i, 0, 1)) for i, name in enumerate(names)))
    words = flag_meanings(legend)
    assert len(set(words)) == len(" ".join(words).split()) == len(names)


def test_names_that_become_alike_are_told_apart() -> None:
    names = ("a_b_3", "a b", "a_b", "&")
    legend = Legend(tuple(Category(i + 1, name, (i, 0, 1)) for i, name in enumerate(names)))
    assert flag_meanings(legend) == ["a_b_3", "a_b", "a_b_3_3", "class"]


def test_arrays_are_mapped_without_xarray(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model().save(path)
    code = (
        "import sys; sys.modules['xarray'] = None\n"  # which makes its import fail
        "import numpy, spectile\n"
        "print(spectile.load(sys.argv[1]).map(numpy.ones((6, 9, 9))).shape)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(9, 9)\n", done.stderr
