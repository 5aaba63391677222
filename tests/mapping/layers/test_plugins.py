"""A layer of another package: in files, arrays and Datasets, after a kill and from workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from tests.cli.conftest import spectile
from tests.mapping.small_model import cube, small_model
from tests.mapping.small_segmenter import segment_model

from spectile.data.mask import Mask
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.errors import InputError
from spectile.mapping.cluster import Cluster
from spectile.mapping.layers.registry import asked_for, known_layers
from spectile.mapping.output.unfinished import part_folder
from spectile.mapping.scene_map import map_scene

PLUGIN = """
import numpy as np

from spectile.mapping.layers.layer import Layer


def lead(pixels):
    second, first = np.sort(pixels.probabilities, axis=0)[-2:]
    return first - second


margin = Layer("margin", "lead of the most probable class", lead)
brightness = Layer(
    name="brightness",
    description="first and second component, rounded",
    compute=lambda pixels: np.rint(pixels.components[:2]),
    bands=lambda legend: ("first", "second"),
    dtype="int16",
    nodata=-999,
    needs_components=True,
)
nonsense = "no layer"
"""
POINTS = """[spectile.layers]
absent = dummy_layers_that_are_gone:layer
brightness = dummy_layers:brightness
margin = dummy_layers:margin
nonsense = dummy_layers:nonsense
"""
BOTH = ("margin", "brightness")


@pytest.fixture(autouse=True)
def _installed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    site = tmp_path_factory.mktemp("site")
    (site / "dummy_layers.py").write_text(PLUGIN)
    about = site / "dummy_layers-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dummy-layers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    known_layers.cache_clear()
    yield
    known_layers.cache_clear()


def raster(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("map*")}


def test_it_lies_beside_the_map_as_it_says_of_itself(tmp_path: Path) -> None:
    model, scene = small_model(), scene_from_array(cube())
    model.map(scene, tmp_path / "map.tif", layers=("probabilities", *BOTH))
    gaps = raster(tmp_path / "map.tif")[0] == 0
    assert gaps.any()
    first, second = raster(tmp_path / "map_probabilities.tif")
    (margin,) = raster(tmp_path / "map_margin.tif")
    np.testing.assert_array_equal(np.isnan(margin), gaps)
    np.testing.assert_allclose(margin[~gaps], np.abs(first - second)[~gaps], atol=1e-6)
    with rasterio.open(tmp_path / "map_brightness.tif") as file:
        assert (file.dtypes, file.nodata) == (("int16", "int16"), -999)
        assert file.descriptions == ("first", "second")
        found = file.read()
    components, _ = model.for_scene(scene).read(scene, Window(0, 0, 17, 14), 0)
    expected = np.where(gaps, -999, np.rint(components[:2]))
    np.testing.assert_array_equal(found, expected)


def test_a_later_map_without_it_takes_it_away(tmp_path: Path) -> None:
    model = small_model()
    model.map(cube(), tmp_path / "map.tif", layers=BOTH)
    model.map(cube(), tmp_path / "map.tif", layers="margin", overwrite=True)
    assert (tmp_path / "map_margin.tif").exists()
    assert not (tmp_path / "map_brightness.tif").exists()
    (tmp_path / "map_margin.tif").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"map_margin\.tif"):
        model.map(cube(), tmp_path / "map.tif", overwrite=True)


@pytest.mark.parametrize("of", ["windows", "pixels"])
def test_arrays_hold_what_files_hold(tmp_path: Path, of: str) -> None:
    model, pixels = small_model(), cube()
    if of == "pixels":
        model = segment_model()
        pixels = np.random.default_rng(0).normal(size=(3, 90, 70)).astype(np.float32)
    model.map(pixels, tmp_path / "map.tif", layers=BOTH, bands_last=False)
    arrays = model.map(pixels, layers=BOTH, bands_last=False)
    assert arrays.probabilities is None
    np.testing.assert_array_equal(arrays.margin, raster(tmp_path / "map_margin.tif")[0])
    np.testing.assert_array_equal(arrays["brightness"], raster(tmp_path / "map_brightness.tif"))
    with pytest.raises(AttributeError, match="no layer 'applicability'"):
        arrays.applicability  # noqa: B018


def test_a_dataset_has_it_with_its_bands() -> None:
    xr = pytest.importorskip("xarray")
    image = xr.DataArray(cube(), dims=("band", "y", "x"), coords={"y": np.arange(14) * -2.0})
    region = Window(2, 3, 10, 9)
    dataset = small_model().map(image, layers=BOTH, region=region)
    assert set(dataset) == {"classes", *BOTH}
    assert dataset.margin.dims == ("y", "x")
    assert dataset.margin.attrs["long_name"] == "lead of the most probable class"
    assert dataset.brightness.coords["brightness_band"].values.tolist() == ["first", "second"]
    assert dataset.brightness.attrs["_FillValue"] == -999
    np.testing.assert_array_equal(dataset.y, image.y[3:12])
    whole = small_model().map(cube(), layers=BOTH)
    np.testing.assert_array_equal(dataset.brightness, whole["brightness"][:, 3:12, 2:12])


def test_pixels_outside_of_a_mask_are_nodata_in_memory() -> None:
    mask = Mask("corner", lambda window: np.add(*np.ogrid[window.toslices()]) < 6)
    arrays = small_model().map(cube(60, 70), layers=BOTH, mask=mask, memory=0.01)
    outside = np.add(*np.ogrid[:60, :70]) >= 6
    assert not arrays.classes[outside].any()
    assert np.isnan(arrays.margin[outside]).all()
    assert (arrays["brightness"][:, outside] == -999).all()
    assert arrays.classes[0, 0]


def test_it_goes_on_after_an_interruption_and_comes_from_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectile.mapping.tiles.EDGES", (16,))
    monkeypatch.chdir(tmp_path)
    np.save("scene.npy", cube(40, 33).transpose(1, 2, 0))
    scene = open_scene("scene.npy")
    for folder in ("whole", "resumed", "workers"):
        Path(folder).mkdir()
    map_scene(small_model(), scene, "whole/map.tif", layers=BOTH)

    def interrupt(done: int, total: int) -> None:
        if done > 500:
            raise KeyboardInterrupt

    out = Path("resumed/map.tif")
    with pytest.raises(KeyboardInterrupt):
        map_scene(small_model(), scene, out, layers=BOTH, progress=interrupt)
    assert (part_folder(out) / "brightness.bil").exists()
    with pytest.raises(InputError, match="begun with other layers"):
        map_scene(small_model(), scene, out, layers="margin", resume=True)
    done: list[int] = []
    map_scene(
        *(small_model(), scene, out),
        layers=reversed(BOTH),
        resume=True,
        progress=lambda pixels, total: done.append(pixels),
    )
    assert done[0] > 0
    map_scene(small_model(), scene, "workers/map.tif", layers=BOTH, cluster=Cluster(workers=1))
    assert contents(Path("resumed")) == contents(Path("whole"))
    assert contents(Path("workers")) == contents(Path("whole"))


def test_broken_plugins_cost_a_sentence_each(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spectile"):
        assert {"margin", "brightness", "entropy"} <= set(known_layers())
    assert [record.getMessage() for record in caplog.records] == [
        "the plugin absent of dummy-layers is left out (ModuleNotFoundError: No module named "
        "'dummy_layers_that_are_gone'): update or remove it.",
        "the plugin nonsense of dummy-layers is left out (dummy_layers:nonsense is no Layer): "
        "update or remove it.",
    ]


def test_the_command_line_names_layers_and_the_old_switches_are_the_same(tmp_path: Path) -> None:
    small_model().save(tmp_path / "model.safetensors")
    np.save(tmp_path / "scene.npy", cube().transpose(1, 2, 0))
    inputs = (tmp_path / "model.safetensors", tmp_path / "scene.npy")
    for folder, options in {
        "new": ("--layers", "entropy, probabilities"),
        "old": ("--entropy", "--probabilities"),
    }.items():
        (tmp_path / folder).mkdir()
        spectile("map", *inputs, tmp_path / folder / "map.tif", *options, "-q")
    assert contents(tmp_path / "new") == contents(tmp_path / "old")
    assert "map_probabilities.tif" in contents(tmp_path / "new")
    refused = spectile("map", *inputs, tmp_path / "m.tif", "--layers", "entrophy", code=2)
    assert "There is no layer called 'entrophy': did you mean entropy?" in refused


@pytest.mark.parametrize("names", ["entropy,classes", ["classes", "entropy"], ("entropy",)])
def test_the_classes_are_always_there_and_first(names: object) -> None:
    assert [layer.name for layer in asked_for(names)] == ["classes", "entropy"]  # type: ignore[arg-type]
