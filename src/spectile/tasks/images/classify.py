"""The task of `spectile train classify`: from images in classes to a model and its scores."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.images import ImageSet, ImageStore, image_set_of, load_images, open_image_set
from spectile.data.images.listing import Listing
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask as TrainedOnImages
from spectile.progress import Progress
from spectile.reports.classification_report import (
    ClassificationRecord,
    ClassifiedImage,
    write_classification_report,
)
from spectile.reports.sample_picture import sample_picture
from spectile.reports.wording import notes_on_loss
from spectile.scoring.metrics import confusion, score
from spectile.tasks.base import CheckFiles, Finished, Work
from spectile.tasks.entries.classify import ClassifyConfig
from spectile.tasks.files import PREDICTIONS, SPLIT_TABLE
from spectile.tasks.hardware import best_device
from spectile.tasks.images.classify_images import BATCH, classify_images, write_predictions
from spectile.tasks.images.sides import overlap_of
from spectile.tasks.images.start import loading_workers
from spectile.tasks.images.task_on_images import OpenedImages, PreparedImages, TaskOnImages
from spectile.training.fit import Fit
from spectile.training.imbalance import rarity
from spectile.training.learners.image_classifier import ImageClassifier
from spectile.training.learners.image_samples import LabelledImages
from spectile.training.normalise import Normalise

SHOWN = 24
"""Images that the report shows, of samples and of mistakes."""
TITLES = {"given": "Given split", "random": "Random images"}


@dataclass(frozen=True)
class ClassifyTask(TaskOnImages[ClassifyConfig, ImageSet, ClassificationRecord]):
    """Classes of whole images, which come from memory where they are given."""

    config = ClassifyConfig
    takes = "images"
    listing: Listing | None = None

    def square(self, config: ClassifyConfig) -> int | None:
        return config.recipe.size

    def listed(self, config: ClassifyConfig) -> tuple[ImageSet, None]:
        how: dict[str, Any] = {
            "legend": config.legend,
            "train": config.split.train,
            "validation": config.split.validation,
            "seed": config.seed,
        }
        if self.listing is not None:
            return image_set_of(self.listing, **how), None
        return open_image_set(config.images, bands_last=config.bands_last, **how), None

    def open(
        self, config: ClassifyConfig, check_files: CheckFiles, progress: Progress | None
    ) -> OpenedImages[ImageSet]:
        images, _ = self.listed(config)
        store = load_images(
            images.images,
            range(len(images)),
            memory=config.cache,
            shorter=config.recipe.size,
            skip_bad=config.skip_bad,
            progress=progress,
        )
        return OpenedImages(images, store, config.seed, _edge(store, config))

    def prepare(self, material: OpenedImages[ImageSet], config: ClassifyConfig) -> PreparedClassify:
        images, start = self.ready(material, config)
        return PreparedClassify(config, images, material, start)

    def report(self, path: Path, record: ClassificationRecord) -> None:
        write_classification_report(path, record, heading=record.heading)

    def outputs(self, config: ClassifyConfig) -> tuple[str, ...]:
        return SPLIT_TABLE, PREDICTIONS


@dataclass(frozen=True)
class Classified:
    """The test images and what the model says of them."""

    test: ImageStore
    probabilities: NDArray[np.float32]
    """Probabilities (N, classes)."""
    taken: float

    @property
    def seconds(self) -> Mapping[str, float]:
        return {"predict": self.taken}


@dataclass(frozen=True)
class PreparedClassify(PreparedImages[Classified, ClassificationRecord, ClassifyConfig, ImageSet]):
    """One repeat of a classifier of images."""

    def truths(self) -> Sequence[str]:
        return [self.images.legend.names[place] for place in self.images.classes]

    def fit(self, work: Work) -> tuple[Model, Fit]:
        config, recipe, start = self.config, self.config.recipe, self.start
        edge, classes = self.material.edge, len(self.images.legend)
        train, validation = (
            LabelledImages(part, self._classes(part), edge=edge)
            for part in (self.on(TRAIN), self.on(VALIDATION))
        )
        learner = ImageClassifier(
            start.network,
            recipe,
            Normalise(start.preprocessing),
            classes=classes,
            seed=config.seed,
            weights=rarity(train.classes, classes) if recipe.class_weights else None,
            fresh=start.fresh,
        )
        workers = loading_workers(self.store, config)
        outcome = start.fit(
            learner, train, validation, work, validation_batch=BATCH, workers=workers
        )
        return Model(
            name=recipe.network,
            options=start.options,
            network=start.network,
            trained_for=TrainedOnImages(edge),
            preprocessing=start.preprocessing,
            legend=self.images.legend,
            scene_bands=self.store.bands,
            wavelengths=None,
            provenance=self.provenance(),
        ), outcome

    def predict(self, model: Model, work: Work) -> Classified:
        test, begin = self.on(TEST), time.perf_counter()
        probabilities = classify_images(
            model, test, device=best_device(self.config.hardware.accelerator)
        )
        taken = time.perf_counter() - begin
        names, truth = self.images.legend.names, self._classes(test)
        write_predictions(work.folder / PREDICTIONS, test.names, probabilities, names, truth)
        return Classified(test, probabilities, taken)

    def score(self, predicted: Classified) -> dict[str, Any]:
        images, truth = self.images, self._classes(predicted.test)
        counts = confusion(truth, predicted.probabilities.argmax(axis=1), len(images.legend))
        return {
            **score(counts, images.legend.names).as_dict(),
            "split": images.summary(overlap_of(images, self.store)),
        }

    def record(self, predicted: Classified, finished: Finished) -> ClassificationRecord:
        samples, mistakes = self._shown(predicted.test, predicted.probabilities)
        guessing = math.log(len(self.images.legend))
        return ClassificationRecord(
            heading=Path(self.config.images).name,
            title=TITLES[self.images.kind],
            config=self.config.as_dict(),
            metrics=finished.metrics,
            history=finished.history,
            legend=self.images.legend,
            samples=samples,
            mistakes=mistakes,
            extra_notes=(
                *self.start.notes,
                *notes_on_loss(finished.history, guessing=guessing),
            ),
        )

    def _classes(self, part: ImageStore) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = self.images.classes[part.kept]
        return classes

    def _shown(
        self, tested: ImageStore, probabilities: NDArray[np.float32]
    ) -> tuple[list[ClassifiedImage], list[ClassifiedImage]]:
        """Images drawn at random, and the surest of those that are classified wrongly."""
        truth, found = self._classes(tested), probabilities.argmax(axis=1)

        def picture(place: int) -> ClassifiedImage:
            return ClassifiedImage(
                tested.names[place],
                sample_picture(tested.image(place)),
                int(truth[place]),
                int(found[place]),
                float(probabilities[place, found[place]]),
            )

        drawn = np.random.default_rng(0).permutation(len(tested))[:SHOWN]
        wrong = np.flatnonzero(truth != found)
        surest = wrong[np.argsort(-probabilities[wrong, found[wrong]], kind="stable")][:SHOWN]
        return [picture(int(at)) for at in drawn], [picture(int(at)) for at in surest]


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
