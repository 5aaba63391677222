"""Settings by their names: as options, arguments and in config.yaml, and as they once were."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests import option_tables

from spectile.errors import InputError
from spectile.runs.directory import check_same, read_started, write_mark
from spectile.tasks.config import read_config
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.registry import task_names
from spectile.tasks.settings import resolved, settings_from, settings_of

GIVEN = {
    "scene": {"scene": "a.tif"},
    "classify": {"images": "a"},
    "segment": {"images": "a"},
    "instances": {"coco": "a.json"},
}


def parsed(task: str, *words: str) -> Any:
    """The configuration that options ask for."""
    command = option_tables.all_commands()[f"spectile train {task}"]
    given = command.make_context(task, list(words)).params
    run = ("out", "recipe", "config", "resume", "overwrite", "quiet")
    return resolved(task, {k: v for k, v in given.items() if k not in run} | GIVEN[task])


def test_names_find_their_places() -> None:
    config = settings_from(
        *("scene", "paper"),
        scene=Path("a.tif"),
        epochs=5,
        split="random",
        split_file=("b.tif",),
        threads=1,
        probabilities=True,
        options={"dropout": 0.1},
    )
    assert isinstance(config, SceneConfig)
    assert config.scene == "a.tif"
    assert (config.recipe.epochs, config.recipe.window) == (5, 25)
    assert config.recipe.options == {"dropout": 0.1}
    assert (config.split.kind, config.split.files) == ("random", ("b.tif",))
    assert config.hardware.threads == 1
    assert config.map.probabilities


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epoch": 5}, "did you mean epochs?"),
        ({"spectral_shft": 1}, "did you mean spectral_augmentation?"),
        ({"epochs": 0}, "epochs is 0, and it should be"),
        ({"split": "circles"}, "split is 'circles', and it should be"),
        ({"window": 0}, "window is 0, and it should be greater than or equal to 1"),
        ({"options": {"window": 9}}, "option: window has an option of its own: give window"),
        ({"turns": True, "rotate": False}, "turns is the old name of rotate"),
        ({"backbone": "resnet-18"}, "no setting 'backbone'"),
    ],
)
def test_what_cannot_be_is_said_in_the_words_of_python(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as error:
        settings_from("scene", scene="a.tif", **wrong)
    assert "--" not in str(error.value)


@pytest.mark.parametrize("task", task_names())
def test_every_setting_says_what_it_is(task: Any) -> None:
    settings = settings_of(task)
    assert len({setting.name for setting in settings}) == len(settings)
    for setting in settings:
        assert re.fullmatch(r"\S.*[^.]\.", setting.description), setting.name
        is_number = setting.kind in (int, float) and setting.place[:2] != ("recipe", "options")
        assert bool(setting.range) >= is_number, setting.name
    # With --out and --recipe, ten.
    assert sum(setting.first for setting in settings) == 8


@pytest.mark.parametrize("task", task_names())
def test_every_value_of_a_configuration_has_a_name(task: Any) -> None:
    """A field that isn't declared as a setting would be in config.yaml alone."""
    places = {setting.place for setting in settings_of(task)}
    document = settings_from(task, **GIVEN[task]).as_dict()
    del document["task"]
    leaves = {
        (key, *rest)
        for key, value in document.items()
        for rest in ([(inner,) for inner in value] if isinstance(value, dict) else [()])
    }
    assert leaves - places == ({("split", "order")} if task in ("classify", "instances") else set())


@pytest.mark.parametrize(
    ("task", "old", "new"),
    [
        ("scene", ("--no-turns", "--no-shared"), ("--no-rotate", "--no-regions")),
        ("scene", ("--spectral-shift", "0.1"), ("--spectral-augmentation", "0.1")),
        ("classify", ("--turns", "--memory", "7"), ("--rotate", "--cache", "7")),
        ("segment", ("--turns", "--memory", "7"), ("--rotate", "--cache", "7")),
    ],
)
def test_old_options_go_on_working(task: str, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    assert parsed(task, *old) == parsed(task, *new) != parsed(task)


OLD = {
    "scene": {"turns": "rotate", "shared": "regions", "spectral_shift": "spectral_augmentation"},
    "classify": {"turns": "rotate"},
}


def as_earlier(config: Any, task: str) -> dict[str, Any]:
    """A configuration as an earlier version wrote it."""
    document: dict[str, Any] = config.as_dict()
    for old, new in OLD[task].items():
        document["recipe"][old] = document["recipe"].pop(new)
    if isinstance(config, ImageConfig):
        document["memory"] = document.pop("cache")
    else:
        del document["recipe"]["options"]
    return document


@pytest.mark.parametrize("task", OLD)
def test_runs_of_earlier_versions_have_the_same_settings(task: Any, tmp_path: Path) -> None:
    config = settings_from(task, **GIVEN[task], rotate=True, class_weights=True)
    document = as_earlier(config, task)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
    assert read_config(tmp_path / "config.yaml", type(config)) == config
    (tmp_path / "config.yaml").unlink()
    write_mark(tmp_path, document)
    started = read_started(tmp_path, type(config))
    assert started is not None
    check_same(config, started, tmp_path)
    with pytest.raises(InputError, match="other settings"):
        check_same(settings_from(task, **GIVEN[task], rotate=False), started, tmp_path)


def test_one_setting_under_two_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("scene: a.tif\nrecipe: {turns: true, rotate: false}\n")
    with pytest.raises(InputError, match="turns is the old name of rotate"):
        read_config(path, SceneConfig)
