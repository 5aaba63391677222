"""Recipes by name: settings of one kind that are known to work together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

Recipe = TypeVar("Recipe")


class RecipeBook(Mapping[str, Recipe], Generic[Recipe]):
    """The recipes of one kind, each by how it departs from that kind's own settings.

    ``RecipeBook(Recipe, {"best": {}, "quick": {"epochs": 5}})``; the first is what a run starts
    from where nobody names one. A recipe is checked when it is first taken out: help doesn't wait.
    """

    def __init__(self, kind: type[Recipe], departures: Mapping[str, Mapping[str, Any]]) -> None:
        self.kind = kind
        self._departures = departures
        self._made: dict[str, Recipe] = {}

    def __getitem__(self, name: str) -> Recipe:
        if name not in self._made:
            self._made[name] = self.kind(**self._departures[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._departures)

    def __len__(self) -> int:
        return len(self._departures)

    @property
    def default(self) -> Recipe:
        """What a run starts from where nobody names a recipe."""
        return self[next(iter(self))]

    def setting(self, key: str) -> dict[str, Any]:
        """What each recipe says of one setting, by the recipe's name."""
        field = self.kind.__pydantic_fields__[key]  # type: ignore[attr-defined]
        own = field.get_default(call_default_factory=True)
        return {name: said.get(key, own) for name, said in self._departures.items()}
