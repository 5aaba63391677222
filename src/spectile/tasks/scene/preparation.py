"""From scene and labels to what a fit needs: usable pixels and bands, split, reducer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.describe import band_ranges
from spectile.data.labels.labels import Labels, Places
from spectile.data.preprocessing.components import TILE, Preprocessing, read_spectra, tiles_holding
from spectile.data.preprocessing.guide import Guide, fit_guide
from spectile.data.preprocessing.light import fit_light
from spectile.data.preprocessing.reducers import REDUCING, fit_reducer
from spectile.data.scene import Scene
from spectile.data.splits.splits import TRAIN, VALIDATION, Split
from spectile.errors import InputError
from spectile.model.fingerprint import sha256
from spectile.tasks.checks import check_bands
from spectile.tasks.entries.scene import SceneConfig
from spectile.training.schedules import refuse_blind_plateau

SAMPLE = 100_000
"""Pixels that a reducer is fitted on at most; more change no digit that matters."""


@dataclass(frozen=True)
class Preparation:
    """One repeat's material."""

    labels: Labels
    """Without the pixels that hold no data."""
    split: Split
    preprocessing: Preprocessing
    guide: Guide
    """Of smoothing."""
    light: NDArray[np.float64] | None
    """Shape (components,): what the next curve of light adds, where spectra are freed from some."""
    notes: tuple[str, ...]
    """Sentences that a reader of the scores should know."""
    data_hash: str
    """Fingerprint of the spectra and classes the reducer was fitted on."""
    medians: NDArray[np.float64]
    """Of each used band in these spectra."""

    def pixels(self, side: int) -> Places:
        """Rows, columns and class indices of the pixels on one side of the split."""
        rows, columns = np.nonzero(self.split.assignment == side)
        return rows, columns, self.labels.classes[rows, columns].astype(np.int64) - 1


def usable(
    scene: Scene, labels: Labels, config: SceneConfig
) -> tuple[Labels, tuple[int, ...], list[str]]:
    """The labels that hold data, the bands that tell something, and notes on what was left out.

    Raises InputError if nothing is left, or a single class.
    """
    rows, columns = np.nonzero(labels.classes)
    candidates = selected(scene, config.bands)
    bands, notes = _live_bands(scene, rows, columns, candidates)
    told = [f"{scene.source}: {note}." for note in scene.notes]
    notes = [*told, *labels.notes, *_excluded(scene, config, notes)]
    missing = _without_data(scene, rows, columns, bands)
    if missing.all():
        raise InputError(
            f"no labelled pixel of {scene.source} has data in all of its {len(bands)} bands: "
            "leave out the bands with gaps by --bands, or label other pixels."
        )
    if missing.any():
        classes = labels.classes.copy()
        classes[rows[missing], columns[missing]] = 0
        lost = np.bincount(labels.classes[rows[missing], columns[missing]])
        names = dict(zip(range(1, len(labels.legend) + 1), labels.legend.names, strict=True))
        by_name = {names[k]: int(lost[k]) for k in np.flatnonzero(lost).tolist()}
        tally = labels.tally and labels.tally.without_data(by_name)
        labels = Labels(classes, labels.legend, labels.notes, tally)
        notes.append(f"{int(missing.sum())} labelled pixels hold no data and were left out.")
    present = int((labels.counts > 0).sum())
    if present < 2:
        raise InputError(
            f"the labels of {scene.source} hold {present} class: label pixels of at least two."
        )
    return labels, bands, notes


