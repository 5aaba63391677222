"""Scenes in several files or pages, and what is said where they don't make one."""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.windows import Window
from tests.data.readers.test_open_raster import PLACE, write_tif

from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]
CUBE = np.random.default_rng(0).integers(0, 999, (12, 6, 7)).astype(np.uint16)


def write_pages(path: Path, bands: NDArray[np.generic], **options: object) -> Path:
    pages = [Image.fromarray(band) for band in bands]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
    return path


def write_bands(folder: Path) -> Path:
    folder.mkdir()
    for number, band in enumerate(CUBE, start=1):
        write_tif(folder / f"B{number}.TIF", band[None], nodata=3)
    (folder / "MTL.txt").write_text("somebody's notes")
    return folder


def test_pages_are_bands(tmp_path: Path) -> None:
    scene = open_scene(write_pages(tmp_path / "pages.tif", CUBE))
    assert scene.bands == 12
    np.testing.assert_array_equal(scene.read(), CUBE)
    assert "12 pages are taken for bands" in scene.notes[-1]
    sent = pickle.loads(pickle.dumps(scene.reader))
    np.testing.assert_array_equal(sent.read(Window(1, 2, 3, 4), [11, 0]), CUBE[[11, 0], 2:6, 1:4])


def test_pages_are_rows_where_the_bands_come_last(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "pages.tif", CUBE.transpose(1, 2, 0))
    scene = open_scene(path, bands_last=True)
    np.testing.assert_array_equal(scene.read(), CUBE)
    window = scene.read(Window(1, 2, 3, 4), [11, 0])
    np.testing.assert_array_equal(window, CUBE[[11, 0], 2:6, 1:4])


def test_pages_that_differ_are_named(tmp_path: Path) -> None:
    first, other = Image.fromarray(CUBE[0]), Image.fromarray(CUBE[0, :3])
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[other])
    with pytest.raises(
        InputError,
        match=r"2 images .* page 1 has pixels 6 x 7, page 2 3 x 7; name one, as in GTIFF",
    ):
        open_scene(tmp_path / "pages.tif")
    page = open_scene(f"GTIFF_DIR:2:{tmp_path / 'pages.tif'}")
    np.testing.assert_array_equal(page.read(), CUBE[:1, :3])


def test_pages_that_are_announced_but_not_listed(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "big.tif", CUBE[:1], description="ImageJ=1.53\nimages=200\n")
    with pytest.raises(InputError, match="says that it holds 200 images, of which 1"):
        open_scene(path)


def test_overviews_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "scene.tif", np.tile(CUBE, (1, 20, 20)), tiled=True)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(np.full((120, 140), 255, np.uint8))
        file.build_overviews([2, 4])
    assert open_scene(path).bands == 12


def test_a_folder_a_pattern_a_list(tmp_path: Path) -> None:
    folder = write_bands(tmp_path / "bands")
    listed = [folder / f"B{number}.TIF" for number in range(1, 13)]
    for source in (folder, f"{folder}/B*.TIF", listed):
        scene = open_scene(source)
        np.testing.assert_array_equal(scene.read(), CUBE)  # B10 after B9
        assert scene.transform == PLACE
        assert scene.nodata == 3
        assert scene.band_names[9] == "B10.TIF"
        assert len(scene.files) == 12
    np.testing.assert_array_equal(open_scene([listed[4], listed[2]]).read(), CUBE[[4, 2]])
    with pytest.raises(InputError, match="isn't there"):
        open_scene([listed[0], folder / "B99.TIF"])
    with pytest.raises(InputError, match="isn't there"):
        open_scene(f"{folder}/C*.TIF")


def test_files_of_different_grids_are_named(tmp_path: Path) -> None:
    folder = write_bands(tmp_path / "bands")
    write_tif(folder / "B4.TIF", CUBE[:1, :3])
    with pytest.raises(InputError, match=r"B1.TIF has pixels 6 x 7, B4.TIF 3 x 7; .*-separate"):
        open_scene(folder)


