"""Pictures of a report, read back from their data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spectile.reports import figures

COLORS = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]


def opened(picture: figures.Picture) -> Image.Image:
    data = picture.uri.split("base64,")[1]
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("classes", [3, 255, 256, 300])
def test_classes_are_drawn_in_their_colours_and_nothing_is_transparent(classes: int) -> None:
    generator = np.random.default_rng(0)
    colors = [tuple(row) for row in generator.integers(0, 256, (classes, 3)).tolist()]
    raster = np.arange(classes + 1, dtype=np.int32)[None]
    pixels = np.asarray(opened(figures.class_picture(raster, colors)).convert("RGBA"))
    assert pixels[0, 0, 3] == 0
    assert (pixels[0, 1:, 3] == 255).all()
    assert pixels[0, 1:, :3].tolist() == [list(color) for color in colors]


@settings(max_examples=40)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(5, 30), st.data())
def test_a_lone_pixel_survives_thinning(
    height: int, width: int, longest: int, data: st.DataObject
) -> None:
    raster = np.zeros((height, width), np.int32)
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    raster[row, column] = 7
    thinned = figures.thin(raster, longest)
    assert max(thinned.shape) <= longest
    assert thinned.max() == 7


def test_pictures_of_large_rasters_stay_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2500, 1300, 3), dtype=np.uint8)
    image = opened(figures.photo(noise))
    assert max(image.size) <= figures.LONGEST_SIDE
    assert image.format == "JPEG"
    assert max(opened(figures.class_picture(noise[..., 0] % 4, COLORS)).size) <= 1200


def test_a_small_scene_is_shown_to_the_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (14, 9, 3), dtype=np.uint8)
    assert (np.asarray(opened(figures.photo(pixels))) == pixels).all()


def test_errors_are_told_on_test_pixels_alone() -> None:
    labels = np.array([[1, 1, 2, 2, 0]])
    split = np.array([[3, 3, 1, 0, 0]], np.uint8)
    prediction = np.array([[1, 2, 1, 1, 1]])
    assert figures.error_codes(labels, split, prediction).tolist() == [[1, 2, 0, 0, 0]]
    assert figures.split_codes(labels, split).tolist() == [[3, 3, 1, figures.UNUSED, 0]]


@pytest.mark.parametrize(
    "history",
    [
        [{"epoch": 0, "train_loss": 1.0, "validation_loss": None, "validation_accuracy": None}],
        [{"epoch": e, "train_loss": float("nan"), "validation_loss": float("inf")} for e in (1, 2)],
    ],
)
def test_curves_of_a_run_without_validation_say_so(history: list[dict[str, float | None]]) -> None:
    assert "no validation pixels" in figures.learning_curves(history)


def test_curves_take_the_colours_of_the_page_and_leave_the_rest_of_it_alone() -> None:
    history = [
        {"epoch": e, "train_loss": 1 / e, "validation_loss": 2 / e, "validation_accuracy": 0.5}
        for e in range(1, 9)
    ]
    svg = figures.learning_curves(history)
    assert svg.startswith("<svg")
    assert "stroke: var(--accent)" in svg
    assert "<style" not in svg
    assert "no validation pixels" not in svg
    assert svg == figures.learning_curves(history), "two reports of one run are the same"


def test_the_curve_is_the_mean_iou_where_the_history_has_it() -> None:
    row = {"epoch": 1, "train_loss": 1.0, "validation_accuracy": 0.9}
    svg = figures.learning_curves([{**row, "validation_mean_iou": 0.4}], of="images")
    assert "Mean IoU on validation images" in svg
    assert "Accuracy" not in svg
    svg = figures.learning_curves([{**row, "validation_mean_iou": None}], of="images")
    assert "Mean IoU: no validation images" in svg
    assert "Accuracy on validation images" in figures.learning_curves([row], of="images")


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [
        ((1, 1), [1]),
        ((1, 5), [1, 2, 3, 4, 5]),
        ((1, 50), [1, 10, 20, 30, 40, 50]),
        ((0, 30), [0, 5, 10, 15, 20, 25, 30]),
    ],
)
def test_the_first_epoch_is_labelled(epochs: tuple[int, int], ticks: list[int]) -> None:
    assert figures._epoch_ticks(*epochs) == ticks


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=5))
def test_scores_start_at_a_labelled_line(scores: list[float]) -> None:
    ticks = figures._score_ticks(scores)
    assert 2 <= len(ticks) <= 7
    assert ticks[-1] == 1
    assert ticks[0] <= min((score for score in scores if score == score), default=1) + 1e-9
    assert ticks[0] >= -1e-9
