"""The task of `spectile train instances`: from images and their objects to a model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spectile.data.images import ImageStore, load_images
from spectile.data.instances.coco import open_coco
from spectile.data.instances.instance_set import InstanceSet
from spectile.data.instances.label_images import open_label_images
from spectile.data.instances.objects import Objects
from spectile.data.instances.scene_polygons import instances_of_scene
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.data.typical import medians_of
from spectile.errors import InputError
from spectile.model.model import Model
from spectile.model.trained_task import InstanceTask
from spectile.networks import describe
from spectile.networks.instances.blendmask import BlendMask
from spectile.progress import Progress
from spectile.reports.instances_report import (
    InstancesRecord,
    SearchedImage,
    write_instances_report,
)
from spectile.reports.sample_picture import sample_picture
from spectile.reports.wording import notes_on_loss
from spectile.scoring.instances import InstanceScores, best_threshold, score_instances
from spectile.scoring.metrics import INSTANCES
from spectile.tasks.base import CheckFiles, Finished, Work
from spectile.tasks.entries.instances import InstanceConfig
from spectile.tasks.evaluation import scene_place
from spectile.tasks.files import SPLIT_TABLE
from spectile.tasks.hardware import best_device
from spectile.tasks.images.sides import overlap_of
from spectile.tasks.images.start import loading_workers
from spectile.tasks.images.task_on_images import OpenedImages, PreparedImages, TaskOnImages
from spectile.tasks.instances.find_objects import find_objects
from spectile.training.fit import Fit
from spectile.training.instances.object_sizes import crop_for, finest_stride_for
from spectile.training.learners.instance_finder import InstanceFinder
from spectile.training.learners.instance_samples import InstanceCrops, WholeImages
from spectile.training.normalise import Normalise

SHOWN = 8
"""Images that the report shows, of samples and of the worst."""
TITLES = {"given": "Given split", "random": "Random images", "blocks": "Tiles of the scene"}


@dataclass(frozen=True)
class InstancesTask(TaskOnImages[InstanceConfig, InstanceSet, InstancesRecord]):
    """Objects of images, or of a scene that is cut into tiles."""

    config = InstanceConfig
    scores = INSTANCES
    takes = "instances"

    def listed(self, config: InstanceConfig) -> tuple[InstanceSet, Scene | None]:
        shares: dict[str, Any] = {
            "train": config.split.train,
            "validation": config.split.validation,
            "seed": config.seed,
        }
        if config.scene is not None:
            if config.labels is None:
                raise InputError("--scene needs its objects: name their polygons by --labels.")
            scene = open_scene(config.scene, bands_last=config.bands_last)
            tiles = instances_of_scene(
                scene, config.labels, column=config.column, tile=config.tile, **shares
            )
            return tiles, scene
        if config.numbers is not None:
            if config.images is None:
                raise InputError("--numbers needs the images: name their folder by --images.")
            return open_label_images(
                config.images, config.numbers, bands_last=config.bands_last, **shares
            ), None
        if config.coco is None:
            raise InputError("name --coco, or --images and --numbers, or a --scene.")
        found = open_coco(
            config.coco,
            images=config.images,
            validation=config.coco_validation,
            test=config.coco_test,
            **{"train_share": shares["train"], "validation_share": shares["validation"]},
            seed=config.seed,
        )
        return found, None

    def open(
        self, config: InstanceConfig, check_files: CheckFiles, progress: Progress | None
    ) -> OpenedImages[InstanceSet]:
        images, scene = self.listed(config)
        if scene is not None:
            check_files(scene.files)
        store = load_images(
            images.images,
            range(len(images)),
            memory=config.cache,
            skip_bad=config.skip_bad,
            progress=progress,
        )
        _check_sizes(images, store)
        edge = config.recipe.crop or crop_for(images.objects)
        return OpenedImages(images, store, config.seed, edge, scene)

    def arguments(
        self, images: InstanceSet, material: OpenedImages[InstanceSet], config: InstanceConfig
    ) -> dict[str, Any]:
        given = super().arguments(images, material, config)
        if (
            "finest_stride" in given
            or "finest_stride" not in describe(config.recipe.network).options
        ):
            return given
        learnt = [images.objects[int(place)] for place in images.select(TRAIN)]
        return {**given, "finest_stride": finest_stride_for(learnt)}

    def prepare(
        self, material: OpenedImages[InstanceSet], config: InstanceConfig
    ) -> PreparedInstances:
        images, start = self.ready(material, config)
        return PreparedInstances(config, images, material, start)

    def report(self, path: Path, record: InstancesRecord) -> None:
        write_instances_report(path, record, heading=record.heading)

    def outputs(self, config: InstanceConfig) -> tuple[str, ...]:
        return (SPLIT_TABLE,)


@dataclass(frozen=True)
class Searched:
    """What the model finds in the test images."""

    test: ImageStore
    truth: Sequence[Objects]
    found: Sequence[tuple[Objects, NDArray[np.float64]]]
    sure: float
    """The score from which they count."""
    taken: float

    @property
    def seconds(self) -> Mapping[str, float]:
        return {"predict": self.taken}


@dataclass(frozen=True)
class PreparedInstances(PreparedImages[Searched, InstancesRecord, InstanceConfig, InstanceSet]):
    """One repeat of a network that finds objects."""

    @property
    def crop(self) -> int:
        """Edge of the training crops, in pixels."""
        assert self.material.edge is not None
        return self.material.edge

    def fit(self, work: Work) -> tuple[Model, Fit]:
        config, recipe, start = self.config, self.config.recipe, self.start
        normalise, scene = Normalise(start.preprocessing), self.material.scene
        network = cast(BlendMask, start.network)
        train, validation = self.on(TRAIN), self.on(VALIDATION)
        crops = InstanceCrops(
            train,
            self._objects(train),
            normalise,
            recipe,
            edge=self.crop,
            mask_size=network.mask_size,
        )
        whole = WholeImages(
            validation, self._objects(validation), normalise, mask_size=network.mask_size
        )
        learner = InstanceFinder(network, recipe, seed=config.seed, fresh=start.fresh)
        outcome = start.fit(
            learner,
            crops,
            whole,
            work,
            validation_batch=recipe.batch if whole.alike else 1,
            workers=loading_workers(self.store, config),
        )
        bands = start.preprocessing.bands
        model = Model(
            name=recipe.network,
            options=start.options,
            network=network,
            trained_for=InstanceTask(self.crop),
            preprocessing=start.preprocessing,
            legend=self.images.legend,
            scene_bands=self.store.bands,
            wavelengths=None if scene is None else scene.wavelengths_of(bands),
            physical=scene is not None,
            medians=None if scene is None else medians_of(scene, bands),
            provenance={
                **self.provenance(),
                "scene": {} if scene is None else scene_place(scene),
            },
        )
        if len(validation):
            sure = self._sure(model, validation)
            model = replace(model, trained_for=InstanceTask(self.crop, sure))
        return model, outcome

    def predict(self, model: Model, work: Work) -> Searched:
        test, begin = self.on(TEST), time.perf_counter()
        device = best_device(self.config.hardware.accelerator)
        assert isinstance(model.trained_for, InstanceTask)
        found = [
            find_objects(model, test.image(place), name, device=device)
            for place, name in enumerate(test.names)
        ]
        sure, taken = model.trained_for.sure, time.perf_counter() - begin
        return Searched(test, self._objects(test), found, sure, taken)

    def score(self, predicted: Searched) -> dict[str, Any]:
        return {
            **self._scored(predicted).as_dict(),
            "split": self.images.summary(overlap_of(self.images, self.store)),
        }

    def record(self, predicted: Searched, finished: Finished) -> InstancesRecord:
        test, scores = predicted.test, self._scored(predicted)
        drawn = np.random.default_rng(0).permutation(len(test))[:SHOWN]
        wrong = [image.mistakes for image in scores.images]
        worst = [place for place in np.argsort(-np.array(wrong), kind="stable") if wrong[place]]

        def shown(place: int) -> SearchedImage:
            matches = scores.images[place]
            return SearchedImage(
                test.names[place],
                sample_picture(test.image(place)),
                predicted.truth[place],
                predicted.found[place][0],
                list(zip(matches.sure.tolist(), matches.verdicts, strict=True)),
                matches.missed,
            )

        return InstancesRecord(
            heading=_heading(self.config),
            title=TITLES[self.images.kind],
            config=self.config.as_dict(),
            metrics=finished.metrics,
            history=finished.history,
            legend=self.images.legend,
            samples=[shown(int(place)) for place in drawn],
            worst=[shown(int(place)) for place in worst[:SHOWN]],
            extra_notes=(*self.start.notes, *notes_on_loss(finished.history)),
        )

    def _scored(self, predicted: Searched) -> InstanceScores:
        names = self.images.legend.names
        return score_instances(predicted.truth, predicted.found, names, sure=predicted.sure)

    def _sure(self, model: Model, validation: ImageStore) -> float:
        """The score from which objects are best counted, on the validation side."""
        found = [
            find_objects(model, validation.image(place), name)
            for place, name in enumerate(validation.names)
        ]
        return best_threshold(self._objects(validation), found)

    def _objects(self, part: ImageStore) -> Sequence[Objects]:
        return [self.images.objects[int(place)] for place in part.kept]


def _check_sizes(images: InstanceSet, store: ImageStore) -> None:
    """Raise InputError for an image that isn't as large as what says where its objects are."""
    for name, (height, width), place in zip(store.names, store.shapes, store.kept, strict=True):
        objects = images.objects[int(place)]
        if (objects.height, objects.width) != (height, width):
            raise InputError(
                f"{name} is {height} x {width} pixels, and its objects are drawn on "
                f"{objects.height} x {objects.width}: give the image that they were drawn on."
            )


def _heading(config: InstanceConfig) -> str:
    """The name of the scene, or of the folder that the images are in."""
    if config.coco is not None and config.images is None:
        return Path(config.coco).absolute().parent.name
    return Path(config.scene or config.images or "").name
