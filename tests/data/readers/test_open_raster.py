"""GeoTIFF and whatever else GDAL reads."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from matplotlib.image import imsave
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.readers.open import open_scene
from spectile.errors import InputError

Pixels = NDArray[np.int16]
PLACE = Affine(30, 0, 366_000, 0, -30, 5_810_000)


def write_tif(path: Path, pixels: NDArray[np.generic], **options: object) -> Path:
    bands, height, width = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=bands,
        dtype=pixels.dtype,
        **{"crs": "EPSG:32633", "transform": PLACE, **options},
    ) as file:
        file.write(pixels)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_pixels_and_place_of_a_geotiff(
    tmp_path: Path, pixels: Pixels, dtype: str, interleave: str
) -> None:
    stored = pixels.astype(dtype)
    path = write_tif(
        tmp_path / "scene.tif", stored, interleave=interleave, compress="deflate", nodata=3
    )
    scene = open_scene(path)
    assert (scene.bands, scene.height, scene.width) == (5, 6, 7)
    assert scene.format == "GTiff"
    assert scene.source == str(path)
    np.testing.assert_array_equal(scene.read(), stored)
    np.testing.assert_array_equal(
        scene.read(Window(2, 1, 4, 3), [4, 0, 1]), stored[[4, 0, 1], 1:4, 2:6]
    )
    assert scene.crs.to_epsg() == 32633
    assert scene.transform == PLACE
    assert scene.nodata == 3
    assert scene.wavelengths is None
    assert scene.good_bands.all()


def test_an_image_without_georeference_has_none(tmp_path: Path, pixels: Pixels) -> None:
    path = tmp_path / "photo.png"
    imsave(path, pixels[:3].astype(np.uint8).transpose(1, 2, 0))
    scene = open_scene(path)
    assert scene.format == "PNG"
    assert scene.crs is None
    assert scene.transform is None


def test_a_name_that_only_gdal_can_look_behind(tmp_path: Path, pixels: Pixels) -> None:
    path = write_tif(tmp_path / "scene.tif", pixels)
    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        archive.write(path, "scene.tif")
    scene = open_scene(f"/vsizip/{tmp_path}/scene.zip/scene.tif")
    np.testing.assert_array_equal(scene.read(), pixels)
    with pytest.raises(InputError, match="can't be read as an image"):
        open_scene(f"/vsizip/{tmp_path}/scene.zip/other.tif")


def test_nan_as_nodata(tmp_path: Path, pixels: Pixels) -> None:
    stored = pixels.astype(np.float32)
    stored[0, 0, 0] = np.nan
    scene = open_scene(write_tif(tmp_path / "scene.tif", stored, nodata=np.nan))
    assert scene.nodata is not None
    assert np.isnan(scene.nodata)
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[0, 0]]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tif isn't there"):
        open_scene(tmp_path / "absent.tif")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        open_scene(tmp_path)


def test_text_named_tif(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scene.tif"
    path.write_text("Dear colleague,\nplease find the scene elsewhere.\n")
    with pytest.raises(InputError, match=r"scene\.tif can't be read as an image"):
        open_scene(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compress", [None, "deflate", "lzw"])
def test_tif_cut_short_is_refused_before_any_work(
    tmp_path: Path, compress: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 30_000, (4, 300, 200), dtype=np.int16)
    path = write_tif(tmp_path / "scene.tif", noise, compress=compress)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"scene\.tif is cut short"):
        open_scene(path)
    assert capfd.readouterr().err == ""


def test_tif_whose_middle_is_damaged_names_file_and_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 30, (1, 300, 200), dtype=np.int16)
    path = write_tif(tmp_path / "scene.tif", noise, compress="deflate", blockysize=16)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(content)
    scene = open_scene(path)
    with pytest.raises(
        InputError, match=r"scene\.tif can't be read in rows 1 to 300, columns 1 to 200 .*damaged"
    ):
        scene.read()
    np.testing.assert_array_equal(scene.read(Window(0, 0, 200, 16)), noise[:, :16])
    assert capfd.readouterr().err == ""


def test_complex_pixels(tmp_path: Path, pixels: Pixels) -> None:
    path = write_tif(tmp_path / "scene.tif", pixels.astype(np.complex64))
    with pytest.raises(InputError, match=r"scene\.tif holds complex64 pixels"):
        open_scene(path)


def test_bands_of_several_types(tmp_path: Path, pixels: Pixels) -> None:
    write_tif(tmp_path / "scene.tif", pixels[:1])
    (tmp_path / "scene.vrt").write_text(
        '<VRTDataset rasterXSize="7" rasterYSize="6">'
        + "".join(
            f'<VRTRasterBand dataType="{kind}" band="{band}"><SimpleSource>'
            '<SourceFilename relativeToVRT="1">scene.tif</SourceFilename>'
            "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
            for band, kind in ((1, "Int16"), (2, "Float32"))
        )
        + "</VRTDataset>"
    )
    with pytest.raises(InputError, match=r"several number types \(float32, int16\)"):
        open_scene(tmp_path / "scene.vrt")


def test_a_nodata_value_for_each_band(tmp_path: Path, pixels: Pixels) -> None:
    write_tif(tmp_path / "scene.tif", pixels[:1])
    (tmp_path / "scene.vrt").write_text(
        '<VRTDataset rasterXSize="7" rasterYSize="6">'
        + "".join(
            f'<VRTRasterBand dataType="Int16" band="{band}"><NoDataValue>{band}</NoDataValue>'
            '<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename>'
            "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
            for band in (1, 2)
        )
        + "</VRTDataset>"
    )
    scene = open_scene(tmp_path / "scene.vrt")
    assert scene.nodata is None
    # The first band has no data where the pixel is 1, the second where it is 2.
    assert np.argwhere(~scene.valid(scene.read())).tolist() == [[0, 1], [0, 2]]
