"""Tasks are found by name, each without what the others import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spectile.errors import InputError
from spectile.tasks.registry import is_task, task_entry, task_names


def test_a_task_is_called_alike_everywhere() -> None:
    assert task_names()[0] == "scene"
    for name in task_names():
        entry = task_entry(name)
        config = entry.config.model_fields
        assert entry.name == config["task"].default == name
        assert entry.load().config is entry.config
        assert {*entry.arguments, *entry.sources} <= config.keys()
        assert type(entry.recipes.default) is config["recipe"].annotation


def test_the_nearest_name_is_said() -> None:
    assert not is_task("scenes")
    with pytest.raises(InputError, match="no task called 'scenes': did you mean scene"):
        task_entry("scenes")


def test_help_of_one_task_checks_no_recipe_and_looks_for_no_other() -> None:
    code = (
        "import sys\nfrom spectile.tasks.settings import settings_of\nsettings_of('scene')\n"
        "assert not {'spectile.training.image_recipes', 'importlib.metadata'} & set(sys.modules)\n"
        "assert 'spectile.training.recipes' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
