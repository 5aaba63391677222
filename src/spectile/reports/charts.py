"""Small charts of lines as inline SVG: a few hundred bytes a line, in the page's colours.

Matplotlib writes ten times as much for each, which is too much where there is one for each class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 22
"""Around the plot, in the chart's units."""
POINTS = 100
"""Of a line at most: more than a small chart shows."""
FINE = 2
"""Steps of a line's points in one of the chart's units: whole numbers are half as many bytes."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a chart; NaN interrupts it."""

    name: str
    values: NDArray[np.floating]
    color: str
    """As CSS writes it."""
    spread: NDArray[np.floating] | None = None
    """Of each value, drawn as far above it as below."""
    kind: str = ""
    """CSS classes: "bold", "dashed", "thin"."""


def chart(
    lines: Sequence[Line],
    at: NDArray[np.floating],
    label: str,
    *,
    size: tuple[int, int] = (360, 170),
    bounds: tuple[float, float] | None = None,
    ticks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Lines over the places `at` (n,), which rise; lines cross no gap in them.

    `bounds` are those of the values, by default as far as the lines reach; `ticks` are places with
    what stands below them. `label` says what the chart is for those who don't see it.
    """
    shown = _thinned(len(at))
    low, high = bounds or _reach(lines)
    first, last = float(at[0]), float(at[-1])
    width, height = size

    def across(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return LEFT + (values - first) / ((last - first) or 1) * (width - LEFT - RIGHT)

    def down(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return height - BOTTOM - (values - low) / ((high - low) or 1) * (height - TOP - BOTTOM)

    x = across(at[shown])
    gaps = _gaps(at[shown])
    parts, drawn = [], []
    for value in _ticks(low, high):
        y = float(down(np.array(value)))
        parts.append(f'<path class="rule" d="M{LEFT} {y:.1f}H{width - RIGHT}"/>')
        parts.append(f'<text class="left" x="{LEFT - 5}" y="{y + 3.5:.1f}">{value:g}</text>')
    for place, text in ticks:
        position = float(across(np.array(place)))
        parts.append(f'<text x="{position:.1f}" y="{height - 6}">{escape(text)}</text>')
    for line in lines:
        if line.spread is not None:
            above, below = (line.values + way * line.spread for way in (1, -1))
            area = _area(x, down(above[shown]), down(below[shown]), gaps)
            drawn.append(f'<path class="spread" style="fill:{line.color}" d="{area}"/>')
    for line in lines:
        path = _path(x, down(line.values[shown]), gaps)
        drawn.append(
            f'<path class="line {line.kind}" style="stroke:{line.color}" d="{path}">'
            f"<title>{escape(line.name)}</title></path>"
        )
    inside = "".join(parts) + f'<g transform="scale({1 / FINE:g})">{"".join(drawn)}</g>'
    return Markup(  # safe: numbers, and text that was escaped
        f'<svg class="chart" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {width} {height}">{inside}</svg>'
    )


def _thinned(count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.intp))


def _reach(lines: Sequence[Line]) -> tuple[float, float]:
    spreads = [0 if line.spread is None else line.spread for line in lines]
    ends = [
        line.values + way * s for line, s in zip(lines, spreads, strict=True) for way in (1, -1)
    ]
    known = np.concatenate(ends)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _gaps(at: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Before which points a line begins anew: where a step is several times the usual one."""
    steps = np.diff(at)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return np.concatenate([[True], steps > 3 * usual]) if len(at) > 2 else np.arange(len(at)) == 0


def _stretches(known: NDArray[np.bool_], gaps: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """The points of each piece of a line."""
    begins = gaps | ~known | np.concatenate([[True], ~known[:-1]])
    pieces = np.split(np.arange(len(known)), np.flatnonzero(begins)[1:])
    return [piece for piece in pieces if len(piece) and known[piece[0]]]


def _path(x: NDArray[np.floating], y: NDArray[np.floating], gaps: NDArray[np.bool_]) -> str:
    pieces = _stretches(np.isfinite(y), gaps)
    return "".join(_strokes(x[piece], y[piece]) for piece in pieces)


def _area(
    x: NDArray[np.floating],
    above: NDArray[np.floating],
    below: NDArray[np.floating],
    gaps: NDArray[np.bool_],
) -> str:
    found = []
    for piece in _stretches(np.isfinite(above) & np.isfinite(below), gaps):
        around = np.concatenate([piece, piece[::-1]])
        edge = np.concatenate([above[piece], below[piece[::-1]]])
        found.append(_strokes(x[around], edge) + "z")
    return "".join(found)


def _strokes(x: NDArray[np.floating], y: NDArray[np.floating]) -> str:
    """A path through points, each from the one before; a lone one is a dot, by round ends."""
    points = (np.stack([x, y], axis=1) * FINE).round().astype(int)
    steps = np.diff(points, axis=0) if len(points) > 1 else np.zeros((1, 2), int)
    # A minus separates numbers as well as a space does.
    across = "".join(f"{dx} {dy} " for dx, dy in steps.tolist()).replace(" -", "-")
    return f"M{points[0, 0]} {points[0, 1]}l{across.strip()}"


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between the bounds."""
    span = high - low
    if not span > 0:
        return [low]
    rough = span / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    # Rounded: 3 * 0.1 is a little more than 0.3.
    return [float(f"{n * step:.6g}") for n in range(first, math.floor(high / step + 1e-9) + 1)]
