"""`spectile train`, a command a task, each made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectile.cli.grouped_help import GroupedCommand, PlainGroup
from spectile.cli.options import Overwrite, Quiet, Resume, network_options
from spectile.errors import InputError

if TYPE_CHECKING:
    from spectile.tasks.config import RunConfig
    from spectile.tasks.registry import TaskEntry


class _Tasks(PlainGroup):
    """The commands of `spectile train`: their options are made when one is looked at."""

    def list_commands(self, ctx: Any) -> list[str]:
        from spectile.tasks.registry import task_names

        return list(task_names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from spectile.tasks.registry import is_task, task_entry

        if cmd_name not in self.commands:
            # All of them for a wrong name, of which the nearest is suggested.
            for task in (cmd_name,) if is_task(cmd_name) else self.list_commands(ctx):
                self.commands[task] = _command(task_entry(task))
        return self.commands.get(cmd_name)

    def summary(self, ctx: Any, name: str) -> str:
        from spectile.tasks.registry import task_entry

        return task_entry(name).summary


train = typer.Typer(
    help="Train a network, map or classify with it, and write a report.",
    no_args_is_help=True,
    cls=_Tasks,
)


def _command(entry: TaskEntry) -> Any:
    from spectile.cli.signatures import with_options
    from spectile.tasks.settings import settings_of

    def run(**given: Any) -> None:
        _train(entry, **given)

    with_options(run, settings_of(entry.name), entry.arguments, _others(list(entry.recipes)))
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    example = f"Example: spectile train {entry.name} {entry.example}"
    single.command(entry.name, help=entry.summary, epilog=example, cls=GroupedCommand)(run)
    return typer.main.get_command(single)


def _others(recipes: list[str]) -> dict[str, Any]:
    """Options that are no settings of the run, with their types."""
    from spectile.cli.signatures import FIRST

    known = ", ".join(recipes)
    out = typer.Option(metavar="PATH", help="The run directory.", rich_help_panel=FIRST)
    recipe = typer.Option(
        metavar="NAME",
        help=f"Settings to start from: {known}, or a YAML file of one's own. [{recipes[0]}]",
        rich_help_panel=FIRST,
    )
    config = typer.Option(metavar="PATH", help="The config.yaml of a run, to run it again.")
    return {
        "out": Annotated[Path | None, out],
        "recipe": Annotated[str | None, recipe],
        "config": Annotated[Path | None, config],
        "resume": Resume,
        "overwrite": Overwrite,
        "quiet": Quiet,
    }


def _train(
    entry: TaskEntry,
    *,
    out: Path | None,
    config: Path | None,
    recipe: str | None,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    **given: Any,
) -> None:
    from spectile.cli.bars import pixels_bar
    from spectile.cli.label_table import print_label_counts
    from spectile.cli.printing import print_baseline, print_scores
    from spectile.runs.directory import check_inputs
    from spectile.runs.finished import is_finished
    from spectile.runs.lifecycle import run
    from spectile.tasks.settings import resolved
    from spectile.tasks.starting_recipe import recipe_file

    if out is None:
        raise InputError("say where the run shall be written: add --out runs/NAME.")
    if overwrite and not resume:
        check_inputs(out, [file for file in (config, recipe_file(recipe)) if file is not None])
    if "options" in given:
        given["options"] = network_options(given["options"])
    named = any(given[name] is not None for name in entry.sources)
    base = _base(entry, config, out, named=named, resume=resume)
    settings = resolved(entry.name, given, base=base, recipe=recipe)
    task = entry.load()
    if resume and is_finished(task, settings, out):
        print(f"Report: {out / 'report.html'}; the run is finished already.")
        return
    with pixels_bar(entry.progress, quiet=quiet) as progress:
        finished = run(
            task, settings, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress
        )
    print_label_counts(finished.metrics.get("labels"))
    print_scores(finished.metrics, finished.extra_notes, task.scores)
    print_baseline(finished.metrics)
    print(f"Report: {out / 'report.html'}")


def _base(
    entry: TaskEntry,
    config: Path | None,
    out: Path,
    *,
    named: bool,
    resume: bool,
) -> RunConfig | None:
    """The configuration to start from: that of a file, or of the run in `out` to go on with.

    None where the options have `named` what to train on. Raises InputError where nothing does.
    """
    from spectile.runs.directory import read_started
    from spectile.tasks.config import read_config

    if config is not None:
        return read_config(config, entry.config)
    if named:
        return None
    started = read_started(out, entry.config) if resume else None
    if started is None:
        lost = f"{out} holds no run to go on with: " if resume else ""
        raise InputError(f"{lost}{entry.missing}")
    return started
