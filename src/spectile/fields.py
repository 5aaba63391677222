"""How a setting is declared: a pydantic field that also says what its option needs."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import ConfigDict, Field

Group = Literal["data", "network", "training", "split", "mapping", "hardware"]

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
"""Of all that holds settings. They are built when the first is checked: help doesn't wait."""


def about(
    group: Group,
    description: str,
    *,
    first: bool | tuple[str, ...] = False,
    name: str | None = None,
    option: str | None = None,
    old: tuple[str, ...] = (),
    tasks: tuple[str, ...] = (),
    path: bool = False,
    code: bool = False,
    goes_with: tuple[str, tuple[str, ...]] | None = None,
) -> Any:
    """What a setting says of itself; it stands beside the type, in ``Annotated``.

    Args:
        group: Where help and docs list it.
        description: One sentence, with the unit.
        first: Whether it is one of those that matter most, or the tasks in which it is.
        name: What it is called outside of its section of config.yaml; None: as there.
        option: How the command line spells it: "--bands-last/--bands-first"; None: by its name.
        old: What earlier versions called it, in config.yaml and as an option; both go on working.
        tasks: The only tasks that have it; empty: all whose configuration does.
        path: Whether it names files or folders of the user's: kept absolute, never written over.
        code: Whether it may name code of the user's, as in losses.py:own; kept absolute as well.
        goes_with: The one setting that it depends on, and the words of that with which it has a
            meaning: ("optimizer", ("sgd",)). Beside others it has to be as it is left out.
    """
    said = list(first) if isinstance(first, tuple) else first
    extra: Any = {"group": group, "first": said, "name": name, "option": option, "path": path}
    return Field(
        description=description,
        json_schema_extra=extra
        | {"old": list(old), "tasks": list(tasks), "code": code}
        | {"goes_with": goes_with and list(goes_with)},
    )


def writable(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as a configuration and a model file keep them: a number of NumPy's is one of ours.

    Raises ValueError for what they can't hold.
    """
    kept = {}
    for name, value in arguments.items():
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            value = value.item()
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} can't be kept in a model file, which holds numbers, words and lists of "
                "them alone, so build the network with it in a function"
            ) from error
        kept[name] = value
    return kept
