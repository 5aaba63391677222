"""NumPy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u2", "<f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, pixels: Pixels, dtype: str, order: str) -> None:
    path = tmp_path / "scene.npy"
    stored = pixels.transpose(1, 2, 0).astype(dtype)
    np.save(path, np.asfortranarray(stored) if order == "F" else np.ascontiguousarray(stored))
    scene = open_scene(path)
    assert scene.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(scene.read(), pixels)
    np.testing.assert_array_equal(scene.read(Window(2, 1, 4, 3), [4, 0]), pixels[[4, 0], 1:4, 2:6])


def test_npy_with_bands_first(tmp_path: Path, pixels: Pixels) -> None:
    np.save(tmp_path / "scene.npy", pixels)
    np.testing.assert_array_equal(
        open_scene(tmp_path / "scene.npy", bands_last=False).read(), pixels
    )


def test_npz_by_name_or_the_only_one(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.npz"
    np.savez_compressed(path, cube=pixels, gt=pixels[0])
    np.testing.assert_array_equal(open_scene(path, bands_last=False).read(), pixels)
    np.savez(path, cube=pixels, other=pixels + 1)
    with pytest.raises(InputError, match=r"2 arrays .*cube .*other .*say which one"):
        open_scene(path)
    named = open_scene(f"{path}:other", bands_last=False)
    np.testing.assert_array_equal(named.read(), pixels + 1)


def test_arrays_that_are_no_scene(tmp_path: Path, pixels: Pixels) -> None:
    np.save(tmp_path / "flat.npy", pixels[0])
    with pytest.raises(InputError, match="no array with 3 axes"):
        open_scene(tmp_path / "flat.npy")
    np.save(tmp_path / "complex.npy", pixels + 1j)
    with pytest.raises(InputError, match="holds complex128 pixels"):
        open_scene(tmp_path / "complex.npy")
    np.save(tmp_path / "truth.npy", pixels > 3)
    with pytest.raises(InputError, match="holds bool pixels"):
        open_scene(tmp_path / "truth.npy")
    np.save(tmp_path / "empty.npy", pixels[:, :0])
    with pytest.raises(InputError, match=r"empty\.npy"):
        open_scene(tmp_path / "empty.npy")


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([[[{}]]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"objects\.npy can't be read"):
        open_scene(path)


def test_npy_cut_short(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.npy"
    np.save(path, pixels)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"scene\.npy can't be read"):
        open_scene(path)


def test_wavelengths_in_a_npz_tell_the_axis(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "scene.npz"
    np.savez(path, cube=pixels, wavelengths=np.linspace(400, 800, 5), gt=pixels[0])
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read(), pixels)
    np.testing.assert_array_equal(scene.wavelengths, np.linspace(400, 800, 5))
    (note,) = open_scene(path, bands_last=True).notes
    assert "axis 1 holds the bands, which is followed" in note


def test_a_shape_that_speaks_for_the_bands_first_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "scene.npy"
    np.save(path, np.zeros((8, 48, 40)))
    with pytest.raises(InputError, match=r"8 bands of 48 x 40 pixels, or bands_last=True"):
        open_scene(path)
