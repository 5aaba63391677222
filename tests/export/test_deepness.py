"""The QGIS plugin's way from a layer to a map, in few lines, and what `spectile map` says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from tests.export.models import of_images, of_windows

from spectile import InputError
from spectile.data.readers.in_memory import scene_from_array
from spectile.export.deepness import (
    deepness_metadata,
    deepness_options,
    overlap_percent,
    resolution_of,
)
from spectile.export.export import export_model
from spectile.model.trained_task import WindowTask

TILE = 32


class Plugin:
    """Loads a model and maps a layer (bands, H, W) as the plugin does, without QGIS."""

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(path)
        (entry,) = self.session.get_inputs()
        self.name, self.shape = entry.name, entry.shape
        (out,) = self.session.get_outputs()
        assert len(out.shape) == 4
        assert out.shape[2] == out.shape[3]
        told = self.session.get_modelmeta().custom_metadata_map
        self.told = {key: json.loads(told[key]) for key in told}
        names = sorted(self.told["class_names"].items(), key=lambda pair: int(pair[0]))
        assert [int(key) for key, _ in names] == list(range(out.shape[1]))

    def map(self, layer: NDArray[np.float32]) -> NDArray[np.int64]:
        """Classes (H, W), counted from 1; what no tile covers is 0."""
        tile = int(self.told["tile_size"])
        overlap = int(tile * int(self.told["tiles_overlap"]) / 100 * 2) // 2
        stride, half = tile - overlap, overlap // 2
        counts = [1 + max(0, -(-(size - tile) // stride)) for size in layer.shape[1:]]
        rows, columns = (tile + (count - 1) * stride for count in counts)
        # Beyond the layer the provider gives zeros.
        whole = np.zeros((len(layer), rows, columns), layer.dtype)
        whole[:, : layer.shape[1], : layer.shape[2]] = layer
        result = np.zeros((rows, columns), np.int64)
        for row in range(counts[0]):
            for column in range(counts[1]):
                top, left = row * stride, column * stride
                classes = self._process(whole[:, top : top + tile, left : left + tile]) + 1
                offset = (tile - len(classes)) // 2
                assert offset % 2 == 0
                bounds = []
                for place, count in ((row, counts[0]), (column, counts[1])):
                    first = (half if place else 0) + offset
                    last = tile - (half if place < count - 1 else 0) - offset
                    bounds.append((first, last))
                (a, b), (c, d) = bounds
                core = classes[a - offset : b - offset, c - offset : d - offset]
                result[top + a : top + b, left + c : left + d] = core
        return result[: layer.shape[1], : layer.shape[2]]

    def _process(self, tile: NDArray[np.float32]) -> NDArray[np.int64]:
        batched = np.moveaxis(tile, 0, -1)[None][..., : self.shape[-3]]
        scaled = np.float32(batched * 1.0 / 255.0).transpose(0, 3, 1, 2)
        (found,) = self.session.run(None, {self.name: scaled})
        found[found < float(self.told["seg_thresh"])] = 0
        return np.argmax(found, axis=1)[0]


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    path = tmp_path_factory.mktemp("deepness") / "m.onnx"
    model = of_windows()
    options = deepness_options(model, TILE, -9999)
    told = deepness_metadata(model, TILE, 3000.0)
    export_model(model, path, options=options, deepness=told)
    document = onnx.load(path)
    assert max(entry.version for entry in document.opset_import) <= 17
    assert document.ir_version <= 9
    assert document.graph.node[0].op_type == "Mul"
    return Plugin(path)


def test_the_plugins_map_is_that_of_spectile_map(plugin: Plugin) -> None:
    model = of_windows()
    layer = np.random.default_rng(3).normal(0, 1, (6, 61, 47)).astype(np.float32)
    layer[2, 30, 20] = np.nan  # in a band that isn't used
    layer[1, 12, 13] = -9999
    arrays = model.map(scene_from_array(layer, nodata=-9999), probabilities=True)
    ours = np.searchsorted(model.legend.values, arrays.classes) + 1
    assert arrays.probabilities is not None
    sure = np.abs(np.diff(arrays.probabilities, axis=0)[0]) > 1e-4
    # The plugin fills its last tiles with zeros, and knows no pixel without a class.
    sure[-4:] = sure[:, -4:] = False
    sure[12, 13] = False
    theirs = plugin.map(layer)
    np.testing.assert_array_equal(theirs[sure], ours[sure])
    assert set(np.unique(theirs)) == {1, 2}


def test_the_plugin_is_told_what_it_asks_for(plugin: Plugin) -> None:
    assert plugin.shape == [1, 6, TILE, TILE]
    assert plugin.told["model_type"] == "Segmentor"
    assert plugin.told["resolution"] == 3000.0
    assert plugin.told["tiles_size"] == plugin.told["tile_size"] == TILE
    assert plugin.told["seg_thresh"] == 0


@pytest.mark.parametrize("window", [9, 11, 13, 17, 21, 25])
@pytest.mark.parametrize("tile", [64, 100, 256, 511])
def test_tiles_overlap_so_far_that_no_padding_decides(window: int, tile: int) -> None:
    percent = overlap_percent(replace(of_windows(), trained_for=WindowTask(window)), tile)
    assert int(tile * percent / 100 * 2) // 2 // 2 >= window // 2
    assert percent < 50


def test_resolution_is_in_centimetres() -> None:
    place = {"crs": CRS.from_epsg(32633), "transform": Affine(0.25, 0, 4e5, 0, -0.25, 5e6)}
    scene = replace(scene_from_array(np.zeros((6, 9, 9), np.float32)), **place)
    assert resolution_of(scene) == 25
    degrees = replace(scene, crs=CRS.from_epsg(4326))
    for without in (None, replace(scene, crs=None), degrees):
        with pytest.raises(InputError, match="resolution"):
            resolution_of(without)


def test_what_deepness_cant_draw_is_refused() -> None:
    with pytest.raises(InputError, match="one class for an image"):
        deepness_options(of_images(), TILE, None)
    with pytest.raises(InputError, match="tile=18 or more"):
        deepness_options(of_windows(), 16, None)
