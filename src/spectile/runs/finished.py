"""Whether a run is finished: all that it writes is there, and can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spectile.errors import InputError
from spectile.mapping.output.map_files import is_map
from spectile.model.file import check_file
from spectile.runs.directory import check_same, read_started
from spectile.scoring.records import read_history
from spectile.tasks.base import Config, Task
from spectile.tasks.files import HISTORY, METRICS, MODEL, REPORT


def is_finished(task: Task[Config, Any, Any], config: Config, directory: Path) -> bool:
    """Whether the run of `config` in `directory` is finished, and nothing is left to do.

    Raises InputError for one of other settings or of another task.
    """
    if directory.is_symlink() or not _has_all(directory / REPORT):
        return False
    started = read_started(directory, type(config))
    if started is None:
        return False
    folders = [directory, *(directory / f"repeat-{n}" for n in range(2, started.repeats + 1))]
    if not all(_is_whole(folder, task.outputs(started)) for folder in folders):
        return False
    check_same(config, started, directory)
    return True


def _is_whole(folder: Path, outputs: tuple[str, ...]) -> bool:
    try:
        check_file(folder / MODEL)
        read_history(folder / HISTORY)
        json.loads((folder / METRICS).read_bytes())
    except (InputError, OSError, ValueError):
        return False
    files = [folder / name for name in outputs]
    return all(is_map(file) if file.suffix == ".tif" else _has_all(file) for file in files)


def _has_all(*files: Path) -> bool:
    return all(file.is_file() and file.stat().st_size for file in files)
