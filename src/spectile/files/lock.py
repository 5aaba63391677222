"""A file that one process holds at a time; the death of that process lets go of it."""

from __future__ import annotations

import errno
import os
import socket
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from spectile.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What some network file systems answer."""
_GRACE = 0.1
"""Seconds in which two processes without locks may have come at once."""
_PATIENCE = 2.0
"""Seconds to wait for the holder to write who it is."""


class Lock:
    """The lock file `path`, held until it is released or the process dies.

    It says which process holds it. The folder is made if it isn't there. Where the file system has
    no locks the number of the process decides. Raises InputError, about `what` is being written,
    while another process holds it, and where a link stands in its place.
    """

    def __init__(self, path: Path, what: str | os.PathLike[str]) -> None:
        self.path = path
        self._file: int | None = _hold(path, os.fspath(what))
        _held.add(self)

    def release(self) -> None:
        """Take the file away and let another process have its turn."""
        if self._file is None:
            return
        # While it is held: afterwards it may be another one's. (Windows removes no open file.)
        if fcntl is not None:
            self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None
        if fcntl is None:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _left_to_parent(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for lock in list(_held):
        lock._left_to_parent()


if hasattr(os, "register_at_fork"):
    # A worker that outlives its parent for a moment would hold what nobody writes any more.
    os.register_at_fork(after_in_child=_leave_to_parent)


def _hold(path: Path, what: str) -> int:
    """The open lock file, which says that it is ours."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except FileNotFoundError:
            continue  # whoever had it has just finished and removed the folder
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK) or path.is_symlink():
                raise InputError(f"{path} is a link: remove it, and try again.") from error
            raise
        try:
            locked = _locked(file)
            if locked is False or (locked is None and _alive(*_holder(file))):
                raise InputError(_sentence(what, file))
            if _still_there(path, file):
                _say_who(file)
                if locked is None and not _named_last(file):
                    raise InputError(_sentence(what, file))
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _locked(file: int) -> bool | None:
    """Whether the lock is ours now; None where nobody can tell."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True


def _still_there(path: Path, file: int) -> bool:
    """Whether the file that we hold is the one that others find."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _named_last(file: int) -> bool:
    """Whether the file still names us after a moment: of two without locks one wins."""
    time.sleep(_GRACE)
    return _holder(file) == (os.getpid(), socket.gethostname())


def _say_who(file: int) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, f"{os.getpid()} {socket.gethostname()}\n".encode())


def _holder(file: int) -> tuple[int | None, str]:
    """The process that the file names, and its machine."""
    os.lseek(file, 0, os.SEEK_SET)
    number, _, host = os.read(file, 1000).decode(errors="replace").strip().partition(" ")
    return (int(number) if number.isdecimal() else None), host


def _alive(process: int | None, host: str) -> bool:
    """Whether a process still runs; one of another machine is taken to."""
    if process is None:
        return False
    if host != socket.gethostname():
        return True
    if os.name == "nt":  # there the signal 0 would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _sentence(what: str, file: int) -> str:
    """That another process writes `what`, with its number."""
    end = time.monotonic() + _PATIENCE
    # Between taking the lock and saying so the file is empty, or names one that was killed.
    while not _alive(*(found := _holder(file))) and time.monotonic() < end:
        time.sleep(0.01)
    process, host = found
    who = "another process" if process is None else f"process {process}"
    where = f" on {host}" if host not in ("", socket.gethostname()) else ""
    return f"{what} is being written by {who}{where}: wait for that one, or choose another name."
