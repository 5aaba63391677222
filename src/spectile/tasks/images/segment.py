"""The task of `spectile train segment`: from images and masks, or a scene, to a model."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.images import ImageStore, PairSet, load_images, open_pair_set, tiles_of
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import Labels
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.data.typical import medians_of
from spectile.errors import InputError
from spectile.mapping.output.map_files import remove_map
from spectile.mapping.scene_map import map_scene
from spectile.mapping.styles.picture import write_picture
from spectile.model.model import Model
from spectile.model.trained_task import PixelTask
from spectile.progress import Progress
from spectile.reports.sample_picture import sample_picture
from spectile.reports.segmentation_report import (
    SegmentationRecord,
    SegmentedImage,
    write_segmentation_report,
)
from spectile.reports.wording import notes_on_loss
from spectile.scoring.metrics import confusion, score
from spectile.tasks.base import CheckFiles, Finished, Work
from spectile.tasks.entries.segment import SegmentConfig
from spectile.tasks.evaluation import scene_place
from spectile.tasks.files import MAP, PICTURE, SPLIT_TABLE
from spectile.tasks.hardware import best_device
from spectile.tasks.images.segment_image import segment_image
from spectile.tasks.images.sides import overlap_of
from spectile.tasks.images.start import loading_workers
from spectile.tasks.images.task_on_images import OpenedImages, PreparedImages, TaskOnImages
from spectile.tasks.scene.material import open_files
from spectile.training.fit import Fit
from spectile.training.imbalance import rarity_of
from spectile.training.learners.image_samples import EvenWindows, RandomCrops
from spectile.training.learners.pixel_classifier import PixelClassifier
from spectile.training.normalise import Normalise

LARGEST_CROP = 256
SHOWN = 8
"""Images that the report shows, of samples and of the worst."""
TITLES = {
    "given": "Given split",
    "order": "Images in the order of their names",
    "random": "Random images",
    "blocks": "Tiles of the scene",
}


@dataclass(frozen=True)
class SegmentTask(TaskOnImages[SegmentConfig, PairSet, SegmentationRecord]):
    """Classes of all pixels of images, or of a scene that is cut into tiles.

    Scene and labels come from memory where they are given, else from what the configuration names.
    """

    config = SegmentConfig
    takes = "pixels"
    scene: Scene | None = None
    labels: Labels | None = None

    def listed(self, config: SegmentConfig) -> tuple[PairSet, Scene | None]:
        if config.scene is None:
            return _pairs(config), None
        if config.ignore:
            raise InputError(
                "--ignore is for masks of images: in a scene's labels nodata and 0 mean "
                "unlabelled, so leave out other numbers there."
            )
        if self.scene is not None and self.labels is not None:
            scene, labels = self.scene, self.labels
        else:
            scene, labels = open_files(config)
        tiles = tiles_of(
            scene,
            labels,
            edge=config.tile,
            train=config.split.train,
            validation=config.split.validation,
            seed=config.seed,
        )
        return tiles, scene

    def open(
        self, config: SegmentConfig, check_files: CheckFiles, progress: Progress | None
    ) -> OpenedImages[PairSet]:
        pairs, scene = self.listed(config)
        if scene is not None:
            check_files(scene.files)
        store = load_images(
            pairs.images,
            range(len(pairs.sides)),
            masks=pairs.masks,
            memory=config.cache,
            skip_bad=config.skip_bad,
            progress=progress,
        )
        edge = config.recipe.crop or min(LARGEST_CROP, int(store.shapes.max()))
        return OpenedImages(pairs, store, config.seed, edge, scene)

    def prepare(self, material: OpenedImages[PairSet], config: SegmentConfig) -> PreparedSegment:
        pairs, start = self.ready(material, config)
        return PreparedSegment(config, pairs, material, start)

    def report(self, path: Path, record: SegmentationRecord) -> None:
        write_segmentation_report(path, record, heading=record.heading)

    def outputs(self, config: SegmentConfig) -> tuple[str, ...]:
        return (SPLIT_TABLE,) if config.scene is None else (SPLIT_TABLE, MAP)


@dataclass(frozen=True)
class Segmented:
    """What the model makes of the test images."""

    images: Sequence[_Tested]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class PreparedSegment(PreparedImages[Segmented, SegmentationRecord, SegmentConfig, PairSet]):
    """One repeat of a classifier of pixels."""

    @property
    def crop(self) -> int:
        """Edge of the training crops, in pixels."""
        assert self.material.edge is not None
        return self.material.edge

    def fit(self, work: Work) -> tuple[Model, Fit]:
        config, pairs, recipe, start = self.config, self.images, self.config.recipe, self.start
        normalise, scene = Normalise(start.preprocessing), self.material.scene
        train = RandomCrops(self.on(TRAIN), normalise, recipe, self.crop)
        validation = EvenWindows(self.on(VALIDATION), normalise, self.crop)
        pixels = torch.from_numpy(train.store.class_pixels)
        learner = PixelClassifier(
            start.network,
            recipe,
            classes=len(pairs.legend),
            seed=config.seed,
            weights=rarity_of(pixels) if recipe.class_weights else None,
            fresh=start.fresh,
        )
        outcome = start.fit(
            learner,
            train,
            validation,
            work,
            validation_batch=recipe.batch if validation.alike else 1,
            workers=loading_workers(self.store, config),
        )
        bands = start.preprocessing.bands
        return Model(
            name=recipe.network,
            options=start.options,
            network=start.network,
            trained_for=PixelTask(self.crop, pairs.mask_values),
            preprocessing=start.preprocessing,
            legend=pairs.legend,
            scene_bands=self.store.bands,
            wavelengths=None if scene is None else scene.wavelengths_of(bands),
            physical=scene is not None,
            medians=None if scene is None else medians_of(scene, bands),
            provenance={
                **self.provenance(),
                "void_values": list(pairs.void_values),
                "scene": {} if scene is None else scene_place(scene),
            },
        ), outcome

    def predict(self, model: Model, work: Work) -> Segmented:
        begin = time.perf_counter()
        tested = self._tested(model)
        seconds = {"predict": time.perf_counter() - begin}
        if self.material.scene is not None:
            seconds["map"] = self._map(model, self.material.scene, work)
        return Segmented(tested, seconds)

    def score(self, predicted: Segmented) -> dict[str, Any]:
        pairs = self.images
        counts = np.sum([image.counts for image in predicted.images], axis=0)
        pixels = {side: self.on(side).class_pixels for side in (TRAIN, VALIDATION, TEST)}
        split = pairs.summary(overlap_of(pairs, self.store), pixels)
        left_out = _left_out(self.on(TEST), int(counts.sum()))
        split["notes"] += left_out.notes()
        return {
            **score(counts, pairs.legend.names).as_dict(),
            "split": {**split, "test_pixels": int(counts.sum()), **asdict(left_out)},
            **labels_in(pairs.tally),
        }

    def record(self, predicted: Segmented, finished: Finished) -> SegmentationRecord:
        tested = predicted.images
        drawn = np.random.default_rng(0).permutation(len(tested))[:SHOWN]
        known = [image for image in tested if not math.isnan(image.accuracy)]
        worst = sorted(known, key=lambda image: image.accuracy)[:SHOWN]
        return SegmentationRecord(
            heading=Path(self.config.scene or self.config.images or "").name,
            title=TITLES[self.images.kind],
            config=self.config.as_dict(),
            metrics=finished.metrics,
            history=finished.history,
            legend=self.images.legend,
            samples=[tested[place].shown() for place in drawn],
            worst=[image.shown() for image in worst],
            extra_notes=(*self.start.notes, *notes_on_loss(finished.history)),
        )

    def _tested(self, model: Model) -> list[_Tested]:
        device = best_device(self.config.hardware.accelerator)
        part, tested = self.on(TEST), []
        for place, name in enumerate(part.names):
            image, truth = part[place]
            found = segment_image(model, image, name, device=device)
            # Pixels without data have no class, and none is asked for.
            known = (truth > 0) & (found > 0)
            right, said = (side[known].astype(np.int64) - 1 for side in (truth, found))
            tested.append(_Tested(part, place, confusion(right, said, len(model.legend)), found))
        return tested

    def _map(self, model: Model, scene: Scene, work: Work) -> float:
        """Map the scene that the tiles were cut from."""
        path = work.folder / MAP
        remove_map(path)
        device = best_device(self.config.hardware.accelerator)
        summary = map_scene(model, scene, path, device=device)
        write_picture(path, work.folder / PICTURE, model.legend)
        return summary.seconds


def _pairs(config: SegmentConfig) -> PairSet:
    if config.images is None:
        raise InputError("name the images and masks, or a scene and its labels.")
    return open_pair_set(
        config.images,
        config.masks,
        legend=config.legend,
        ignore=config.ignore,
        split=config.split.order,
        seed=config.seed,
        bands_last=config.bands_last,
        train=config.split.train,
        validation=config.split.validation,
    )


@dataclass(frozen=True)
class _LeftOut:
    """What of the test images isn't scored."""

    unlabelled_test_pixels: int
    test_pixels_without_data: int
    """Labelled ones where the image has a gap."""
    unlabelled_test_images: int
    """Images without any labelled pixel."""

    def notes(self) -> list[str]:
        """A sentence for each kind that there is."""
        said = (
            (self.unlabelled_test_pixels, "pixels of the test images are unlabelled"),
            (self.test_pixels_without_data, "labelled pixels of the test images have no data"),
            (self.unlabelled_test_images, "of the test images have no labelled pixel"),
        )
        return [f"{count:,} {what}: they are not scored." for count, what in said if count]


def _left_out(test: ImageStore, scored: int) -> _LeftOut:
    labelled = int(test.class_pixels.sum() + test.unseen.sum())
    assert test.counts is not None
    without = ~test.counts.any(axis=1) & (test.unseen == 0)
    return _LeftOut(
        int(test.shapes.prod(axis=1).sum()) - labelled, labelled - scored, int(without.sum())
    )


@dataclass(frozen=True)
class _Tested:
    """What the model makes of one test image."""

    part: ImageStore
    place: int
    """Of the image in the part."""
    counts: NDArray[np.int64]
    """The image's confusion matrix (K, K)."""
    found: NDArray[np.int32]

    @property
    def accuracy(self) -> float:
        """Share of the labelled pixels that are right; NaN without any."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts)) / total if total else math.nan

    def shown(self) -> SegmentedImage:
        """The image as the report shows it."""
        pixels, truth = self.part[self.place]
        name = self.part.names[self.place]
        return SegmentedImage(name, sample_picture(pixels), truth, self.found, self.accuracy)
