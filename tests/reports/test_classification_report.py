"""The report of an image classifier: complete, self-contained, honest, safe with any name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reports.image_metrics import NAMES, history, legend, metrics, noise
from tests.reports.page import Page

from spectile.errors import InputError
from spectile.reports.classification_report import (
    ClassificationRecord,
    ClassifiedImage,
    write_classification_report,
)
from spectile.scoring.metrics import SUMMARY, summarise

TRUTH = np.array([0, 0, 0, 1, 1, 2, 2, 2])
FOUND = np.array([0, 0, 1, 1, 2, 2, 2, 2])


def image(
    name: str, truth: int = 0, prediction: int = 0, probability: float = 0.5
) -> ClassifiedImage:
    return ClassifiedImage(name, noise(32, 32), truth, prediction, probability)


def run(names: tuple[str, ...] = NAMES, *, overlap: float | None = 0.0) -> ClassificationRecord:
    return ClassificationRecord(
        title="Given test images",
        config={"recipe": {"epochs": 30}},
        metrics=metrics(TRUTH, FOUND, names, overlap=overlap),
        history=history(validation_accuracy=0.5, waiting=0.25, seconds=2.0),
        legend=legend(names),
        samples=[image("a.png", 0, 0, 0.75), image("b.png", 1, 2, 0.625)],
        mistakes=[image("sure.png", 0, 1, 0.99999), image("unsure.png", 1, 2, 0.3)],
        extra_notes=("2 files were left out",),
    )


def written(path: Path, record: ClassificationRecord, heading: str = "CIFAR-10") -> Page:
    write_classification_report(path, record, heading=heading)
    return Page(path)


def test_a_run_with_all_that_a_reader_needs(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run())
    assert page.open == []
    assert page.tags.count("img") == 4
    assert page.tags.count("svg") == 2
    for words in (
        "CIFAR-10",
        "Given test images",
        "Test and training kept apart",
        "a verdict",
        "a note of the split",
        "2 files were left out",
        "Without test images, so left out of every score: frog",
        "split in order of names, seed 3",
        "training, 0 validation and",
        "75.0%",
        "not tested",
        "1 min 01 s",
        "25.0%",
        "Accuracy on validation images",
        "recipe.epochs",
        "resnet-18",
    ):
        assert words in page.text
    assert "pixel" not in page.text, "images are counted here"


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run())
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?://|@import", (tmp_path / "report.html").read_text())


def test_mistakes_are_told_in_words_and_stand_in_the_order_given(tmp_path: Path) -> None:
    text = written(tmp_path / "report.html", run()).text
    assert re.search(r"ship\s+62\.5%\s+✗ wrong:\s+is dog\s+b\.png", text)
    assert re.search(r"cat\s+75\.0%\s+a\.png", text), "a right one is left plain"
    assert text.index("Worst errors") < text.index("sure.png") < text.index("unsure.png")
    assert ">99.9%" in text, "no network is certain"


def test_a_run_without_images_to_show_has_no_empty_sections(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", replace(run(), samples=(), mistakes=()))
    assert "Samples" not in page.text
    assert "Worst errors" not in page.text


@pytest.mark.parametrize(
    ("overlap", "said"),
    [
        (0.125, "Test and training overlap"),
        (None, "Overlap of test and training not known"),
        (0, "Test and training kept apart"),
    ],
)
def test_what_is_known_of_the_overlap(tmp_path: Path, overlap: float | None, said: str) -> None:
    page = written(tmp_path / "report.html", run(overlap=overlap))
    assert said in page.text
    doubted = re.search(r'<section class="[^"]*leaks', (tmp_path / "report.html").read_text())
    assert bool(doubted) is (overlap != 0)


def test_the_pairs_confused_most_come_first(tmp_path: Path) -> None:
    truth = np.repeat([0, 1, 2], [10, 10, 10])
    found = np.concatenate([[1] * 3 + [0] * 7, [2] * 5 + [1] * 5, [2] * 10])
    page = written(tmp_path / "report.html", replace(run(), metrics=metrics(truth, found)))
    pairs = page.text[page.text.index("Most confused") : page.text.index("Learning")]
    assert re.search(r"dog\s+ship\s+5\s+50\.0\s+cat\s+dog\s+3\s+30\.0", pairs)


def test_small_pictures_are_shown_to_the_pixel_and_large_ones_stay_light(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    written(path, replace(run(), samples=[image("a")] * 4, mistakes=[]))
    assert path.read_text().count(' class="small"') == 4
    large = replace(image("b"), picture=noise(2000, 3000))
    written(path, replace(run(), samples=[large], mistakes=[]))
    assert ' class="small"' not in path.read_text()
    assert path.stat().st_size < 250_000


@pytest.mark.parametrize("rows", [history(0), history(1), history(1, validation_accuracy=0.5)])
def test_short_histories(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    page = written(tmp_path / "report.html", replace(run(), history=rows))
    assert page.tags.count("svg") == 2 * bool(rows)
    assert "waiting for data" not in page.text


def test_scores_that_are_not_known_are_dashes(tmp_path: Path) -> None:
    record = run()
    unknown = {**record.metrics, **dict.fromkeys(SUMMARY)}
    unknown["per_class"] = {
        name: {**row, "precision": None, "f1": float("nan")}
        for name, row in record.metrics["per_class"].items()
    }
    page = written(tmp_path / "report.html", replace(record, metrics=unknown))
    assert "None" not in page.text
    assert "nan" not in page.text


def test_repeats_show_mean_and_deviation_and_the_worst_split(tmp_path: Path) -> None:
    record = run()
    runs: list[dict[str, Any]] = [
        {**record.metrics, "overall_accuracy": accuracy} for accuracy in (0.6, 0.7, 0.8)
    ]
    runs[1] = {**runs[1], "split": {**record.metrics["split"], "overlap": 0.2}}
    mean, std = summarise(runs)
    repeated = {**record.metrics, "repeats": runs, "mean": mean, "std": std}
    text = written(tmp_path / "report.html", replace(record, metrics=repeated)).text
    assert re.search(r"70\.0\s+± 10\.0", text)
    assert "standard deviation of 3 runs" in text
    assert "Test and training overlap" in text


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", 'R&B "q"', "\udc80 林 {{ 7 * 7 }}", "{% raw %}")
    record = replace(
        run(names),
        title="</title><b>",
        config={"images": "<img src=x onerror=alert(1)>"},
        samples=[image('"><script>2</script>.png', 0, 1)],
        mistakes=[image("\udcff.png", 1, 2)],
        extra_notes=("<i>note</i>",),
    )
    page = written(tmp_path / "report.html", record, heading="</style><script>1</script>")
    assert "script" not in page.tags
    assert page.tags.count("img") == 2
    for words in (*names[:2], "林 {{ 7 * 7 }}", "<i>note</i>", '"><script>2</script>.png'):
        assert words in page.text


@pytest.mark.parametrize("classes", [1, 2, 30, 1000])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    places = np.arange(classes)
    record = replace(
        run(),
        legend=legend(names),
        metrics=metrics(places, places[::-1], names),
        samples=[image("a", classes - 1, 0)],
        mistakes=[],
    )
    page = written(tmp_path / "report.html", record)
    assert f"average over {classes} class" in page.text
    assert page.text.count(names[-1]) >= 2, "sample, table"
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert ("is left out" in page.text) is (classes == 1000)


def test_a_missing_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written"):
        write_classification_report(tmp_path / "nowhere" / "report.html", run(), heading="x")
