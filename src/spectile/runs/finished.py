"""Whether a run is finished: all that it writes is there, and can be read."""

from __future__ import annotations

import json
from pathlib import Path

from spectile.errors import InputError
from spectile.mapping.output.map_files import is_map
from spectile.model.model import load
from spectile.runs.config import RunConfig
from spectile.runs.directory import check_same, read_started
from spectile.runs.run_files import (
    HISTORY,
    MAP,
    METRICS,
    MODEL,
    PREDICTIONS,
    REPORT,
    SPLIT,
    SPLIT_TABLE,
)
from spectile.scoring.records import read_history


def is_finished(config: RunConfig, directory: Path) -> bool:
    """Whether the run of `config` in `directory` is finished, and nothing is left to do.

    Raises InputError for one of other settings or of another task.
    """
    if directory.is_symlink() or not _has_all(directory / REPORT):
        return False
    started = read_started(directory, type(config))
    if started is None:
        return False
    folders = [directory, *(directory / f"repeat-{n}" for n in range(2, started.repeats + 1))]
    if not all(_is_whole(folder, started) for folder in folders):
        return False
    check_same(config, started, directory)
    return True


def _is_whole(folder: Path, config: RunConfig) -> bool:
    scene = getattr(config, "scene", None) is not None
    task = getattr(config, "task", "scene")
    tables = {"scene": (), "segment": (SPLIT_TABLE,), "classify": (SPLIT_TABLE, PREDICTIONS)}[task]
    maps = (*([SPLIT] if task == "scene" else []), *([MAP] if scene else []))
    try:
        load(folder / MODEL)
        read_history(folder / HISTORY)
        json.loads((folder / METRICS).read_bytes())
    except (InputError, OSError, ValueError):
        return False
    return _has_all(*(folder / name for name in tables)) and all(
        is_map(folder / name) for name in maps
    )


def _has_all(*files: Path) -> bool:
    return all(file.is_file() and file.stat().st_size for file in files)
