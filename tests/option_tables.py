"""The tables of options in docs/commands.md, from the commands; run as a module it writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from spectile.cli.app import app
from spectile.cli.grouped_help import heading
from spectile.cli.signatures import defaults
from spectile.tasks.registry import is_task
from spectile.tasks.settings import Setting, settings_of

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
BETWEEN = re.compile(
    r"(<!-- options of (spectile [a-z ]+) -->\n).*?(<!-- end of options -->)", re.S
)


def all_commands() -> dict[str, Any]:
    """All commands with options of their own, by what one types."""
    return dict(_below(typer.main.get_command(app), "spectile"))


def _below(command: Any, name: str) -> list[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        return [(name, command)]
    names = command.list_commands(None)
    return [one for n in names for one in _below(command.get_command(None, n), f"{name} {n}")]


def with_tables(text: str) -> str:
    """The page with the tables that its commands have now between its marks."""
    commands = all_commands()

    def table(found: re.Match[str]) -> str:
        start, name, end = found.groups()
        return f"{start}\n{_tables(name, commands[name])}\n{end}"

    return BETWEEN.sub(table, text)


def _tables(name: str, command: Any) -> str:
    task = name.removeprefix("spectile train ")
    settings = {s.name: s for s in settings_of(task)} if is_task(task) else {}
    sections: dict[str, list[tuple[str, ...]]] = {}
    for parameter in command.params:
        if not getattr(parameter, "hidden", False) and parameter.name != "help":
            row = _row(parameter, settings.get(parameter.name))
            sections.setdefault(heading(parameter), []).append(row)
    if not sections:
        return "It has no options.\n"
    titled = bool(settings)
    return "\n\n".join(_table(title, rows, titled) for title, rows in sections.items()) + "\n"


def _table(title: str, rows: list[tuple[str, ...]], titled: bool) -> str:
    """Ranges stand only where some setting has one."""
    head = ("argument" if title == "Arguments" else "option", "does", "range", "if left out")
    shown = [column for column in range(4) if column < 2 or any(row[column] for row in rows)]
    lines = [_line([row[column] for column in shown]) for row in (head, *rows)]
    lines.insert(1, "|---" * len(shown) + "|")
    return "\n".join([*([f"### {title}", ""] if titled else []), *lines])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _row(parameter: Any, setting: Setting | None) -> tuple[str, ...]:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    if setting is not None:
        words = ", ".join(f"`{word}`" for word in setting.choices)
        return name, setting.description, words or setting.range, defaults(setting)[2:-1]
    text, _, known = (parameter.help or "").partition(" [")
    default = "" if parameter.default is None else str(parameter.default)
    return name, text, "", known.rstrip("]") or ("" if default == "False" else default)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
