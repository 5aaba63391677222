"""The report of a segmentation network: masks in the legend's colours, and what is wrong."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.reports.image_metrics import NAMES, history, legend, metrics, noise
from tests.reports.page import Page

from spectile.reports.segmentation_report import (
    ERROR_COLORS,
    SegmentationRecord,
    SegmentedImage,
    write_segmentation_report,
)

TRUTH = np.array([[1, 1, 0], [2, 3, 0]], np.uint16)
FOUND = np.array([[1, 2, 2], [2, 3, 1]], np.uint8)


def image(name: str, accuracy: float = 0.75) -> SegmentedImage:
    return SegmentedImage(name, noise(2, 3), TRUTH, FOUND, accuracy)


def run(names: tuple[str, ...] = NAMES) -> SegmentationRecord:
    labelled = TRUTH > 0
    return SegmentationRecord(
        title="Later images",
        config={"recipe": {"loss": "dice"}},
        metrics=metrics(TRUTH[labelled].astype(int) - 1, FOUND[labelled].astype(int) - 1, names),
        history=history(validation_accuracy=0.9, validation_mean_iou=0.4),
        legend=legend(names),
        samples=[image("a.png")],
        worst=[image("worst.png", 0.125), image("b.png", float("nan"))],
        extra_notes=("2 files were left out",),
    )


def written(path: Path, record: SegmentationRecord, heading: str = "CamVid") -> Page:
    write_segmentation_report(path, record, heading=heading)
    return Page(path)


def rgba(address: str) -> NDArray[np.uint8]:
    data = base64.b64decode(address.split("base64,")[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_a_run_with_all_that_a_reader_needs(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run())
    assert page.open == []
    assert page.tags.count("img") == 3 * 4
    for words in (
        "CamVid",
        "a verdict",
        "a note of the split",
        "2 files were left out",
        "Without test pixels, so left out of every score: frog",
        "labelled test pixels",
        "75.0% of pixels right",
        "no pixel is labelled",
        "Mean IoU on validation pixels",
        "recipe.loss",
    ):
        assert words in page.text
    assert page.text.index("mean IoU over 3 classes") < page.text.index("pixel accuracy")
    assert re.search(r"Class\s*Test pixels\s*IoU %\s*Recall %", page.text)
    assert page.text.index("Worst errors") < page.text.index("worst.png")


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run())
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?://|@import", (tmp_path / "report.html").read_text())


def test_masks_and_errors_in_their_colours(tmp_path: Path) -> None:
    record = run()
    page = written(tmp_path / "report.html", record)
    picture, truth, prediction, errors = map(rgba, page.addresses[:4])
    assert (picture[..., :3] == noise(2, 3)).all()
    cat, dog, ship, _ = record.legend.colors
    right, wrong = ERROR_COLORS
    assert [tuple(pixel) for pixel in truth[:, :2, :3].reshape(-1, 3)] == [cat, cat, dog, ship]
    assert [tuple(pixel) for pixel in prediction[:, 2, :3]] == [dog, cat]
    assert [tuple(pixel) for pixel in errors[0, :2, :3]] == [right, wrong]
    for raster in (truth, errors):
        assert (raster[:, 2, 3] == 0).all(), "unlabelled pixels are neither right nor wrong"
    assert (prediction[..., 3] == 255).all()


def test_the_legend_names_the_classes_that_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    written(path, replace(run(), samples=()))
    (shown,) = re.findall(r'aria-label="Legend">(.*?)</ul>', path.read_text(), re.DOTALL)
    assert re.findall(r"<span>(\w+)</span>", shown) == ["cat", "dog", "ship"]


def test_pictures_of_a_large_image_lie_on_each_other(tmp_path: Path) -> None:
    mask = np.ones((1501, 2003), np.uint8)
    large = SegmentedImage("large", noise(1501, 2003), mask, mask, 1.0)
    page = written(tmp_path / "report.html", replace(run(), samples=[large], worst=()))
    assert len({rgba(address).shape[:2] for address in page.addresses}) == 1
    assert (tmp_path / "report.html").stat().st_size < 700_000


@pytest.mark.parametrize("classes", [1, 300])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    places = np.arange(classes)
    mask = places.reshape(1, -1) + 1
    record = replace(
        run(),
        legend=legend(names),
        metrics=metrics(places, places, names),
        samples=[SegmentedImage("all", noise(1, classes), mask, mask, 1.0)],
        worst=[],
        history=[],
    )
    page = written(tmp_path / "report.html", record)
    assert page.text.count(names[-1]) >= 3, "legend, table, matrix"
    assert "svg" not in page.tags
    assert "Most confused" not in page.text


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", 'R&B "q"', "\udc80 林 {{ 7 * 7 }}", "frog")
    record = replace(run(names), samples=[image('"><script>2</script>.png')], worst=())
    page = written(tmp_path / "report.html", record, heading="</style><script>1</script>")
    assert "script" not in page.tags
    assert page.tags.count("img") == 4
    for words in (*names[:2], "林 {{ 7 * 7 }}", '"><script>2</script>.png'):
        assert words in page.text
