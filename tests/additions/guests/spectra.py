"""The task "spectra" as the command line knows it: classes of single spectra."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from spectile.fields import STRICT, about
from spectile.ranges import Count
from spectile.tasks.config import RunConfig
from spectile.tasks.registry import TaskEntry
from spectile.training.recipe_book import RecipeBook

SIDES, FOUND = "sides.npy", "spectra.csv"


@dataclass(config=STRICT)
class SpectraRecipe:
    """How it is trained."""

    steps: Annotated[Count, about("training", "Steps, each on all spectra.", first=True)] = 5


class SpectraConfig(RunConfig):
    """One run."""

    task: Literal["spectra"] = "spectra"
    scene: Annotated[str, about("data", "The scene.", path=True)]
    labels: Annotated[str, about("data", "Its labels.", path=True)]
    recipe: SpectraRecipe = Field(default_factory=SpectraRecipe)


ENTRY = TaskEntry(
    name="spectra",
    summary="Train on spectra of a scene.",
    config=SpectraConfig,
    recipes=RecipeBook(SpectraRecipe, {"short": {}, "long": {"steps": 50}}),
    task="guests.spectra_task:SpectraTask",
    example="scene.cube labels.npy --out runs/spectra",
    arguments=("scene", "labels"),
    sources=("scene",),
    missing="name a scene and its labels.",
    progress="reading spectra",
    files=(SIDES, FOUND),
)
