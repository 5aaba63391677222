"""One run of `spectile train classify`: from images in class folders to model and report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.images import ImageSet, ImageStore, load_images, open_image_set
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.model.model import Model
from spectile.reports.classification_report import (
    ClassificationRecord,
    ClassifiedImage,
    write_classification_report,
)
from spectile.reports.sample_picture import sample_picture
from spectile.reports.wording import notes_on_loss
from spectile.runs.config import ClassifyConfig
from spectile.runs.directory import claimed, trust, versions
from spectile.runs.hardware import best_device
from spectile.runs.run_files import METRICS, MODEL, PREDICTIONS, REPORT
from spectile.runs.settings import check_image_settings
from spectile.runs.steps import check_machine, fitted_or_resumed, run_repeats
from spectile.scoring.metrics import confusion, score
from spectile.scoring.records import write_metrics
from spectile.tasks.images.classification import BATCH, Progress, classify_images, write_predictions
from spectile.tasks.images.image_run import (
    SIDES,
    check_sides,
    fingerprints,
    on_side,
    overlap_of,
    readable,
    write_split,
)
from spectile.tasks.images.image_start import Start, loading_workers, network_options, started
from spectile.training.fit import Fit
from spectile.training.imbalance import rarity
from spectile.training.learners.image_classifier import ImageClassifier
from spectile.training.learners.image_samples import LabelledImages
from spectile.training.normalise import Normalise

PROBE = 64
"""Edge in pixels of an image to try a network on that takes any."""
SHOWN = 24
"""Images that the report shows, of samples and of mistakes."""


def train_classify(
    config: ClassifyConfig,
    directory: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
) -> ClassificationRecord:
    """Fit, test and report; everything goes into the run `directory`.

    The images are all read before the directory is touched. A run killed at any moment goes on
    with `resume` and ends with the same numbers. Raises InputError for what the user has to mend.
    """
    config, directory = config.placed(), Path(directory)
    with claimed(directory, config, overwrite=overwrite, resume=resume) as going_on:
        return _train(config, directory, going_on, quiet, progress)


def _train(
    config: ClassifyConfig,
    directory: Path,
    resume: bool,
    quiet: bool,
    progress: Progress | None,
) -> ClassificationRecord:
    check_machine(config)
    recipe = config.recipe
    check_image_settings(config, network_options(recipe, recipe.size), pixels=False)
    images = _opened(config)
    store = load_images(
        images.images,
        range(len(images)),
        memory=config.cache,
        shorter=config.recipe.size,
        skip_bad=config.skip_bad,
        progress=progress,
    )
    edge = _edge(store, config)
    options = network_options(config.recipe, edge)

    def prepare(seeded: ClassifyConfig) -> Callable[[Path], ClassificationRecord]:
        # Which images are trained on may follow from the seed.
        drawn = readable(images if seeded.seed == config.seed else _opened(seeded), store)
        start = started(
            seeded,
            options,
            on_side(drawn, store, TRAIN),
            len(drawn.legend),
            edge=edge or PROBE,
            pixels=False,
            resume=resume,
            quiet=quiet,
        )
        check_sides(drawn, store, start.preprocessing.bands)
        return _Run(seeded, drawn, store, edge, start).into

    record = run_repeats(config, directory, prepare, going_on=resume)
    write_classification_report(directory / REPORT, record, heading=Path(config.images).name)
    return record


def _opened(config: ClassifyConfig) -> ImageSet:
    return open_image_set(
        config.images,
        legend=config.legend,
        train=config.split.train,
        validation=config.split.validation,
        seed=config.seed,
        bands_last=config.bands_last,
    )


def _edge(store: ImageStore, config: ClassifyConfig) -> int | None:
    """The edge of the square that the network sees of an image; None where it sees all of it."""
    shapes = {(int(height), int(width)) for height, width in store.shapes}
    if config.recipe.size is not None:
        return config.recipe.size
    if len(shapes) > 1:
        (height, width), (other_height, other_width) = sorted(shapes)[:2]
        raise InputError(
            f"the images of {config.images} have {len(shapes)} different sizes, such as "
            f"{height} x {width} and {other_height} x {other_width} pixels: bring them to one by "
            "--size 224, say."
        )
    height, width = shapes.pop()
    return height if height == width else None


@dataclass(frozen=True)
class _Run:
    """One repeat's material."""

    config: ClassifyConfig
    images: ImageSet
    store: ImageStore
    edge: int | None
    start: Start

    def into(self, folder: Path) -> ClassificationRecord:
        """Fit, test, and write everything but the report to `folder`."""
        config, images = self.config, self.images
        rows = [
            (images.images.name(index), images.legend.names[place], SIDES[int(side)])
            for index, (place, side) in enumerate(zip(images.classes, images.sides, strict=True))
        ]
        pixels = fingerprints(images, self.store)
        write_split(folder, ("image", "class", "side"), rows, pixels, resume=self.start.resume)
        model, history, seconds = fitted_or_resumed(
            folder, self.start.resume, lambda: self._fit(folder)
        )
        tested = self._on(TEST)
        begin = time.perf_counter()
        shares = classify_images(model, tested, device=best_device(config.hardware.accelerator))
        taken = time.perf_counter() - begin
        metrics = self._metrics(tested, shares, {"fit": seconds, "predict": taken})
        truth = self._classes(tested)
        write_predictions(folder / PREDICTIONS, tested.names, shares, images.legend.names, truth)
        replace(model, provenance={**model.provenance, **trust(metrics)}).save(folder / MODEL)
        write_metrics(folder / METRICS, metrics)
        shown = self._shown(tested, shares)
        return ClassificationRecord(
            title=TITLES[images.kind],
            config=config.as_dict(),
            metrics=metrics,
            history=history,
            legend=images.legend,
            samples=shown[0],
            mistakes=shown[1],
            extra_notes=(
                *self.start.notes,
                *notes_on_loss(history, guessing=math.log(len(images.legend))),
            ),
        )

    def _fit(self, folder: Path) -> tuple[Model, Fit]:
        config, images, recipe = self.config, self.images, self.config.recipe
        train, validation = (
            LabelledImages(part, self._classes(part), edge=self.edge)
            for part in (self._on(TRAIN), self._on(VALIDATION))
        )
        classes = len(images.legend)
        task = ImageClassifier(
            self.start.network,
            recipe,
            Normalise(self.start.preprocessing),
            classes=classes,
            seed=config.seed,
            weights=rarity(train.classes, classes) if recipe.class_weights else None,
            fresh=self.start.fresh,
        )
        workers = loading_workers(self.store, config)
        outcome = self.start.fit(
            task, train, validation, folder, validation_batch=BATCH, workers=workers
        )
        return Model(
            name=recipe.network,
            options=self.start.options,
            network=self.start.network,
            window=self.edge or 1,
            preprocessing=self.start.preprocessing,
            legend=images.legend,
            scene_bands=self.store.bands,
            wavelengths=None,
            provenance=self.start.provenance(outcome, train.store),
            task="classify",
            image_edge=self.edge,
        ), outcome

    def _on(self, side: int) -> ImageStore:
        return on_side(self.images, self.store, side)

    def _classes(self, part: ImageStore) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = self.images.classes[part.kept]
        return classes

    def _metrics(
        self, tested: ImageStore, shares: NDArray[np.float32], seconds: dict[str, float]
    ) -> dict[str, Any]:
        images = self.images
        counts = confusion(self._classes(tested), shares.argmax(axis=1), len(images.legend))
        return {
            **score(counts, images.legend.names).as_dict(),
            "split": images.summary(overlap_of(images, self.store)),
            "seconds": seconds,
            "network": self.config.recipe.network,
            "seed": self.config.seed,
            "versions": versions(),
        }

    def _shown(
        self, tested: ImageStore, shares: NDArray[np.float32]
    ) -> tuple[list[ClassifiedImage], list[ClassifiedImage]]:
        """Images drawn at random, and the surest of those that are classified wrongly."""
        truth, found = self._classes(tested), shares.argmax(axis=1)

        def picture(place: int) -> ClassifiedImage:
            return ClassifiedImage(
                tested.names[place],
                sample_picture(tested.image(place)),
                int(truth[place]),
                int(found[place]),
                float(shares[place, found[place]]),
            )

        drawn = np.random.default_rng(0).permutation(len(tested))[:SHOWN]
        wrong = np.flatnonzero(truth != found)
        surest = wrong[np.argsort(-shares[wrong, found[wrong]], kind="stable")][:SHOWN]
        return [picture(int(at)) for at in drawn], [picture(int(at)) for at in surest]


TITLES = {"given": "Given split", "random": "Random images"}
