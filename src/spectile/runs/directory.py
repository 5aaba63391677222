"""The run directory: whose it is, and whether a run may begin or go on there."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from spectile.errors import InputError
from spectile.files import Lock, check_name, existing_files, not_writable, write_aside
from spectile.runs.run_files import (
    LEFT_BY_SYSTEMS,
    LOCK,
    MARK,
    Contents,
    clear,
    holds_anything,
    in_the_way,
    run_contents,
    strangers,
)
from spectile.tasks.config import Config, RunConfig, parse_config
from spectile.tasks.files import CONFIG, MODEL, REPORT

FORMAT = 1
"""Of the mark; raised when an older version would harm the directory."""

log = logging.getLogger(__name__)


@contextmanager
def claimed(
    directory: Path,
    config: RunConfig,
    *,
    overwrite: bool,
    resume: bool,
) -> Iterator[bool]:
    """Hold `directory` for one run, and tell whether there is one to go on with.

    Nothing in it is touched yet. Raises InputError while another process writes a run there, unless
    the directory is free or holds a run that may be replaced or resumed, and where an input lies
    under a name that a run writes.
    """
    with held(directory, run_contents()):
        check_inputs(directory, config.paths())
        yield _may_begin(directory, config, overwrite=overwrite, resume=resume)


@contextmanager
def held(directory: Path, layout: Contents) -> Iterator[None]:
    """Keep other processes off a directory; InputError if it isn't a program's own, or held."""
    check_ours(directory, layout)
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        lock = Lock(directory / LOCK, directory)
    except OSError as error:
        raise not_writable(directory, error) from error
    try:
        yield
    finally:
        lock.release()
        for folder in missing:  # those that stayed empty
            with suppress(OSError):
                folder.rmdir()


def check_ours(directory: Path, layout: Contents) -> None:
    """Raise InputError unless nothing of the user's would be written among.

    A directory is ours if it has the mark, or holds nothing, or what a run of an earlier version
    wrote and nothing else.
    """
    check_name(directory)
    if directory.is_symlink():
        raise InputError(f"{directory} is a link: name the folder itself, or choose another --out.")
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file: choose another name for the run.")
    if not directory.exists():
        return
    mark = directory / MARK
    if mark.is_file() and not mark.is_symlink():
        _read_mark(directory)
        return
    stranger = next(strangers(directory, layout), None)
    if stranger is None and holds_anything(directory):
        of_run = layout is run_contents()
        runs = [directory] if of_run else [directory / "blocks", directory / "random"]
        if not any(_earlier_run(run) for run in runs):
            config = directory / CONFIG
            stranger = config if config.exists() else next(_files(directory))
    if stranger is not None:
        raise InputError(
            f"{directory} is not empty and holds no run ({stranger.relative_to(directory)} isn't "
            "of one): choose another --out."
        )


def check_inputs(directory: Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise InputError for an input that a run would write over, or a folder that it lies in."""
    inputs, where = list(inputs), directory.resolve()
    for folder in (Path(name) for name in inputs if Path(name).is_dir()):
        if where.is_relative_to(folder.resolve()):
            raise InputError(
                f"{directory} lies in {folder}, which is read: choose an --out outside of it."
            )
    for file in existing_files(inputs):
        place = file.resolve()
        if not place.is_relative_to(where):
            continue
        first = place.relative_to(where).parts[0]
        if run_contents().files.fullmatch(first) or run_contents().folder(first):
            raise InputError(
                f"{file} is read by this very run, which would write over it: choose another --out."
            )


def check_same(config: RunConfig, started: RunConfig, directory: Path) -> None:
    """Raise InputError unless a resumed run goes on with the settings it was started with."""
    # Earlier versions wrote paths as they were given.
    now, then = config.placed().as_dict(), started.placed().as_dict()
    # Where it computes may change; what it computes may not.
    changed = [key for key in then if key != "hardware" and now[key] != then[key]]
    if changed:
        raise InputError(
            f"{directory} was started with other settings ({', '.join(changed)}): leave the "
            "options out to go on, or start anew with --overwrite."
        )


