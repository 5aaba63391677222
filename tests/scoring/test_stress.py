"""The sentence of the stress table says no more than its rows."""

from __future__ import annotations

import pytest

from spectile.scoring.stress import effect, sentence

UNCHANGED = {"overall_accuracy": 0.7, "average_accuracy": 0.6}


def scores(overall: float, average: float) -> dict[str, float]:
    return {"overall_accuracy": overall, "average_accuracy": average}


@pytest.mark.parametrize(
    ("overall", "average", "how"),
    [
        (0.9, 0.9, "stood"),
        (0.68, 0.58, "stood"),
        (0.679, 0.6, "weakened"),
        (0.7, 0.579, "weakened"),
        (0.349, 0.6, "halved"),
        (0.7, 0.299, "halved"),
    ],
)
def test_two_points_are_stood_and_half_is_half(overall: float, average: float, how: str) -> None:
    assert effect(UNCHANGED, scores(overall, average)) == how


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [("light", 0.9, 0.7), ("light", 1.1, 0.69), ("tilt", -0.05, 0.7), ("tilt", 0.05, 0.3)],
            "Stands 10% more or less light; falls to half at a tilt of 5%.",
        ),
        # A strength that is stood beyond one that isn't says nothing.
        (
            [("noise", 1, 0.7), ("noise", 2, 0.5), ("noise", 4, 0.7)],
            "Stands noise as strong as its own; weakens at noise twice its own.",
        ),
        # Signs of one strength may fare differently.
        (
            [("light", 0.98, 0.2), ("light", 1.02, 0.6), ("light", 1.05, 0.1)],
            "Weakens at 2% more light; falls to half at 2% less light.",
        ),
        (
            [("shift", -0.1, 0.7), ("shift", 0.1, 0.7), ("shift", 0.5, 0.6), ("lost", 0.05, 0.7)],
            "Stands a shift of a tenth of a band and one band in 20 lost; "
            "weakens at a shift of half a band.",
        ),
        # Weakened first, halved later: both are told.
        (
            [("bow", 0.02, 0.6), ("bow", 0.05, 0.3)],
            "Weakens at a bow of 2%; falls to half at a bow of 5%.",
        ),
    ],
)
def test_what_is_stood_and_where_the_score_falls(
    changes: list[tuple[str, float, float]], said: str
) -> None:
    table = [
        {"name": name, "size": size, **scores(score, 0.6 * score / 0.7)}
        for name, size, score in changes
    ]
    assert sentence(UNCHANGED, table) == said
