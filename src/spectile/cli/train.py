"""`spectile train`, a command a task, each made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectile.cli.grouped_help import GroupedCommand, PlainGroup
from spectile.cli.options import Overwrite, Quiet, Resume
from spectile.errors import InputError

if TYPE_CHECKING:
    from spectile.tasks.config import RunConfig
    from spectile.tasks.settings import TaskName

ABOUT: dict[TaskName, str] = {
    "scene": "Train on a scene and its labels, map it, score it and write a report.",
    "classify": "Train on images of any band count in classes, score it on test images, write a "
    "report.",
    "segment": "Train on images and masks, or on tiles of a scene; score on test images, write a "
    "report.",
}
EXAMPLES: dict[TaskName, str] = {
    "scene": "spectile train scene scene.hdr fields.gpkg --column crop --out runs/fields",
    "classify": "spectile train classify --images photos --out runs/photos",
    "segment": "spectile train segment --images tiles --masks masks --out runs/tiles",
}
ARGUMENTS: dict[TaskName, tuple[str, ...]] = {"scene": ("scene", "labels")}
NAMED = {"scene": ("scene",), "classify": ("images",), "segment": ("images", "scene")}
"""Settings any of which says what to train on."""
MISSING = {
    "scene": "name a scene and its labels, or a --config.",
    "classify": "name the images: add --images DIR, or a --config.",
    "segment": "name --images and --masks, or a --scene and its --labels.",
}


class _Tasks(PlainGroup):
    """The commands of `spectile train`: their options are made when one is looked at."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(ABOUT)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for task in ABOUT:
            # All of them for a wrong name, of which the nearest is suggested.
            if (task == cmd_name or cmd_name not in ABOUT) and task not in self.commands:
                self.commands[task] = _command(task)
        return self.commands.get(cmd_name)


train = typer.Typer(
    help="Train a network, map or classify with it, and write a report.",
    no_args_is_help=True,
    cls=_Tasks,
)


def _command(task: TaskName) -> Any:
    from spectile.cli.signatures import with_options
    from spectile.tasks.settings import KINDS, settings_of

    def run(**given: Any) -> None:
        _train(task, **given)

    others = _others(list(KINDS[task].recipes))
    with_options(run, settings_of(task), ARGUMENTS.get(task, ()), others)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(task, help=ABOUT[task], epilog=f"Example: {EXAMPLES[task]}", cls=GroupedCommand)(
        run
    )
    return typer.main.get_command(single)


def _others(recipes: list[str]) -> dict[str, Any]:
    """Options that are no settings of the run, with their types."""
    from spectile.cli.signatures import FIRST

    known = f"{', '.join(recipes[:-1])} or {recipes[-1]}"
    out = typer.Option(metavar="PATH", help="The run directory.", rich_help_panel=FIRST)
    recipe = typer.Option(
        metavar="NAME",
        help=f"Settings to start from: {known}. [{recipes[0]}]",
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
    task: TaskName,
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
    from spectile.cli.printing import print_image_scores, print_scores
    from spectile.runs.finished import is_finished
    from spectile.runs.lifecycle import run
    from spectile.tasks.settings import resolved

    if out is None:
        raise InputError("say where the run shall be written: add --out runs/NAME.")
    given["options"] = _network_options(given.get("options"))
    named = any(given[name] is not None for name in NAMED[task])
    base = _base(task, config, out, named=named, resume=resume, overwrite=overwrite)
    settings = resolved(task, given, base=base, recipe=recipe)
    what = _task(task)
    if resume and is_finished(what, settings, out):
        print(f"Report: {out / 'report.html'}; the run is finished already.")
        return
    with pixels_bar("mapping" if task == "scene" else "reading images", quiet=quiet) as progress:
        finished: Any = run(
            what, settings, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress
        )
    print_label_counts(finished.metrics.get("labels"))
    show = print_scores if task == "scene" else print_image_scores
    show(finished.metrics, finished.extra_notes)
    print(f"Report: {out / 'report.html'}")


def _task(name: TaskName) -> Any:
    if name == "scene":
        from spectile.tasks.scene.task import SceneTask

        return SceneTask()
    if name == "classify":
        from spectile.tasks.images.classify import ClassifyTask

        return ClassifyTask()
    from spectile.tasks.images.segment import SegmentTask

    return SegmentTask()


def _base(
    task: TaskName, config: Path | None, out: Path, *, named: bool, resume: bool, overwrite: bool
) -> RunConfig | None:
    """The configuration to start from: that of a file, or of the run in `out` to go on with.

    None where the options have `named` what to train on. Raises InputError where nothing does,
    and for a file in the very directory that shall be replaced.
    """
    from spectile.runs.directory import check_inputs, read_started
    from spectile.tasks.config import read_config
    from spectile.tasks.settings import KINDS

    kind = KINDS[task].config
    if config is not None:
        if overwrite and not resume:
            check_inputs(out, [config])
        return read_config(config, kind)
    if named:
        return None
    started = read_started(out, kind) if resume else None
    if started is None:
        lost = f"{out} holds no run to go on with: " if resume else ""
        raise InputError(f"{lost}{MISSING[task]}")
    return started


def _network_options(entries: list[str] | None) -> dict[str, Any] | None:
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
