"""What the honest table is made of: pixels, jobs, and the files that keep finished ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from published_methods import METHODS, Method, Plain, guard_window
from published_networks import Published
from spectile.data.datasets.known import indian_pines
from spectile.data.datasets.simulated import simulate
from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.splits.splits import (
    GUARD,
    TRAIN,
    VALIDATION,
    Split,
    split_blocks,
    split_random,
)
from spectile.files import write_aside

MEASURED = "measured.json"
SMALL = 5
"""Epochs at most, on the simulated scene."""


@dataclass(frozen=True)
class Bench:
    """What all runs have in common."""

    folder: Path
    out: Path
    budget: float
    quick: bool = False

    def seconds_a_step(self, method: Method) -> float | None:
        """As measured once; None if it wasn't yet."""
        found: float | None = (read_json(self.out / MEASURED) or {}).get(method.name)
        return found

    def keep_seconds(self, method: Method, seconds: float) -> None:
        known = read_json(self.out / MEASURED) or {}
        write_json(self.out / MEASURED, known | {method.name: seconds})


@cache
def material(quick: bool) -> tuple[NDArray[Any], Labels]:
    """Pixels (bands, H, W) and labels."""
    if quick:
        pixels, classes = simulate(60, 60, 40, 4, seed=0)
        return pixels, labels_from_array(classes)
    scene, labels = indian_pines()
    return scene.read(), labels


@cache
def split_of(quick: bool, kind: str, seed: int) -> Split:
    """The pixels of a seed, the same for all methods.

    Blocks give no class more pixels to learn from than the random tenth of the same seed does: so
    the two differ in where the pixels lie, and not in how many there are.
    """
    _, labels = material(quick)
    window = 13 if quick else guard_window()
    if kind == "random":
        return split_random(labels, window=window, train=0.1, validation=0.1, seed=seed)
    found = split_blocks(labels, window=window, train=0.5, validation=0.1, seed=seed)
    tenth = split_of(quick, "random", seed).assignment
    return replace(found, assignment=thinned(found.assignment, tenth, labels.classes, seed))


def thinned(
    sides: NDArray[np.uint8], like: NDArray[np.uint8], classes: NDArray[Any], seed: int
) -> NDArray[np.uint8]:
    """Sides (H, W) with no more pixels of a class to train and validate on than `like` has."""
    random, found = np.random.default_rng(seed), sides.copy()
    for side in (TRAIN, VALIDATION):
        for number in np.unique(classes[like == side]):
            there = np.flatnonzero((sides == side) & (classes == number))
            kept = int(((like == side) & (classes == number)).sum())
            found.flat[random.permutation(there)[kept:]] = GUARD
    return found


@dataclass(frozen=True)
class Job:
    """One method on one seed of one split."""

    bench: Bench
    name: str
    kind: str
    """Of the split: random or blocks."""
    seed: int

    @property
    def method(self) -> Method:
        return next(method for method in METHODS if method.name == self.name)

    @property
    def path(self) -> Path:
        return self.bench.out / self.kind / self.name / f"seed-{self.seed}.json"

    @property
    def split(self) -> Split:
        return split_of(self.bench.quick, self.kind, self.seed)

    @property
    def published_epochs(self) -> int | None:
        how = self.method.how
        if isinstance(how, Plain):
            return None
        return how.training.epochs if isinstance(how, Published) else how.epochs

    def epochs(self) -> int | None:
        """As published, or as many as fit into the budget; None where nothing is bounded."""
        how, published = self.method.how, self.published_epochs
        if isinstance(how, Plain) or published is None:
            return None
        seconds = self.bench.seconds_a_step(self.method)
        assert seconds is not None
        fitting = max(1, int(self.bench.budget / (seconds * self.steps_an_epoch())))
        return min(published, fitting, SMALL if self.bench.quick else published)

    def steps_an_epoch(self) -> int:
        how = self.method.how
        assert not isinstance(how, Plain)
        batch = how.training.batch if isinstance(how, Published) else how.batch
        return -(-int((self.split.assignment == TRAIN).sum()) // batch)

    def settings(self) -> str:
        """A fingerprint of all that decides on the run but its epochs."""
        told = asdict(self.method.how) | {"build": None, "changed": None}
        text = json.dumps(told, sort_keys=True)
        return hashlib.sha256(text.encode() + self.split.assignment.tobytes()).hexdigest()[:16]

    def kept(self) -> dict[str, Any] | None:
        """The finished run, if it was made with the settings of today."""
        found = read_json(self.path)
        return found if found and found["settings"] == self.settings() else None

    def done(self) -> bool:
        """Whether such a run is there, fitted at least as long as is wanted now."""
        kept, wanted = self.kept(), self.epochs()
        if kept is None:
            return False
        return wanted is None or kept["epochs"] >= wanted or kept["stopped_early"]

    def tests_alone(self) -> bool:
        """Whether a whole map of this network, patch by patch, has been made already."""
        first = replace(self, seed=0, kind="random").kept()
        later = (self.seed, self.kind) != (0, "random")
        return later and first is not None and first["map_method"] == "patches"


def read_json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as aside:
        aside.write_text(json.dumps(document, indent=1))
