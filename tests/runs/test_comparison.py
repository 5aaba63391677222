"""Runs side by side: differences are taken where both were tested alike, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.stats import ttest_rel
from tests.cli.conftest import spectile

from spectile.errors import InputError
from spectile.mapping.output.split_raster import write_split
from spectile.reports.comparison_report import difference_in_words, write_comparison
from spectile.runs.comparison import compare_runs
from spectile.scoring.metrics import score, summarise
from spectile.scoring.paired_differences import paired_difference
from spectile.scoring.records import write_history, write_metrics

NAMES = ("meadow", "forest")


def metrics(seed: int, right: int, *, overlap: float = 0.0) -> dict[str, Any]:
    """Scores of a run that has so many of 100 pixels right."""
    counts = np.array([[right // 2, 50 - right // 2], [50 - (right + 1) // 2, (right + 1) // 2]])
    verdict = "kept apart" if overlap == 0 else "they overlap"
    split = {"kind": "blocks", "seed": seed, "overlap": overlap, "window_overlap": overlap}
    return {
        **score(counts, NAMES).as_dict(),
        "split": {**split, "verdict": verdict, "test_pixels": 100, "notes": []},
        "seconds": {"fit": 1.0},
        "network": "hybridsn",
        "seed": seed,
        "versions": {},
    }


def run(
    folder: Path, rights: dict[int, int], *, tested: int = 0, overlap: float = 0.0, **recipe: Any
) -> Path:
    """A run directory with a repeat a seed; `tested` moves the test pixels."""
    repeats = [metrics(seed, right, overlap=overlap) for seed, right in rights.items()]
    for number, seed in enumerate(rights, start=1):
        place = folder if number == 1 else folder / f"repeat-{number}"
        place.mkdir(parents=True)
        sides = np.zeros((12, 12), np.uint8)
        sides[:4] = 1
        sides[6 + tested :, seed:] = 3
        write_split(place / "split.tif", sides, sides > 0, crs=None, transform=None)
    told: dict[str, Any] = repeats[0]
    if len(repeats) > 1:
        mean, std = summarise(repeats)
        told = {**told, "repeats": repeats, "mean": mean, "std": std}
    write_metrics(folder / "metrics.json", told)
    rows = [{"epoch": n, "validation_loss": 1 / n, "validation_accuracy": 0.5} for n in (1, 2, 3)]
    write_history(folder / "history.csv", rows)
    document = {"task": "scene", "recipe": recipe}
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    return folder


def test_differences_are_those_of_the_same_splits(tmp_path: Path) -> None:
    one = run(tmp_path / "one", {0: 60, 1: 70, 2: 66})
    other = run(tmp_path / "other", {0: 64, 1: 71, 2: 69, 3: 10})
    found = compare_runs([one, other]).differences["other"]["overall_accuracy"]
    # Seed 3 has no partner, and doesn't count.
    differences = np.array([0.04, 0.01, 0.03])
    assert found.splits == 3
    assert found.mean == pytest.approx(differences.mean())
    assert found.deviation == pytest.approx(differences.std(ddof=1))


def test_runs_on_other_pixels_have_no_difference(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", {0: 60}), run(tmp_path / "other", {0: 64}, tested=1)
    comparison = compare_runs([one, other])
    assert not comparison.differences
    assert "--guard" in comparison.reasons["other"]


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    ours, theirs = [0.7, 0.72, 0.69, 0.75], [0.66, 0.71, 0.68, 0.7]
    found = paired_difference(ours, theirs).interval
    expected = ttest_rel(ours, theirs).confidence_interval(0.95)
    assert found == pytest.approx((expected.low, expected.high))


def test_one_split_gives_no_interval() -> None:
    found = paired_difference([0.7], [0.6])
    assert found.interval is None
    assert not found.clear
    assert difference_in_words(found, "overall_accuracy") == "+10.0 points (one split)"


def test_a_difference_is_clear_when_its_interval_leaves_zero_out() -> None:
    assert paired_difference([0.7, 0.71, 0.72], [0.6, 0.61, 0.62]).clear
    assert not paired_difference([0.7, 0.5, 0.72], [0.6, 0.61, 0.62]).clear


def test_the_page_shows_scores_differences_settings_and_verdicts(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "a<b>", {0: 60, 1: 70}, window=9),
        run(tmp_path / "$x$ & y", {0: 65, 1: 72}, window=25, overlap=0.4),
    ]
    write_comparison(tmp_path / "page.html", compare_runs(runs))
    page = (tmp_path / "page.html").read_text()
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "a&lt;b&gt;" in page
    assert "$x$ &amp; y" in page
    assert "+3.5 points" in text
    assert "recipe.window 9 25" in text
    assert "they overlap" in text
    assert "Tested where they had trained" in text
    assert "<script" not in page


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    one = run(tmp_path / "one", {0: 60})
    with pytest.raises(InputError, match="two runs"):
        compare_runs([one])
    with pytest.raises(InputError, match="holds no finished run"):
        compare_runs([one, tmp_path])
    with pytest.raises(InputError, match="named twice"):
        compare_runs([one, one])
    other = run(tmp_path / "other", {0: 60})
    (other / "config.yaml").write_text("task: classify\n")
    with pytest.raises(InputError, match="different task"):
        compare_runs([one, other])


def test_settings_under_earlier_names_are_no_difference(tmp_path: Path) -> None:
    one = run(tmp_path / "one", {0: 60}, turns=True, shared=False, window=9)
    other = run(tmp_path / "other", {0: 64}, rotate=True, regions=False, window=13)
    differ = compare_runs([one, other]).settings_that_differ()
    assert [name for name, _ in differ] == ["recipe.window"]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    runs = [run(tmp_path / name / "run", {0: 60}) for name in ("north", "south")]
    assert [found.name for found in compare_runs(runs).runs] == ["north/run", "south/run"]


def test_the_command_prints_and_writes_a_page_of_its_own_alone(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", {0: 60, 1: 70}), run(tmp_path / "other", {0: 64, 1: 75})
    page = tmp_path / "page.html"
    printed = spectile("compare", one, other, "--out", page)
    assert "other against one:" in printed
    assert "overall accuracy +4.5 points" in printed
    assert "kept apart" in printed
    assert page.exists()
    assert "add --overwrite" in spectile("compare", one, other, "--out", page, code=2)
    spectile("compare", one, other, "--out", page, "--overwrite")
    mine = tmp_path / "mine.html"
    mine.write_text("<html>mine</html>")
    refused = spectile("compare", one, other, "--out", mine, "--overwrite", code=2)
    assert "mine.html" in refused
    assert mine.read_text() == "<html>mine</html>"
