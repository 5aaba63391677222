"""What the report says of the classifiers that a network has to beat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.reports.test_report import run, written

from spectile.reports.baselines import baseline_sentence


def baseline(overall: float, average: float, **others: Any) -> dict[str, Any]:
    """One that is behind by so much; the run has 70% and 60%."""
    ahead = {"overall_accuracy": overall, "average_accuracy": average, "kappa": overall}
    scores = {"overall_accuracy": 0.7 - overall, "average_accuracy": 0.6 - average, "kappa": 0.5}
    return {**scores, "ahead": ahead, "seconds": 2.0, "train_pixels": 9, "test_pixels": 9} | others


def metrics(**baselines: dict[str, Any]) -> dict[str, Any]:
    split = {"train_pixels": 9, "test_pixels": 9}
    return {"baselines": baselines, "network": "hybridsn", "split": split}


@pytest.mark.parametrize(
    ("overall", "average", "words"),
    [
        (0.008, 0.02, "has 69.2%: hybridsn is 0.8 points ahead."),
        (-0.021, -0.01, "hybridsn is 2.1 points behind, so its map is not worth its time here."),
        (-0.021, 0.03, "2.1 points behind. In average accuracy it is 3.0 points ahead."),
        (0.01, -0.03, "1.0 point ahead. In average accuracy it is 3.0 points behind."),
        (0.0001, 0.0, "has 70.0%: hybridsn is level with it."),
    ],
)
def test_the_sentence_says_whether_the_network_was_worth_its_time(
    overall: float, average: float, words: str
) -> None:
    said = baseline_sentence(metrics(svm=baseline(overall, average)), leaks=False)
    assert said.startswith("A support vector machine on single spectra, without any neighbours,")
    assert said.endswith(words)


def test_the_sentence_is_about_the_strongest() -> None:
    both = metrics(svm=baseline(0.05, 0.1), forest=baseline(0.02, 0.1), lda=baseline(0.3, 0.3))
    assert baseline_sentence(both, leaks=False).startswith("A random forest on single spectra")


def test_a_smoothed_map_is_beaten_or_not_by_a_smoothed_map(tmp_path: Path) -> None:
    both = metrics(svm=baseline(0.05, 0.1), svm_smoothed=baseline(-0.01, -0.02))
    said = baseline_sentence(both, leaks=False)
    assert said.startswith("A support vector machine on single spectra, smoothed as the network's")
    record = run()
    page = written(
        tmp_path / "a.html",
        replace(record, metrics={**record.metrics, "baselines": both["baselines"]}),
    )
    assert "Support vector machine, smoothed" in page.text
    assert "one has the classes of its map smoothed" in page.text


def test_a_lead_that_leaks_is_called_memory() -> None:
    assert "memory" in baseline_sentence(metrics(svm=baseline(0.2, 0.1)), leaks=True)


def test_the_page_shows_each_and_what_was_left_out(tmp_path: Path) -> None:
    record = run()
    told = {
        "baselines": {"svm": baseline(0.05, -0.1, train_pixels=7, test_pixels=8)},
        "baselines_left_out": {"forest": "it would take about 40 s, and that is too long"},
    }
    record = replace(record, metrics={**record.metrics, **told})
    page = written(tmp_path / "report.html", record)
    assert page.open == []
    for words in (
        "The number to beat",
        "Support vector machine",
        "+5.0",
        "−10.0",
        "learnt from 7 of the",
        "scored on 8 of the",
        "The random forest was left out: it would take about 40 s",
    ):
        assert words in page.text
    assert "number to beat" not in written(tmp_path / "without.html", run()).text


def test_repeats_show_their_mean() -> None:
    runs = [metrics(svm=baseline(ahead, ahead)) for ahead in (0.01, 0.03)]
    said = baseline_sentence({**runs[0], "repeats": runs}, leaks=False)
    assert "has 68.0%: hybridsn is 2.0 points ahead" in said