def prepare(
    scene: Scene,
    labels: Labels,
    bands: tuple[int, ...],
    split: Split,
    config: SceneConfig,
    notes: list[str],
) -> Preparation:
    """Fit reducer and guide on the training pixels (or the whole scene, where asked for)."""
    recipe = config.recipe
    refuse_blind_plateau(recipe, int((split.assignment == VALIDATION).sum()))
    rows, columns = np.nonzero(split.assignment == TRAIN)
    notes = list(notes)
    if config.fit_on == "scene":
        rows, columns = _everywhere(scene)
        notes.append(
            f"The {recipe.reducer} reducer was fitted on the whole scene, test pixels included: "
            "this leaks, as in much of the literature."
        )
    chosen = _sample(len(rows), config.seed)
    rows, columns = rows[chosen], columns[chosen]
    spectra = read_spectra(scene, rows, columns, bands)
    held = scene.valid(spectra.T)
    spectra = spectra[held]
    lightless, note = fit_light(recipe.light, spectra, scene.wavelengths_of(bands))
    notes += [note] if note else []
    values = spectra if lightless is None else lightless.of(spectra)
    noise = None
    if recipe.reducer == "mnf":
        noise = _neighbour_differences(rows[held], columns[held], values, scene.width)
    components = min(recipe.components, len(bands), max(1, len(spectra) - 1))
    if recipe.reducer in REDUCING and components < recipe.components:
        notes.append(
            f"Of {len(bands)} bands and {len(spectra)} training pixels {components} components "
            f"were made, not {recipe.components}."
        )
    reducer = fit_reducer(
        recipe.reducer,
        values,
        components=components,
        whitening=recipe.whitening,
        noise=noise,
    )
    if lightless is not None:
        reducer = lightless.before(reducer)
    return Preparation(
        labels,
        split,
        Preprocessing(bands, reducer, config.padding),
        fit_guide(values, reducer.apply(spectra.T).T),
        None if lightless is None else lightless.left @ reducer.matrix,
        tuple(notes),
        sha256(spectra, rows[held], columns[held]),
        np.median(spectra[:: max(1, len(spectra) // 10_000)].astype(np.float64), axis=0),
    )


def parse_bands(text: str, bands: int) -> tuple[int, ...]:
    """Bands counted from 0 of a text such as 1-103,109-149, counted from 1."""
    check_bands(text)
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        start, stop = int(first), int(last or first)
        if not 1 <= start <= stop <= bands:
            raise InputError(f"--bands {part.strip()} lies outside the scene's bands 1-{bands}.")
        chosen.update(range(start - 1, stop))
    return tuple(sorted(chosen))


def selected(scene: Scene, text: str | None) -> NDArray[np.int64]:
    """Bands counted from 0 that `text` or, without it, the scene says are good."""
    if text is not None:
        return np.array(parse_bands(text, scene.bands))
    good = np.flatnonzero(scene.good_bands)
    if not len(good):
        raise InputError(f"{scene.source} marks all of its bands as bad: choose some with --bands.")
    return good


def _excluded(scene: Scene, config: SceneConfig, notes: list[str]) -> list[str]:
    bad = np.flatnonzero(~scene.good_bands)
    if config.bands is None and len(bad):
        return [f"The file's bad-band list left out {_bands(bad)}.", *notes]
    return notes


def _bands(bands: NDArray[np.int64]) -> str:
    return f"band{'s' if len(bands) > 1 else ''} {band_ranges(bands)}"


def _live_bands(
    scene: Scene,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    candidates: NDArray[np.int64],
) -> tuple[tuple[int, ...], list[str]]:
    """Leave out bands that hold nothing, or one value only, on the labelled pixels."""
    chosen = _sample(len(rows), 0)
    spectra = read_spectra(scene, rows[chosen], columns[chosen], tuple(candidates.tolist()))
    empty, constant = [], []
    for place, band in enumerate(candidates):
        values = spectra[:, place]
        held = values[scene.valid(values[None])]
        if not len(held):
            empty.append(band)
        elif held.min() == held.max():
            constant.append(band)
    notes = []
    if empty:
        notes.append(f"No labelled pixel has data in {_bands(np.array(empty))}: left out.")
    if constant:
        notes.append(f"One and the same value fills {_bands(np.array(constant))}: left out.")
    live = tuple(int(band) for band in candidates if band not in empty and band not in constant)
    if not live:
        raise InputError(
            f"every band of {scene.source} is empty or constant on the labelled pixels: "
            "check that scene and labels belong together."
        )
    return live, notes


def _without_data(
    scene: Scene, rows: NDArray[np.int64], columns: NDArray[np.int64], bands: tuple[int, ...]
) -> NDArray[np.bool_]:
    missing = np.zeros(len(rows), np.bool_)
    for window, members in tiles_holding(rows, columns, scene.height, scene.width, TILE):
        valid = scene.valid(scene.read(window, bands))
        missing[members] = ~valid[rows[members] - window.row_off, columns[members] - window.col_off]
    return missing


def _everywhere(scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A regular grid of at most SAMPLE pixels over the scene."""
    step = max(1, int(np.ceil(np.sqrt(scene.height * scene.width / SAMPLE))))
    rows, columns = np.mgrid[0 : scene.height : step, 0 : scene.width : step]
    return rows.ravel(), columns.ravel()


def _sample(count: int, seed: int) -> NDArray[np.int64]:
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, SAMPLE, replace=False))


def _neighbour_differences(
    rows: NDArray[np.int64], columns: NDArray[np.int64], spectra: NDArray[Any], width: int
) -> NDArray[np.float64]:
    """Differences between training pixels side by side: signal cancels, noise stays."""
    places = rows * (width + 1) + columns
    order = np.argsort(places)
    right = np.searchsorted(places[order], places + 1)
    beside = right < len(places)
    beside[beside] = places[order][right[beside]] == places[beside] + 1
    left_index, right_index = np.flatnonzero(beside), order[right[beside]]
    if len(left_index) < spectra.shape[1]:
        raise InputError(
            f"MNF needs at least {spectra.shape[1]} pairs of neighbouring training pixels, and "
            f"there are {len(left_index)}: use --reducer pca, or --fit-on scene."
        )
    differences: NDArray[np.float64] = spectra[left_index].astype(np.float64)
    differences -= spectra[right_index]
    return differences
