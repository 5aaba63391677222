"""Fits on whole images and masks: they learn, repeat, resume, and keep what was promised."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.photographs import halves, tinted
from torch import nn

from spectile import networks
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer, fit_reducer
from spectile.networks.weights.pretrained import head_parameters
from spectile.training.callbacks import History
from spectile.training.fit import Fit, Hardware, fit
from spectile.training.image_recipes import ClassifyRecipe, SegmentRecipe
from spectile.training.learners.image_classifier import ImageClassifier
from spectile.training.learners.image_learner import ImageLearner
from spectile.training.learners.image_samples import (
    EvenWindows,
    LabelledImages,
    RandomCrops,
    spread,
)
from spectile.training.learners.pixel_classifier import PixelClassifier
from spectile.training.loaders import Loaders
from spectile.training.normalise import Normalise

RECIPE = ClassifyRecipe(network="resnet-18", epochs=4, batch=8, learning_rate=1e-3, shift=2)
BANDS = 4


def standardising(mean: float, spread: float) -> Normalise:
    reducer = Reducer("standardise", np.full(BANDS, mean), np.eye(BANDS) / spread)
    return Normalise(Preprocessing(tuple(range(BANDS)), reducer, "reflect"))


def classify(
    folder: Path,
    recipe: ClassifyRecipe = RECIPE,
    *,
    resume: bool = False,
    start: nn.Module | None = None,
) -> tuple[Fit, nn.Module, ImageLearner]:
    store, classes = tinted(48)
    torch.manual_seed(3)
    network = start or networks.create("resnet-18", bands=BANDS, classes=2)
    learner = ImageClassifier(
        network, recipe, standardising(100, 70), classes=2, seed=3, weights=None
    )
    train, validation = (
        LabelledImages(store.part(part), classes[part], edge=16)
        for part in (np.arange(32), np.arange(32, 48))
    )
    loaders = Loaders(
        train, validation, batch=recipe.batch, validation_batch=16, seed=3, drawn=True, whole=True
    )
    fitted = fit(
        learner,
        loaders,
        epochs=recipe.epochs,
        patience=None,
        checkpoints=folder,
        resume=resume,
        hardware=Hardware("cpu"),
        quiet=True,
    )
    return fitted, network, learner


def numbers(fitted: Fit) -> list[dict[str, float]]:
    timed = ("seconds", "waiting")
    return [{k: v for k, v in row.items() if k not in timed} for row in fitted.history]


def test_a_classifier_learns_to_tell_tints(tmp_path: Path) -> None:
    fitted, _, _ = classify(tmp_path, replace(RECIPE, epochs=5))
    assert max(row["validation_accuracy"] for row in fitted.history) > 0.9
    assert all(0 <= row["waiting"] < 1 for row in fitted.history)


def test_a_fit_with_all_kinds_of_chance_repeats_and_resumes(tmp_path: Path) -> None:
    wild = replace(
        RECIPE, epochs=3, mixup=0.2, cutmix=1.0, erasing=0.5, averaging=0.9, label_smoothing=0.1
    )
    whole, network, _ = classify(tmp_path / "whole", wild)

    def stop(self: History, trainer: object, module: object) -> None:
        finish(self, trainer, module)  # type: ignore[arg-type]
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    finish = History.on_train_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            classify(tmp_path / "stopped", wild)
    resumed, again, _ = classify(tmp_path / "stopped", wild, resume=True)
    assert numbers(resumed) == numbers(whole)
    for one, other in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_averaged_weights_are_the_ones_that_are_validated_and_kept(tmp_path: Path) -> None:
    _, network, learner = classify(tmp_path, replace(RECIPE, averaging=0.99))
    assert learner.averaged is not None
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    stem = "stem.conv.weight"
    assert not torch.equal(last[f"network.{stem}"], last[f"averaged.module.{stem}"])
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(network.state_dict()[stem], best[f"averaged.module.{stem}"])


def test_the_head_learns_alone_before_the_body_at_a_lower_rate(tmp_path: Path) -> None:
    two_phases = replace(RECIPE, epochs=2, head_epochs=1, body_rate=0.1, weight_decay=0.1)
    seen: list[dict[str, torch.Tensor]] = []

    def remember(self: History, trainer: object, module: ImageLearner) -> None:
        seen.append({k: v.clone() for k, v in module.network.state_dict().items()})
        finish(self, trainer, module)  # type: ignore[arg-type]

    torch.manual_seed(3)
    network = networks.create("resnet-18", bands=BANDS, classes=2)
    fresh = {k: v.clone() for k, v in network.state_dict().items()}
    head = {id(weight) for weight in head_parameters(network)}
    names = {name for name, weight in network.named_parameters() if id(weight) in head}
    finish = History.on_train_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", remember)
        fitted, _, _ = classify(tmp_path, two_phases, start=network)
    first, second = seen
    for name in fresh:
        # In the body not even the statistics of the normalisations move.
        assert torch.equal(first[name], fresh[name]) == (name not in names), name
    assert not torch.equal(second["stem.conv.weight"], fresh["stem.conv.weight"])
    assert fitted.history[1]["learning_rate"] <= 0.1 * RECIPE.learning_rate


@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "dice", "cross-entropy+dice"])
def test_a_segmenter_learns_halves(loss: str, tmp_path: Path) -> None:
    store = halves(20)
    recipe = SegmentRecipe(
        epochs=12,
        batch=4,
        crop=24,
        learning_rate=3e-3,
        scales=(0.8, 1.2),
        loss=loss,  # type: ignore[arg-type]
        weight_decay=0.0,
    )
    torch.manual_seed(0)
    network = networks.create(
        "deeplab-v3-plus", bands=BANDS, classes=2, backbone="mobilenet-v2", backbone_width=0.25
    )
    normalise = standardising(1.5, 1.5)
    train = RandomCrops(store.part(np.arange(16)), normalise, recipe, 24)
    validation = EvenWindows(store.part(np.arange(16, 20)), normalise, 24)
    learner = PixelClassifier(network, recipe, classes=2, seed=0, weights=None)
    fitted = fit(
        learner,
        Loaders(train, validation, batch=4, validation_batch=4, seed=0, drawn=True, whole=True),
        epochs=recipe.epochs,
        patience=None,
        checkpoints=tmp_path,
        hardware=Hardware("cpu"),
        quiet=True,
    )
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    assert max(row["validation_mean_iou"] for row in fitted.history) > 0.6


def test_normalising_is_what_the_reducer_does_to_scenes() -> None:
    chance = np.random.default_rng(1)
    spectra = chance.normal(3000, 900, (500, 6))
    image = chance.normal(3000, 900, (7, 5, 4)).astype(np.float32)
    image[3, 2, 1] = np.nan
    bands = (0, 1, 3, 4, 5, 6)
    for name in ("standardise", "pca", "none"):
        reducer = fit_reducer(name, spectra, components=3 if name == "pca" else None)  # type: ignore[arg-type]
        normalise = Normalise(Preprocessing(bands, reducer, "reflect"))
        chosen = image[list(bands)]
        expected = reducer.apply(chosen, np.isfinite(chosen).all(axis=0))
        found = normalise(torch.from_numpy(image)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
        np.testing.assert_array_equal(found, normalise(torch.from_numpy(image)[None])[0].numpy())


def test_masks_follow_their_images(tmp_path: Path) -> None:
    store = halves(6)
    recipe = SegmentRecipe(rotate=True, scales=(0.7, 1.5))
    samples = RandomCrops(store, standardising(1.5, 1.5), recipe, 24)
    images, masks = samples.__getitems__([(index, 7 * index) for index in range(6)])
    assert images.shape == (6, BANDS, 24, 24)
    bright = images.mean(dim=1) > 0
    labelled = masks >= 0
    agreement = (bright == (masks == 1))[labelled].float().mean()
    assert agreement > 0.95
    again, _ = samples.__getitems__([(index, 7 * index) for index in range(6)])
    assert torch.equal(images, again)


def test_crops_are_in_the_middle_unless_drawn() -> None:
    store, classes = tinted(4)
    samples = LabelledImages(store, classes, edge=16)
    middle, _ = samples.__getitems__([1])
    np.testing.assert_array_equal(middle[0].numpy(), store.image(1)[:, 2:18, 2:18])
    drawn, _ = samples.__getitems__([(1, seed) for seed in range(20)])
    assert len({image.numpy().tobytes() for image in drawn}) > 5


@given(length=st.integers(1, 500), edge=st.integers(1, 200))
def test_windows_are_spread_over_an_image(length: int, edge: int) -> None:
    windows = spread(length, edge)
    assert all(0 <= w.start < w.stop <= length for w in windows)
    assert {w.stop - w.start for w in windows} == {min(edge, length)}
    assert len(windows) == 1 or (windows[0].start == 0 and windows[-1].stop == length)
