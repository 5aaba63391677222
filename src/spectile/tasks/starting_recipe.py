"""The recipe that a run starts from: by its name, or of the user's own, in a file or a mapping."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from spectile.errors import InputError
from spectile.named_code import placed
from spectile.ranges import wrong
from spectile.tasks.config import fields_of, told
from spectile.training.dependent_settings import misplaced

if TYPE_CHECKING:
    from spectile.tasks.registry import TaskEntry
    from spectile.tasks.settings import Setting

BASE = "base"
"""The key of a recipe of one's own that names another to start from."""
SUFFIXES = (".yaml", ".yml")

RecipeSource = str | os.PathLike[str] | Mapping[str, Any]
"""A recipe's name, the path of a YAML file, or what such a file holds."""

log = logging.getLogger(__name__)


def recipe_file(recipe: RecipeSource | None) -> Path | None:
    """The file that a recipe is in; None where it has a name, or is a mapping."""
    if recipe is None or isinstance(recipe, Mapping):
        return None
    path = Path(recipe)
    is_file = path.suffix in SUFFIXES or len(path.parts) > 1 or not isinstance(recipe, str)
    return path if is_file else None


def starting_recipe(
    entry: TaskEntry, known: Mapping[str, Setting], recipe: RecipeSource | None
) -> dict[str, Any]:
    """All settings of a recipe as plain values; the default one's for None.

    One of the user's own says any of them by the names in `known`, and ``base``, a recipe that it
    starts from; without that the rest is plain, as the recipe's kind has it. So it stays what it
    is where a later version has another default recipe. Paths in a file are relative to it.

    Raises InputError for a name that there isn't, with the nearest, and for a wrong value.
    """
    if recipe is None:
        return asdict(entry.recipes.default)
    if isinstance(recipe, str) and recipe in entry.recipes:
        return asdict(entry.recipes[recipe])
    path = recipe_file(recipe)
    if path is None and not isinstance(recipe, Mapping):
        names = list(entry.recipes)
        raise InputError(
            f"there is no recipe {recipe!r}: {_nearest(str(recipe), names, 'choose')}, or name a "
            "YAML file."
        )
    said = _read(path) if path is not None else dict(recipe)  # type: ignore[arg-type]
    source = "the recipe" if path is None else str(path)
    document = {"recipe": _base(entry, said.pop(BASE, None), source)}
    values = _of_recipe(entry, known, said, source)
    folder = None if path is None else path.absolute().parent
    lay_on(document, known, _placed(entry, values, folder), entry)
    try:
        return asdict(entry.recipes.kind(**document["recipe"]))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{source}: {wrong(name, first)}; correct it and try again.") from error


def lay_on(
    document: dict[str, Any],
    known: Mapping[str, Setting],
    values: Mapping[str, Any],
    entry: TaskEntry,
    *,
    fresh: bool = True,
) -> None:
    """Put `values`, by their names, on top of a configuration's plain values.

    What was said before of another network, optimiser, schedule or loss falls away; of a network
    only where the recipe is `fresh`, not that of a run.
    """
    for name, value in values.items():
        *sections, key = known[name].place
        place = document
        for section in sections:
            inner = place.setdefault(section, {})
            # What is of another kind is refused as a whole when all is checked.
            place = inner if isinstance(inner, dict) else {}
        before = place.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            place[key] = {**before, **value}  # arguments of the network join those of the recipe
        else:
            place[key] = value
    recipe = document.get("recipe", {})
    if fresh:
        options = values.get("options")
        _leave_out_strange(recipe, {*(options if isinstance(options, dict) else ()), *values})
    for one in misplaced(entry.recipes.kind, recipe):
        if one.partner in values and one.name not in values:
            log.info(
                "%s goes with %s %s and falls away beside %s.",
                *(one.name, one.partner, " or ".join(one.words), recipe[one.partner]),
            )
            del recipe[one.name]


def today(known: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was `given`, under today's names; InputError for a name that there isn't."""
    new = {old: setting.name for setting in known.values() for old in setting.old}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known and name not in new:
            near = difflib.get_close_matches(str(name), [*known, *new], 1)
            hint = f"did you mean {new.get(near[0], near[0])}?" if near else "see the docs."
            raise InputError(f"there is no setting {name!r}: {hint}")
        now = new.get(name, name)
        if now in found:
            old = next(old for old in known[now].old if old in given)
            raise InputError(f"{old} is the old name of {now}: leave one out.")
        found[now] = _as_in_yaml(value)
    return found


def _read(path: Path) -> dict[str, Any]:
    from spectile.tasks.yaml_file import read_yaml  # late: settings are declared without YAML

    document = read_yaml(path, wanted="a recipe")
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no recipe: write settings by their names, as in window: 9.")
    if "recipe" in document:
        raise InputError(f"{path} is the configuration of a run: give it by --config.")
    return document


def _base(entry: TaskEntry, name: Any, source: str) -> dict[str, Any]:
    if name is None:
        return asdict(entry.recipes.kind())
    if name not in entry.recipes:
        hint = _nearest(str(name), list(entry.recipes), "choose")
        raise InputError(f"{source}: there is no recipe {name!r} to start from: {hint}.")
    return asdict(entry.recipes[name])


def _of_recipe(
    entry: TaskEntry, known: Mapping[str, Setting], said: Mapping[str, Any], source: str
) -> dict[str, Any]:
    """What a recipe of one's own says, by today's names; InputError for what is no part of one."""
    own = {name: setting for name, setting in known.items() if setting.place[0] == "recipe"}
    other = next((name for name in said if name in known and name not in own), None)
    if other is not None:
        raise InputError(
            f"{source}: {other} is no setting of a recipe: leave it out, and give "
            f"{known[other].option.partition('/')[0]} beside the recipe."
        )
    try:
        values = today(own, said)
    except InputError as error:
        raise InputError(f"{source}: {error.on_command_line}") from error
    empty = {name for name, value in values.items() if value is None and own[name].kind is dict}
    return {name: {} if name in empty else value for name, value in values.items()}


def _placed(entry: TaskEntry, values: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """The same with the code that they name where it is found from anywhere."""
    fields = fields_of(entry.recipes.kind)
    codes = {name for name, field in fields.items() if told(field).get("code")}
    return {
        name: placed(value, folder) if name in codes and isinstance(value, str) else value
        for name, value in values.items()
    }


def _nearest(name: str, names: list[str], verb: str) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]}" if near else f"{verb} {_listed(names)}"


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _as_in_yaml(value: Any) -> Any:
    """A path as text, and a number of NumPy as Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if hasattr(value, "dtype") and not getattr(value, "shape", None) else value


def _leave_out_strange(recipe: dict[str, Any], given: set[str]) -> None:
    """Take out what a recipe says of its own network and the chosen one lacks.

    What was `given` stays, to be refused by name.
    """
    if not recipe.get("options") or not isinstance(recipe["options"], dict):
        return
    from spectile import networks  # late: it imports PyTorch

    if recipe["network"] not in networks.names():
        return
    known = networks.describe(recipe["network"]).options
    recipe["options"] = {
        name: value for name, value in recipe["options"].items() if name in known or name in given
    }
