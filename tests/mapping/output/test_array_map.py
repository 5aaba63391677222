"""Model.map without a path: the same map as in the file, as arrays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.mapping.small_model import BANDS, assert_alike, cube, small_model

from spectile import networks
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.mapping.array_map import MapArrays


def test_arrays_hold_what_the_files_hold(tmp_path: Path) -> None:
    model, scene = small_model(), scene_from_array(cube())
    model.map(scene, tmp_path / "map.tif", probabilities=True, entropy=True)
    arrays = model.map(scene, probabilities=True, entropy=True)
    assert isinstance(arrays, MapArrays)
    for kind, name in (
        ("classes", "map.tif"),
        ("probabilities", "map_probabilities.tif"),
        ("entropy", "map_entropy.tif"),
    ):
        with rasterio.open(tmp_path / name) as raster:
            stored = raster.read() if kind == "probabilities" else raster.read(1)
        values = getattr(arrays, kind)
        assert values.dtype == stored.dtype
        np.testing.assert_array_equal(values, stored)
    assert set(np.unique(arrays.classes)) == {0, 3, 14}
    np.testing.assert_array_equal(np.isnan(arrays.entropy), arrays.classes == 0)


def test_a_map_on_disk_is_replaced_only_when_that_is_allowed(tmp_path: Path) -> None:
    model = small_model()
    summary = model.map(cube(), tmp_path / "map.tif")
    assert summary.method == "dense"
    with pytest.raises(InputError, match="exists"):
        model.map(cube(), tmp_path / "map.tif")
    model.map(cube(20, 30), tmp_path / "map.tif", overwrite=True)
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.shape == (20, 30)


def test_only_what_was_asked_for_comes() -> None:
    model, scene = small_model(), scene_from_array(cube())
    assert isinstance(model.map(scene), np.ndarray)
    asked = model.map(scene, entropy=True)
    assert asked.probabilities is None
    assert asked.entropy.shape == asked.classes.shape
    assert model.map(scene, probabilities=True).entropy is None


def test_parts_are_put_together_in_their_places() -> None:
    model, scene = small_model(), scene_from_array(cube(40, 31))
    calls: list[tuple[int, int]] = []
    whole = model.map(scene, method="patches")
    parts = model.map(scene, memory=0.001, progress=lambda *pixels: calls.append(pixels))
    assert len(calls) > 1
    assert calls[-1] == (40 * 31, 40 * 31)
    assert_alike(parts, whole)


def test_class_values_past_255_need_sixteen_bits() -> None:
    mapped = small_model(values=(3, 700)).map(scene_from_array(cube()))
    assert mapped.dtype == np.uint16
    assert set(np.unique(mapped)) == {0, 3, 700}


def test_a_path_a_scene_and_arrays_either_way_give_one_map(tmp_path: Path) -> None:
    model, pixels = small_model(), cube()
    expected = model.map(scene_from_array(pixels))
    np.save(tmp_path / "last.npy", pixels.transpose(1, 2, 0))
    np.save(tmp_path / "first.npy", pixels)
    for mapped in (
        model.map(pixels),
        model.map(pixels.transpose(1, 2, 0)),
        model.map(str(tmp_path / "last.npy")),
        model.map(tmp_path / "first.npy", bands_last=False),
    ):
        np.testing.assert_array_equal(mapped, expected)


def test_the_axis_of_the_bands_is_asked_for_where_two_fit() -> None:
    model, pixels = small_model(), np.random.default_rng(2).normal(size=(BANDS, 12, BANDS))
    with pytest.raises(InputError, match=r"6 x 12 x 6, .* bands_last=True or bands_last=False"):
        model.map(pixels)
    tall = np.concatenate([pixels, pixels], axis=2)
    np.testing.assert_array_equal(
        model.map(tall, bands_last=False), model.map(scene_from_array(tall))
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((12, 12, 5)), "12 x 12 x 5, but the model was trained on 6 bands"),
        (np.zeros((12, 12)), "has 2 axes"),
        (np.zeros((12, 12, BANDS), complex), "complex128 pixels"),
        (np.zeros((0, 12, BANDS)), "is empty"),
        (np.zeros((5, 12, BANDS)), "smaller than the model's window of 9"),
        (np.ma.masked_equal(np.arange(864.0).reshape(12, 12, 6), 3.0), "is masked"),
        ([[[1.0] * BANDS] * 12] * 12, "a list is no scene"),
        (None, "a NoneType is no scene"),
        ("missing.tif", "missing.tif isn't there"),
    ],
)
def test_what_is_no_scene_of_the_model_is_refused(image: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_model().map(image)


def test_a_masked_array_without_masked_pixels_is_an_array() -> None:
    model, pixels = small_model(), cube()
    np.testing.assert_array_equal(model.map(np.ma.asarray(pixels)), model.map(pixels))


def test_a_network_without_a_dense_form_is_mapped_by_patches_with_a_warning() -> None:
    padded = networks.create("mobilenet-v3-small", bands=3, classes=2, width=0.5).eval()
    model, pixels = replace(small_model(), network=padded), cube()
    with pytest.warns(UserWarning, match="patch by patch") as warned:
        mapped = model.map(pixels)
    assert warned[0].filename == __file__
    assert_alike(mapped, model.map(pixels, method="patches"))


def test_a_map_larger_than_the_memory_is_refused_before_any_work() -> None:
    scene = scene_from_array(np.broadcast_to(np.float32(0), (BANDS, 2**25, 2**25)))
    with pytest.raises(InputError, match="give a path to write it to"):
        small_model().map(scene)
