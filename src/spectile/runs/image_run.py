"""What runs on images share: their preparation, and repeats."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from spectile.errors import InputError
from spectile.files import write_aside
from spectile.images import (
    ImageOverlap,
    ImageSet,
    ImageStore,
    PairSet,
    measure_image_overlap,
)
from spectile.runs.config import ImageConfig, read_config
from spectile.runs.directory import (
    CONFIG,
    METRICS,
    check_free,
    check_same,
    make_directory,
)
from spectile.runs.hardware import hardware_of, use_threads
from spectile.scenes.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.scoring.metrics import summarise
from spectile.scoring.records import write_metrics


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

SIDES = {NONE: "none", TRAIN: "train", VALIDATION: "validation", TEST: "test"}


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


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV, whole or not at all."""
    with write_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
