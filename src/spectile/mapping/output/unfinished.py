"""The hidden folder in which a map waits until it is finished, and goes on after a kill."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from spectile.errors import InputError
from spectile.files import Lock, is_aside, write_aside

Job = Mapping[str, Any]
"""All that determines a map's pixels, ready for JSON."""

_LINE = re.compile(r"^\d+ \d+ \d+ \d+$", re.MULTILINE)
LOCK, JOB, JOURNAL = "lock", "job.json", "journal"
OBJECTS = "objects"
"""What was found so far, in a map of objects."""
RESERVE, MAKING, COMPLETE, NAMES = "reserve", "making", "complete", "names"
"""Taken space; the map's files while GDAL writes them, and then; what they are called."""
PART_FILES = re.compile(
    rf"{LOCK}|{JOB}|{JOURNAL}|{RESERVE}|{NAMES}|{OBJECTS}|[a-z][a-z0-9_]*\.(bil|vrt)"  # a layer's
    r"|\.job\.[a-z0-9_]{8}\.json"  # what earlier versions called a file on its way
)
PART_FOLDERS = re.compile(f"{MAKING}|{COMPLETE}")


class UnfinishedMap:
    """The folder `.map.tif.part` beside `map.tif`, held by one process at a time.

    `job.json` says what is being mapped, and is there once everything is in place. The journal
    has a line a finished tile, written after the tile's pixels; a kill can cut the last one short.
    Raises InputError while another process holds the folder, and where what stands there, or a
    thing in it, isn't from an unfinished map.
    """

    def __init__(self, map_path: Path) -> None:
        self._map = map_path
        self.folder = part_folder(map_path)
        self._check_ours()
        self._lock = Lock(self.folder / LOCK, map_path)

    def read_job(self) -> Job | None:
        """What was being mapped here; None where nothing was, or not enough to go on with."""
        return read_job(self._map)

    def finished(self) -> list[Window]:
        """The finished tiles, as they were added."""
        journal = self.folder / JOURNAL
        if not journal.exists():
            return []
        text = journal.read_text(encoding="ascii", errors="replace")
        whole, _, torn = text.rpartition("\n")
        if torn:
            # Another line after it would be joined to it.
            os.truncate(journal, len(text) - len(torn))
        return [Window(*map(int, line.split())) for line in _LINE.findall(whole)]

    def add(self, tile: Window) -> None:
        """Note a tile of the map whose pixels are on the disk."""
        with (self.folder / JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(f"{tile.col_off} {tile.row_off} {tile.width} {tile.height}\n")
            journal.flush()
            os.fsync(journal.fileno())

    def write_job(self, job: Job) -> None:
        """Note that everything is in place to map `job`."""
        with write_aside(self.folder / JOB) as aside:
            aside.write_text(json.dumps(job, indent=1), encoding="utf-8")

    @property
    def is_complete(self) -> bool:
        """Whether all files are made, and have only to be moved to their places."""
        return (self.folder / COMPLETE).is_dir()

    def finish(self, make: Callable[[Path], None], files: Iterable[Path]) -> None:
        """Have `make` write the map's files into a folder, and move them to where the map goes.

        All of them, also after a kill; what else there is of the `files` of an earlier map goes.
        """
        making, complete = self.folder / MAKING, self.folder / COMPLETE
        if not self.is_complete:
            (self.folder / RESERVE).unlink(missing_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            names = "\n".join(file.name for file in making.iterdir())
            (self.folder / NAMES).write_text(names, encoding="utf-8")
            making.rename(complete)
        # Not what is in the folder: a kill may have come after the first files were moved.
        made = (self.folder / NAMES).read_text(encoding="utf-8").split("\n")
        stale = set(files) - {self._map.with_name(name) for name in made}
        # The map comes last: whoever sees it finds its companions there.
        for file in sorted(complete.iterdir(), key=lambda file: file.name == self._map.name):
            file.replace(self._map.with_name(file.name))
        for file in stale:
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Drop what an earlier map left here."""
        (self.folder / JOB).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def release(self) -> None:
        """Leave the folder for another process; one that is empty goes."""
        self._lock.release()
        with suppress(OSError):  # something is in it, or another process already
            self.folder.rmdir()

    def remove(self) -> None:
        """Drop the folder with all that is in it."""
        with suppress(OSError):
            self.clear()
        self.release()

    def _check_ours(self) -> None:
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise InputError(
                f"{self.folder} is no folder of an unfinished map: move it, or choose another "
                "name for the map."
            )
        for path in self.folder.iterdir() if self.folder.exists() else ():
            names = PART_FOLDERS if path.is_dir() else PART_FILES
            if path.is_symlink() or not (names.fullmatch(path.name) or is_aside(path)):
                raise InputError(
                    f"{path} isn't from an unfinished map: move it, or choose another name for "
                    "the map."
                )


def part_folder(map_path: Path) -> Path:
    """Where the map waits until it is finished."""
    return map_path.with_name(f".{map_path.name}.part")


def read_job(map_path: Path) -> Job | None:
    """What an unfinished map at `map_path` is of; None where there is none to go on with."""
    if part_folder(map_path).is_symlink():
        return None
    try:
        job = json.loads((part_folder(map_path) / JOB).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return job if isinstance(job, dict) else None
