"""Decoded images: kept, read again, resized; bad ones left out or named."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.images.pictures import write_picture

from spectile.data.images import (
    ImageArrays,
    ImageFiles,
    ImageStore,
    live_bands,
    load_images,
    sample_pixels,
)
from spectile.data.images.resizing import resize_image, resize_mask
from spectile.errors import InputError


def files(folder: Path, count: int = 150) -> ImageFiles:
    return ImageFiles(
        tuple(write_picture(folder / f"{i}.png", i, (4, 5 + i % 3)) for i in range(count))
    )


def same(store: ImageStore, images: ImageFiles, indices: list[int]) -> None:
    for place, index in enumerate(indices):
        np.testing.assert_array_equal(store[place], images.read(index))
        assert store.names[place] == images.name(index)
        assert store.shapes[place].tolist() == list(images.read(index).shape[1:])


@pytest.mark.parametrize("gigabytes", [1, 2e-6, 0])
def test_images_are_the_same_from_memory_and_from_disk(tmp_path: Path, gigabytes: float) -> None:
    images = files(tmp_path)
    chosen = list(range(149, 20, -1))
    told: list[tuple[int, int]] = []
    store = load_images(
        images, chosen, memory=gigabytes, progress=lambda done, total: told.append((done, total))
    )
    assert len(store) == len(chosen)
    assert store.bands == 3
    same(store, images, chosen)
    assert told == [(done, len(chosen)) for done in range(1, len(chosen) + 1)]
    assert {1: store.in_memory == 129, 2e-6: 0 < store.in_memory < 40, 0: store.in_memory == 0}[
        gigabytes
    ]
    part = store.part([5, 2])
    same(part, images, [chosen[5], chosen[2]])
    same(pickle.loads(pickle.dumps(part)), images, [chosen[5], chosen[2]])


def test_copies_have_one_hash(tmp_path: Path) -> None:
    pixels = np.zeros((3, 4, 6), np.uint8)
    for name, picture in (("a", pixels), ("b", pixels.reshape(3, 6, 4)), ("c", pixels)):
        np.save(tmp_path / f"{name}.npy", picture.transpose(1, 2, 0))
    Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "d.png")
    images = ImageFiles(tuple(tmp_path / n for n in ("a.npy", "b.npy", "c.npy", "d.png")))
    a, b, c, d = load_images(images, range(4), memory=1).hashes
    assert a == c == d != b


def test_bad_files_are_named_or_left_out(tmp_path: Path) -> None:
    images = files(tmp_path)
    for index in (7, 100, 130):
        images.paths[index].write_bytes(images.paths[index].read_bytes()[:60])
    images.paths[131].unlink()
    with pytest.raises(InputError, match=r"/7\.png can't be read as an image.*skip_bad=True"):
        load_images(images, range(150), memory=1)
    store = load_images(images, range(5, 150), memory=1, skip_bad=True)
    left = [i for i in range(5, 150) if i not in (7, 100, 130, 131)]
    assert (store.kept + 5).tolist() == left
    assert [Path(name).name for name, _ in store.bad] == ["7.png", "100.png", "130.png", "131.png"]
    assert "isn't there" in store.bad[-1][1]
    same(store, images, left)


def test_tiffs_are_read_quietly_and_warnings_come_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Several threads put warnings and hooks of the process aside, and back."""
    paths = []
    for index in range(60):
        paths.append(tmp_path / f"{index}.tif")
        Image.fromarray(np.full((9, 9), index, np.uint8)).save(paths[-1])
        if index % 3 == 0:
            paths[-1].write_bytes(paths[-1].read_bytes()[:-40])
    before = sys.excepthook, sys.unraisablehook, list(warnings.filters)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = load_images(ImageFiles(tuple(paths)), range(60), memory=0, skip_bad=True)
        for index in range(len(store)):
            store.image(index)
        warnings.warn("still heard", stacklevel=1)
    assert [str(warning.message) for warning in said] == ["still heard"]
    assert (sys.excepthook, sys.unraisablehook, list(warnings.filters)) == before
    assert 0 < len(store.bad) <= 20
    assert capfd.readouterr().err == ""


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    store = load_images(ImageFiles((tmp_path / "a.png",)), [0], memory=1, skip_bad=True)
    assert (len(store), len(store.bad), store.shapes.shape) == (0, 1, (0, 2))


