"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spectile.errors import InputError
from spectile.files.lock import Lock

_ASIDE = re.compile(r"\.(?P<name>.+)\.spectile-[a-z0-9_]{8}", re.DOTALL)
_LONGEST = 40
"""Characters of a file's name in that of the folder beside it: names end at 255 bytes."""
_LOCK = "lock"

_swept: set[Path] = set()


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path of the same name; on success it takes the place of `path`.

    It lies in a hidden folder beside `path`, `.NAME.spectile-` and eight letters, together with
    what libraries leave beside a file. On any failure the folder is removed and what stood at
    `path` stays as it was; one that a kill left behind is removed by a later process that writes
    there. Raises InputError where `path` is a link, and for an OSError (full disk, no permission).
    """
    target = Path(path)
    if target.is_symlink():
        raise InputError(f"{target} is a link: choose another name, or remove it first.")
    with refusals_of(target), working_folder(target) as folder:
        aside = folder / target.name
        yield aside
        if aside.is_file():
            # Some libraries make private files; a result is as readable as any of the user's.
            umask = os.umask(0)
            os.umask(umask)
            aside.chmod(0o666 & ~umask)
        aside.replace(target)


@contextmanager
def working_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target` for what is called like it; it goes at the end.

    Those that killed processes left are removed. Raises the system's OSError.
    """
    _sweep(target.parent)
    folder, lock = _folder_for(target)
    try:
        yield folder
    finally:
        _remove(folder, lock)


@contextmanager
def refusals_of(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that can't be written into an InputError."""
    try:
        yield
    except OSError as error:
        raise not_writable(path, error) from error


def is_aside(path: Path) -> bool:
    """Whether `path` is the folder of a file on its way, which nobody but this module makes."""
    named = _ASIDE.fullmatch(path.name)
    if not named or path.is_symlink() or not path.is_dir():
        return False
    names = [entry.name.lstrip(".") for entry in path.iterdir()]
    return all(name == _LOCK or name.startswith(named["name"].lstrip(".")) for name in names)


def not_writable(path: str | os.PathLike[str], error: OSError) -> InputError:
    """The sentence for a file that the system refuses to write."""
    reason = error.strerror or str(error)
    return InputError(
        f"{os.fspath(path)} can't be written ({reason.lower()}): "
        "free some space there or choose another place."
    )


def _folder_for(target: Path) -> tuple[Path, Lock]:
    """A new folder beside `target`, and the lock in it that says that somebody needs it."""
    while True:
        folder = Path(
            tempfile.mkdtemp(prefix=f".{target.name[:_LONGEST]}.spectile-", dir=target.parent)
        )
        # Somebody who sweeps may have been faster.
        with suppress(InputError):
            return folder, Lock(folder / _LOCK, target)


def _remove(folder: Path, lock: Lock) -> None:
    for entry in folder.iterdir():
        if entry.name != _LOCK:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)
    lock.release()
    with suppress(OSError):
        folder.rmdir()


def _sweep(parent: Path) -> None:
    """Remove what killed processes left in a folder; once, for it may hold very many files."""
    where = parent.resolve()
    if where in _swept:
        return
    _swept.add(where)
    for name in [entry.name for entry in os.scandir(where) if _ASIDE.fullmatch(entry.name)]:
        with suppress(OSError, InputError):  # somebody else's, or needed
            if is_aside(where / name):
                _remove(where / name, Lock(where / name / _LOCK, name))
