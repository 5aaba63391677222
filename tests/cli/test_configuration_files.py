"""Configurations that can't be, names that are no text, and values beyond float32."""

import os
from pathlib import Path

import numpy as np
import pytest
from rasterio.windows import Window
from tests.cli.conftest import QUICK, Field, spectile, write_tif

from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.tasks.config import read_config
from spectile.tasks.entries.scene import SceneConfig


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"scene: a\n\tlabels: b\n", "line 2"),
        (b"scene: a\nscene: b\n", "scene twice, in line 2"),
        (b"a: &a [x, x]\nb: [*a, *a]\n", "an alias"),
        (b"scene: " + b"[" * 100_000, "without end"),
        (b"{a: " * 50_000, "without end"),
        (b"scene: a\x00b", "special characters"),
        (bytes(range(256)), "decode"),
        (b"!!python/object/apply:os.system ['true']", "line 1"),
        (b"scene: a\nseed: " + b"9" * 10_000, "digits"),
        (b"? [1, 2]\n: 3\n", "key"),
        (b"scene: a\nmap: {memory: .inf}\n", "finite"),
        (b"scene: a\nseed: true\n", "integer"),
        (b"- 1\n", "dictionary"),
        (b"a: " + b"x" * 2_000_000, "larger"),
    ],
)
def test_configurations_that_cannot_be(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        read_config(path, SceneConfig)
    assert "\n" not in str(error.value)


def test_names_that_are_no_text(field: Field, tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/z\xf6lf")
    Path(name).mkdir()
    scene = f"{name}/scene.tif"
    Path(scene).write_bytes(field.scene.read_bytes())
    assert "rename" in spectile("info", scene, code=2)
    out = ("--out", tmp_path / "run", *QUICK)
    assert "rename" in spectile("train", "scene", scene, field.labels, *out, code=2)
    assert "rename" in spectile("train", "scene", field.scene, scene, *out, code=2)
    assert "rename" in spectile(
        *("train", "scene", field.scene, field.labels, "--out", name, *QUICK), code=2
    )
    assert "rename" in spectile("map", "m", field.scene, f"{name}/map.tif", code=2)


@pytest.mark.parametrize(("factor", "words"), [(1e160, "scale the scene"), (1e-200, "multiply")])
def test_scenes_beyond_float32(factor: float, words: str, field: Field, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(100, 10, (10, 64, 72)) * factor
    scene = write_tif(tmp_path / "scene.tif", pixels)
    out = tmp_path / "run"
    message = spectile("train", "scene", scene, field.labels, "--out", out, *QUICK, code=2)
    assert words in message
    assert not out.exists()


def test_one_pixel_beyond_float32() -> None:
    pixels = np.random.default_rng(0).normal(100, 10, (4, 20, 20))
    reducer = fit_reducer("pca", pixels.reshape(4, -1).T, components=2)
    pixels[2, 5, 5] = 1e300
    reading = Preprocessing((0, 1, 2, 3), reducer, "reflect")
    with pytest.raises(InputError, match=r"1e\+300.*scale the scene"):
        reading.read(scene_from_array(pixels), Window(0, 0, 20, 20), 0)
    reading.read(scene_from_array(pixels, nodata=1e300), Window(0, 0, 20, 20), 0)


def test_small_differences_of_large_numbers() -> None:
    pixels = np.random.default_rng(0).normal(0, 1e-2, (3, 20, 20)) + 1e9
    reducer = fit_reducer("standardise", pixels.reshape(3, -1).T)
    assert np.abs(reducer.apply(pixels)).max() < 6
