"""The hidden folder in which a map waits until it is finished, and goes on after a kill."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from rasterio.windows import Window

from spectile.errors import InputError
from spectile.files import write_aside

try:
    import fcntl
except ImportError:  # on Windows nothing keeps two processes off one map
    fcntl = None  # type: ignore[assignment]

Job = Mapping[str, Any]
"""All that determines a map's pixels, ready for JSON."""

_LINE = re.compile(r"^\d+ \d+ \d+ \d+$", re.MULTILINE)
LOCK, JOB, JOURNAL = "lock", "job.json", "journal"


class UnfinishedMap:
    """The folder `.map.tif.part` beside `map.tif`, held by one process at a time.

    `job.json` says what is being mapped, and is there once everything is in place. The journal
    has a line a finished tile, written after the tile's pixels; a kill can cut the last one short.
    Raises InputError while another process holds the folder.
    """

    def __init__(self, map_path: Path) -> None:
        self._map = map_path
        self.folder = part_folder(map_path)
        self._lock = self._hold()

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

    def clear(self) -> None:
        """Drop what an earlier map left here."""
        (self.folder / JOB).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def release(self) -> None:
        """Leave the folder for another process."""
        self._lock.close()

    def remove(self) -> None:
        """Drop the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def _hold(self) -> IO[bytes]:
        """The open lock file; InputError if another process has it."""
        while True:
            self.folder.mkdir(exist_ok=True)
            try:
                lock = (self.folder / LOCK).open("ab")
            except FileNotFoundError:
                continue  # whoever had the folder has just finished and removed it
            if not _locked(lock):
                lock.close()
                raise InputError(
                    f"{self._map} is being written by another process: wait for that one, "
                    "or choose another name."
                )
            try:
                if (self.folder / LOCK).stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    return lock
            except FileNotFoundError:
                pass
            lock.close()


def part_folder(map_path: Path) -> Path:
    """Where the map waits until it is finished."""
    return map_path.with_name(f".{map_path.name}.part")


def read_job(map_path: Path) -> Job | None:
    """What an unfinished map at `map_path` is of; None where there is none to go on with."""
    try:
        job = json.loads((part_folder(map_path) / JOB).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return job if isinstance(job, dict) else None


def _locked(file: IO[bytes]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Some network file systems have no locks; the map can be written there all the same.
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    return True
