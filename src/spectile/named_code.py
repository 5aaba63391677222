"""Code that the user names: `losses.py:reconstruction`, or `package.module:Name`.

A file is loaded under a name that no installed module can have, and that says where it lies: so
the processes of several devices find it as well.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from spectile.errors import InputError, first_line

PREFIX = "spectile_file_"
FORMS = "path/to/file.py:Name or package.module:Name"

_siblings: dict[str, dict[str, ModuleType]] = {}
"""By folder, the modules in it that its files imported."""


def load_named(text: str) -> object:
    """What `text` names: ``path/to/file.py:Name`` or ``package.module:Name``.

    A file may import the others in its folder. It is loaded again where it was changed since. A
    package is looked for where Python does, and then in the working directory.

    Raises InputError for a text of another form, for no such file, module or name, and for code
    that fails while it is imported.
    """
    place, name = _parted(text)
    file = file_of(text)
    module = _module(place) if file is None else _from_file(file)
    try:
        found: object = functools.reduce(getattr, name.split("."), module)
    except AttributeError as error:
        raise InputError(f"{place} has no {name}: {_nearest(name, module)}") from error
    return found


def is_named_code(text: str) -> bool:
    """Whether a text has the form of what :func:`load_named` takes."""
    place, colon, name = text.rpartition(":")
    return bool(colon and place) and all(part.isidentifier() for part in name.split("."))


def file_of(text: str) -> Path | None:
    """The file in which code is named; None for a package's module."""
    place = text.rpartition(":")[0]
    is_file = place.endswith(".py") or "/" in place or os.sep in place
    return Path(place).expanduser() if is_file else None


def placed(text: str, folder: Path | None = None) -> str:
    """The same name, with a file's absolute path; `folder` is what it is relative to, if not here.

    Any other text is left as it is.
    """
    if not is_named_code(text) or (file := file_of(text)) is None:
        return text
    # As it is written, without following links: what lies beside the link is imported.
    absolute = os.path.normpath((folder or Path()).absolute() / file)
    return f"{absolute}:{text.rpartition(':')[2]}"


def fingerprint(text: str) -> str | None:
    """SHA-256 of the file that code is named in; None where there is no such file."""
    file = file_of(text)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file and file.is_file() else None


def _parted(text: str) -> tuple[str, str]:
    if not is_named_code(text):
        raise InputError(f"{text!r} names no code: write it as {FORMS}.")
    place, _, name = text.rpartition(":")
    return place, name


def _nearest(name: str, module: ModuleType) -> str:
    known = [one for one in vars(module) if not one.startswith("_")]
    near = difflib.get_close_matches(name, known, 3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    own = [one for one in known if getattr(vars(module)[one], "__module__", "") == module.__name__]
    return f"name one of {', '.join(own[:8])}." if own else "define it there."


def _module(name: str) -> ModuleType:
    """An installed module, or one of the working directory."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last: it stands in for nothing that is installed
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise InputError(
                f"there is no module {error.name}: install its package, go to the folder that it "
                "lies in, or name a file (path/to/file.py:Name)."
            ) from error
        raise _fails(name, error, None) from error
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise _fails(name, error, None) from error


def _from_file(file: Path) -> ModuleType:
    path = Path(placed(f"{file}:it").rpartition(":")[0])
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise InputError(f"the file {file} {what}: give the path of a Python file, as in {FORMS}.")
    name = _name_of(path)
    known = sys.modules.get(name)
    try:
        if known is not None:
            if known.__dict__.get("__source__") == path.read_bytes():
                return known
            _forget(str(path.parent))
            del sys.modules[name]
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise _fails(str(file), error, path.parent) from error


def _fails(name: str, error: BaseException, folder: Path | None) -> InputError:
    """The sentence for code that can't be imported, with the line that it fails in."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.lineno]
    frames = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    own = [frame for frame in frames if folder and folder in Path(frame.filename).parents]
    at = (own or frames)[-1]
    file, line = at.filename, at.lineno
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        file, line = error.filename, error.lineno
    where = f"line {line}" if Path(file).name == Path(name).name else f"{file}, line {line}"
    said = first_line(error)
    kind = type(error).__name__
    told = kind if said == kind else f"{kind}: {said}"
    return InputError(f"{name} can't be imported ({where}: {told}): mend it.")


def _name_of(path: Path) -> str:
    """The module's name, from which a spawned process finds its file."""
    stem = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    return f"{PREFIX}{stem}_{os.fsencode(path).hex()}"


class _FileLoader(SourceFileLoader):
    """Loads a file of the user's, always from its source: Python's cache goes by whole seconds."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__source__"] = self.get_data(self.path)
        with _importable(str(Path(self.path).parent)):
            super().exec_module(module)


class _Files:
    """Finds the modules of files by their names, in this process and in spawned ones."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(PREFIX):
            return None
        file = os.fsdecode(bytes.fromhex(name.rpartition("_")[2]))
        return spec_from_loader(name, _FileLoader(name, file))


sys.meta_path.append(_Files)


@contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Look for modules in a folder first, and afterwards last: functions may import as they run.

    Modules of other such folders are set aside where this one has some of the same name.
    """
    for other in _siblings.keys() - {folder}:
        _forget(other, but_those_missing_in=folder)
    before = dict(sys.modules)
    at_end = folder in sys.path
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)
        if not at_end:
            sys.path.append(folder)
        new = {name: sys.modules[name] for name in sys.modules.keys() - before.keys()}
        _siblings.setdefault(folder, {}).update(
            (name, module)
            for name, module in new.items()
            if not name.startswith(PREFIX) and _lies_in(module, folder)
        )


def _lies_in(module: ModuleType, folder: str) -> bool:
    file: str | None = getattr(module, "__file__", None)
    return file is not None and Path(folder) in Path(file).parents


def _forget(folder: str, *, but_those_missing_in: str | None = None) -> None:
    """Take a folder's own modules out of those that imports find."""
    for name, module in list(_siblings.get(folder, {}).items()):
        if but_those_missing_in is not None:
            other = Path(but_those_missing_in, name.partition(".")[0])
            if not other.is_dir() and not other.with_suffix(".py").exists():
                continue
        del _siblings[folder][name]
        if sys.modules.get(name) is module:
            del sys.modules[name]
