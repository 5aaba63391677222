"""The number to beat: what classifiers of single spectra reach on the pixels of a run.

They learn from the run's training pixels and are scored on its test pixels, as its map is. What
they cost is bounded: see :func:`baselines`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.choices import SpectraClassifier
from spectile.data.labels.legend import Legend
from spectile.data.preprocessing.components import read_spectra
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN
from spectile.data.splits.stratified import sample_of_classes
from spectile.errors import InputError
from spectile.reports.wording import duration
from spectile.scoring.metrics import confusion, score
from spectile.tasks.scene.preparation import Preparation
from spectile.tasks.scene.smoothed_baseline import pixels_to_classify, smoothed_classes
from spectile.training.spectra.as_networks import as_network
from spectile.training.spectra.classifiers import TREES, classifier, fitted_on
from spectile.training.spectra.fit_at_once import AT_ONCE

TRAINED: Mapping[SpectraClassifier, int] = {"svm": 5_000, "lda": 20_000, "forest": 20_000}
"""Pixels that each learns from at most: the work of a support vector machine grows with their
square."""
TESTED = 20_000
"""Test pixels at most; their sampling moves a score by a third of a point."""
CLASSIFIERS: tuple[SpectraClassifier, ...] = get_args(SpectraClassifier)
"""In the order in which they are fitted, as far as there is time."""
LEAST = 10.0
"""Seconds that all may take together by default, however short the fit was."""
GROWTH: Mapping[SpectraClassifier, float] = {"svm": 2.0, "lda": 1.0}
"""The power of the number of pixels by which the time of a fit grows."""
TRIAL = 8
"""A fit's time is estimated by one on an eighth of its pixels, a forest's by an eighth of its
trees."""
QUICK = 1_000
"""Pixels up to which nobody needs an estimate."""
CHUNK = 2_000
"""Spectra that are classified together: their kernel takes 80 MB."""
SCORES = ("overall_accuracy", "average_accuracy", "kappa")

log = logging.getLogger(__name__)


def chosen(wanted: str, network: str) -> tuple[SpectraClassifier, ...]:
    """The classifiers that a setting asks for, but for the one that the run itself is of."""
    named = CLASSIFIERS if wanted == "auto" else tuple(wanted.split(","))
    return tuple(name for name in CLASSIFIERS if name in named and name != network)


@dataclass(frozen=True)
class Spectra:
    """Some of the pixels on one side of a split."""

    values: NDArray[np.float64]
    """Shape (N, bands)."""
    classes: NDArray[np.int64]
    """Class indices (N,), from 0."""

    def some(self, count: int, seed: int) -> Spectra:
        """At most so many, the same share of each class."""
        drawn = sample_of_classes(self.classes, count, seed)
        return Spectra(self.values[drawn], self.classes[drawn])


def baselines(
    scene: Scene,
    preparation: Preparation,
    mapped: NDArray[np.int32],
    wanted: Sequence[SpectraClassifier],
    *,
    seconds: float | None,
    seed: int,
    threads: int,
    smooth: int = 0,
) -> dict[str, Any]:
    """What metrics.json says of classifiers of single spectra: scores by name, and what was left.

    `mapped` are the class indices of the run's map at its test pixels, in their order, -1 without
    data; `baselines` holds by how much it is ahead on the very pixels that the classifier was
    scored on. They learn from a sample of the training pixels where there are more than `TRAINED`,
    and are scored on a sample of more than `TESTED` test pixels; both hold the same share of each
    class. With `seconds` they may take as long together, but ten in any case: before each its time
    is estimated, and `baselines_left_out` says why one was. Where the map was smoothed by a radius
    of `smooth` pixels, the map of the support vector machine is as well, as "svm_smoothed".
    """
    if not wanted:
        return {}
    train = _spectra(scene, preparation, TRAIN, max(TRAINED.values()), seed)[0]
    test, places = _spectra(scene, preparation, TEST, TESTED, seed)
    ours, legend = mapped[places], preparation.labels.legend
    patience = None if seconds is None else max(LEAST, seconds)
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    start = time.perf_counter()
    for name in wanted:
        learnt = train.some(TRAINED[name], seed)
        left = None if patience is None else patience - (time.perf_counter() - start)
        try:
            if reason := _too_slow(name, learnt, left, seed, threads):
                left_out[name] = reason
                continue
            answer = _classified(name, learnt, test.values, seed, threads)
        except InputError as error:  # scikit-learn's, of pixels that no such classifier is made of
            left_out[name] = str(error).rstrip(".")
            continue
        pixels = {"train_pixels": len(learnt.classes), "test_pixels": len(test.classes)}
        compared = _compared(test.classes, answer.said, ours, legend)
        found[name] = {**compared, "seconds": answer.seconds, **pixels}
        if name != "svm" or not smooth:
            continue
        rows, columns = (places_of[places] for places_of in preparation.pixels(TEST)[:2])
        around = pixels_to_classify(scene, smooth, rows, columns)
        expected = answer.answering * around / len(test.classes)
        if patience is not None and expected > patience - (time.perf_counter() - start):
            left_out["svm_smoothed"] = _reason(expected)
            continue
        began = time.perf_counter()
        said = smoothed_classes(
            answer.fitted, learnt.values, scene, preparation, smooth, rows, columns
        )
        compared = _compared(test.classes, said, ours, legend)
        taken = answer.seconds + time.perf_counter() - began
        found["svm_smoothed"] = {**compared, "seconds": taken, **pixels}
    for one, reason in left_out.items():
        log.info("The baseline %s was left out: %s.", one, reason)
    return {"baselines": found, **({"baselines_left_out": left_out} if left_out else {})}


def _spectra(
    scene: Scene, preparation: Preparation, side: int, count: int, seed: int
) -> tuple[Spectra, NDArray[np.int64]]:
    """At most `count` pixels on a side of the split, and their places among all that are there."""
    rows, columns, classes = preparation.pixels(side)
    places = sample_of_classes(classes, count, seed)
    bands = preparation.preprocessing.bands
    values = read_spectra(scene, rows[places], columns[places], bands)
    return Spectra(values.astype(np.float64), classes[places]), places


def _too_slow(
    name: SpectraClassifier, train: Spectra, left: float | None, seed: int, threads: int
) -> str | None:
    """Why there is no time for it in the seconds that are `left`; None: there is."""
    if left is None:
        return None
    expected = 0.0
    if left > 0 and len(train.classes) > QUICK:
        if name == "forest":
            part, trees, growth = train, TREES // TRIAL, TREES / (TREES // TRIAL)
        else:
            part, trees = train.some(len(train.classes) // TRIAL, seed), TREES
            growth = (len(train.classes) / len(part.classes)) ** GROWTH[name]
        trial = _classified(name, part, part.values[:1], seed, threads, trees=trees)
        expected = trial.seconds * growth
    if 0 <= expected <= left:
        return None
    return _reason(expected)


def _reason(expected: float) -> str:
    words = f"it would take about {duration(expected)}" if expected else "it would take time"
    return f"{words}, and all baselines together may take as long as the fit did"


@dataclass(frozen=True)
class _Answer:
    """What a classifier says."""

    fitted: Any
    said: NDArray[np.int64]
    seconds: float
    answering: float
    """Of these, without the fit."""


def _classified(
    name: SpectraClassifier,
    train: Spectra,
    spectra: NDArray[np.float64],
    seed: int,
    threads: int,
    trees: int = TREES,
) -> _Answer:
    """What a classifier that learnt from some pixels says of others."""
    pixels, bands = train.values.shape
    made = classifier(name, bands, seed, pixels=pixels, threads=threads, trees=trees)
    start = time.perf_counter()  # without the second in which scikit-learn is imported
    fitted = fitted_on(made, train.values, train.classes)
    answering = time.perf_counter()
    # As a network a support vector machine is ten times as fast, and says the same.
    said = _said_by_network(fitted, spectra) if name in AT_ONCE else fitted.predict(spectra)
    end = time.perf_counter()
    return _Answer(fitted, said, end - start, end - answering)


@torch.inference_mode()
def _said_by_network(fitted: Any, spectra: NDArray[np.float64]) -> NDArray[np.int64]:
    network = as_network(fitted, int(fitted.classes_.max()) + 1).double()
    windows = torch.from_numpy(spectra)[:, :, None, None]
    said = [network(part).argmax(1) for part in torch.split(windows, CHUNK)]
    classes: NDArray[np.int64] = torch.cat(said).numpy()
    return classes


def _compared(
    truth: NDArray[np.int64], said: NDArray[np.int64], ours: NDArray[np.int32], legend: Legend
) -> dict[str, Any]:
    """Scores of a classifier, and by how much the map is ahead of it on the same pixels."""
    known = ours >= 0
    theirs, maps = (
        score(confusion(truth[known], classes[known], len(legend)), legend.names)
        for classes in (said, ours)
    )
    return {
        **{name: getattr(theirs, name) for name in SCORES},
        "ahead": {name: getattr(maps, name) - getattr(theirs, name) for name in SCORES},
    }
