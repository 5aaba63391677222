"""How sure the numbers around a score are, in words and in the report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.reports.test_report import run, written

from spectile.reports.certainty import (
    amount,
    amounts,
    bounds_in_words,
    calibration_in_words,
    error_in_words,
    intervals_in_words,
)
from spectile.scoring.metrics import summarise

INTERVALS: dict[str, Any] = {
    "confidence": 0.95,
    "blocks": 16,
    "effective_blocks": 9.4,
    "block_edge": 42,
    "scores": {"overall_accuracy": [0.581, 0.746], "kappa": [0.52, 0.7]},
    "note": None,
}


def bin_of(place: int, pixels: int, accuracy: float) -> dict[str, Any]:
    low, high = place / 15, (place + 1) / 15
    said = {"pixels": pixels, "confidence": (low + high) / 2, "accuracy": accuracy}
    return {"low": low, "high": high, **said}


CALIBRATION: dict[str, Any] = {
    "temperature": 1.25,
    "ece": 0.087,
    "ece_uncalibrated": 0.1512,
    "pixels": 1200,
    "validation_pixels": 400,
    "validation_overlap": 1.0,
    "bins": [bin_of(7, 200, 0.5), bin_of(11, 200, 0.65), bin_of(14, 800, 0.9)],
    "note": None,
}
AREAS: dict[str, Any] = {
    "unit": "hectares",
    "total": 1234.5,
    "surveyed": 1200.0,
    "classes": {
        "water": {
            "mapped": 1034.4,
            "adjusted": 1100.4,
            "standard_error": 8.25,
            "interval": [1084.2, 1116.6],
            "block_interval": [1001.0, 1180.0],
        },
        **{
            name: {
                "mapped": 100.0,
                "adjusted": None,
                "standard_error": None,
                "interval": None,
                "block_interval": None,
            }
            for name in ("forest", "meadow")
        },
    },
    "notes": ["only as far as they are a fair sample"],
}


def test_bounds_have_as_many_digits_as_they_are_wide() -> None:
    assert bounds_in_words("overall_accuracy", [0.581, 0.746]) == "58–75"
    assert bounds_in_words("overall_accuracy", [0.981, 0.9966]) == "98.1–99.7"
    assert bounds_in_words("kappa", [-0.1, 0.704]) == "−0.10–0.70"
    assert bounds_in_words("kappa", None) == ""


def test_intervals_say_what_was_resampled() -> None:
    words = intervals_in_words(INTERVALS)
    assert "95% intervals, by resampling the 16 blocks of 42 x 42 pixels" in words
    assert "(as good as 9.4 of equal size)" in words
    assert "as good as" not in intervals_in_words({**INTERVALS, "effective_blocks": 15.8})
    assert intervals_in_words({**INTERVALS, "note": "No intervals: too few."}) == (
        "No intervals: too few."
    )


def test_calibration_is_said_of_what_the_map_calls_likely() -> None:
    words = calibration_in_words(CALIBRATION)
    assert "Where the map says 77%, 65% are right." in words
    assert "test pixels it says 86%, and 79% are right." in words
    few = [bin_of(7, 200, 0.5), bin_of(11, 9, 0.65), bin_of(14, 800, 0.9)]
    assert "Where the map says 97%, 90% are right." in calibration_in_words(
        {**CALIBRATION, "bins": few}
    )
    assert calibration_in_words({**CALIBRATION, "bins": []}).startswith("No test pixel tells")
    assert error_in_words(CALIBRATION) == (
        "Expected calibration error 0.087; 0.151 without the temperature of 1.25."
    )
    plain = {**CALIBRATION, "temperature": 1.0}
    assert error_in_words(plain) == "Expected calibration error 0.087."


@pytest.mark.parametrize(
    ("area", "unit", "words"),
    [
        (1234.4, "hectares", "1\N{NARROW NO-BREAK SPACE}234"),
        (12.34, "hectares", "12.3"),
        (0.1234, "hectares", "0.123"),
        (0.0, "hectares", "0.0"),
        (41.6, "pixels", "42"),
        (None, "pixels", "–"),
    ],
)
def test_areas_have_as_many_digits_as_are_of_use(area: float | None, unit: str, words: str) -> None:
    assert amount(area, unit) == words
    assert amounts(None, unit) == "–"


def test_the_report_has_a_section_each(tmp_path: Path) -> None:
    record = run()
    metrics = {**record.metrics, "intervals": INTERVALS, "calibration": CALIBRATION, "areas": AREAS}
    page = written(tmp_path / "report.html", replace(record, metrics=metrics))
    assert page.open == []
    assert page.tags.count("svg") == 4, "two of the learning curves, two of the calibration"
    assert re.search(r"\d\d\.\d\s*%\s+\(58–75\)", page.text)
    assert re.search(r"0\.\d{3}\s+\(0\.52–0\.70\)", page.text)
    for words in (
        "by resampling the 16 blocks",
        "Where the map says 77%",
        "fitted on 400 validation pixels",
        "only as far as they are a fair sample",
    ):
        assert words in page.text
    assert re.search(r"1.034\s+1.100\s+8\.2\s+1.084–1.117\s+1.001–1.180", page.text)
    quiet = {**metrics, "calibration": {**CALIBRATION, "note": "Not calibrated.", "bins": []}}
    page = written(tmp_path / "none.html", replace(record, metrics=quiet))
    assert page.tags.count("svg") == 2
    assert "Not calibrated." in page.text


def test_repeats_keep_an_interval_each_and_the_mean_has_none(tmp_path: Path) -> None:
    record = run()
    few = {**INTERVALS, "scores": {}, "note": "No intervals: too few."}
    runs = [
        {**record.metrics, "overall_accuracy": 0.6, "intervals": INTERVALS},
        {**record.metrics, "overall_accuracy": 0.7, "intervals": few, "seed": 4},
    ]
    mean, std = summarise(runs)
    metrics = {**runs[0], "repeats": runs, "mean": mean, "std": std}
    text = written(tmp_path / "report.html", replace(record, metrics=metrics)).text
    assert re.search(r"65\.0\s+± 7\.1\s*%", text)
    assert re.search(r"\b3\s+60\.0 \(58–75\)", text)
    assert re.search(r"\b4\s+70\.0\s+\d", text)
    assert text.count("58–75") == 1
