"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spectile.errors import InputError


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`; on success it takes the place of `path`.

    On any failure the temporary file is removed and what stood at `path` stays as it was. An
    OSError (full disk, no permission) comes out as an InputError that says so.
    """
    target = Path(path)
    # The name keeps the suffix at its end: GDAL and matplotlib choose the format by it.
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise not_writable(target, error) from error
    aside = Path(name)
    try:
        yield aside
        # mkstemp makes private files; a result is as readable as any other file of the user's.
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)
        aside.replace(target)
    except OSError as error:
        raise not_writable(target, error) from error
    finally:
        aside.unlink(missing_ok=True)


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise InputError for a name of bytes that are no text, which GDAL's bindings can't take."""
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{name} is a name with bytes that are no UTF-8 text: rename the file, or its folder."
        ) from None


def check_ending(path: str | os.PathLike[str], what: str, endings: tuple[str, ...]) -> None:
    """Raise InputError unless the name of a file to write ends as its format does.

    `what` is what is written there, as in "a map".
    """
    check_name(path)
    if Path(path).suffix.lower() not in endings:
        listed = " or ".join([", ".join(endings[:-1]), endings[-1]] if endings[1:] else endings)
        raise InputError(f"{os.fspath(path)} is no name for {what}: let it end in {listed}.")


def not_writable(path: str | os.PathLike[str], error: OSError) -> InputError:
    """The sentence for a file that the system refuses to write."""
    reason = error.strerror or str(error)
    return InputError(
        f"{os.fspath(path)} can't be written ({reason.lower()}): "
        "free some space there or choose another place."
    )
