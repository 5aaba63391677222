"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from spectile.errors import InputError


class MethodChoice(StrEnum):
    """How a scene is mapped."""

    DENSE = "dense"
    PATCHES = "patches"


class PrecisionChoice(StrEnum):
    """In what numbers a scene is mapped."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BF16 = "bf16"


def within(option: str, kind: str, *, of_cores: bool = False) -> Any:
    """A callback that refuses what isn't in a range of :mod:`spectile.ranges`, before any work.

    `of_cores` are processes and threads, of which there are no more than cores.
    """

    def check(value: Any) -> Any:
        # Imported late: help doesn't wait for it.
        from spectile import ranges

        if value is not None:
            ranges.check(option, value, getattr(ranges, kind))
        if of_cores:
            ranges.check_cores(option, value)
        return value

    return check


MethodOption = Annotated[
    MethodChoice,
    typer.Option(help="dense: shared work once, the same numbers; patches: by window."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only.")]
Seed = Annotated[
    int, typer.Option(callback=within("--seed", "Seed"), help="Where all chance starts from.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        callback=within("--threads", "Threads", of_cores=True),
        help="CPU threads; as many as PyTorch chooses if left out.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a killed run, if any.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier command wrote.")
]
Memory = Annotated[
    float,
    typer.Option(
        callback=within("--memory", "Gigabytes"), help="GB that one part of the scene may take."
    ),
]
OwnNetwork = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The code of a network of one's own, as in mynets.py:SSRN."),
]
Align = Annotated[
    bool,
    typer.Option(
        "--align",
        help="Bring each band of the whole scene to the training scene's mean and deviation, for "
        "other light; only where both have about the same mix of classes.",
    ),
]
BandsLast = Annotated[
    bool | None,
    typer.Option("--bands-last/--bands-first", help="Axis of the bands in arrays that don't say."),
]


def network_options(entries: list[str] | None) -> dict[str, Any] | None:
    """NAME=VALUE entries as arguments of a network; values are as in JSON or Python, or words."""
    if not entries:
        return None
    found: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not equals or not name:
            raise InputError(f"--option {entry} says no value: write it as NAME=VALUE.")
        found[name.replace("-", "_")] = _value(text)
    return found


def _value(text: str) -> Any:
    """A value of JSON or of Python, such as true, None or (8, 16); any other text as it is."""
    import ast
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        # As a configuration and a model file give it back: tuples are lists there.
        return json.loads(json.dumps(ast.literal_eval(text)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