def test_masks_and_scales_of_single_files(tmp_path: Path) -> None:
    folder = write_bands(tmp_path / "bands")
    mask = np.full((6, 7), 255, np.uint8)
    mask[2] = 0
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(folder / "B5.TIF", "r+") as file,
    ):
        file.write_mask(mask)
        file.scales = (0.5,)
    scene = open_scene(folder)
    pixels = scene.read()
    np.testing.assert_array_equal(np.isnan(pixels[4]), (mask == 0) | (CUBE[4] == 3))
    np.testing.assert_allclose(pixels[4, 0], CUBE[4, 0] * 0.5)


def test_a_folder_of_one_scene(
    tmp_path: Path, pixels: Pixels, write_envi: Callable[..., Path]
) -> None:
    write_envi(pixels)
    np.testing.assert_array_equal(open_scene(tmp_path).read(), pixels)


@pytest.mark.parametrize("end", [".zip", ".tar", ".tar.gz"])
def test_an_archive(tmp_path: Path, end: str) -> None:
    folder = write_bands(tmp_path / "bands")
    write_tif(tmp_path / "scene.tif", CUBE)
    for name, inside in (("one", [tmp_path / "scene.tif"]), ("many", sorted(folder.iterdir()))):
        path = tmp_path / f"{name}{end}"
        if end == ".zip":
            with zipfile.ZipFile(path, "w") as zipped:
                for file in inside:
                    zipped.write(file, f"folder/{file.name}")
        else:
            with tarfile.open(path, "w:gz" if end.endswith("gz") else "w") as tarred:
                for file in inside:
                    tarred.add(file, f"folder/{file.name}")
        np.testing.assert_array_equal(open_scene(path).read(), CUBE)


def test_archives_without_an_image(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("notes.txt", "a")
    with pytest.raises(InputError, match=r"holds no image \(notes.txt\)"):
        open_scene(tmp_path / "notes.zip")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="can't be read as an archive"):
        open_scene(tmp_path / "broken.zip")


def test_a_virtual_raster_names_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "scene.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="7" rasterYSize="6"><VRTRasterBand dataType="UInt16" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">bands/B9.TIF</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(InputError, match=r"bands/B9.TIF isn't there: put it back") as caught:
        open_scene(path)
    assert "damaged" not in str(caught.value)
    write_bands(tmp_path / "bands")
    scene = open_scene(path)
    (tmp_path / "bands" / "B9.TIF").unlink()
    with pytest.raises(InputError, match="put it back") as caught:
        scene.read()
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.shp", b"\0\0\x27\x0a", "holds vectors or a table"),
        ("a.pdf", b"%PDF-1.4", "for it is a PDF"),
        ("a.hdf", b"\x0e\x03\x13\x01", "HDF4"),
        ("a.tif", b"", "for it is empty"),
        ("a.img", b"\0\1\2\3" * 99, "in no format that GDAL knows"),
        ("a.tif", b"II*\0\x08\0\0\0", "begins as a TIFF file"),
        ("a.tif", b"Dear colleague", "for it is text"),
    ],
)
def test_a_whole_file_is_never_called_damaged(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        open_scene(tmp_path / name)
    assert "damaged" not in str(caught.value)


def test_ground_control_points_are_told(tmp_path: Path) -> None:
    points = [
        rasterio.control.GroundControlPoint(row, column, 3e5 + 30 * column, 5e6 - 30 * row)
        for row, column in ((0, 0), (0, 7), (6, 0), (6, 7))
    ]
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=6, width=7, count=12, dtype="uint16", gcps=points,
        crs="EPSG:32633",
    ) as file:  # fmt: skip
        file.write(CUBE)
    (note,) = open_scene(path).notes
    assert note.startswith("it is placed by 4 ground control points")
    assert "gdalwarp -tps" in note
