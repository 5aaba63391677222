"""The search for a split into spatial blocks that keeps many pixels and all classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectile.data.splits.block_borders import fit_borders, pools_of, settle
from spectile.data.splits.block_goal import Goal
from spectile.data.splits.block_sides import Sides
from spectile.data.splits.overlap import extent

LEAST_EFFORT, MOST_EFFORT, EFFORT_PER_PIXEL = 1e7, 1.5e8, 10
"""Pixels that the search may look at, and more for each pixel of a large scene.

Counted, not timed, so that a slow machine finds the same; 1.5e8 take 2 to 3 seconds.
"""
STARTS, STARTS_EFFORT = 36, 0.2
"""Grids tried at most, and their part of the effort."""
ROUNDS = ((24, 0.4), (6, 0.25), (2, 0.15))
"""How many of the best have their borders fitted in each round, and its part of the effort."""
MOST_BLOCKS = 1500
SWEEPS = 3


@dataclass(frozen=True)
class BlockSplit:
    """Two sides whose pixels lie more than the guard apart."""

    train: NDArray[np.bool_]
    """Shape (H, W)."""
    test: NDArray[np.bool_]
    """Shape (H, W); may be empty."""
    block: int
    """Edge of the blocks in pixels."""
    offset: tuple[int, int]
    """Row and column of the grid's first crossing."""


def search_blocks(
    classes: NDArray[np.int32],
    testable: NDArray[np.bool_],
    *,
    guard: int,
    train: float,
    block: int | None,
    seed: int,
) -> BlockSplit:
    """Look for the best split of `classes` (H, W) into square blocks for training and for test.

    Many random grids are laid and their blocks turned one by one while that helps. The borders
    of the best are then fitted to the labels: rectangles where pixels got lost in the gap, or
    where a scarce class lies, change sides while that helps. Last, the gap is measured between
    labelled pixels alone, which gives back those that only bare ground would have cost.

    Each class gets training pixels; `testable` ones get test pixels where the search finds a
    way. Time plays no part: the same seed gives the same split, however slow the machine.
    """
    rng = np.random.default_rng(seed)
    frame = extent(classes)
    framed = np.ascontiguousarray(classes[frame])
    totals = np.bincount(framed[framed > 0], minlength=len(testable) + 1)[1:]
    goal = Goal(totals, testable, train)
    effort = _effort(framed.size)
    candidates = _lay_grids(framed, goal, guard, block, rng, STARTS_EFFORT * effort)
    pools = pools_of(framed, len(testable))
    for survivors, part in ROUNDS:
        candidates = sorted(candidates, key=lambda one: -one.sides.score)[:survivors]
        each = part * effort / len(candidates)
        for one in candidates:
            fit_borders(one.sides, pools, one.grid.edge, rng, each)
    settled, grid = max(
        ((settle(one.sides), one.grid) for one in candidates),
        key=lambda pair: pair[0].score,
    )
    return BlockSplit(
        _unframed(settled.train, frame, classes.shape),
        _unframed(settled.test, frame, classes.shape),
        grid.edge,
        ((grid.top + frame[0].start) % grid.edge, (grid.left + frame[1].start) % grid.edge),
    )


def _effort(pixels: int) -> float:
    return min(LEAST_EFFORT + 7000 * pixels, MOST_EFFORT) + EFFORT_PER_PIXEL * pixels


@dataclass(frozen=True)
class _Grid:
    edge: int
    top: int
    left: int
    """The first crossing, at most 0, so that blocks cover the scene's corner."""


@dataclass(frozen=True)
class _Candidate:
    grid: _Grid
    sides: Sides


def _lay_grids(
    classes: NDArray[np.int32],
    goal: Goal,
    guard: int,
    block: int | None,
    rng: np.random.Generator,
    effort: float,
) -> list[_Candidate]:
    """Random grids, each block on a random side, then turned while that helps."""
    height, width = classes.shape
    edges = _edges(height, width, guard) if block is None else [block]
    candidates: list[_Candidate] = []
    while len(candidates) < STARTS and effort > 0:
        edge = edges[len(candidates) % len(edges)]
        top, left = (-int(start) for start in rng.integers(edge, size=2))
        grid = _Grid(edge, top, left)
        rows = (np.arange(height) - top) // edge
        columns = (np.arange(width) - left) // edge
        drawn = rng.random((rows[-1] + 1, columns[-1] + 1)) < goal.train
        sides = Sides(classes, drawn[np.ix_(rows, columns)], guard, goal)
        _turn_blocks(sides, grid, drawn.shape, rng)
        candidates.append(_Candidate(grid, sides))
        effort -= sides.effort
    return candidates


def _edges(height: int, width: int, guard: int) -> list[int]:
    """Edges worth trying: blocks that outlast the guard, neither a handful nor thousands."""
    area = height * width
    smallest = max(8.0, 1.5 * guard, math.sqrt(area / MOST_BLOCKS))
    largest = max(smallest, math.sqrt(area) / 2.5)
    return sorted({round(edge) for edge in np.geomspace(smallest, largest, 6)})


def _turn_blocks(
    sides: Sides, grid: _Grid, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    rows, columns = shape
    for _ in range(SWEEPS):
        turned = 0
        for index in rng.permutation(rows * columns)[:MOST_BLOCKS]:
            top = grid.top + grid.edge * int(index // columns)
            left = grid.left + grid.edge * int(index % columns)
            there = bool(sides.trained[max(top, 0), max(left, 0)])
            turned += sides.move((top, top + grid.edge), (left, left + grid.edge), not there)
        if not turned:
            break


def _unframed(
    mask: NDArray[np.bool_], frame: tuple[slice, slice], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    whole = np.zeros(shape, np.bool_)
    whole[frame] = mask
    return whole
