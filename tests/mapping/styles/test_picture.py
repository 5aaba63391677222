"""The picture of a map, looked at pixel by pixel."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from rasterio.windows import Window

from spectile.data.labels.legend import Category, Legend
from spectile.errors import InputError
from spectile.mapping.output.writer import MapWriter
from spectile.mapping.styles.picture import class_colors, write_picture

LEGEND = Legend(
    (Category(300, "Moor $\\frac", (10, 120, 230)), Category(7, "Heath 湿地", (240, 60, 20)))
)


def write_map(path, classes, legend=LEGEND):
    height, width = classes.shape
    with MapWriter(
        path, height=height, width=width, legend=legend, crs=None, transform=None
    ) as writer:
        writer.write(
            Window(0, 0, width, height), {"classes": np.array([0, *legend.values])[classes]}
        )


def pixels(path):
    return np.round(imread(path)[..., :3] * 255).astype(int)


def count(image, color):
    return int((image == color).all(axis=-1).sum())


def test_colors_follow_the_legend_and_nodata_is_transparent():
    colors = class_colors(np.array([[0, 1], [2, 2]]), LEGEND)
    assert colors.dtype == np.uint8
    assert colors[0, 0, 3] == 0
    assert colors[0, 1].tolist() == [10, 120, 230, 255]
    assert colors[1, 0].tolist() == colors[1, 1].tolist() == [240, 60, 20, 255]


def test_a_small_map_is_drawn_large_enough_to_see_with_its_legend(tmp_path):
    classes = np.zeros((100, 100), int)
    classes[:, :50] = 1
    classes[:30, 50:] = 2
    write_map(tmp_path / "map.tif", classes)
    write_picture(tmp_path / "map.tif", tmp_path / "map.png", LEGEND)
    image = pixels(tmp_path / "map.png")
    assert image.shape[0] >= 600
    assert image.shape[1] >= 700, "there is a legend at the side"
    # The map's own share, less its frame, plus the patch in the legend.
    assert count(image, (10, 120, 230)) == pytest.approx(600 * 300, rel=0.02)
    assert count(image, (240, 60, 20)) == pytest.approx(180 * 300, rel=0.02)
    side = image[:, -100:]
    assert count(side, (255, 255, 255)) < side[..., 0].size, "the names are written"


def test_a_large_map_is_thinned_out(tmp_path):
    classes = np.ones((900, 1500), int)
    classes[:, 750:] = 2
    write_map(tmp_path / "map.tif", classes)
    write_picture(tmp_path / "map.tif", tmp_path / "map.png", LEGEND, max_size=300)
    image = pixels(tmp_path / "map.png")
    assert image.shape[0] < 300
    assert count(image, (240, 60, 20)) == pytest.approx(150 * 180, rel=0.05)


def test_every_class_of_a_long_legend_fits_beside_a_small_map(tmp_path):
    legend = Legend(tuple(Category(k, f"_class {k}", (k, 255 - k, 128)) for k in range(1, 121)))
    write_map(tmp_path / "map.tif", np.ones((50, 50), int), legend)
    write_picture(tmp_path / "map.tif", tmp_path / "map.png", legend)
    image = pixels(tmp_path / "map.png")
    assert all(count(image, category.color) > 20 for category in legend.categories)
    assert image.shape[0] < 900


def test_a_map_with_another_legend_is_refused_and_the_old_picture_stays(tmp_path):
    write_map(tmp_path / "map.tif", np.full((20, 30), 1))
    (tmp_path / "map.png").write_bytes(b"old")
    with pytest.raises(InputError, match="the class 300, which the legend lacks"):
        write_picture(
            tmp_path / "map.tif",
            tmp_path / "map.png",
            Legend((Category(1, "Moor", (1, 2, 3)),)),
        )
    assert (tmp_path / "map.png").read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_measurements_are_no_class_map(tmp_path):
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", height=4, width=5, count=1, dtype="float32"
    ) as scene:
        scene.write(np.ones((1, 4, 5), np.float32))
    with pytest.raises(InputError, match="holds float32"):
        write_picture(tmp_path / "scene.tif", tmp_path / "map.png", LEGEND)


def test_a_picture_that_cannot_be_written_is_told(tmp_path):
    write_map(tmp_path / "map.tif", np.ones((20, 30), int))
    with pytest.raises(InputError, match=r"map\.png can't be written"):
        write_picture(tmp_path / "map.tif", tmp_path / "missing" / "map.png", LEGEND)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_map_gives_a_picture_or_a_sentence(tmp_path, data):
    sound = tmp_path / "map.tif"
    if not sound.exists():
        write_map(sound, np.ones((30, 40), int))
    content = bytearray(sound.read_bytes())
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(0, 999))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(content[:cut])
    with contextlib.suppress(InputError):
        write_picture(damaged, tmp_path / "map.png", LEGEND, max_size=50)
