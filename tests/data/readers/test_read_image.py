"""One image file as an array, whatever its format; damaged ones are named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from rasterio.io import MemoryFile

from spectile.data.images import UnreadableImageError, read_image

GREY = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7) * 5
COLORS = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
WIDE = np.random.default_rng(1).integers(0, 65535, (5, 6, 7)).astype(np.uint16)


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def raster(
    path: Path, bands: NDArray[np.generic], driver: str = "GTiff", **options: object
) -> Path:
    count, height, width = bands.shape
    with rasterio.open(
        path,
        "w",
        driver=driver,
        count=count,
        height=height,
        width=width,
        dtype=bands.dtype,
        **options,
    ) as file:
        file.write(bands)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_is_one_band_and_rgb_three(tmp_path: Path, suffix: str) -> None:
    grey = read_image(saved(tmp_path / f"g.{suffix}", Image.fromarray(GREY)))
    rgb = read_image(saved(tmp_path / f"c.{suffix}", Image.fromarray(COLORS)))
    np.testing.assert_array_equal(grey, GREY[None])
    np.testing.assert_array_equal(rgb, COLORS.transpose(2, 0, 1))
    assert grey.dtype == rgb.dtype == np.uint8
    assert grey.flags.writeable  # PyTorch warns of read-only memory


def test_a_jpeg_comes_near_to_what_was_saved(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (64, 64, 3))
    pixels = read_image(saved(tmp_path / "a.jpg", Image.fromarray(smooth), quality=95))
    assert pixels.shape == (3, 64, 64)
    assert np.abs(pixels - smooth.transpose(2, 0, 1).astype(int)).max() < 8


def test_the_camera_was_held_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: row 0 of the file is the right side
    picture = Image.fromarray(np.repeat(np.arange(4, dtype=np.uint8)[:, None] * 60, 6, axis=1))
    pixels = read_image(saved(tmp_path / "a.jpg", picture, exif=exif, quality=100))
    assert pixels.shape == (1, 6, 4)
    assert pixels[0, 3, 0] > 150 > 30 > pixels[0, 3, 3]


def test_palettes_and_cmyk_become_rgb(tmp_path: Path) -> None:
    palette = Image.fromarray(COLORS).quantize(64)
    as_png = read_image(saved(tmp_path / "p.png", palette))
    as_tif = read_image(saved(tmp_path / "p.tif", palette))
    np.testing.assert_array_equal(as_png, np.asarray(palette.convert("RGB")).transpose(2, 0, 1))
    np.testing.assert_array_equal(as_tif, as_png)
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = read_image(saved(tmp_path / "k.jpg", ink))[:, 8, 8]
    assert red[0] > 200 > 60 > red[1:].max()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "wide.png"])
def test_transparent_pixels_are_missing_and_alpha_is_no_band(tmp_path: Path, name: str) -> None:
    alpha = np.full((6, 7, 1), 255, np.uint8)
    path = tmp_path / name
    for hole in (False, True):
        if hole:
            alpha[2, 3] = 0
        picture = np.concatenate([COLORS, alpha], axis=2)
        if name == "wide.png":
            raster(path, picture.transpose(2, 0, 1).astype(np.uint16) * 257, driver="PNG")
        else:
            saved(path, Image.fromarray(picture))
        pixels = read_image(path)
        assert pixels.shape == (3, 6, 7)
        assert (pixels.dtype == np.float32) == hole
        assert np.isnan(pixels).sum() == (3 if hole else 0)
        assert not hole or np.isnan(pixels[:, 2, 3]).all()


def test_half_transparent_pixels_keep_their_colour(tmp_path: Path) -> None:
    alpha = np.full((6, 7, 1), 99, np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(np.concatenate([COLORS, alpha], axis=2)))
    np.testing.assert_array_equal(read_image(path), COLORS.transpose(2, 0, 1))


def test_a_near_infrared_that_gdal_takes_for_alpha_stays(tmp_path: Path) -> None:
    four = np.random.default_rng(0).integers(1, 250, (4, 6, 7)).astype(np.uint8)
    np.testing.assert_array_equal(read_image(raster(tmp_path / "a.tif", four)), four)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_tiffs_keep_bands_and_type(tmp_path: Path, dtype: str) -> None:
    bands = WIDE.astype(dtype)
    pixels = read_image(raster(tmp_path / "a.tif", bands))
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, bands)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int32", "float32"), ("uint32", "float32"), ("float64", "float32"), ("int8", "int16")],
)
def test_other_types_are_understood(tmp_path: Path, dtype: str, expected: str) -> None:
    bands = np.arange(2 * 6 * 7).reshape(2, 6, 7).astype(dtype)
    for pixels in (
        read_image(raster(tmp_path / "a.tif", bands)),
        read_image(stored(tmp_path / "a.npy", bands.transpose(1, 2, 0))),
    ):
        assert pixels.dtype == expected
        np.testing.assert_array_equal(pixels, bands)


def test_one_bit_is_understood(tmp_path: Path) -> None:
    bits = np.eye(6, 7, dtype=np.uint8)
    tif = read_image(raster(tmp_path / "a.tif", bits[None], nbits=1))
    png = read_image(saved(tmp_path / "a.png", Image.fromarray(bits * 255).convert("1")))
    np.testing.assert_array_equal(tif[0] > 0, bits)
    np.testing.assert_array_equal(png[0] > 0, bits)


def test_sixteen_bits_of_a_png_stay(tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        read_image(raster(tmp_path / "a.png", WIDE[:3], driver="PNG")), WIDE[:3]
    )


def test_nodata_is_missing_band_by_band(tmp_path: Path) -> None:
    bands = WIDE | 8  # so that no other pixel is 7
    bands[1, 2, 3] = 7
    pixels = read_image(raster(tmp_path / "a.tif", bands, nodata=7))
    assert pixels.dtype == np.float32
    assert np.argwhere(np.isnan(pixels)).tolist() == [[1, 2, 3]]


def test_masked_pixels_are_missing(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", WIDE)
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.arange(42).reshape(6, 7) != 5)
    assert np.argwhere(np.isnan(read_image(path)).all(axis=0)).tolist() == [[0, 5]]


def stored(path: Path, array: NDArray[np.generic]) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def test_arrays_hold_bands_last_or_first(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.npy", WIDE)
    assert read_image(path, bands_last=False).shape == (5, 6, 7)
    np.testing.assert_array_equal(read_image(path), WIDE.transpose(2, 0, 1))
    assert read_image(stored(tmp_path / "g.npy", GREY)).shape == (1, 6, 7)


def test_infinities_are_missing(tmp_path: Path) -> None:
    values = np.ones((6, 7), np.float64)
    values[0, :3] = np.inf, -np.inf, 1e300
    pixels = read_image(stored(tmp_path / "a.npy", values))
    assert np.isnan(pixels[0, 0, :3]).all()
    assert np.isfinite(pixels).sum() == 39


def test_a_file_is_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "really a png.jpg"
    Image.fromarray(COLORS).save(path, format="PNG")
    np.testing.assert_array_equal(read_image(path), COLORS.transpose(2, 0, 1))


def encoded(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def numpy_bytes(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def gdal_bytes(driver: str, bands: NDArray[np.generic], **options: object) -> bytes:
    count, height, width = bands.shape
    with MemoryFile() as memory:
        with memory.open(
            driver=driver,
            count=count,
            height=height,
            width=width,
            dtype=bands.dtype,
            **options,
        ) as file:
            file.write(bands)
        return bytes(memory.read())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("text.jpg", b"<html>404</html>"),
        ("half.jpg", encoded(Image.fromarray(COLORS).resize((99, 99)), "JPEG")[:900]),
        ("half.png", encoded(Image.fromarray(COLORS).resize((99, 99)), "PNG")[:900]),
        ("half.tif", gdal_bytes("GTiff", WIDE)[:-50]),
        ("half.npy", numpy_bytes(WIDE)[:-1]),
        ("objects.npy", numpy_bytes(np.array([{"a": 1}], dtype=object))),
        ("flat.npy", numpy_bytes(np.arange(9))),
        ("nothing.npy", numpy_bytes(np.empty((0, 5, 3)))),
        ("no bands.npy", numpy_bytes(np.empty((5, 5, 0)))),
        ("complex.npy", numpy_bytes(np.ones((5, 5), np.complex64))),
        ("names.npy", numpy_bytes(np.array([["a", "b"]]))),
        ("complex.tif", gdal_bytes("GTiff", WIDE.astype(np.complex64))),
    ],
)
def test_what_holds_no_image_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableImageError, match=name) as caught:
        read_image(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert caught.value.source == str(tmp_path / name)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableImageError, match=path.name):
            read_image(path)


def test_a_recipe_for_gdal_is_not_followed(tmp_path: Path) -> None:
    """A VRT can make GDAL read any file or address."""
    inner = raster(tmp_path / "inner.tif", WIDE)
    with rasterio.open(inner) as source:
        from rasterio.shutil import copy

        copy(source, tmp_path / "a.tif", driver="VRT")
    with pytest.raises(UnreadableImageError, match="no PNG"):
        read_image(tmp_path / "a.tif")


FILES = {
    "grey.png": encoded(Image.fromarray(GREY), "PNG"),
    "palette.png": encoded(Image.fromarray(COLORS).quantize(9), "PNG"),
    "wide.png": gdal_bytes("PNG", WIDE[:3]),
    "rgb.jpg": encoded(Image.fromarray(COLORS).resize((20, 20)), "JPEG"),
    "plain.tif": gdal_bytes("GTiff", WIDE, nodata=3),
    "deflated.tif": gdal_bytes("GTiff", WIDE, compress="deflate", interleave="pixel"),
    "bands.npy": numpy_bytes(WIDE.transpose(1, 2, 0)),
    "float.npy": numpy_bytes(WIDE.astype(np.float64)),
}


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
    said = ""
    try:
        pixels = read_image(path)
    except UnreadableImageError as error:
        said = str(error)
    assert "\n" not in said
    if said:
        assert path.name in said
    else:
        assert pixels.ndim == 3
        assert pixels.size
        assert pixels.dtype in ("uint8", "uint16", "int16", "float32")
        assert not np.isinf(pixels).any()
    assert capfd.readouterr().err == ""
