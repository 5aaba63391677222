"""The spectra that a scene's report shows: of classes on both sides, and of the worst errors."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Places
from spectile.data.preprocessing.components import read_spectra
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN
from spectile.model.model import Model
from spectile.model.temperature import with_temperature
from spectile.reports.spectra import ClassSpectra, Spectra, WrongSpectrum
from spectile.tasks.calibration import Known
from spectile.tasks.scene.preparation import Preparation

PIXELS = 200
"""Of each class and side at most: more change no line that can be seen."""
ERRORS = 9
"""Charts of wrong pixels, three rows of a page."""
ALIKE = 2
"""Of these, how many may mistake one class for another: pixels of a field tell one thing."""


def spectra_of(scene: Scene, preparation: Preparation, model: Model, known: Known) -> Spectra:
    """Spectra in the bands that the model uses; `known` are test pixels that it was asked about."""
    bands = preparation.preprocessing.bands
    wavelengths = scene.wavelengths_of(bands)
    at = np.array(bands, np.float64) + 1 if wavelengths is None else wavelengths
    order = np.argsort(at, kind="stable")
    kept = tuple(bands[place] for place in order)
    classes = len(preparation.labels.legend)
    sides = [_by_class(scene, kept, preparation.pixels(side), classes) for side in (TRAIN, TEST)]
    errors = _errors(scene, kept, preparation.pixels(TEST), model, known)
    training, tested = sides
    return Spectra(at[order], wavelengths is not None, training, tested, errors)


def _by_class(
    scene: Scene, bands: tuple[int, ...], pixels: Places, classes: int
) -> list[ClassSpectra | None]:
    rows, columns, truth = pixels
    order = np.random.default_rng(0).permutation(len(truth))
    chosen = [order[truth[order] == index][:PIXELS] for index in range(classes)]
    places = np.concatenate(chosen)
    spectra = read_spectra(scene, rows[places], columns[places], bands).astype(np.float64)
    found: list[ClassSpectra | None] = []
    for part in np.split(spectra, np.cumsum([len(some) for some in chosen])[:-1]):
        if not len(part):
            found.append(None)
            continue
        mean, spread = (values.astype(np.float32) for values in (part.mean(0), part.std(0)))
        found.append(ClassSpectra(mean, spread, len(part)))
    counts = np.bincount(truth, minlength=classes)
    return [
        one and ClassSpectra(one.mean, one.spread, int(count))
        for one, count in zip(found, counts, strict=True)
    ]


def _errors(
    scene: Scene, bands: tuple[int, ...], test: Places, model: Model, known: Known
) -> list[WrongSpectrum]:
    """The wrong pixels that the model is surest of, a few of each mistake."""
    rows, columns = test[0][known.indices], test[1][known.indices]
    said: NDArray[np.floating] = with_temperature(known.probabilities.T, model.temperature).T
    found = known.probabilities.argmax(axis=1)
    sure = said[np.arange(len(found)), found]
    wrong = np.flatnonzero(found != known.truth)
    picked: list[int] = []
    mistakes: Counter[tuple[int, int]] = Counter()
    for place in wrong[np.argsort(-sure[wrong], kind="stable")].tolist():
        mistake = int(known.truth[place]), int(found[place])
        mistakes[mistake] += 1
        if mistakes[mistake] <= ALIKE and len(picked) < ERRORS:
            picked.append(place)
    values = read_spectra(scene, rows[picked], columns[picked], bands).astype(np.float32)
    return [
        WrongSpectrum(
            int(rows[place]),
            int(columns[place]),
            int(known.truth[place]),
            int(found[place]),
            float(sure[place]),
            spectrum,
        )
        for place, spectrum in zip(picked, values, strict=True)
    ]
