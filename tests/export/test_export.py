"""A graph says what the model says, in another program, of any input that it may meet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import rasterio
from numpy.typing import NDArray
from tests.cli.conftest import write_tif
from tests.export.models import of_images, of_logarithms, of_windows
from tests.mapping.small_model import cube, small_model
from tests.mapping.small_segmenter import segment_model

from spectile import InputError
from spectile.api.model import Model
from spectile.data.readers.in_memory import scene_from_array
from spectile.export import export as exporting
from spectile.export.export import export_model
from spectile.export.graph import GraphOptions, ModelGraph
from spectile.export.packages import needed
from spectile.export.parity import TOLERANCE, expected

MODELS: dict[str, tuple[Callable[[], Model], GraphOptions]] = {
    "windows": (lambda: of_windows(smooth=3), GraphOptions()),
    "tile": (of_logarithms, GraphOptions(dense=True)),
    "cut": (of_windows, GraphOptions(dense=True, border="cut", nodata=-9999, edge=15)),
    "images": (of_images, GraphOptions()),
    "pixels": (segment_model, GraphOptions()),
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Model]]:
    """The ONNX file of one of MODELS, and the model: an export takes a second."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def export(name: str) -> tuple[Path, Model]:
        build, options = MODELS[name]
        model = build()
        export_model(model, folder / f"{name}.onnx", options=options)
        return folder / f"{name}.onnx", model

    return export


def scene_of(model: Model, batch: int, height: int, width: int) -> NDArray[np.float32]:
    """Pixels in which a model finds several classes, with gaps of all kinds."""
    draw = np.random.default_rng(batch)
    x = draw.normal(0, 1, (batch, model.scene_bands, height, width))
    if model.scene_bands == 24:
        x = np.exp(7 + 0.3 * x)
    elif model.scene_bands == 4:
        x = 100 + 20 * x
    x[-1, 0, 2, 3], x[0, 1, 5, 1] = np.nan, np.inf
    return x.astype(np.float32)


SIZES = {
    "windows": ((1, 9, 9), (7, 9, 9)),
    "tile": ((1, 11, 14), (1, 23, 12)),
    "cut": ((1, 15, 15),),
    "images": ((1, 32, 47), (7, 48, 33)),
    "pixels": ((1, 32, 47), (7, 25, 33)),
}


@pytest.mark.parametrize("name", MODELS)
def test_runtimes_give_the_models_probabilities_with_any_batch_and_size(
    exported: Callable[[str], tuple[Path, Model]], name: str
) -> None:
    path, model = exported(name)
    graph = ModelGraph(model, MODELS[name][1])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    compiled = needed("openvino").compile_model(
        str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    for size in SIZES[name]:
        x = scene_of(model, *size)
        if name == "cut":
            x[0, 1, 6, 6] = -9999
        ours = expected(model, graph, x)
        assert np.ptp(ours, axis=1).max() > 0.05
        for theirs in (session.run(None, {"scene": x})[0], compiled(x)[0]):
            assert theirs.shape == ours.shape
            assert np.abs(theirs - ours).max() <= TOLERANCE * ours.max()


def test_a_tile_gives_the_map_of_the_scene(
    exported: Callable[[str], tuple[Path, Model]],
) -> None:
    path, model = exported("tile")
    pixels = scene_of(model, 1, 19, 16)
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(None, {"scene": pixels})[0]
    classes = np.array(model.legend.values)[found.argmax(0)] * (found.max(0) > 0)
    arrays = model.map(scene_from_array(pixels[0]), probabilities=True)
    np.testing.assert_array_equal(classes, arrays.classes)
    known = np.nan_to_num(arrays.probabilities)
    np.testing.assert_allclose(found, known, atol=TOLERANCE)


def test_the_file_says_what_it_is(exported: Callable[[str], tuple[Path, Model]]) -> None:
    path, model = exported("windows")
    document = onnx.load(path)
    onnx.checker.check_model(document)
    told = {entry.key: json.loads(entry.value) for entry in document.metadata_props}
    assert told["class_names"] == {"0": "Äcker & Wiesen", "1": "open water"}
    assert told["bands"] == list(model.preprocessing.bands)
    assert told["window"] == 9
    assert told["not_in_the_graph"].startswith("smoothing")
    assert document.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert b"/site-packages/" not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_openvinos_files_come_together(
    exported: Callable[[str], tuple[Path, Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = exported("windows")
    monkeypatch.setattr(exporting, "to_onnx", lambda *_, **__: onnx.load(path))
    found = export_model(model, tmp_path / "m.xml", format="openvino")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.bin", "m.xml"]
    assert found.random <= TOLERANCE
    read = needed("openvino").Core().read_model(tmp_path / "m.xml")
    assert json.loads(read.get_rt_info(["spectile", "scene_bands"]).value) == 6
    with pytest.raises(InputError, match="exists"):
        export_model(model, tmp_path / "m.xml", format="openvino")
    export_model(model, tmp_path / "m.xml", format="openvino", overwrite=True)
    (tmp_path / "o.bin").write_text("somebody's")
    with pytest.raises(InputError, match="isn't from an earlier command"):
        export_model(model, tmp_path / "o.xml", format="openvino", overwrite=True)


def test_a_graph_that_differs_is_not_written(
    exported: Callable[[str], tuple[Path, Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = exported("windows")
    monkeypatch.setattr(exporting, "to_onnx", lambda *_, **__: onnx.load(path))
    with pytest.raises(InputError, match="nothing was written"):
        export_model(replace(model, temperature=2.0), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_cant_be_exported_is_said(tmp_path: Path) -> None:
    small = small_model()
    with pytest.raises(InputError, match="leave out dense"):
        export_model(of_images(), tmp_path / "m.onnx", options=GraphOptions(dense=True))
    with pytest.raises(InputError, match="has 4 bands"):
        export_model(small, tmp_path / "m.onnx", check=scene_from_array(cube()[:4]))
    with pytest.raises(InputError, match=r"end in \.onnx"):
        export_model(small, tmp_path / "m.xml")
    (tmp_path / "m.onnx").write_bytes(b"somebody's")
    with pytest.raises(InputError, match="isn't from an earlier command"):
        export_model(small, tmp_path / "m.onnx", overwrite=True)
    assert (tmp_path / "m.onnx").read_bytes() == b"somebody's"


def test_the_docs_example_maps_a_tile_as_the_package_does(
    exported: Callable[[str], tuple[Path, Model]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = exported("tile")
    pixels = scene_of(model, 1, 19, 16)[0]
    write_tif(tmp_path / "scene.tif", pixels)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(path.read_bytes())
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    exec(page.split("```python\n")[1].split("```")[0], {})
    with rasterio.open("tile.tif") as tile, rasterio.open("scene.tif") as scene:
        np.testing.assert_array_equal(tile.read(1), model.map(scene_from_array(pixels)))
        assert (tile.crs, tile.transform) == (scene.crs, scene.transform)
