"""The names that a run writes in its directory: what else lies there is the user's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spectile.files import is_aside
from spectile.mapping.output.map_files import map_files
from spectile.mapping.output.unfinished import PART_FILES, PART_FOLDERS
from spectile.tasks.files import (
    CARD,
    CHECKPOINTS,
    CODE,
    CONFIG,
    HISTORY,
    MAP,
    METRICS,
    MODEL,
    PICTURE,
    PIXELS,
    PREDICTIONS,
    REPORT,
    SPLIT,
    SPLIT_TABLE,
    STAC_ITEM,
    TENSORBOARD,
)
from spectile.tasks.registry import task_entry, task_names

MARK, LOCK = ".spectile-run", ".spectile-lock"

LEFT_BY_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini", ".directory"}
"""What file managers leave in any folder: neither a run's nor in its way."""


@dataclass(frozen=True)
class Contents:
    """What a program writes into a folder."""

    files: re.Pattern[str]
    """Matches the names of its files."""
    folders: tuple[tuple[re.Pattern[str], Contents], ...] = ()
    """Matches the names of folders, with what is written into those."""

    def folder(self, name: str) -> Contents | None:
        """What is written into the folder of that name; None where there is no such folder."""
        return next((inner for names, inner in self.folders if names.fullmatch(name)), None)


def _names(*names: str) -> str:
    return "|".join(map(re.escape, names))


_MAPS = _names(*(file.name for name in (MAP, SPLIT) for file in map_files(Path(name))))
_RESULTS = _names(
    *(CONFIG, MODEL, CARD, STAC_ITEM, METRICS, HISTORY, REPORT),
    *(SPLIT_TABLE, PIXELS, PREDICTIONS, CODE),
)
_OLD_ASIDES = r"\.(config|model|metrics|history|report|split|predictions|map)\.[a-z0-9_]{8}\.\w+"
"""What earlier versions called a file on its way."""
# GDAL has files of its own there while it writes.
_FINISHING = Contents(re.compile(r"(map|split)(_\w+)?\.(tif|qml)(\..+)?"))
_PART = Contents(PART_FILES, ((PART_FOLDERS, _FINISHING),))
_FOLDERS = (
    (re.compile(CHECKPOINTS), Contents(re.compile(r"\w+\.ckpt|\.\w+\.[a-z0-9_]{8}\.ckpt"))),
    (re.compile(TENSORBOARD), Contents(re.compile(r"events\.out\.tfevents\..*|hparams\.yaml"))),
    (re.compile(rf"\.({_names(MAP, SPLIT)})\.part"), _PART),
)


@cache
def run_contents() -> Contents:
    """What the runs of all tasks write."""
    of_tasks = _names(*(name for task in task_names() for name in task_entry(task).files))
    marks = _names(PICTURE, PICTURE + ".aux.xml", MARK, LOCK)
    files = re.compile("|".join(filter(None, (_MAPS, _RESULTS, marks, _OLD_ASIDES, of_tasks))))
    return Contents(files, (*_FOLDERS, (re.compile(r"repeat-\d+"), Contents(files, _FOLDERS))))


@cache
def demo_contents() -> Contents:
    """What `spectile demo` writes."""
    files = re.compile(_names(REPORT, MARK, LOCK))
    return Contents(files, ((re.compile("blocks|random"), run_contents()),))


def strangers(folder: Path, layout: Contents) -> Iterator[Path]:
    """All in a folder that isn't in its layout, links among them; links aren't followed."""
    for entry in sorted(folder.iterdir()):
        if entry.name in LEFT_BY_SYSTEMS or is_aside(entry):
            continue
        inner = layout.folder(entry.name)
        if entry.is_symlink():
            yield entry
        elif entry.is_dir() and inner is not None:
            yield from strangers(entry, inner)
        elif entry.is_dir() or not layout.files.fullmatch(entry.name):
            yield entry


def in_the_way(folder: Path, layout: Contents) -> Iterator[Path]:
    """Links, and folders for files, where a program would write."""
    for entry in strangers(folder, layout):
        place = layout
        for name in entry.relative_to(folder).parts[:-1]:
            place = place.folder(name) or place
        if place.files.fullmatch(entry.name) or place.folder(entry.name):
            yield entry


def holds_anything(folder: Path) -> bool:
    """Whether a folder holds more than what a kill leaves before a run has begun."""
    nothing = {MARK, LOCK, *LEFT_BY_SYSTEMS}
    return any(entry.name not in nothing and not is_aside(entry) for entry in folder.iterdir())


def clear(folder: Path, layout: Contents) -> None:
    """Remove what a program wrote, by its names; the mark and the lock stay.

    The report goes first, for it shows that a run is finished, and its configuration last.
    """
    order = {REPORT: 0, CONFIG: 2}
    for entry in sorted(folder.iterdir(), key=lambda entry: order.get(entry.name, 1)):
        inner = layout.folder(entry.name)
        if entry.is_symlink() or entry.name in (MARK, LOCK):
            continue
        if is_aside(entry):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.is_dir() and inner is not None:
            clear(entry, inner)
            with suppress(OSError):
                entry.rmdir()
        elif entry.is_file() and layout.files.fullmatch(entry.name):
            entry.unlink()
