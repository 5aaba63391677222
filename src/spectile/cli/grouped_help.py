"""Help as plain text in sections; rich's tables would take longer than all the rest."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class GroupedCommand(TyperCommand):
    """A command whose help lists options under the headings that they name."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each heading, in the order of the options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(heading(parameter), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class PlainGroup(TyperGroup):
    """A group whose help has a whole sentence for each command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names of the commands with what they do."""
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in names])

    def summary(self, ctx: Any, name: str) -> str:
        """What one of the commands does."""
        return getattr(self.get_command(ctx, name), "help", None) or ""


def heading(parameter: Any) -> str:
    """Under what an option or argument is listed."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Options"
