"""Numbers and sentences of a report."""

from __future__ import annotations

import pytest

from spectile.reports import wording


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0"), (1.0, "100.0"), (0.99996, ">99.9"), (0.0001, "<0.1"), (0.7126, "71.3")],
)
def test_a_percentage_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert wording.percent(share) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert wording.percent(None) == wording.fixed(None) == wording.duration(None) == "–"
    assert wording.percent(float("nan")) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.01, "<0.1 s"),
        (9.97, "10 s"),
        (59.7, "1 min 00 s"),
        (83.2, "1 min 23 s"),
        (3599.6, "1 h 00 min"),
        (7384, "2 h 03 min"),
    ],
)
def test_durations_in_the_units_people_use(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_settings_are_listed_by_dotted_names() -> None:
    settings = {"split": {"kind": "blocks", "guard": None}, "bands": [1, 2], "flips": True}
    assert wording.flatten(settings) == [
        ("split.kind", "blocks"),
        ("split.guard", "–"),
        ("bands", "1, 2"),
        ("flips", "yes"),
    ]


def test_overlap_that_is_not_known_counts_as_a_leak() -> None:
    assert wording.leaks({"window_overlap": None})
    assert wording.leaks({"window_overlap": 1e-6})
    assert not wording.leaks({"window_overlap": 0})


def test_images_leak_where_any_is_on_both_sides() -> None:
    assert wording.leaks({"overlap": None})
    assert wording.leaks({"overlap": 1e-6})
    assert not wording.leaks({"overlap": 0.0})


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"kind": "blocks", "block": 16, "guard": 4, "seed": 1}, "blocks of 16 px, guard 4 px"),
        ({"kind": "given", "seed": None}, "given split"),
        ({"kind": "random", "seed": 0}, "random split, seed 0"),
        ({"kind": "order", "seed": None}, "split in order of names"),
        ({"kind": "blocks", "seed": 2}, "blocks split, seed 2"),
    ],
)
def test_kinds_of_splits_in_words(split: dict[str, object], words: str) -> None:
    assert words in wording.split_in_words(split)


def test_the_score_to_go_by_comes_first() -> None:
    text = wording.advice([("random", 0.98, True), ("blocks", 0.71, False)])
    assert text.index("go by 71.0% (blocks)") < text.index("98.0% (random) only for comparison")
    assert "go by" not in wording.advice([("random", 0.98, True), ("again", 0.99, True)])


def test_what_lies_outside_is_told_with_what_it_costs() -> None:
    found = {
        "outside_share": 0.314,
        "outside_share_test": 0.02,
        "accuracy_inside": 0.8,
        "accuracy_outside": 0.25,
    }
    (note,) = wording.notes_on_applicability({"applicability": found})
    assert note == (
        "31.4% of the scene is unlike anything trained on; 2.0% of the test pixels are, and 25.0% "
        "of these are mapped right, 80.0% of the others."
    )
    found |= {"outside_share_test": 0.0, "accuracy_outside": None}
    (note,) = wording.notes_on_applicability({"applicability": found})
    assert note.endswith("trained on; no test pixel is.")
    found |= {"outside_share_test": 1.0, "accuracy_outside": 0.5, "accuracy_inside": None}
    (note,) = wording.notes_on_applicability({"applicability": found})
    assert note.endswith("50.0% of these are mapped right.")
    assert wording.notes_on_applicability({}) == ()


def test_captions_name_files_without_all_the_folders_above() -> None:
    assert wording.file_name("/home/me/photos/red/3.png") == "red/3.png"
    assert wording.file_name("red/3.png") == "red/3.png"
    assert wording.file_name("rows 0-127, columns 0-127") == "rows 0-127, columns 0-127"
