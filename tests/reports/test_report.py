"""The report: complete, self-contained, honest about leaks, safe with any name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reports.page import Page

from spectile.data.labels.legend import Category, Legend
from spectile.errors import InputError
from spectile.reports.scene_report import RunRecord, write_report
from spectile.reports.spectra import ClassSpectra, Spectra, WrongSpectrum
from spectile.scoring.metrics import confusion, score, summarise

NAMES = ("water", "forest", "meadow")
COLORS = ((0, 90, 200), (0, 120, 30), (150, 210, 90))


def run(
    title: str = "Blocks", *, overlap: float = 0.0, names: tuple[str, ...] = NAMES
) -> RunRecord:
    """A run of three classes of which the last has no test pixels."""
    generator = np.random.default_rng(5)
    labels = np.repeat([[1, 2], [2, 0], [1, 3]], 8, axis=0).repeat(10, axis=1)
    split = np.where(np.indices(labels.shape)[1] < 10, 1, 3).astype(np.uint8)
    split[(labels == 0) | (labels == 3)] = 0
    split[:8] = 3
    prediction = np.where(generator.random(labels.shape) < 0.8, labels, 1)
    test = split == 3
    scores = score(confusion(labels[test] - 1, prediction[test] - 1, len(names)), names)
    metrics = {
        **scores.as_dict(),
        "split": {
            "kind": "random" if overlap else "blocks",
            "seed": 3,
            "train_pixels": int((split == 1).sum()),
            "validation_pixels": 0,
            "test_pixels": int(test.sum()),
            "overlap": overlap,
            "window_overlap": overlap,
            "verdict": "a verdict",
            "notes": ["a note of the split"],
        },
        "seconds": {"fit": 61.0, "map": None, "score": 0.2},
        "network": "hybridsn-se",
        "seed": 3,
        "versions": {"spectile": "0.1.0"},
    }
    history = [
        {"epoch": e, "train_loss": 1 / e, "validation_loss": 1 / e, "validation_accuracy": 0.5}
        for e in (1, 2, 3)
    ]
    return RunRecord(
        title=title,
        config={"split": {"block": 16}},
        metrics=metrics,
        history=history,
        legend=Legend(tuple(map(Category, (1, 10, 11), names, COLORS))),
        quicklook=generator.integers(0, 256, (*labels.shape, 3), dtype=np.uint8),
        labels=labels,
        split=split,
        prediction=prediction,
        extra_notes=("20 bands were left out",),
    )


def written(path: Path, *records: RunRecord, heading: str = "Indian Pines") -> Page:
    write_report(path, records, heading=heading)
    return Page(path)


def test_one_run_with_all_that_a_reader_needs(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run())
    assert page.open == []
    assert page.tags.count("img") == 5, "scene, labels, split, map, errors"
    assert page.tags.count("svg") == 2
    for words in (
        "Indian Pines",
        "a verdict",
        "a note of the split",
        "20 bands were left out",
        "left out of every score: meadow",
        "not tested",
        "1 min 01 s",
        "split.block",
        "hybridsn-se",
    ):
        assert words in page.text


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run(), run("Random", overlap=0.9))
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?://|@import", (tmp_path / "report.html").read_text())


def test_the_leak_free_score_stands_before_the_leaking_one(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run("Random", overlap=0.9), run("Blocks"))
    text = page.text
    assert text.index("Test and training kept apart") < text.index("Test and training overlap")
    assert re.search(r"go by [\d.]+% \(Blocks\)", text)
    assert re.search(r"Take [\d.]+% \(Random\) only for comparison", text)
    assert "90.0%" in text, "the share of overlapping windows"
    assert "Recall by class" in text


def test_runs_with_other_classes_are_not_compared_class_by_class(tmp_path: Path) -> None:
    page = written(tmp_path / "report.html", run(), run("Other", names=("a", "b", "c")))
    assert "Recall by class" not in page.text


def test_repeats_show_mean_and_deviation_and_the_worst_split(tmp_path: Path) -> None:
    record = run()
    runs: list[dict[str, Any]] = [
        {**record.metrics, "overall_accuracy": accuracy} for accuracy in (0.6, 0.7, 0.8)
    ]
    mean, std = summarise(runs)
    repeated = {**record.metrics, "repeats": runs, "mean": mean, "std": std}
    text = written(tmp_path / "report.html", replace(record, metrics=repeated)).text
    assert re.search(r"70\.0\s+± 10\.0", text)
    assert "standard deviation of 3 runs" in text
    assert "Test and training kept apart" in text

    runs[1] = {**runs[1], "split": {**record.metrics["split"], "window_overlap": 0.2}}
    text = written(tmp_path / "report.html", replace(record, metrics=repeated)).text
    assert "Test and training overlap" in text


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", "R&B \"quoted\" 'n' $x_", "\udc80 wald 林 {{ 7 * 7 }}")
    record = run("</title><b>", names=names)
    record = replace(
        record,
        config={"scene": "<img src=x onerror=alert(1)>"},
        extra_notes=("<i>note</i>",),
    )
    page = written(tmp_path / "report.html", record, heading="</style><script>1</script>")
    assert "script" not in page.tags
    assert page.tags.count("img") == 5
    for words in (*names[:2], "林 {{ 7 * 7 }}", "<i>note</i>", "</style><script>1</script>"):
        assert words in page.text


@pytest.mark.parametrize("classes", [1, 30, 300])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    record = run()
    test = np.arange(classes)
    scores = score(confusion(test, test, classes), names).as_dict()
    legend = Legend(tuple(Category(i + 1, name, (i % 256, 9, 9)) for i, name in enumerate(names)))
    page = written(
        tmp_path / "report.html",
        replace(
            record,
            legend=legend,
            metrics={**record.metrics, **scores},
            labels=record.labels.clip(max=classes),
            prediction=record.prediction.clip(max=classes),
            history=[],
        ),
    )
    assert "svg" not in page.tags
    assert page.text.count(names[-1]) >= 3, "legend, table, matrix"


def test_a_disk_that_takes_no_more_leaves_the_old_report_as_it_was(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "report.html"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(InputError, match=r"report\.html can't be written \(file too large"):
            write_report(path, [run()], heading="x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_a_missing_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written"):
        write_report(tmp_path / "nowhere" / "report.html", [run()], heading="x")


def test_changed_scenes_stand_in_tables_by_kind(tmp_path: Path) -> None:
    record = run()
    found = [("tilt", -0.05, 0.3), ("tilt", 0.05, 0.69), ("noise", 2, 0.6), ("lost", 0.05, 0.7)]
    stress = {
        "pixels": 1234,
        "unchanged": {"overall_accuracy": 0.7, "average_accuracy": 0.65},
        "changes": [
            {
                "name": name,
                "size": size,
                "overall_accuracy": score,
                "average_accuracy": score - 0.05,
            }
            for name, size, score in found
        ],
        "sentence": "Stands nothing.",
    }
    page = written(
        tmp_path / "report.html", replace(record, metrics={**record.metrics, "stress": stress})
    )
    assert page.open == []
    assert "Stands nothing." in page.text
    rows = re.findall(
        r"<tr[^>]*><th>([^<]*)</th>\s*<td class=.number.>([\d.]+)</td>.*\s*<td class=.([^>]*).>",
        (tmp_path / "report.html").read_text(),
    )
    assert rows == [
        ("\N{MINUS SIGN}5%", "30.0", "bar doubt"),
        ("unchanged", "70.0", "bar"),
        ("+5%", "69.0", "bar"),
        ("unchanged", "70.0", "bar"),
        ("× 2", "60.0", "bar doubt"),
        ("unchanged", "70.0", "bar"),
        ("1 in 20", "70.0", "bar"),
    ]


def spectra(record: RunRecord) -> Spectra:
    """Two classes with both sides, a third on none; one error."""
    mean = np.linspace(1, 2, 5, dtype=np.float32)
    side = ClassSpectra(mean, mean / 10, 1234)
    wrong = WrongSpectrum(6, 11, 0, 1, 0.987, mean + 1)
    at = np.array([450.0, 550, 650, 1900, 2000])
    return Spectra(at, True, [side, side, None], [side, None, None], [wrong])


def test_spectra_of_classes_and_of_the_worst_errors(tmp_path: Path) -> None:
    record = run(names=("<b>water", "forest", "meadow"))
    record = replace(record, spectra=spectra(record))
    page = written(tmp_path / "report.html", record)
    assert page.open == []
    assert page.tags.count("svg") == 2 + 2 + 1, "curves, two classes, one error"
    text = " ".join(page.text.split())
    assert re.search(r"<b>water\. 1\D234 training, 1\D234 test pixels\.", text)
    assert re.search(r"forest\. 1\D234 training, 0 test pixels\.", text)
    assert "<b>water mapped as forest (98.7%). Row 7, column 12." in text
    assert "script" not in page.tags


def test_pictures_are_enlarged_without_scripts(tmp_path: Path) -> None:
    """Each picture is in the page once, whatever is shown of it."""
    page = written(tmp_path / "report.html", run(), run("Random", overlap=0.9))
    html = (tmp_path / "report.html").read_text()
    assert not {"script"} & set(page.tags)
    for number in (1, 2):
        chosen = re.findall(rf'name="(zoom|layer)-{number}" id="([^"]+)" checked', html)
        assert chosen == [("zoom", f"zoom-{number}-0"), ("layer", f"layer-{number}-4")]
    ids = re.findall(r' id="((?:zoom|layer)-[^"]+)"', html)
    assert len(ids) == len(set(ids)) == 20
    assert re.findall(r'for="([^"]+)"', html) == ids
    rules = set(re.findall(r"\.n(\d):checked", html))
    assert rules == set("123456"), "a rule for each picture that there may be"
