from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from bokeh.document import Document
from bokeh.models import Div
from tests.viewing.conftest import BANDS, HEIGHT, WIDTH, Trained

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.errors import InputError
from spectile.viewing.drawn_labels import DrawnLabels
from spectile.viewing.material import open_material
from spectile.viewing.page.compare import place_of
from spectile.viewing.page.document import Exhibit, Page, build
from spectile.viewing.pictures import Choice, Picture


def page_of(source: object, tmp_path: Path, **options: object) -> Page:
    material = open_material(source, **options)
    drawn = DrawnLabels(tmp_path / "drawn.gpkg", material.scene)
    return build(Document(), Exhibit(material, drawn=drawn))


def shown(page: Page, key: str) -> np.ndarray:
    """The colours (h, w, 4) that a layer has in the browser."""
    packed = page.pane.images[key].data_source.data["image"][0]
    return packed.view(np.uint8).reshape(*packed.shape, 4)


def test_a_run_shows_all_that_it_wrote(trained: Trained, tmp_path: Path) -> None:
    page = page_of(str(trained.run), tmp_path)
    keys = ["labels", "split", "map", "errors", "applicability", "entropy", "probabilities"]
    assert [layer.key for layer in page.pane.material.layers] == keys
    with rasterio.open(trained.run / "map.tif") as raster:
        values, table = raster.read(1), raster.colormap(1)
    expected = np.array([table[value] for value in values.ravel()]).reshape(HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(shown(page, "map"), expected)
    for key in keys:
        page.pane.set_layer(key, shown=True)
        assert shown(page, key)[..., 3].any(), key
    with rasterio.open(trained.run / "map_probabilities.tif") as raster:
        row, column = 7, 9
        probabilities = raster.read()[:, row, column]
    said = page.cursor.said(row + 0.5, column + 0.5)
    assert f"{100 * probabilities.max():.0f}%" in said
    assert "row 8, column 10" in said
    assert "longitude" in said


def test_classes_are_switched_off(trained: Trained, tmp_path: Path) -> None:
    page = page_of(str(trained.run), tmp_path)
    with rasterio.open(trained.run / "map.tif") as raster:
        values = raster.read(1)
    page.pane.hidden = {"maize"}
    page.pane.refresh_layers()
    np.testing.assert_array_equal(shown(page, "map")[..., 3] == 0, values == 2)


def test_names_are_text(trained: Trained, tmp_path: Path) -> None:
    page = page_of(str(trained.run), tmp_path)
    with rasterio.open(trained.run / "map.tif") as raster:
        rows, columns = np.nonzero(raster.read(1) == 1)
    page.spectra.pin(int(rows[0]), int(columns[0]))
    # Formulas would have a browser fetch what sets them.
    assert all(div.disable_math for div in page.root.select({"type": Div}))
    for text in (page.cursor.said(rows[0], columns[0]), page.spectra.listed.text):
        assert "&lt;b&gt;bold" in text
        assert "<b>bold" not in text


def test_pinned_spectra_are_the_files_numbers(trained: Trained, tmp_path: Path) -> None:
    page = page_of(str(trained.scene), tmp_path)
    page.spectra.pin(5, 6)
    page.spectra.pin(20, 30)
    rows = list(csv.reader(io.StringIO(page.spectra.texts.data["text"][0])))
    scene = open_scene(str(trained.scene))
    pixels = scene.read()
    np.testing.assert_array_equal([float(row[3]) for row in rows[1:]], pixels[:, 5, 6])
    np.testing.assert_array_equal([float(row[4]) for row in rows[1:]], pixels[:, 20, 30])
    np.testing.assert_allclose([float(row[1]) for row in rows[1:]], scene.wavelengths)
    assert page.spectra.marks.data["number"] == ["1", "2"]
    np.testing.assert_array_equal(page.spectra.lines.data["y"][0], pixels[:, 5, 6])
    page.spectra.clear()
    assert page.spectra.marks.data["number"] == []


def test_a_class_is_drawn_beside_its_pixels(trained: Trained, tmp_path: Path) -> None:
    page = page_of(str(trained.run), tmp_path)
    page.spectra.beside.value = "maize"
    with rasterio.open(trained.labels) as raster:
        labels = raster.read(1)
    pixels = open_scene(str(trained.scene)).read()[:, labels == 2]
    if pixels.shape[1] > 200:  # of many a sample
        spread = pixels.std(axis=1).max() / np.sqrt(200) * 4
        assert np.abs(page.spectra.mean.data["y"] - pixels.mean(axis=1)).max() < spread
    else:
        np.testing.assert_allclose(page.spectra.mean.data["y"], pixels.mean(axis=1))


def odd(name: str) -> object:
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 1000, (4, 20, 30)).astype(np.float32)
    wavelengths = np.array([450.0, 550, 650, 850])
    north_up = Affine(10, 0, 4e5, 0, -10, 5.8e6)
    if name == "one band":
        return scene_from_array(pixels[:1])
    if name == "nodata":
        pixels[:, 5:] = -9999
        return scene_from_array(pixels, nodata=-9999, wavelengths=wavelengths)
    if name == "all nodata":
        return scene_from_array(np.full_like(pixels, np.nan))
    if name == "rotated":
        turned = north_up @ Affine.rotation(20)
        return scene_from_array(pixels, crs=32633, transform=turned)
    if name == "geographic":
        return scene_from_array(pixels, crs=4326, transform=Affine(0.1, 0, 13, 0, -0.1, 52))
    if name == "one pixel":
        return scene_from_array(pixels[:, :1, :1], wavelengths=wavelengths)
    assert name == "no system"
    return scene_from_array(pixels, transform=north_up)


