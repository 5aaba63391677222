"""Two ways of doing one work, timed in turns in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Run = Callable[[], Any]


@dataclass(frozen=True)
class Contest:
    """What became of ours, theirs, ours, theirs ... ours."""

    work: str
    against: str
    ours: tuple[float, ...]
    """Seconds; one more than theirs."""
    theirs: tuple[float, ...]
    """Seconds for the whole work."""
    share: float
    """Of the work that they did, if not all; their seconds are divided by it."""

    @property
    def ratios(self) -> list[float]:
        """Theirs by ours, for each turn of theirs and the two of ours around it."""
        around = zip(self.ours, self.ours[1:], strict=False)
        return [2 * t / (a + b) for t, (a, b) in zip(self.theirs, around, strict=True)]

    def row(self) -> str:
        ratios = ", ".join(f"{ratio:.3g}" for ratio in self.ratios)
        part = "" if self.share == 1 else f" (from {self.share:.1%} of it)"
        return (
            f"| {self.work}, {statistics.median(self.ours):.3g} s "
            f"| {self.against}, {statistics.median(self.theirs):.3g} s{part} "
            f"| {statistics.median(self.ratios):.3g} ({ratios}) |"
        )


def take_turns(
    work: str, ours: Run, against: str, theirs: Run, *, pairs: int, share: float = 1.0
) -> tuple[Contest, Any, Any]:
    """Time both; gives what came of it, and the last results. Ours is warmed up first."""
    timed(ours)
    seconds, result = timed(ours)
    our_seconds, their_seconds, reference = [seconds], [], None
    for _ in range(pairs):
        seconds, reference = timed(theirs)
        their_seconds.append(seconds / share)
        seconds, result = timed(ours)
        our_seconds.append(seconds)
    contest = Contest(work, against, tuple(our_seconds), tuple(their_seconds), share)
    print(contest.row(), flush=True)
    return contest, result, reference


def timed(run: Run) -> tuple[float, Any]:
    """Seconds and the result."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result
