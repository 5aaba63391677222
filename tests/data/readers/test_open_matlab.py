"""MATLAB files: both versions give the array as MATLAB shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.labels.arrays import load_label_array
from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]
Write = Callable[[Path, dict[str, NDArray[np.generic]]], None]


def write_v5(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    scipy.io.savemat(path, arrays)


def write_v5_compressed(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    scipy.io.savemat(path, arrays, do_compression=True)


def write_v73(path: Path, arrays: dict[str, NDArray[np.generic]], **options: object) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:  # where MATLAB puts its own header
        for name, array in arrays.items():
            file.create_dataset(name, data=array.T, **options)


def write_v73_compressed(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    write_v73(path, arrays, chunks=True, compression="gzip")


every_version = pytest.mark.parametrize(
    "write", [write_v5, write_v5_compressed, write_v73, write_v73_compressed]
)


@every_version
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "float64"])
def test_rows_columns_bands(tmp_path: Path, pixels: Pixels, write: Write, dtype: str) -> None:
    path = tmp_path / "scene.mat"
    shown = pixels.astype(dtype).transpose(1, 2, 0)
    write(path, {"cube": shown, "gt": shown[..., 0]})
    scene = open_scene(path)
    assert (scene.bands, scene.height, scene.width) == pixels.shape
    assert scene.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(scene.read(), pixels)
    for bands in ([1, 2, 3], [4, 0], [0, 2, 3, 4]):
        window = scene.read(Window(2, 1, 4, 3), bands)
        np.testing.assert_array_equal(window, pixels[bands, 1:4, 2:6])


@every_version
def test_bands_first_on_request(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "scene.mat"
    write(path, {"cube": pixels})
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), pixels)


@every_version
def test_two_candidates(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "scene.mat"
    write(path, {"raw": pixels, "corrected": pixels[:, :, :3] + 1})
    with pytest.raises(InputError, match=r"corrected .*say which one, as in .*scene\.mat:"):
        open_scene(path)
    chosen = open_scene(f"{path}:corrected", bands_last=False)
    np.testing.assert_array_equal(chosen.read(), pixels[:, :, :3] + 1)
    assert chosen.source.endswith(":corrected")


@every_version
def test_no_array_with_three_axes(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "gt.mat"
    write(path, {"gt": pixels[0]})
    with pytest.raises(InputError, match=r"no array with 3 axes: there is gt \(6 x 7\)"):
        open_scene(path)


@every_version
def test_a_name_that_is_not_there(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "scene.mat"
    write(path, {"cube": pixels})
    with pytest.raises(InputError, match=r"no such array 'kube': there is cube"):
        open_scene(f"{path}:kube")


@every_version
def test_complex_arrays_are_no_candidates(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "scene.mat"
    write(path, {"cube": pixels, "spectrum": pixels + 1j})
    assert open_scene(path).source == str(path)


@every_version
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_cut_short(tmp_path: Path, write: Write, share: float) -> None:
    path = tmp_path / "scene.mat"
    noise = np.random.default_rng(0).integers(0, 30_000, (20, 30, 40), dtype=np.int16)
    write(path, {"cube": noise})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"scene\.mat"):
        open_scene(path).read()


def test_other_things_in_the_file_are_passed_over(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.mat"
    names = np.array(["a", "bc"], dtype=object)
    scipy.io.savemat(
        path,
        {"names": names, "info": {"sensor": "X", "bands": 5}, "mask": pixels > 3, "cube": pixels},
        do_compression=True,
    )
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), pixels)


def test_a_field_of_a_structure(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.mat"
    with h5py.File(path, "w") as file:
        file.create_group("scene").create_dataset("cube", data=pixels.T)
    scene = open_scene(f"{path}:scene/cube", bands_last=False)
    np.testing.assert_array_equal(scene.read(), pixels)


def test_chunks_are_told_to_who_reads(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.mat"
    write_v73(path, {"cube": pixels.transpose(1, 2, 0)}, chunks=(5, 3, 2))
    assert open_scene(path).reader.block == (2, 3)


def test_announced_pixels_that_were_never_written(tmp_path: Path) -> None:
    path = tmp_path / "scene.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", shape=(100, 100_000, 100_000), dtype="i2", chunks=True)
    with pytest.raises(InputError, match="2,000,000,000,000 bytes of pixels are announced"):
        open_scene(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_structures_and_cells_of_version_5(
    tmp_path: Path, pixels: Pixels, compressed: bool
) -> None:
    path = tmp_path / "scene.mat"
    shown = pixels.transpose(1, 2, 0)
    cell = np.empty((1, 2), object)
    cell[0, 0], cell[0, 1] = "text", shown + 1
    inner = {"cube": shown, "sensor": "X", "bands": 5.0}
    scipy.io.savemat(path, {"data": {"deep": inner}}, do_compression=compressed)
    np.testing.assert_array_equal(open_scene(path, bands_last=True).read(), pixels)
    both = {"data": {"deep": inner}, "c": cell, "gt": shown[..., 0]}
    scipy.io.savemat(path, both, do_compression=compressed)
    with pytest.raises(InputError, match=r"2 arrays .*data/deep/cube .*c\{2\}"):
        open_scene(path)
    for name, wanted in (("data.deep.cube", pixels), ("c{2}", pixels + 1)):
        scene = open_scene(f"{path}:{name}", bands_last=True)
        np.testing.assert_array_equal(scene.read(), wanted)
    np.testing.assert_array_equal(load_label_array(path, None, "x"), pixels[0])


def test_structures_and_cells_of_version_73(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.mat"
    with h5py.File(path, "w") as file:
        file["s/img"] = pixels.T
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), pixels)
    with h5py.File(path, "w") as file:
        file["#refs#/a"] = pixels.T
        file.create_dataset("c", data=[[file["#refs#/a"].ref]], dtype=h5py.ref_dtype)
        file["names"] = np.zeros((3, 3), np.uint16)
        file["names"].attrs["MATLAB_class"] = np.bytes_("char")
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), pixels)
    with pytest.raises(InputError, match=r"no array with 2 axes: .*c \(cell\), names \(text\)"):
        load_label_array(path, None, "x")


def test_version_4(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "gt.mat"
    matrices = {"gt": pixels[0].astype(float), "list": np.arange(4.0), "name": "text"}
    scipy.io.savemat(path, matrices, format="4")
    np.testing.assert_array_equal(load_label_array(path, None, "x"), pixels[0])
    with pytest.raises(InputError, match=r"no array with 3 axes: there is gt \(6 x 7\)"):
        open_scene(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="can't be read"):
        load_label_array(path, None, "x")


def test_what_is_no_array_of_numbers_is_named(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.mat"
    scipy.io.savemat(path, {"z": pixels + 1j, "words": "abc", "s": {"a": 1.0}})
    with pytest.raises(InputError, match=r"z \(complex numbers\), words \(text\), s \(structure\)"):
        open_scene(path)
    path.write_bytes(b"\0" * 999)
    with pytest.raises(InputError, match=r"doesn't begin as MATLAB files do, of version 4, 5 or"):
        open_scene(path)


@every_version
def test_a_list_of_wavelengths_tells_the_axis(tmp_path: Path, pixels: Pixels, write: Write) -> None:
    path = tmp_path / "scene.mat"
    centres = np.array([[400.0, 500, 600, 700, 800]])
    for order in ((0, 1, 2), (1, 2, 0), (1, 0, 2)):
        write(path, {"cube": pixels.transpose(order), "wavelengths": centres})
        scene = open_scene(path)
        np.testing.assert_array_equal(scene.read(), pixels)
        np.testing.assert_array_equal(scene.wavelengths, centres[0])
        scene.reader.close()


def test_a_shape_that_speaks_for_the_bands_first_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "scene.mat"
    cube = np.zeros((8, 48, 48))
    scipy.io.savemat(path, {"cube": cube})
    with pytest.raises(InputError, match=r"=False .*8 bands of 48 x 48 .*=True"):
        open_scene(path)
    assert open_scene(path, bands_last=False).bands == 8
    assert open_scene(path, bands=8).bands == 8
    scipy.io.savemat(path, {"cube": np.zeros((48, 48, 8))})
    scene = open_scene(path)
    assert scene.bands == 8
    assert "the last one is taken" in scene.notes[0]
