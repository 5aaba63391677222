"""Whether a scene is still the same, and the same in another process."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from spectile.data.identity import changed_file, scene_identity
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene

Pixels = NDArray[np.int16]


def tif(folder: Path, pixels: Pixels) -> str:
    bands, height, width = pixels.shape
    size = {"count": bands, "height": height, "width": width}
    with rasterio.open(folder / "scene.tif", "w", driver="GTiff", dtype="int16", **size) as file:
        file.write(pixels)
    return "scene.tif"


def envi(folder: Path, pixels: Pixels) -> str:
    bands, height, width = pixels.shape
    size = {"count": bands, "height": height, "width": width}
    with rasterio.open(folder / "scene.dat", "w", driver="ENVI", dtype="int16", **size) as file:
        file.write(pixels)
    return "scene.hdr"


def npy(folder: Path, pixels: Pixels) -> str:
    np.save(folder / "scene.npy", pixels.transpose(1, 2, 0))
    return "scene.npy"


def mat73(folder: Path, pixels: Pixels) -> str:
    with h5py.File(folder / "scene.mat", "w") as file:
        file["cube"] = pixels.transpose(0, 2, 1)
        file["other"] = pixels.transpose(0, 2, 1)
    return "scene.mat:cube"


def zipped(folder: Path, pixels: Pixels) -> str:
    tif(folder, pixels)
    with zipfile.ZipFile(folder / "scenes.zip", "w") as archive:
        archive.write(folder / "scene.tif", "july/scene.tif")
    return "/vsizip/scenes.zip/july/scene.tif"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("write", "files"),
    [
        (tif, {"scene.tif"}),
        (envi, {"scene.dat", "scene.hdr"}),
        (npy, {"scene.npy"}),
        (mat73, {"scene.mat"}),
        (zipped, {"scenes.zip"}),
    ],
)
def test_every_file_counts_and_any_process_can_open_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pixels: Pixels,
    write: Callable[[Path, Pixels], str],
    files: set[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = open_scene(write(tmp_path, pixels))
    identity = scene_identity(scene)
    assert files <= {Path(name).name for name in identity["files"]}
    assert all(Path(name).is_absolute() for name in identity["files"])
    assert changed_file(identity) is None
    sent = pickle.dumps(scene)
    if write is not zipped:  # GDAL takes such a name from the working directory
        monkeypatch.chdir("/")
    received = pickle.loads(sent)
    np.testing.assert_array_equal(received.read(), scene.read())
    assert received.bands == scene.bands
    for name in files:
        path = tmp_path / name
        before = path.stat()
        os.utime(path, ns=(0, before.st_mtime_ns + 1))
        assert changed_file(identity) == str(path)
        os.utime(path, ns=(0, before.st_mtime_ns))
    (tmp_path / files.pop()).unlink()
    assert changed_file(identity) is not None


def test_arrays_of_one_file_are_told_apart(tmp_path: Path, pixels: Pixels) -> None:
    mat73(tmp_path, pixels)
    one, other = (open_scene(f"{tmp_path}/scene.mat:{name}") for name in ("cube", "other"))
    assert scene_identity(one) != scene_identity(other)


def test_an_array_in_memory_counts_by_its_pixels(pixels: Pixels) -> None:
    identity = scene_identity(scene_from_array(pixels))
    assert scene_identity(scene_from_array(pixels.copy())) == identity
    changed = pixels.copy()
    changed[4, 5, 6] += 1
    assert scene_identity(scene_from_array(changed)) != identity
    assert changed_file(identity) is None
