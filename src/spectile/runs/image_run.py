"""What runs on images share: their preparation, and repeats."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectile import networks
from spectile.errors import InputError
from spectile.files import write_aside
from spectile.images import (
    ImageOverlap,
    ImageSet,
    ImageStore,
    PairSet,
    live_bands,
    measure_image_overlap,
    sample_pixels,
)
from spectile.learning.fit import Fit
from spectile.learning.image_recipes import ImageRecipe
from spectile.model import Model, load
from spectile.networks.pretrained import start_from
from spectile.runs.config import ImageConfig, read_config
from spectile.runs.directory import (
    CONFIG,
    HISTORY,
    METRICS,
    MODEL,
    check_free,
    check_same,
    make_directory,
)
from spectile.runs.hardware import hardware_of, use_threads
from spectile.runs.preparation import parse_bands
from spectile.scenes.components import Preprocessing
from spectile.scenes.describe import band_ranges
from spectile.scenes.reducers import fit_reducer
from spectile.scenes.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.scoring.metrics import summarise
from spectile.scoring.records import read_history, write_history, write_metrics

History = list[dict[str, Any]]


class Record(Protocol):
    """What a report shows of a run."""

    @property
    def metrics(self) -> Mapping[str, Any]: ...


Config = TypeVar("Config", bound=ImageConfig)
Shown = TypeVar("Shown", bound=Record)
Given = TypeVar("Given", bound=Record, covariant=True)


class Prepared(Protocol[Given]):
    """One repeat's material."""

    def into(self, folder: Path) -> Given:
        """Fit, test, and write everything but the report to `folder`."""
        ...


Listing = TypeVar("Listing", ImageSet, PairSet)

SMALL = 64
"""Images up to this edge lose too much to a stem that quarters their resolution."""
SIDES = {NONE: "none", TRAIN: "train", VALIDATION: "validation", TEST: "test"}
TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class Start:
    """A network ready to be fitted."""

    network: nn.Module
    notes: tuple[str, ...]


