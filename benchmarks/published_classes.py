"""Classes out of checked-out projects, without running their scripts or changing their files.

Of a file its imports, classes, functions and plain constants are executed, and nothing else:
scripts that would read data and train as soon as they are imported give their classes all the same.
What a file imports and this machine lacks is put off: an error only where a class uses it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

KEPT = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)


class Lacking:
    """Stands for what couldn't be imported."""

    def __init__(self, name: str, reason: str) -> None:
        self._name, self._reason = name, reason

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        self()

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise ImportError(f"the class uses {self._name}, which isn't there: {self._reason}")


def classes_in(
    file: Path, *, beside: Iterable[Path] = (), constants: Mapping[str, Any] | None = None
) -> SimpleNamespace:
    """What `file` defines. `beside` are folders that it imports from besides its own.

    `constants` take the place of the file's own, as command-line arguments would.
    """
    constants = dict(constants or {})
    names: dict[str, Any] = {"__name__": file.stem, **constants}
    tree = ast.parse(file.read_text(encoding="utf-8"))
    with importing_from([file.parent, *beside]):
        for node in tree.body:
            constant = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            if not (constant or isinstance(node, KEPT)):
                continue
            try:
                exec(compile(ast.Module([node], []), str(file), "exec"), names)
            except ImportError as error:
                names |= _put_off(node, str(error))
            names |= constants
    return SimpleNamespace(**names)


def _put_off(node: ast.stmt, reason: str) -> dict[str, Lacking]:
    assert isinstance(node, ast.Import | ast.ImportFrom)
    names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return {name: Lacking(name, reason) for name in names}


@contextmanager
def importing_from(folders: list[Path]) -> Iterator[None]:
    """Modules in `folders` can be imported meanwhile, and are forgotten afterwards.

    Projects call their modules alike: utils, network, attention.
    """
    before, paths = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = paths
        for name in set(sys.modules) - before:
            place = getattr(sys.modules[name], "__file__", None)
            if place and any(Path(place).is_relative_to(folder) for folder in folders):
                del sys.modules[name]


def project_folder(folder: Path, project: str) -> Path | None:
    """Where the project "owner/name" is checked out in `folder`: owner+name or name."""
    owner, _, name = project.partition("/")
    places = (folder / f"{owner}+{name}", folder / name)
    return next((place for place in places if place.is_dir()), None)


def commit_of(project: Path) -> str:
    """The commit that is checked out, of .git or of a file COMMIT; "unknown" without either."""
    told = project / "COMMIT"
    if told.exists():
        return told.read_text().strip()
    git = project / ".git"
    if not git.is_dir():
        return "unknown"
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    if (git / name).exists():
        return (git / name).read_text().strip()
    packed = git / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "unknown")