def read_started(directory: Path, kind: type[Config]) -> Config | None:
    """The settings that a run was started with; None where a kill left none to read.

    Raises InputError for a run of another task.
    """
    for document in (_yaml(directory / CONFIG), _read_mark(directory).get("settings")):
        if not isinstance(document, dict):
            continue
        task, wanted = document.get("task"), kind.model_fields["task"].default
        if isinstance(task, str) and task != wanted and "recipe" in document:
            raise InputError(
                f"{directory} holds a run of train {task}: choose another --out for train {wanted}."
            )
        with suppress(InputError):
            return parse_config(document, str(directory), kind)
    return None


def begin(directory: Path, config: RunConfig, *, going_on: bool) -> None:
    """Make the directory of a run, in the place of an old one unless it goes on."""
    if (directory / CONFIG).exists() and "recipe" not in (_yaml(directory / CONFIG) or ()):
        what = "is written again" if going_on else "was cut short as the run began: it begins anew"
        log.warning("%s %s.", directory / CONFIG, what)
    try:
        if not going_on:
            clear(directory, run_contents())
        # While it is there the run counts as finished.
        (directory / REPORT).unlink(missing_ok=True)
    except OSError as error:
        raise not_writable(directory, error) from error
    write_mark(directory, config.as_dict())
    config.write(directory / CONFIG)


def write_mark(directory: Path, settings: Mapping[str, Any]) -> None:
    """Mark a directory as one that a program may write over."""
    mark = {"format": FORMAT, "task": settings["task"], "settings": settings}
    with write_aside(directory / MARK) as aside:
        aside.write_text(json.dumps(mark, indent=1), encoding="utf-8")


def refuse_strangers(directory: Path, layout: Contents) -> None:
    """Raise InputError for what no program of ours wrote in a directory that is to be replaced."""
    stranger = next(strangers(directory, layout), None)
    if stranger is not None:
        raise InputError(
            f"{directory} holds {stranger.relative_to(directory)}, which no run wrote: "
            "move it, or choose another --out."
        )


def refuse_obstacles(directory: Path, layout: Contents) -> None:
    """Raise InputError for links and other things under names that are written."""
    for path in in_the_way(directory, layout):
        what = "a link" if path.is_symlink() else "a folder"
        raise InputError(f"{path} is {what}, and in the way of the run: move it.")


def _may_begin(directory: Path, config: RunConfig, *, overwrite: bool, resume: bool) -> bool:
    """Whether there is a run to go on with; InputError if none may be written."""
    refuse_obstacles(directory, run_contents())
    if not holds_anything(directory) and not (resume and (directory / MARK).exists()):
        return False
    if resume:
        return _may_go_on(directory, config)
    if overwrite:
        refuse_strangers(directory, run_contents())
        return False
    if (directory / REPORT).exists():
        raise InputError(f"{directory} holds a run: choose another --out or add --overwrite.")
    raise InputError(
        f"{directory} holds an unfinished run: go on with --resume or add --overwrite."
    )


def _may_go_on(directory: Path, config: RunConfig) -> bool:
    started = read_started(directory, type(config))
    if started is not None:
        check_same(config, started, directory)
        return holds_anything(directory)
    if any(directory.rglob("*.ckpt")) or (directory / MODEL).exists():
        raise InputError(
            f"{directory / CONFIG} can't be read, so nobody knows how the run there was started: "
            "start anew with --overwrite."
        )
    return False


def _earlier_run(directory: Path) -> bool:
    """Whether a directory without a mark, of a run's names alone, was a run's all the same."""
    path = directory / CONFIG
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    document = _read(text)
    if not isinstance(document, dict) or not {"hardware", "task", "recipe"} <= document.keys():
        # Empty or cut short, where a run was killed as it began.
        begun = not text.strip() or text.startswith("hardware:\n")
        return begun and all(file == path for file in _files(directory))
    # As the program writes it: a user's own file has comments, or other quotes.
    return text == yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _files(directory: Path) -> Iterator[Path]:
    others = (MARK, LOCK, *LEFT_BY_SYSTEMS)
    return (entry for entry in sorted(directory.iterdir()) if entry.name not in others)


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _yaml(path: Path) -> Any:
    try:
        return _read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _read_mark(directory: Path) -> dict[str, Any]:
    """What the mark says; nothing if it was cut short. InputError for that of a newer version."""
    try:
        mark = json.loads((directory / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(mark, dict):
        return {}
    if isinstance(mark.get("format"), int) and mark["format"] > FORMAT:
        raise InputError(f"{directory} was written by a newer Spectile: update Spectile.")
    return mark
