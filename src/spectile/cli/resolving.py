"""From options, a recipe's name and a config.yaml to the configuration of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spectile.errors import InputError

if TYPE_CHECKING:
    from spectile.tasks.base import Task
    from spectile.tasks.config import RunConfig

Config = TypeVar("Config", bound="RunConfig")

Places = Mapping[str, tuple[str, ...]]
"""Options, and where they stand in config.yaml."""


def places(**sections: str) -> dict[str, tuple[str, ...]]:
    """The places of options, by the section that holds them; "top" for those outside of all."""
    return {
        option: (option,) if section == "top" else (section, option)
        for section, options in sections.items()
        for option in options.split()
    }


def resolved(
    options: Mapping[str, Any],
    where: Places,
    kind: type[Config],
    recipes: Mapping[str, Any],
    *,
    base: Config | None,
    recipe: str | None,
) -> Config:
    """The `base` configuration or a recipe's, with the `options` that were given on top.

    Raises InputError for a recipe that there isn't, and for a value that can't be.
    """
    from dataclasses import asdict

    from spectile.tasks.config import parse_config

    document: dict[str, Any] = {} if base is None else base.as_dict()
    if recipe is not None and recipe not in recipes:
        raise InputError(f"there is no recipe {recipe!r}: choose {' or '.join(recipes)}.")
    if recipe is not None or base is None:
        document["recipe"] = asdict(recipes[recipe or next(iter(recipes))])
    for option, value in options.items():
        if value is None or value == []:
            continue
        *sections, name = where[option]
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = {**place.get(name, {}), **value} if isinstance(value, dict) else value
    if recipe is not None or base is None:
        _leave_out_strange(document["recipe"], options.get("option") or {})
    return parse_config(document, "the options", kind)


def base_of(
    config: Path | None,
    out: Path,
    kind: type[Config],
    *,
    named: bool,
    missing: str,
    resume: bool,
    overwrite: bool,
) -> Config | None:
    """The configuration to start from: that of a file, or of the run in `out` to go on with.

    None where the options have `named` what to train on. Raises InputError with what is `missing`
    where nothing says it, and for a file in the very directory that shall be replaced.
    """
    from spectile.runs.directory import check_inputs, read_started
    from spectile.tasks.config import read_config

    if config is not None:
        if overwrite and not resume:
            check_inputs(out, [config])
        return read_config(config, kind)
    if named:
        return None
    started = read_started(out, kind) if resume else None
    if started is None:
        raise InputError(f"{out} holds no run to go on with: {missing}" if resume else missing)
    return started


def finished_already(
    task: Task[Config, Any, Any], config: Config, out: Path, *, resume: bool
) -> bool:
    """Whether there is nothing to go on with, for the run is finished; says so."""
    from spectile.runs.finished import is_finished

    if not resume or not is_finished(task, config, out):
        return False
    print(f"Report: {out / 'report.html'}; the run is finished already.")
    return True


def _leave_out_strange(recipe: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Take out what a recipe says of its own network and the chosen one lacks.

    What was `given` stays, to be refused by name.
    """
    from spectile import networks

    if "options" not in recipe or recipe["network"] not in networks.names():
        return
    known = networks.describe(recipe["network"]).options
    recipe["options"] = {
        name: value for name, value in recipe["options"].items() if name in known or name in given
    }


def network_options(entries: list[str] | None) -> dict[str, Any] | None:
    """NAME=VALUE entries as arguments of a network; values are numbers, true, false or words."""
    if not entries:
        return None
    import json

    found: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not equals or not name:
            raise InputError(f"--option {entry} says no value: write it as NAME=VALUE.")
        try:
            found[name.replace("-", "_")] = json.loads(text)
        except json.JSONDecodeError:
            found[name.replace("-", "_")] = text
    return found


def run_directory(out: Path | None) -> Path:
    """Where the run goes; raises InputError if nothing was said."""
    if out is None:
        raise InputError("say where the run shall be written: add --out runs/NAME.")
    return out
