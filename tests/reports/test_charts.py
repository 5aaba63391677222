"""Charts: lines where the numbers are, gaps where there are none, names as text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from spectile.reports.charts import BOTTOM, FINE, LEFT, RIGHT, TOP, Line, chart


def points(svg: str, kind: str = "line") -> list[list[tuple[float, float]]]:
    """The points of each piece of the first path of a kind, in the chart's units."""
    path = re.search(rf'class="{kind}[^"]*" style="[^"]*" d="([^"]*)"', svg)
    assert path
    pieces = []
    for piece in path[1].split("M")[1:]:
        start, steps = piece.rstrip("z").split("l")
        first = np.array([int(n) for n in start.split()])
        moved = np.array([int(n) for n in re.findall(r"-?\d+", steps)]).reshape(-1, 2)
        found = np.concatenate([[first], first + moved.cumsum(axis=0)]) / FINE
        pieces.append([tuple(point) for point in found.tolist()])
    return pieces


def test_a_line_runs_from_corner_to_corner():
    svg = chart(
        [Line("a", np.array([0.0, 5.0, 10.0]), "red")], np.arange(3.0), "x", size=(200, 100)
    )
    ((first, middle, last),) = points(svg)
    assert first == (LEFT, 100 - BOTTOM)
    assert last == (200 - RIGHT, TOP)
    assert middle[1] == pytest.approx((first[1] + last[1]) / 2, abs=0.5)


def test_nothing_is_drawn_over_bad_bands_and_missing_values():
    at = np.array([400.0, 410, 420, 900, 910, 920, 930])
    values = np.array([1.0, 2, 3, 4, np.nan, 6, 7])
    line = Line("a", values, "red", spread=np.ones(7))
    svg = chart([line], at, "x")
    assert [len(piece) for piece in points(svg)] == [3, 2, 2], "a lone point is a dot"
    assert [len(piece) for piece in points(svg, "spread")] == [6, 2, 4]


def test_names_are_text():
    svg = chart([Line("<b>&", np.ones(3), "red")], np.arange(3.0), '"><script>', ticks=[(1, "<i>")])
    assert "<b>" not in svg
    assert "<script" not in svg
    assert "<i>" not in svg


def test_many_bands_are_thinned():
    svg = chart([Line("a", np.random.default_rng(0).random(2000), "red")], np.arange(2000.0), "x")
    assert len(svg) < 2500


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0], [np.nan, np.nan]])
def test_odd_lines_are_drawn(values):
    assert "<svg" in chart([Line("a", np.array(values), "red")], np.arange(len(values)) * 1.0, "x")
