"""What may be written over: the outputs of earlier commands, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from spectile.errors import InputError

_VIRTUAL = re.compile(r"^(/vsi[a-z0-9_]+/)+")


def check_output(
    path: str | os.PathLike[str],
    *,
    ours: Callable[[Path], bool],
    overwrite: bool,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Raise InputError unless a file may be written at `path`.

    What stands there may be written over if `overwrite` and it is `ours`: written by an earlier
    command of the same kind, or empty. Never one of the `inputs`, and no link.
    """
    path = Path(path)
    if path.is_symlink():
        raise InputError(f"{path} is a link: choose another name, or remove it first.")
    if not path.exists():
        return
    check_not_input(path, inputs)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise InputError(f"{path} is {what}: choose another name.")
    if not overwrite:
        raise InputError(f"{path} exists: choose another name, or add --overwrite.")
    if path.stat().st_size and not ours(path):
        raise InputError(
            f"{path} isn't from an earlier command of this kind, and is kept: "
            "choose another name, or move it."
        )


def check_not_input(path: Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Raise InputError if `path` is one of the files that are read, by whatever name."""
    for file in existing_files(inputs):
        if path.exists() and path.samefile(file):
            raise InputError(f"{path} is read by this very command: choose another name.")


def existing_files(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files on this machine that inputs are read from.

    An input is a path, or one that goes on inside of a file: an archive's member as GDAL writes
    it, an array or a layer after a colon.
    """
    found = []
    for given in inputs:
        name = _VIRTUAL.sub("", os.fspath(given))
        whole = [name, *(name[: at.start()] for at in re.finditer(":", name))]
        places = [Path(part) for part in reversed(whole) if part]
        places = [Path(name), *places, *Path(name).parents]
        found += [place for place in places if _is_file(place)][:1]
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that the system knows, such as a long address
        return False
