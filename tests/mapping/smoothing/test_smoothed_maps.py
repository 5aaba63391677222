"""A smoothed map is the filter on the whole scene, however it is cut and whatever is asked for."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window
from tests.mapping.small_model import WINDOW, cube, small_model
from tests.mapping.small_segmenter import segment_model
from tests.mapping.smoothing.plain_filter import plain_filter

from spectile.api.model import Model
from spectile.data.mask import Mask
from spectile.data.preprocessing.guide import reach_of
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.area import Area
from spectile.mapping.at_pixels import probabilities_at
from spectile.mapping.compute import Compute
from spectile.mapping.mapper import mapper_for
from spectile.mapping.output.writer import MapPixels
from spectile.mapping.scene_map import map_parts, map_scene
from spectile.mapping.smoothing import smoothing_mapper
from spectile.mapping.smoothing.smoothing_mapper import SmoothingMapper, pieces_of
from spectile.mapping.tile_work import TileWork
from spectile.mapping.window_mapper import Tile, WindowMapper

SIZE = 23, 31
RADII = 1, 3, 6
MAPPERS = SmoothingMapper, WindowMapper


def precise(radius: int) -> Model:
    """A model that is sure of itself, in float64: kernels of tiles of other shapes differ less."""
    model = small_model(smooth=radius)
    with torch.no_grad():
        for weight in model.network.classifier[-1].parameters():
            weight *= 1000
    return replace(model, network=model.network.double())


def scene_of(height: int, width: int, seed: int = 2) -> Scene:
    """With edges, and gaps on the border, at a corner and inside."""
    pixels = cube(height, width) + np.random.default_rng(seed).normal(0, 1, (6, 1, 1))
    pixels[:, :, width // 3 :] += 2
    pixels[:, height // 2, 3:9] = np.nan
    pixels[0, 0, 0] = np.nan
    return scene_from_array(pixels.astype(np.float32))


def plainly(model: Model, scene: Scene) -> NDArray[np.float64]:
    """The whole scene at once, by the plain filter: NaN where no data are."""
    assert model.smoothing is not None
    network = WindowMapper(model, scene, components=True)
    (part,) = network.parts([Tile(Window(0, 0, scene.width, scene.height))])
    assert part.components is not None
    known = part.classes > 0
    guide = model.smoothing.guide.of(part.components)
    found = plain_filter(
        part.probabilities, guide, known, model.smoothing.radius, model.smoothing.epsilon
    )
    return np.where(known, found, np.nan)


SCENE = scene_of(*SIZE)


@cache
def made_ready(radius: int, method: Any = "dense") -> SmoothingMapper:
    mapper = mapper_for(precise(radius), SCENE, Compute(method), components=True)
    assert isinstance(mapper, SmoothingMapper)
    return mapper


EXPECTED = {radius: plainly(precise(radius), SCENE) for radius in RADII}


@settings(max_examples=15, deadline=None)
@given(
    radius=st.sampled_from(RADII),
    edge=st.sampled_from([32, 16, 9]),
    piece=st.sampled_from([256, 16, 7, 4]),
    region=st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 31)] * 2),
    masked=st.booleans(),
    method=st.sampled_from(["dense", "patches"]),
)
def test_any_part_is_that_of_the_whole_scene(
    radius: int,
    edge: int,
    piece: int,
    region: tuple[int, int, int, int],
    masked: bool,
    method: Any,
) -> None:
    column, row, width, height = region
    window = Window(column, row, min(width, SIZE[1] - column), min(height, SIZE[0] - row))
    drawn = np.random.default_rng(radius).random(SIZE) < 0.2
    drawn[row, column] = True
    mask = Mask("drawn", lambda part: drawn[part.toslices()]) if masked else None
    mapper = made_ready(radius, method)
    area = Area.of(SCENE, window, mask)
    windows, _ = area.windows(mapper.tiles(edge))
    shown = np.zeros(SIZE, np.bool_)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(smoothing_mapper, "EDGES", (piece,))
        for part in mapper.parts(map(area.tile, windows)):
            here = part.window.toslices()
            known = part.classes > 0
            shown[here] |= known
            expected = EXPECTED[radius][:, *here][:, known]
            found = part.probabilities[:, known]
            np.testing.assert_allclose(found, expected, atol=1e-6)
            np.testing.assert_array_equal(found.argmax(0) + 1, part.classes[known])
    wanted = np.zeros(SIZE, np.bool_)
    wanted[window.toslices()] = drawn[window.toslices()] if masked else True
    np.testing.assert_array_equal(shown, wanted & ~np.isnan(EXPECTED[radius][0]))


def test_smoothing_does_something_and_none_changes_nothing() -> None:
    smoothed, without = precise(3), precise(0)
    plain = replace(without, smoothing=None)
    whole = smoothed.map(SCENE, layers="probabilities").probabilities
    unsmoothed = plain.map(SCENE, layers="probabilities").probabilities
    assert np.nanmax(np.abs(whole - unsmoothed)) > 0.1
    off = smoothed.map(SCENE, layers="probabilities", smooth=0).probabilities
    np.testing.assert_array_equal(off, unsmoothed)
    other = without.map(SCENE, layers="probabilities", smooth=3).probabilities
    np.testing.assert_array_equal(other, whole)


def test_pixels_that_are_asked_for_are_those_of_the_map() -> None:
    rows, columns = (axis.ravel()[::7] for axis in np.indices(SIZE))
    found = probabilities_at(precise(3), SCENE, rows, columns)
    np.testing.assert_allclose(found, EXPECTED[3][:, rows, columns].T, atol=1e-6)


def test_components_come_with_what_is_smoothed() -> None:
    window = Window(9, 4, 10, 12)
    plain = mapper_for(precise(0), SCENE, Compute(), components=True)
    (expected,), (found,) = (list(one.parts([Tile(window)])) for one in (plain, made_ready(3)))
    np.testing.assert_allclose(found.components, expected.components, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(1, 1500),
    width=st.integers(1, 1500),
    edge=st.sampled_from([512, 256, 64]),
    radius=st.integers(1, 40),
)
def test_memory_is_that_of_the_largest_piece(
    length: int, width: int, edge: int, radius: int
) -> None:
    scene = scene_from_array(np.broadcast_to(np.float32(0), (6, length + 9, width + 9)))
    reach = reach_of(radius)
    model = small_model(smooth=radius)
    mapper, network = (kind(model, scene, Compute("patches")) for kind in MAPPERS)
    told = mapper.gigabytes(edge)
    for tile in list(mapper.tiles(edge))[:4]:
        pieces = pieces_of(mapper._seen_from(tile), tile)
        most = max(piece.height for piece in pieces), max(piece.width for piece in pieces)
        assert max(most) <= 256 + 2 * reach
        pixels = (most[0] + WINDOW - 1) * (most[1] + WINDOW - 1)
        assert pixels * network._bytes_a_pixel <= told * 1e9


def test_too_little_memory_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match=r"smoothing of radius 40: allow .* at least 0\.\d GB"):
        small_model(smooth=40).map(scene_of(200, 200), memory=1e-3)


def test_what_cant_be_read_pulls_nothing(tmp_path: Path) -> None:
    class Damaged:
        block = (1, 1)

        def read(self, window: Window, bands: Any) -> Any:
            from spectile.data.scene import UnreadableError

            if window.row_off < 4 and window.col_off < 4:
                raise UnreadableError("scene", window, "torn")
            return SCENE.reader.read(window, bands)

        def close(self) -> None:
            pass

    scene = replace(SCENE, reader=Damaged())
    mapper = SmoothingMapper(small_model(smooth=1), scene, keep_going=True)
    parts = list(mapper.parts(map(Tile, mapper.tiles(8))))
    assert parts[0].damage
    assert not parts[0].classes.any()
    assert parts[-1].classes.all()
    assert not parts[-1].damage


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(smoothing_mapper, "SMOOTHED_EDGES", (16, 8))
    monkeypatch.setattr("spectile.mapping.scene_map.SMOOTHED_EDGES", (16, 8))
    monkeypatch.chdir(tmp_path)
    np.save("scene.npy", cube(40, 50).transpose(1, 2, 0))
    Path("whole").mkdir()
    map_scene(small_model(smooth=2), open_scene("scene.npy"), "whole/map.tif", layers="entropy")
    return open_scene("scene.npy")


def interrupted(scene: Scene) -> None:
    def progress(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_scene(small_model(smooth=2), scene, "map.tif", layers="entropy", progress=progress)


def test_a_killed_map_goes_on_with_the_same_radius_alone(on_disk: Scene) -> None:
    interrupted(on_disk)
    for other in (small_model(smooth=3), small_model(smooth=0), small_model()):
        with pytest.raises(InputError, match="begun with another smooth"):
            map_scene(other, on_disk, "map.tif", layers="entropy", resume=True)
    map_scene(small_model(smooth=2), on_disk, "map.tif", layers="entropy", resume=True)
    for name in ("map.tif", "map_entropy.tif"):
        assert Path(name).read_bytes() == Path("whole", name).read_bytes()


def test_workers_smooth_as_well(on_disk: Scene) -> None:
    work = TileWork(
        small_model(smooth=2),
        Area.of(on_disk),
        Compute(),
        keep_going=False,
        pixels=MapPixels({}),
        path=Path("map.tif"),
    )
    sent: TileWork = pickle.loads(pickle.dumps(work))
    assert isinstance(sent.mapper(), SmoothingMapper)


def test_parts_come_without_a_file() -> None:
    for part in map_parts(precise(3), SCENE):
        known = part.classes > 0
        expected = EXPECTED[3][:, *part.window.toslices()][:, known]
        np.testing.assert_allclose(part.probabilities[:, known], expected, atol=1e-6)


def test_what_cant_be_smoothed_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"nothing to smooth by.*train it anew, or leave out smooth\."
    ):
        small_model().map(SCENE, smooth=3)
    with pytest.raises(InputError, match="whose maps alone are smoothed: leave out smooth"):
        segment_model().map(scene_from_array(cube(60, 60)[:3]), smooth=3)
    with pytest.raises(InputError, match=r"smooth is -1, and it should"):
        small_model(smooth=2).map(SCENE, smooth=-1)
    small_model().map(SCENE, tmp_path / "map.tif", smooth=0)
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.shape == SIZE
