"""Blended windows: weights that add up to 1, and the numbers of a plain sum over whole windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window
from tests.mapping.small_segmenter import BANDS, LooksAround, segment_model
from torch import nn

from spectile import networks
from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.compute import Compute
from spectile.mapping.pixels.blended_windows import BlendedWindows, WindowedAxis
from spectile.mapping.pixels.pixel_mapper import PixelMapper
from spectile.mapping.window_mapper import MapPart, Tile


@settings(deadline=None)
@given(length=st.integers(1, 3000), edge=st.integers(1, 700))
def test_weights_add_up_to_one_everywhere(length: int, edge: int) -> None:
    axis = WindowedAxis.cut(length, edge)
    total = np.zeros(length)
    for number in range(len(axis)):
        start, stop = axis.window(number)
        assert 0 <= start < stop <= length
        assert stop - start == min(edge, length)
        weights = axis.weights(number)
        total[start:stop] += weights
        first, last = axis.core(number)
        assert weights[first - start : last - start].min() > 0.49
    assert (total == 1).all()


@settings(deadline=None)
@given(length=st.integers(1, 900), edge=st.integers(1, 200), span=st.data())
def test_the_windows_that_count_are_found(length: int, edge: int, span: st.DataObject) -> None:
    axis = WindowedAxis.cut(length, edge)
    start = span.draw(st.integers(0, length - 1))
    stop = span.draw(st.integers(start + 1, length))
    counting = []
    for number in range(len(axis)):
        weights = np.zeros(length)
        weights[slice(*axis.window(number))] = axis.weights(number)
        if weights[start:stop].any():
            counting.append(number)
    assert list(axis.reaching(start, stop)) == counting


def pixels(height: int, width: int) -> np.ndarray:
    array = np.random.default_rng(3).normal(0, 1, (BANDS, height, width)).astype(np.float32)
    array[1, height // 3, width // 2] = np.nan
    return array


def whole(network: nn.Module, scene: np.ndarray) -> np.ndarray:
    """Shares (classes, h, w) of all of an image at once."""
    known = np.where(np.isnan(scene).any(axis=0), 0, scene)
    x = torch.from_numpy(known[None]).to(next(network.parameters()).dtype)
    with torch.inference_mode():
        return network(x)[0].softmax(0).numpy()


def together(parts: list[MapPart], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.full((len(parts[0].probabilities), height, width), np.nan)
    classes = np.full((height, width), -1)
    for part in parts:
        probabilities[:, *part.window.toslices()] = part.probabilities
        classes[part.window.toslices()] = part.classes
    return probabilities, classes


def blended(network: nn.Module, scene: np.ndarray, edge: int, memory: float = 1.0) -> list[MapPart]:
    model = segment_model(network, edge)
    mapper = PixelMapper(model, scene_from_array(scene), Compute(memory=memory or 1e-9))
    return list(mapper.parts(map(Tile, mapper.in_order(mapper.tiles(0), 10**9))))


@settings(max_examples=10, deadline=None)
@given(height=st.integers(5, 150), width=st.integers(5, 150))
def test_numbers_are_those_of_a_plain_sum(height: int, width: int) -> None:
    network, scene = LooksAround(radius=5).double(), pixels(height, width)
    probabilities, classes = together(blended(network, scene, 48), height, width)
    windows = BlendedWindows.over(height, width, 48)
    expected = np.zeros_like(probabilities)
    for number in range(len(windows)):
        window = windows.window(number)
        row, column = windows.place(number)
        weights = windows.rows.weights(row)[:, None] * windows.columns.weights(column)
        expected[:, *window.toslices()] += weights * whole(network, scene[:, *window.toslices()])
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-9)
    empty = classes == 0
    assert empty.sum() == 1
    assert empty[height // 3, width // 2]
    np.testing.assert_array_equal(classes[~empty], expected.argmax(0)[~empty] + 1)


@pytest.mark.parametrize("edge", [40, 64])
def test_what_looks_little_around_gives_the_numbers_of_the_whole_scene(edge: int) -> None:
    network, scene = LooksAround(radius=2).double(), pixels(131, 97)
    parts = blended(network, scene, edge)
    assert len(parts) > 4
    probabilities, _ = together(parts, 131, 97)
    np.testing.assert_allclose(probabilities, whole(network, scene), rtol=0, atol=1e-12)


def test_a_small_scene_is_one_window() -> None:
    network, scene = LooksAround(radius=9).double(), pixels(500, 30)
    (part,) = blended(network, scene, 512)
    np.testing.assert_array_equal(part.probabilities, whole(network, scene))


@pytest.mark.parametrize(("room", "most"), [(1.0, 1.0), (0.0, 9.0)])
def test_windows_are_computed_once_where_the_memory_allows(room: float, most: float) -> None:
    network, calls = LooksAround(radius=3), 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    scene = pixels(230, 140)
    exact = blended(network, scene, 32)
    with network.register_forward_hook(count):
        again = blended(network, scene, 32, memory=room)
    windows = len(BlendedWindows.over(230, 140, 32))
    # Two more: what a window takes is told from two small images.
    assert windows <= calls - 2 <= most * windows
    assert room == 1 or calls > 2 * windows
    places = {(part.window.col_off, part.window.row_off): part for part in again}
    for part in exact:
        other = places[part.window.col_off, part.window.row_off]
        np.testing.assert_array_equal(part.probabilities, other.probabilities)


def test_a_window_that_comes_in_pieces_is_as_the_whole() -> None:
    network, scene = LooksAround(radius=3), pixels(90, 90)
    probabilities, _ = together(blended(network, scene, 32), 90, 90)
    mapper = PixelMapper(segment_model(network, 32), scene_from_array(scene))
    for core in mapper.tiles(0):
        corner = Window(core.col_off + core.width - 3, core.row_off + 2, 3, 4)
        (part,) = mapper.parts([Tile(corner)])
        np.testing.assert_array_equal(part.probabilities, probabilities[:, *corner.toslices()])


def test_no_seam_is_to_be_seen() -> None:
    torch.manual_seed(2)
    network = networks.create("deeplab-v3-plus", bands=BANDS, classes=3, backbone="mobilenet-v2")
    scene = np.random.default_rng(0).normal(0, 1, (BANDS, 96, 330)).cumsum(axis=2) / 10
    model = network.eval()
    scene = scene.astype(np.float32)
    windows = BlendedWindows.over(96, 330, 128)
    probabilities, _ = together(blended(model, scene, 128), 96, 330)
    cut = probabilities.copy()
    for number, core in enumerate(windows.cores()):
        window = windows.window(number)
        own = whole(model, scene[:, *window.toslices()])
        left = core.col_off - window.col_off
        cut[:, *core.toslices()] = own[:, :, left : left + core.width]
    borders = [start - 1 for start in windows.columns.starts[1:]]
    assert len(borders) == 3

    def jump(image: np.ndarray) -> float:
        """The largest jump at a border between cores, by the largest elsewhere."""
        jumps = np.abs(np.diff(image, axis=2)).mean(axis=(0, 1))
        return float(jumps[borders].max() / np.delete(jumps, borders).max())

    assert jump(probabilities) < 1.1
    assert jump(cut) > 1.2
