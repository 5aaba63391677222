"""Settings that have no meaning beside others are refused, each declared in its own field."""

from __future__ import annotations

from typing import Any

import pytest

from spectile.errors import InputError
from spectile.training.dependent_settings import misplaced, refuse_misplaced
from spectile.training.image_recipes import CLASSIFY_RECIPES, SEGMENT_RECIPES
from spectile.training.recipes import RECIPES, Recipe


@pytest.mark.parametrize("book", [RECIPES, CLASSIFY_RECIPES, SEGMENT_RECIPES])
def test_our_recipes_say_nothing_without_meaning(book: Any) -> None:
    for recipe in book.values():
        refuse_misplaced(recipe)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"momentum": 0.9}, "momentum goes with optimizer sgd or rmsprop, not with adamw"),
        ({"momentum": 0.9, "optimizer": "muon"}, "optimizer sgd or rmsprop, not with muon"),
        ({"schedule_step": 5}, "schedule_step goes with schedule step, not with one-cycle"),
        ({"schedule_factor": 0.5, "schedule": "cosine"}, "schedule step or plateau, not with cos"),
        ({"schedule_patience": 5, "schedule": "step"}, "schedule_patience goes with schedule plat"),
        (
            {"regions": True, "loss": "a.py:own"},
            "regions goes with loss cross-entropy, not with .*a.py",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        refuse_misplaced(Recipe(**settings))
    assert f"--{next(iter(settings)).replace('_', '-')}" in caught.value.on_command_line


def test_what_has_a_meaning_passes() -> None:
    refuse_misplaced(Recipe(optimizer="sgd", momentum=0.0))
    refuse_misplaced(Recipe(schedule="plateau", schedule_factor=0.5, schedule_patience=0))
    assert not misplaced(Recipe, {"momentum": 0.5, "optimizer": "rmsprop"})
    assert [one.name for one in misplaced(Recipe, {"momentum": 0.5})] == ["momentum"]