@pytest.mark.parametrize(
    "name",
    ["one band", "nodata", "all nodata", "rotated", "geographic", "one pixel", "no system"],
)
def test_odd_scenes_open(name: str, tmp_path: Path) -> None:
    page = page_of(odd(name), tmp_path)
    for kind in page.pane.picture.kinds:
        page.controls[0][0].kind.value = kind
    page.spectra.pin(0, 0)
    assert page.cursor.said(0.5, 0.5)
    assert not page.notice.text


def test_bands_with_gaps_leave_gaps(tmp_path: Path) -> None:
    wavelengths = np.linspace(420, 2450, 224)
    pixels = np.random.default_rng(0).random((224, 6, 6))
    scene = scene_from_array(pixels, wavelengths=wavelengths)
    scene.good_bands[100:110] = False
    page = page_of(scene, tmp_path)
    page.spectra.pin(2, 3)
    drawn = page.spectra.lines.data["y"][0]
    assert np.isnan(drawn).sum() == 1
    assert len(drawn) == 215
    np.testing.assert_array_equal(drawn[:100], pixels[:100, 2, 3])


def test_stretch_and_bands(trained: Trained) -> None:
    picture = Picture(open_scene(str(trained.scene)))
    whole = picture.thinned.grid((0, HEIGHT), (0, WIDTH), most=500, bands=3)
    choice = Choice("bands", (3, 2, 1))
    pixels = open_scene(str(trained.scene)).read(bands=[3])[0].astype(float)
    low, high = np.percentile(pixels, (5, 95))
    expected = (np.clip((pixels - low) / (high - low), 0, 1) * 255).round()
    np.testing.assert_array_equal(picture.rgba(choice, whole, (5, 95))[..., 0], expected)
    first = picture.rgba(Choice("components", (0, 1, 2)), whole)[..., 0].astype(float)
    means = open_scene(str(trained.scene)).read().reshape(BANDS, -1).T
    axis = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][0]
    assert abs(np.corrcoef(first.ravel(), means @ axis)[0, 1]) > 0.99


def test_two_scenes_lie_where_their_coordinates_say() -> None:
    like = scene_from_array(np.zeros((1, 20, 20)), crs=32633, transform=Affine(10, 0, 0, 0, -10, 0))
    finer = Affine(5, 0, 50, 0, -5, -20)
    scene = scene_from_array(np.zeros((1, 8, 8)), crs=32633, transform=finer)
    assert place_of(scene, like) @ (0, 0) == (5, 2)
    assert place_of(scene, like) @ (8, 8) == (9, 6)
    assert place_of(scene_from_array(np.zeros((1, 40, 10))), like) @ (10, 40) == (20, 20)
    far = Affine(10, 0, 9e5, 0, -10, 0)
    elsewhere = scene_from_array(np.zeros((1, 10, 10)), crs=32633, transform=far)
    assert place_of(elsewhere, like) @ (10, 10) == (20, 20)


def test_what_cant_be_viewed_is_said(trained: Trained, tmp_path: Path) -> None:
    for source, options, words in (
        (trained.run, {"map_path": trained.labels}, "map of its own"),
        (trained.run.parent, {}, r"holds the runs run: give"),
        (trained.scene, {"map_path": trained.scene}, "no class map"),
        (tmp_path / "none.tif", {}, "isn't there"),
    ):
        with pytest.raises(InputError, match=words):
            open_material(str(source), **options)
