"""Which tasks there are: the modules of `entries` and what other packages add.

Light: neither this nor what an entry imports needs PyTorch, NumPy or GDAL.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectile.errors import InputError
from spectile.plugins import installed
from spectile.tasks import entries as folder
from spectile.tasks.config import RunConfig
from spectile.training.recipe_book import RecipeBook

if TYPE_CHECKING:
    from spectile.tasks.base import Task

GROUP = "spectile.tasks"
"""Of entry points; each names a :class:`TaskEntry`."""
FIRST = "scene"
"""Heads the list."""


@dataclass(frozen=True)
class NetworkOption:
    """An argument of a task's networks that is a setting under its own name."""

    name: str
    description: str
    kind: type = str


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """A task as the command line and config.yaml know it, without what it takes to run it."""

    name: str
    """As in `spectile train NAME`, and in the field `task` of its `config`."""
    summary: str
    """What a run does, in one sentence."""
    config: type[RunConfig]
    """The settings of a run, with a `recipe` of the kind that `recipes` has."""
    recipes: RecipeBook[Any]
    task: str
    """Where its :class:`~spectile.tasks.base.Task` is: "package.module:Class"."""
    example: str
    """Arguments and options of one run, for help."""
    sources: tuple[str, ...]
    """Settings any of which says what to train on."""
    missing: str
    """What to do where none does: "name a scene and its labels, or a --config."."""
    progress: str
    """What a bar over its data says: "mapping"."""
    arguments: tuple[str, ...] = ()
    """Settings that are given without the name of an option, in this order."""
    network_options: tuple[NetworkOption, ...] = ()
    files: tuple[str, ...] = ()
    """Names of what its runs write besides the files of :mod:`spectile.tasks.files`."""

    def load(self) -> Task[Any, Any, Any]:
        """The task itself, with all that it imports."""
        task: Task[Any, Any, Any] = pkgutil.resolve_name(self.task)()
        return task


def task_names() -> tuple[str, ...]:
    """The names of all tasks, ours first; a plugin can't take the name of one of ours."""
    return (*_own(), *(name for name in _others() if name not in _own()))


def is_task(name: str) -> bool:
    """Whether there is a task of that name; other packages are asked for what isn't ours."""
    return name in _own() or name in _others()


def task_entry(name: str) -> TaskEntry:
    """What is known of the task called `name`; InputError, with the nearest, for an unknown one."""
    if name in _own():
        entry: TaskEntry = importlib.import_module(f"{folder.__name__}.{name}").ENTRY
        return entry
    if name in _others():
        return _others()[name]
    nearest = difflib.get_close_matches(name, task_names(), n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else f"choose from {', '.join(task_names())}."
    raise InputError(f"There is no task called {name!r}: {hint}")


@functools.cache
def _own() -> tuple[str, ...]:
    """A module is called as its task: it is imported when that is asked for."""
    names = {module.name for module in pkgutil.iter_modules(folder.__path__)}
    return tuple(sorted(names, key=lambda name: (name != FIRST, name)))


@functools.cache
def _others() -> Mapping[str, TaskEntry]:
    return {entry.name: entry for entry in installed(GROUP, TaskEntry)}
