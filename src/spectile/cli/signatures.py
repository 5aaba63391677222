"""The options of a task as typer wants them: a function's signature, made from its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer
from typer.models import ArgumentInfo

from spectile.tasks.settings import Setting

FIRST = "What matters most"
GROUPS = ("data", "network", "training", "split", "mapping", "hardware")


def with_options(
    function: Callable[..., None],
    settings: Iterable[Setting],
    arguments: tuple[str, ...],
    others: Mapping[str, Any],
) -> None:
    """Give a function the signature that typer takes its options from.

    It has an option a setting, positional for those in `arguments`, and the `others`, names with
    annotations as typer wants them. What the user leaves out is None.
    """
    # Those of the run itself, such as its data, come before those of a section.
    settings = sorted(settings, key=lambda s: (GROUPS.index(s.group), len(s.place)))
    made = [_keyword(name, annotation) for name, annotation in others.items()]
    made += [_parameter(setting, positional=setting.name in arguments) for setting in settings]
    for setting in settings:
        made += [_alias(setting, old) for old in setting.old if f"--{old}" != setting.option]
    function.__signature__ = Signature(sorted(made, key=_rank))  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in made} | {"return": None}


def _keyword(name: str, annotation: Any) -> Parameter:
    left_out = False if annotation.__origin__ is bool else None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=left_out, annotation=annotation)


def _parameter(setting: Setting, *, positional: bool) -> Parameter:
    kind: Any = list[str] if setting.kind is dict else setting.kind
    text = f"{setting.description}{defaults(setting)}"
    told: Any
    if positional:
        told = typer.Argument(metavar=setting.name.upper(), help=text, show_default=False)
    else:
        panel = FIRST if setting.first else setting.group.capitalize()
        told = typer.Option(
            setting.option, metavar=_metavar(setting), help=text, rich_help_panel=panel
        )
    return _keyword(setting.name, Annotated[kind | None, told])


def _alias(setting: Setting, old: str) -> Parameter:
    """What earlier versions called a setting; help says nothing of it."""
    option = "--" + old.replace("_", "-")
    if setting.kind is bool:
        option = f"{option}/--no-{option[2:]}"
    return _keyword(old, Annotated[setting.kind | None, typer.Option(option, hidden=True)])


def _rank(parameter: Parameter) -> int:
    """Arguments, then what matters most, then group by group."""
    told = parameter.annotation.__metadata__[0]
    panels = (FIRST, *(group.capitalize() for group in GROUPS))
    if isinstance(told, ArgumentInfo):
        return -1
    return panels.index(told.rich_help_panel) if told.rich_help_panel in panels else len(panels)


def _metavar(setting: Setting) -> str | None:
    if setting.kind is bool:
        return None
    if setting.choices:
        return "|".join(setting.choices)
    known = {int: "N", list[int]: "N", float: "X", dict: "NAME=VALUE", tuple[float, float]: "X X"}
    return known.get(setting.kind, "TEXT")


def defaults(setting: Setting) -> str:
    """What a setting is where nobody says it, by recipe: " [9; paper: 25]"; empty for nothing."""
    switch = [side.strip().removeprefix("--") for side in setting.option.split("/")]
    if setting.kind is not bool or switch[-1].startswith("no-"):
        switch = ["on", "off"]
    texts = [(name, _text(value, switch)) for name, value in setting.defaults.items()]
    first, *others = texts or [("", "")]
    words = [first[1], *(f"{name}: {text}" for name, text in others if text != first[1] and text)]
    shown = "; ".join(word for word in words if word)
    return f" [{shown}]" if shown else ""


def _text(value: Any, switch: list[str]) -> str:
    if value is None or value == () or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return switch[0] if value else switch[1]
    if isinstance(value, tuple):
        return " ".join(_text(one, switch) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
