"""All settings of a task under one name each: as options, as arguments, with their places."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from spectile.tasks.config import RunConfig, fields_of, parse_config, told
from spectile.tasks.registry import TaskEntry, task_entry
from spectile.tasks.starting_recipe import RecipeSource, lay_on, starting_recipe, today


@dataclass(frozen=True)
class Setting:
    """One setting of a task."""

    name: str
    place: tuple[str, ...]
    """Its keys in config.yaml."""
    description: str
    group: str
    """data, network, training, split, mapping or hardware."""
    first: bool
    """One of those that matter most."""
    kind: Any
    """int, float, bool, str, dict, a tuple of these, or list[one] for any number of them."""
    choices: tuple[str, ...]
    """The words it may be; empty where it isn't one of a few."""
    range: str
    """The numbers it may be, in words; empty where it is none."""
    defaults: Mapping[str, Any]
    """By recipe, the first first; None: found out from the data. Empty for what must be said."""
    option: str
    """As on the command line: "--epochs", "--bands-last/--bands-first"."""
    old: tuple[str, ...]
    """Earlier names."""


def settings_of(task: str) -> tuple[Setting, ...]:
    """The settings of a task, in the order of its configuration."""
    entry = task_entry(task)
    return (*_walk(entry, entry.config, ()), *_network_options(entry))


def settings_from(task: str, recipe: RecipeSource | None = None, /, **given: Any) -> RunConfig:
    """The configuration of a run from a recipe and settings by their names.

    ``settings_from("scene", "best", scene="a.tif", labels="b.gpkg", epochs=5, split="random")``.
    Raises InputError for a name that there isn't, with the nearest one, and for a wrong value.
    """
    config: RunConfig = resolved(task, given, recipe=recipe)
    return config


def resolved(
    task: str,
    given: Mapping[str, Any],
    *,
    base: RunConfig | None = None,
    recipe: RecipeSource | None = None,
) -> Any:
    """The `base` configuration or a recipe's, with what was `given` on top; None is nothing.

    Raises InputError for a recipe or a setting that there isn't, and for a wrong value.
    """
    entry, known = task_entry(task), {setting.name: setting for setting in settings_of(task)}
    values = today(known, {name: value for name, value in given.items() if _is_said(value)})
    document: dict[str, Any] = {} if base is None else base.as_dict()
    fresh = recipe is not None or base is None
    if fresh:
        document["recipe"] = starting_recipe(entry, known, recipe)
    lay_on(document, known, values, entry, fresh=fresh)
    names = {".".join(setting.place): _option(setting) for setting in known.values()}
    return parse_config(document, "the settings", entry.config, names)


def _is_said(value: Any) -> bool:
    return value is not None and not (isinstance(value, list | tuple) and not value)


def _walk(entry: TaskEntry, section: Any, above: tuple[str, ...]) -> list[Setting]:
    found: list[Setting] = []
    for key, field in fields_of(section).items():
        facts = told(field)
        if fields_of(field.annotation):
            found += _walk(entry, field.annotation, (*above, key))
        elif facts and (not facts["tasks"] or entry.name in facts["tasks"]):
            found.append(_setting(entry, field, facts, (*above, key)))
    return found


def _setting(
    entry: TaskEntry, field: FieldInfo, facts: Mapping[str, Any], place: tuple[str, ...]
) -> Setting:
    name = facts["name"] or place[-1]
    kind, choices = _plain(field.annotation)
    if field.is_required():
        defaults: dict[str, Any] = {}
    elif place[0] == "recipe":
        defaults = entry.recipes.setting(place[-1])
    else:
        defaults = {next(iter(entry.recipes)): field.get_default(call_default_factory=True)}
    option = "--" + name.replace("_", "-")
    return Setting(
        name=name,
        place=place,
        description=field.description or "",
        group=facts["group"],
        first=facts["first"] is True or entry.name in (facts["first"] or ()),
        kind=kind,
        choices=choices,
        range=_range(field),
        defaults=defaults,
        option=facts["option"] or (f"{option}/--no-{option[2:]}" if kind is bool else option),
        old=tuple(facts["old"]),
    )


def _network_options(entry: TaskEntry) -> list[Setting]:
    said = entry.recipes.setting("options") if entry.network_options else {}
    return [
        Setting(
            name=option.name,
            place=("recipe", "options", option.name),
            description=option.description,
            group="network",
            first=False,
            kind=option.kind,
            choices=(),
            range="",
            defaults={recipe: options.get(option.name) for recipe, options in said.items()},
            option="--" + option.name.replace("_", "-"),
            old=(),
        )
        for option in entry.network_options
    ]


def _plain(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """The type of a value that people give, and the words that it may be."""
    if hasattr(annotation, "__metadata__"):
        return _plain(annotation.__origin__)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _plain(next(part for part in parts if part is not type(None)))
    if origin is Literal:
        return str, tuple(map(str, parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return list[_plain(parts[0])[0]], ()  # type: ignore[misc]
    if origin is tuple:
        return tuple[tuple(_plain(part)[0] for part in parts)], ()  # type: ignore[misc]
    return origin or annotation, ()


def _range(field: FieldInfo) -> str:
    """The bounds of numbers, in words."""
    low = high = ""
    for bound in _bounds(field):
        for name, words in (("ge", "from {}"), ("gt", "above {}")):
            if getattr(bound, name, None) is not None:
                low = words.format(_number(getattr(bound, name)))
        for name, words in (("le", "to {}"), ("lt", "to below {}")):
            if getattr(bound, name, None) is not None:
                high = words.format(_number(getattr(bound, name)))
    return f"{low} {high}".strip()


def _number(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def _bounds(field: Any) -> list[Any]:
    """The annotations of a field and of what may stand in it."""
    told: Any = getattr(field, "metadata", None) or getattr(field, "__metadata__", ())
    found = list(told)
    found += [m for one in found if isinstance(one, FieldInfo) for m in one.metadata]
    inner = getattr(field, "annotation", None) or getattr(field, "__origin__", field)
    return found + [bound for part in get_args(inner) for bound in _bounds(part)]


def _option(setting: Setting) -> str:
    return setting.option.partition("/")[0]
