"""One run of `spectile train segment`: from images and masks, or a scene, to model and report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.images import (
    ImageStore,
    PairSet,
    load_images,
    open_pair_set,
    tiles_of,
)
from spectile.data.labels.counts import labels_in
from spectile.data.labels.labels import open_labels
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.data.typical import medians_of
from spectile.errors import InputError
from spectile.mapping.output.map_files import remove_map
from spectile.mapping.scene_map import map_scene
from spectile.mapping.styles.picture import write_picture
from spectile.model.model import Model
from spectile.reports.sample_picture import sample_picture
from spectile.reports.segmentation_report import (
    SegmentationRecord,
    SegmentedImage,
    write_segmentation_report,
)
from spectile.reports.wording import notes_on_loss
from spectile.runs.config import SegmentConfig
from spectile.runs.directory import check_inputs, claimed, trust, versions
from spectile.runs.hardware import best_device
from spectile.runs.run_files import MAP, METRICS, MODEL, PICTURE, REPORT
from spectile.runs.settings import check_image_settings
from spectile.runs.steps import check_machine, fitted_or_resumed, run_repeats
from spectile.scoring.metrics import confusion, score
from spectile.scoring.records import write_metrics
from spectile.tasks.evaluation import scene_place
from spectile.tasks.images.classification import Progress
from spectile.tasks.images.image_run import (
    SIDES,
    check_sides,
    fingerprints,
    on_side,
    overlap_of,
    readable,
    write_split,
)
from spectile.tasks.images.image_start import (
    Start,
    loading_workers,
    network_options,
    started,
)
from spectile.tasks.images.segmentation import segment_image
from spectile.training.fit import Fit
from spectile.training.imbalance import rarity_of
from spectile.training.learners.image_samples import EvenWindows, RandomCrops
from spectile.training.learners.segmenter import Segmenter
from spectile.training.normalise import Normalise

LARGEST_CROP = 256
SHOWN = 8
"""Images that the report shows, of samples and of the worst."""


def train_segment(
    config: SegmentConfig,
    directory: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
) -> SegmentationRecord:
    """Fit, test and report, and map the scene if there is one, into the run `directory`.

    Images and masks are all read before the directory is touched. A run killed at any moment goes
    on with `resume` and ends with the same numbers. Raises InputError for what the user has to
    mend.
    """
    config, directory = config.placed(), Path(directory)
    with claimed(directory, config, overwrite=overwrite, resume=resume) as going_on:
        return _train(config, directory, going_on, quiet, progress)


def _train(
    config: SegmentConfig,
    directory: Path,
    resume: bool,
    quiet: bool,
    progress: Progress | None,
) -> SegmentationRecord:
    check_machine(config)
    options = network_options(config.recipe, None)
    check_image_settings(config, options, pixels=True)
    scene, pairs = _opened(config)
    if scene is not None:
        check_inputs(directory, scene.files)
    store = load_images(
        pairs.images,
        range(len(pairs.sides)),
        masks=pairs.masks,
        memory=config.cache,
        skip_bad=config.skip_bad,
        progress=progress,
    )
    edge = config.recipe.crop or min(LARGEST_CROP, int(store.shapes.max()))

    def prepare(seeded: SegmentConfig) -> Callable[[Path], SegmentationRecord]:
        # Which images are trained on may follow from the seed.
        drawn = readable(pairs if seeded.seed == config.seed else _opened(seeded)[1], store)
        start = started(
            seeded,
            options,
            on_side(drawn, store, TRAIN),
            len(drawn.legend),
            edge=edge,
            pixels=True,
            good_bands=None if scene is None else scene.good_bands,
            resume=resume,
            quiet=quiet,
        )
        check_sides(drawn, store, start.preprocessing.bands)
        return _Run(seeded, drawn, store, scene, edge, start).into

    record = run_repeats(config, directory, prepare, going_on=resume)
    write_segmentation_report(directory / REPORT, record, heading=_heading(config))
    return record


def _opened(config: SegmentConfig) -> tuple[Scene | None, PairSet]:
    if config.scene is None:
        if config.images is None:
            raise InputError("name the images and masks, or a scene and its labels.")
        return None, open_pair_set(
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
    if config.ignore:
        raise InputError(
            "--ignore is for masks of images: in a scene's labels nodata and 0 mean unlabelled, so "
            "leave out other numbers there."
        )
    scene = open_scene(config.scene, bands_last=config.bands_last)
    if config.labels is None:
        raise InputError(f"{config.scene} comes without labels: name a raster or polygons.")
    labels = open_labels(config.labels, like=scene, column=config.column, legend=config.legend)
    return scene, tiles_of(
        scene,
        labels,
        edge=config.tile,
        train=config.split.train,
        validation=config.split.validation,
        seed=config.seed,
    )


def _heading(config: SegmentConfig) -> str:
    return Path(config.scene or config.images or "").name


@dataclass(frozen=True)
class _Run:
    """One repeat's material."""

    config: SegmentConfig
    pairs: PairSet
    store: ImageStore
    scene: Scene | None
    edge: int
    """Of the training crops, in pixels."""
    start: Start

    def into(self, folder: Path) -> SegmentationRecord:
        """Fit, test, and write everything but the report to `folder`."""
        config, pairs = self.config, self.pairs
        rows = [(pairs.images.name(at), SIDES[int(side)]) for at, side in enumerate(pairs.sides)]
        pixels = fingerprints(pairs, self.store)
        write_split(folder, ("image", "side"), rows, pixels, resume=self.start.resume)
        model, history, seconds = fitted_or_resumed(
            folder, self.start.resume, lambda: self._fit(folder)
        )
        times = {"fit": seconds}
        begin = time.perf_counter()
        tested = self._tested(model)
        times["predict"] = time.perf_counter() - begin
        if self.scene is not None:
            times["map"] = self._map(model, folder)
        metrics = self._metrics(tested, times)
        replace(model, provenance={**model.provenance, **trust(metrics)}).save(folder / MODEL)
        write_metrics(folder / METRICS, metrics)
        drawn = np.random.default_rng(0).permutation(len(tested))[:SHOWN]
        known = [image for image in tested if not math.isnan(image.accuracy)]
        worst = sorted(known, key=lambda image: image.accuracy)[:SHOWN]
        return SegmentationRecord(
            title=TITLES[pairs.kind],
            config=config.as_dict(),
            metrics=metrics,
            history=history,
            legend=pairs.legend,
            samples=[tested[place].shown() for place in drawn],
            worst=[image.shown() for image in worst],
            extra_notes=(*self.start.notes, *notes_on_loss(history)),
        )

    def _fit(self, folder: Path) -> tuple[Model, Fit]:
        config, pairs, recipe = self.config, self.pairs, self.config.recipe
        bands = self.start.preprocessing.bands
        normalise, classes = Normalise(self.start.preprocessing), len(pairs.legend)
        train = RandomCrops(self._on(TRAIN), normalise, recipe, self.edge)
        validation = EvenWindows(self._on(VALIDATION), normalise, self.edge)
        pixels = torch.from_numpy(train.store.class_pixels)
        task = Segmenter(
            self.start.network,
            recipe,
            classes=classes,
            seed=config.seed,
            weights=rarity_of(pixels) if recipe.class_weights else None,
            fresh=self.start.fresh,
        )
        outcome = self.start.fit(
            task,
            train,
            validation,
            folder,
            validation_batch=recipe.batch if validation.alike else 1,
            workers=loading_workers(self.store, config),
        )
        return Model(
            name=recipe.network,
            options=self.start.options,
            network=self.start.network,
            window=self.edge,
            preprocessing=self.start.preprocessing,
            legend=pairs.legend,
            scene_bands=self.store.bands,
            wavelengths=self._wavelengths(),
            physical=self.scene is not None,
            medians=None if self.scene is None else medians_of(self.scene, bands),
            provenance={
                **self.start.provenance(outcome, train.store),
                "void_values": list(pairs.void_values),
                "scene": {} if self.scene is None else scene_place(self.scene),
            },
            task="segment",
            mask_values=pairs.mask_values,
        ), outcome

    def _wavelengths(self) -> NDArray[np.float64] | None:
        """Of the used bands, where a scene tells them."""
        if self.scene is None or self.scene.wavelengths is None:
            return None
        return self.scene.wavelengths[list(self.start.preprocessing.bands)]

    def _on(self, side: int) -> ImageStore:
        return on_side(self.pairs, self.store, side)

    def _tested(self, model: Model) -> list[_Tested]:
        device = best_device(self.config.hardware.accelerator)
        part, tested = self._on(TEST), []
        for place, name in enumerate(part.names):
            image, truth = part[place]
            found = segment_image(model, image, name, device=device)
            # Pixels without data have no class, and none is asked for.
            known = (truth > 0) & (found > 0)
            right, said = (side[known].astype(np.int64) - 1 for side in (truth, found))
            tested.append(_Tested(part, place, confusion(right, said, len(model.legend)), found))
        return tested

    def _map(self, model: Model, folder: Path) -> float:
        """Map the scene that the tiles were cut from."""
        assert self.scene is not None
        remove_map(folder / MAP)
        summary = map_scene(
            model,
            self.scene,
            folder / MAP,
            device=best_device(self.config.hardware.accelerator),
        )
        write_picture(folder / MAP, folder / PICTURE, model.legend)
        return summary.seconds

    def _metrics(self, tested: list[_Tested], seconds: dict[str, float]) -> dict[str, Any]:
        counts = np.sum([image.counts for image in tested], axis=0)
        pixels = {side: self._on(side).class_pixels for side in (TRAIN, VALIDATION, TEST)}
        split = self.pairs.summary(overlap_of(self.pairs, self.store), pixels)
        left_out = _left_out(self._on(TEST), int(counts.sum()))
        split["notes"] += left_out.notes()
        return {
            **score(counts, self.pairs.legend.names).as_dict(),
            "split": {**split, "test_pixels": int(counts.sum()), **asdict(left_out)},
            **labels_in(self.pairs.tally),
            "seconds": seconds,
            "network": self.config.recipe.network,
            "seed": self.config.seed,
            "versions": versions(),
        }


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


TITLES = {
    "given": "Given split",
    "order": "Images in the order of their names",
    "random": "Random images",
    "blocks": "Tiles of the scene",
}
