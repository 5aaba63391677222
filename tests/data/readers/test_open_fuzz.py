"""Files with flipped bytes or without their end: they open or raise InputError, nothing else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.windows import Window

from spectile.data.readers.open import open_scene
from spectile.errors import InputError

CUBE = np.random.default_rng(0).integers(0, 99, (6, 7, 5)).astype(np.int16)
HEADER = b"""ENVI
samples = 7
lines = 6
bands = 5
header offset = 0
data type = 2
interleave = bip
byte order = 0
map info = {UTM, 1, 1, 366000, 5810000, 30, 30, 33, North, WGS-84}
coordinate system string = {GEOGCS["WGS 84",DATUM["x",SPHEROID["y",6378137,298]]]}
wavelength units = Nanometers
wavelength = {400, 500, 600, 700, 800}
bbl = {1, 1, 1, 0, 1}
data ignore value = -9
"""


def tif(**options: object) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=6,
            width=7,
            count=5,
            dtype="int16",
            crs="EPSG:32633",
            transform=rasterio.Affine(30, 0, 3e5, 0, -30, 5e6),
            **options,
        ) as file:
            file.write(CUBE.transpose(2, 0, 1))
            file.update_tags(1, wavelength="450")
        return bytes(memory.read())


def mat5(*, compressed: bool) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, {"cube": CUBE, "gt": CUBE[..., 0]}, do_compression=compressed)
    return file.getvalue()


def mat73(**options: object) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        content.create_dataset("cube", data=CUBE.T, **options)
    return file.getvalue()


def structure(*, compressed: bool) -> bytes:
    file = io.BytesIO()
    inner = {"data": {"cube": CUBE, "words": "text"}, "c": np.array(["a", "bc"], dtype=object)}
    scipy.io.savemat(file, inner, do_compression=compressed)
    return file.getvalue()


def hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        content["group/cube"] = CUBE
        content["group/wavelength"] = [400.0, 500, 600, 700, 800]
    return file.getvalue()


def netcdf3() -> bytes:
    file = io.BytesIO()
    with scipy.io.netcdf_file(file, "w") as content:
        for name, length in zip("yxb", CUBE.shape, strict=True):
            content.createDimension(name, length)
        content.createVariable("cube", "i2", ("y", "x", "b"))[:] = CUBE
        content.flush()
        return file.getvalue()


def pages() -> bytes:
    file = io.BytesIO()
    first, *others = (Image.fromarray(band) for band in CUBE.astype(np.uint16).transpose(2, 0, 1))
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("scene.tif", tif())
    return file.getvalue()


def numpy(save: Callable[..., None]) -> bytes:
    file = io.BytesIO()
    save(file, CUBE)
    return file.getvalue()


FILES = {
    "plain.tif": tif(),
    "deflated.tif": tif(compress="deflate", interleave="pixel"),
    "scene.hdr": HEADER,
    "v5.mat": mat5(compressed=False),
    "v5 compressed.mat": mat5(compressed=True),
    "v73.mat": mat73(),
    "v73 compressed.mat": mat73(chunks=True, compression="gzip"),
    "structure.mat": structure(compressed=False),
    "structure compressed.mat": structure(compressed=True),
    "scene.h5": hdf5(),
    "scene.nc": netcdf3(),
    "pages.tif": pages(),
    "scene.zip": archive(),
    "scene.npy": numpy(np.save),
    "scene.npz": numpy(np.savez_compressed),
}


def read_corners(path: Path) -> None:
    """Two far corners: a damaged size may make a scene that is far too large to read."""
    scene = open_scene(path)
    height, width, bands = (min(n, 64) for n in (scene.height, scene.width, scene.bands))
    scene.read(Window(0, 0, width, height), range(bands))
    scene.read(
        Window(scene.width - width, scene.height - height, width, height),
        range(scene.bands - bands, scene.bands),
    )
    scene.reader.close()


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: st.DataObject
) -> None:
    content = bytearray(FILES[name])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(
        st.lists(st.tuples(places, st.integers(0, 255)), max_size=4), label="flips"
    ):
        content[place] = value
    end = data.draw(st.one_of(st.just(len(content)), places), label="end")
    path = tmp_path / name
    path.write_bytes(content[:end])
    (tmp_path / "scene.dat").write_bytes(CUBE.tobytes())
    said = ""
    try:
        read_corners(path)
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    assert not said or path.stem in said
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", FILES)
def test_the_same_files_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    (tmp_path / "scene.dat").write_bytes(CUBE.tobytes())
    np.testing.assert_array_equal(open_scene(tmp_path / name).read(), CUBE.transpose(2, 0, 1))