def check_start(config: Config, directory: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise InputError unless the run may begin or go on in `directory`, on this machine."""
    check_free(directory, overwrite=overwrite, resume=resume)
    if resume:
        check_same(config, read_config(directory / CONFIG, type(config)), directory)
    use_threads(config.hardware.threads)
    hardware_of(config.hardware).check()


def run_repeats(
    config: Config,
    directory: Path,
    prepare: Callable[[Config], Prepared[Shown]],
    *,
    overwrite: bool,
    resume: bool,
) -> Shown:
    """Run with as many seeds as are asked for; the first run's record with the mean of all.

    The directory is made when the first run is prepared: what can be refused is refused before.
    """
    runs = []
    for repeat in range(config.repeats):
        seeded = config.model_copy(update={"seed": config.seed + repeat, "repeats": 1})
        prepared = prepare(seeded)
        if repeat == 0:
            make_directory(directory, config, overwrite=overwrite, resume=resume)
        folder = directory if repeat == 0 else directory / f"repeat-{repeat + 1}"
        folder.mkdir(exist_ok=True)
        runs.append(prepared.into(folder))
    if config.repeats == 1:
        return runs[0]
    repeats = [dict(run.metrics) for run in runs]
    mean, std = summarise(repeats)
    metrics = {**repeats[0], "repeats": repeats, "mean": mean, "std": std}
    write_metrics(directory / METRICS, metrics)
    first: Any = runs[0]
    summed: Shown = replace(first, metrics=metrics, config=config.as_dict())
    return summed


def fitted_preprocessing(
    train: ImageStore, config: ImageConfig, good_bands: NDArray[np.bool_] | None = None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The reducer, fitted on pixels of the training images, and notes on bands left out.

    Unless the configuration chooses bands, only `good_bands` (bands,) are used.
    """
    recipe = config.recipe
    pixels = sample_pixels(train, seed=config.seed)
    live, notes = live_bands(pixels)
    if config.bands is not None:
        live = tuple(sorted(set(live) & set(parse_bands(config.bands, train.bands))))
    elif good_bands is not None and not good_bands.all():
        live = tuple(band for band in live if good_bands[band])
        bad = band_ranges(np.flatnonzero(~good_bands))
        notes = (f"The file's bad-band list left out bands {bad}.", *notes)
    spectra = pixels[:, list(live)]
    spectra = spectra[np.isfinite(spectra).all(axis=1)]
    if not live or len(spectra) < 2:
        raise InputError(
            "no training pixel has data in all of its bands: leave out bands with gaps by --bands."
        )
    components = recipe.components if recipe.reducer == "pca" else None
    return Preprocessing(
        live, fit_reducer(recipe.reducer, spectra, components=components), "reflect"
    ), notes


def network_options(recipe: ImageRecipe, edge: int | None) -> dict[str, Any]:
    """The network's arguments that a recipe says, and a stem for small images.

    Raises InputError for an attention block in a network without a place for it.
    """
    known = networks.describe(recipe.network).options
    options = dict(recipe.options)
    if "stem" in known and edge is not None and edge <= SMALL:
        options.setdefault("stem", "cifar")
    if recipe.attention is not None:
        place = "backbone_attention" if "backbone_attention" in known else "attention"
        if place not in known:
            raise InputError(
                f"{recipe.network} has no place for --attention: choose one that has, such as "
                "resnet-18."
            )
        options[place] = recipe.attention
    return options


def started(
    config: ImageConfig,
    options: Mapping[str, Any],
    preprocessing: Preprocessing,
    classes: int,
    *,
    edge: int,
    pixels: bool,
) -> Start:
    """The network with fresh weights, or with those that the configuration names.

    Raises InputError for one that doesn't take images of `edge` pixels and give a class for each,
    or with `pixels` for every pixel.
    """
    recipe, components = config.recipe, preprocessing.reducer.components
    with torch.device("meta"):
        network = networks.create(recipe.network, bands=components, classes=classes, **options)
        try:
            found = network.eval()(torch.empty(1, components, edge, edge)).shape
        except ValueError as error:
            raise InputError(f"{recipe.network} doesn't take these images: {error}") from error
    if found != (1, classes, *((edge, edge) if pixels else ())):
        what, other = ("whole images, not pixels", "deeplab-v3-plus")
        if not pixels:
            what, other = ("pixels, not whole images", "se-resnet-18")
        raise InputError(f"{recipe.network} classifies {what}: choose another such as {other}.")
    torch.manual_seed(config.seed)
    network = networks.create(recipe.network, bands=components, classes=classes, **options)
    if config.weights is None:
        return Start(network, ())
    notes = start_from(
        network,
        config.weights,
        name=recipe.network,
        bands=components,
        source=config.weights_from,
        backbone=options.get("backbone"),
    )
    return Start(network, tuple(notes))


def fitted_or_resumed(
    folder: Path, resume: bool, fit_now: Callable[[], tuple[Model, Fit]]
) -> tuple[Model, History, float]:
    """The model with its history and the seconds of its fit; a killed run's where it was done."""
    if resume and (folder / MODEL).exists() and (folder / HISTORY).exists():
        model = load(folder / MODEL)
        history: History = list(read_history(folder / HISTORY))
        return model, history, float(model.provenance.get("fit_seconds", 0.0))
    model, outcome = fit_now()
    write_history(folder / HISTORY, outcome.history)
    model.save(folder / MODEL)
    return model, list(outcome.history), outcome.seconds


def readable(images: Listing, store: ImageStore) -> Listing:
    """The images with those on no side that the store couldn't read."""
    listed = set(range(len(images.sides)))
    return images.without(listed - set(store.kept.tolist()))


def on_side(images: ImageSet | PairSet, store: ImageStore, side: int) -> ImageStore:
    """The store's images of one side."""
    return store.part(np.flatnonzero(images.sides[store.kept] == side))


def overlap_of(images: ImageSet | PairSet, store: ImageStore) -> ImageOverlap:
    """Whether test images occur among those trained and validated on."""
    train, validation, test = (
        on_side(images, store, side).hashes for side in (TRAIN, VALIDATION, TEST)
    )
    return measure_image_overlap((*train, *validation), test)


def loading_workers(store: ImageStore, config: ImageConfig) -> int:
    """Processes that prepare batches: none where all images are in memory."""
    if config.workers is not None:
        return config.workers
    return 0 if store.in_memory else min(4, max(1, (os.cpu_count() or 1) - 1))


def write_split(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], *, resume: bool
) -> None:
    """Write which image is on which side.

    Raises InputError unless a resumed run would test the images that it didn't train on.
    """
    if resume and path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            before = list(csv.reader(file))
        if before != [list(header), *([str(cell) for cell in row] for row in rows)]:
            raise InputError(
                f"{path} is no longer the split of these images, which were changed since the run "
                "was started: start anew with --overwrite."
            )
    write_table(path, header, rows)


def fingerprint(store: ImageStore) -> str:
    """Of all pixels of the images."""
    return hashlib.sha256(b"".join(store.hashes)).hexdigest()


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV, whole or not at all."""
    with write_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
