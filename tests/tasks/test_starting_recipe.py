"""Recipes of one's own: from a file or a mapping, with what they start from and what falls away."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from spectile.errors import InputError
from spectile.tasks.config import read_config
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.scene.network import check_network
from spectile.tasks.settings import settings_from
from spectile.training.image_recipes import CLASSIFY_RECIPES, SegmentRecipe
from spectile.training.recipes import RECIPES, Recipe

PUBLISHED = """
# Zhong et al. 2018
network: nets/mine.py:SSRN
options: {kernels: 24}
window: 7
reducer: none
optimizer: rmsprop
learning_rate: 3e-4
schedule: step
schedule_step: 50
epochs: 200
batch: 16
loss: losses.py:own
"""


def config(recipe: Any = None, **given: Any) -> Any:
    return settings_from("scene", recipe, scene="a.tif", **given)


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_published_settings_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, PUBLISHED)
    expected = Recipe(
        network=f"{tmp_path}/nets/mine.py:SSRN",
        options={"kernels": 24},
        window=7,
        reducer="none",
        optimizer="rmsprop",
        learning_rate=3e-4,
        schedule="step",
        schedule_step=50,
        epochs=200,
        batch=16,
        loss=f"{tmp_path}/losses.py:own",
    )
    # What it leaves out is plain, and nothing of the default recipe.
    assert config(file).recipe == config(str(file)).recipe == expected
    monkeypatch.chdir(tmp_path)
    assert config("mine.yaml").recipe == config("./mine.yaml").recipe == expected
    over = config(file, epochs=3, options={"depth": 2})
    assert (over.recipe.epochs, over.recipe.window) == (3, 7)
    assert over.recipe.options == {"kernels": 24, "depth": 2}


def test_what_it_came_to_is_enough_when_the_file_is_gone(tmp_path: Path) -> None:
    file = written(tmp_path, PUBLISHED)
    ran = config(file).placed()
    ran.write(tmp_path / "config.yaml")
    file.unlink()
    assert read_config(tmp_path / "config.yaml", SceneConfig) == ran


def test_a_mapping_is_the_same() -> None:
    assert config({"window": 7, "turns": False}).recipe == Recipe(window=7, rotate=False)
    assert config({}).recipe == Recipe()
    assert config({"attention": None, "options": None}).recipe == Recipe()


def test_it_starts_from_another(tmp_path: Path) -> None:
    file = written(tmp_path, "base: best\nwindow: 11\nattention:\n")
    assert asdict(config(file).recipe) == asdict(RECIPES["best"]) | {"window": 11}
    mapping = {"base": "paper", "epochs": 5}
    assert asdict(config(mapping).recipe) == asdict(RECIPES["paper"]) | {"epochs": 5}


def test_other_tasks_have_them_too(tmp_path: Path) -> None:
    file = written(tmp_path, "base: cifar\nnetwork: mobilenet-v2\noptions: {width: 0.5}\n")
    classify: Any = settings_from("classify", file, images="a")
    # The stem is of the network that cifar names, and has no place here.
    expected = {"network": "mobilenet-v2", "options": {"width": 0.5}}
    assert asdict(classify.recipe) == asdict(CLASSIFY_RECIPES["cifar"]) | expected
    segment: Any = settings_from("segment", {"backbone": "resnet-18", "loss": "dice"}, images="a")
    assert segment.recipe.options["backbone"] == "resnet-18"
    assert segment.recipe.loss == "dice"
    assert segment.recipe.epochs == SegmentRecipe().epochs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("widow: 7", "mine.yaml: there is no setting 'widow': did you mean window?"),
        ("window: 0", "mine.yaml: window is 0, and it should be"),
        ("epochs: many", "mine.yaml: epochs is 'many', and it should be a valid integer"),
        ("base: bset", "mine.yaml: there is no recipe 'bset' to start from: did you mean best."),
        ("base: 3", "there is no recipe 3 to start from: choose best, paper, svm or lda."),
        ("seed: 3", "mine.yaml: seed is no setting of a recipe: leave it out, and give seed"),
        ("split: random", "split is no setting of a recipe: leave it out, and give split beside"),
        ("turns: true\nrotate: true", "mine.yaml: turns is the old name of rotate"),
        ("recipe: {window: 7}", "mine.yaml is the configuration of a run: give it by config."),
        ("[1, 2]", "mine.yaml holds no recipe: write settings by their names"),
        ("", "mine.yaml holds no recipe"),
        ("window: 7\nwindow: 9", "mine.yaml can't be read as a configuration (window twice"),
        ("options: 3", "mine.yaml: options is 3, and it should be a valid dictionary"),
        ("options: {window: 9}", "mine.yaml: options: window has an option of its own"),
    ],
)
def test_what_cannot_be_is_said_of_the_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        config(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("bset", "there is no recipe 'bset': did you mean best, or name a YAML file."),
        ("zzz", "there is no recipe 'zzz': choose best, paper, svm or lda, or name a YAML file."),
        ("zzz.yaml", "zzz.yaml can't be read (no such file or directory): give a recipe."),
        ({"widow": 7}, "the recipe: there is no setting 'widow': did you mean window?"),
        ({3: 7}, "the recipe: there is no setting 3"),
    ],
)
def test_a_recipe_that_is_not_there(recipe: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        config(recipe)


@pytest.mark.parametrize(
    ("recipe", "given", "left_out"),
    [
        ({"optimizer": "sgd", "momentum": 0.8}, {"optimizer": "adam"}, "momentum"),
        ({"schedule": "step", "schedule_step": 5}, {"schedule": "constant"}, "schedule_step"),
        ("best", {"loss": "losses.py:own"}, "regions"),
        ("best", {"loss": "losses.py:own"}, "class_weights"),
        ({"base": "best", "loss": "losses.py:own"}, {}, "regions"),
    ],
)
def test_what_a_recipe_says_of_another_choice_falls_away(
    recipe: Any, given: dict[str, Any], left_out: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "spectile"):
        found = config(recipe, **given).recipe
    assert getattr(found, left_out) == getattr(Recipe(), left_out)
    assert f"{left_out} goes with" in caplog.text
    # What is said beside it stays, and is refused by name when the run begins.
    kept = config(recipe, **given, regions=True).recipe
    assert kept.regions


def test_the_recipe_of_the_docs_has_a_network(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    (block,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    recipe = config(str(written(tmp_path, block))).recipe
    assert (recipe.network, recipe.optimizer) == ("hybridsn-2d", "rmsprop")
    check_network(recipe, None)