def test_other_bands_are_named(tmp_path: Path) -> None:
    images = files(tmp_path, 5)
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(images.paths[3])
    with pytest.raises(InputError, match=r"/0\.png has 3 bands and .*/3\.png has 1: all images"):
        load_images(images, range(5), memory=1, skip_bad=True)


@pytest.mark.parametrize(("shape", "expected"), [((40, 80), (16, 32)), ((9, 6), (24, 16))])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_resized_by_the_shorter_side(
    shape: tuple[int, int], expected: tuple[int, int], dtype: str
) -> None:
    ramp = np.linspace(10, 250, shape[1])[None] * np.ones((shape[0], 1))
    pixels = np.stack([ramp * k for k in (1.0, 0.5, 0.25, 0.1)])[None].astype(dtype)
    store = load_images(ImageArrays(pixels, ("a",)), [0], memory=1, shorter=16)
    assert store.shapes.tolist() == [list(expected)]
    assert store[0].dtype == dtype
    assert store[0].shape == (4, *expected)
    wanted = np.linspace(10, 250, expected[1])
    assert np.abs(store[0][0, 3] - wanted)[2:-2].max() < 12
    assert np.abs(store[0][2, 3] - wanted / 4)[2:-2].max() < 4


def test_thin_lines_dont_flicker_when_made_smaller() -> None:
    lines = np.zeros((2, 64, 64), np.uint16)
    lines[:, :, ::4] = 4000
    assert np.abs(resize_image(lines, (16, 16))[:, 2:-2, 2:-2] - 1000.0).max() < 100


def test_missing_pixels_dont_spread() -> None:
    pixels = np.full((2, 32, 32), 7, np.float32)
    pixels[0, 5, 5] = np.nan
    pixels[0, 16:, :] = np.nan
    small = resize_image(pixels, (8, 8))
    np.testing.assert_allclose(small[0, :3], 7, rtol=1e-5)
    assert np.isnan(small[0, 5:]).all()
    np.testing.assert_allclose(small[1], 7, rtol=1e-5)


def test_masks_keep_their_classes() -> None:
    mask = np.kron(np.array([[1, 300], [300, 0]], np.uint16), np.ones((8, 8), np.uint16))
    np.testing.assert_array_equal(resize_mask(mask, (2, 2)), [[1, 300], [300, 0]])
    np.testing.assert_array_equal(resize_mask(resize_mask(mask, (31, 47)), (16, 16)), mask)


def test_samples_are_pixels_of_all_images(tmp_path: Path) -> None:
    pixels = np.arange(6 * 2 * 9 * 9, dtype=np.int16).reshape(6, 2, 9, 9)
    store = load_images(ImageArrays(pixels, tuple("abcdef")), range(6), memory=1)
    sample = sample_pixels(store, count=600, seed=1)
    assert sample.shape == (600, 2)
    assert sample.dtype == np.float32
    np.testing.assert_array_equal(sample[:, 1] - sample[:, 0], 81)
    images, counts = np.unique(sample[:, 0] // 162, return_counts=True)
    assert counts.tolist() == [100] * len(images) == [100] * 6
    np.testing.assert_array_equal(sample, sample_pixels(store, count=600, seed=1))


def test_bands_that_say_nothing_drop_out() -> None:
    sample = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    sample[:, 1] = 5
    sample[:, 3:5] = np.nan
    sample[:20, 0] = np.nan
    bands, notes = live_bands(sample)
    assert bands == (0, 2, 5)
    assert notes == (
        "Left out because without data in the training images: bands 4-5.",
        "Left out because constant in the training images: band 2.",
    )
    assert live_bands(sample[:, [0, 2]]) == ((0, 1), ())
    with pytest.raises(InputError, match="every band"):
        live_bands(sample[:, [1, 3]])
    sample[20:, 2] = np.nan
    with pytest.raises(InputError, match="all of the bands 1-2"):
        live_bands(sample[:, [0, 2]])
