"""Fits of networks of instances: they learn, repeat, resume, and take images without objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spectile import networks
from spectile.data.instances.objects import Objects
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.training.callbacks import History
from spectile.training.fit import Fit, Hardware, fit
from spectile.training.instance_recipes import INSTANCE_RECIPES, InstanceRecipe
from spectile.training.instances.object_sizes import crop_for, finest_stride_for
from spectile.training.learners.instance_finder import InstanceFinder
from spectile.training.learners.instance_samples import InstanceCrops, WholeImages
from spectile.training.loaders import Loaders
from spectile.training.normalise import Normalise

RECIPE = InstanceRecipe(epochs=2, batch=3, crop=32, learning_rate=3e-3, averaging=0.0)


class Drawn:
    """Bright rectangles on dark images; none in the first."""

    def __init__(self, count: int, edge: int = 40) -> None:
        chance = np.random.default_rng(0)
        self.images, self.objects = [], []
        for number in range(count):
            numbers = np.zeros((edge, edge), np.int64)
            for place in range(1, 4 if number else 1):
                top, left = chance.integers(0, edge - 12, 2)
                numbers[top : top + 12, left : left + 10] = place
            noise = chance.normal(60, 6, (2, edge, edge))
            self.images.append((noise + 120 * (numbers > 0)).astype(np.uint8))
            self.objects.append(Objects.of_numbers(numbers))

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> NDArray[np.uint8]:
        return self.images[index]


NORMALISE = Normalise(
    Preprocessing((0, 1), Reducer("standardise", np.full(2, 80.0), np.eye(2) / 40), "reflect")
)


def fitted(
    folder: Path, recipe: InstanceRecipe = RECIPE, count: int = 6, *, resume: bool = False
) -> tuple[Fit, torch.nn.Module]:
    torch.manual_seed(0)
    network = networks.create(
        "blendmask-rt",
        bands=2,
        classes=1,
        backbone="mobilenet-v2",
        backbone_width=0.35,
        channels=16,
        finest_stride=4,
        attention_size=4,
        mask_size=14,
    )
    drawn = Drawn(count)
    edge = recipe.crop or 32
    train = InstanceCrops(drawn, drawn.objects, NORMALISE, recipe, edge=edge, mask_size=14)
    validation = WholeImages(drawn, drawn.objects, NORMALISE, mask_size=14)
    assert validation.alike
    done = fit(
        InstanceFinder(network, recipe, seed=0),
        Loaders(train, validation, batch=recipe.batch, validation_batch=4, seed=0, drawn=True),
        epochs=recipe.epochs,
        patience=None,
        clip=recipe.clip,
        checkpoints=folder,
        resume=resume,
        hardware=Hardware("cpu"),
        quiet=True,
    )
    return done, network


def test_a_finder_learns_rectangles(tmp_path: Path) -> None:
    done, network = fitted(tmp_path, replace(RECIPE, epochs=10, batch=4, gain=0.0), 12)
    assert done.history[-1]["train_loss"] < 0.7 * done.history[0]["train_loss"]
    assert done.history[-1]["validation_mask_ap"] > 0
    # Where no epoch is kept yet, none is scored.
    assert "validation_mask_ap" not in done.history[0]
    assert done.history[0]["validation_loss"] > 0
    found = network.detect(NORMALISE(torch.from_numpy(Drawn(2).image(1)))[None])[0]
    assert len(found) > 0


def test_a_stopped_fit_ends_at_the_same_numbers(tmp_path: Path) -> None:
    recipe = replace(RECIPE, averaging=0.9)
    whole, network = fitted(tmp_path / "whole", recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", stopping(History.on_train_epoch_end))
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fitted(tmp_path / "stopped", recipe)
    resumed, same = fitted(tmp_path / "stopped", recipe, resume=True)
    for column in ("train_loss", "validation_loss", "validation_mask_ap"):
        assert [row.get(column) for row in resumed.history] == [
            row.get(column) for row in whole.history
        ]
    torch.testing.assert_close(network.state_dict(), same.state_dict(), atol=0, rtol=0)


def stopping(finish: Any) -> Any:
    """What ends an epoch, and in the second one the fit before its checkpoint."""

    def stop(self: History, trainer: Any, module: Any) -> None:
        finish(self, trainer, module)
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("count", [1, 2])
def test_one_image_a_step_and_none_with_objects(count: int, tmp_path: Path) -> None:
    """The first image has no object; with a batch of one its step has nothing to find."""
    done, network = fitted(tmp_path, replace(RECIPE, batch=1), count)
    assert all(np.isfinite(list(row.values())).all() for row in done.history)
    assert all(weight.isfinite().all() for weight in network.state_dict().values())


def test_samples_follow_from_their_numbers() -> None:
    drawn = Drawn(4)
    crops = InstanceCrops(
        drawn, drawn.objects, NORMALISE, replace(RECIPE, gain=1.0), edge=24, mask_size=7
    )
    one, two = (crops.__getitems__([(1, 5), (0, 6), (2, 7)]) for _ in range(2))
    torch.testing.assert_close(one, two, atol=0, rtol=0)
    assert one.images.shape == (3, 2, 24, 24)
    assert [len(each.boxes) for each in one.targets][1] == 0
    for image, target in zip(one.images, one.targets, strict=True):
        assert target.masks.shape == (len(target.boxes), 7, 7)
        inside = image.mean(0)[target.semantic == 1]
        if len(inside):
            assert inside.mean() > image.mean(0)[target.semantic == 0].mean()


def test_small_objects_ask_for_a_finer_level() -> None:
    small, large = Drawn(2).objects, Objects.of_numbers(np.ones((80, 80), np.int64))
    assert finest_stride_for(small) == 4
    assert finest_stride_for([large, large]) == 8
    assert finest_stride_for([small[0]]) == 8  # which has none
    assert crop_for(small) == 40  # the whole image
    wide = Objects.of_numbers(np.kron(np.eye(2, dtype=np.int64), np.ones((9, 200), np.int64)))
    assert crop_for([wide]) == 256
    assert crop_for([*small, large]) == 80


def test_recipes_differ_where_pictures_have_an_up() -> None:
    assert INSTANCE_RECIPES.default.rotate
    assert not INSTANCE_RECIPES["photos"].rotate
    network = networks.create(
        INSTANCE_RECIPES.default.network, bands=4, classes=2, **INSTANCE_RECIPES.default.options
    )
    assert len(network.eval().detect(torch.zeros(1, 4, 64, 64))) == 1
