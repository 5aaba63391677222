"""Packages that torchmetrics imports where it finds them, left out where they are broken.

A torchvision built for another PyTorch, as pip leaves it beside a CPU build, can't be imported:
"operator torchvision::nms does not exist". Spectile doesn't need it, but torchmetrics, and with it
Lightning, imports it whenever it is installed, and would fail with it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, NoReturn

ASKED_BY, TRIED = "torchmetrics", ("torchvision",)
"""Whose import tries these packages first: it would import them itself a moment later."""


def leave_out_broken() -> None:
    """From now on broken ones look as if they weren't installed, once torchmetrics is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds no module; it hears of an import before it happens, and denies what is broken."""

    def __init__(self) -> None:
        self._asked = False
        self._broken: set[str] = set()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == ASKED_BY and not self._asked:
            self._asked = True
            self._broken = {name for name in TRIED if _is_broken(name)}

    def find_distributions(self, context: Any) -> list[Any]:
        return [_Absent(context.name)] if context.name in self._broken else []


def _is_broken(name: str) -> bool:
    """Whether a package is there and can't be imported; then Python takes it to be absent."""
    if importlib.util.find_spec(name) is None:
        return False
    try:
        importlib.import_module(name)
    except Exception:  # a library that doesn't fit, an operator that isn't there ...
        for module in [part for part in sys.modules if part.startswith(f"{name}.")]:
            del sys.modules[module]
        # So find_spec says that there is no such package; without an entry it would find it.
        sys.modules[name] = None  # type: ignore[assignment]
        return True
    return False


class _Absent:
    """What Python finds before the true metadata of a package, and finds to be none."""

    def __init__(self, name: str) -> None:
        self._name = name
        # Python prefers a distribution that has some.
        self.metadata = {"Name": name}

    def __getattr__(self, attribute: str) -> NoReturn:
        from importlib.metadata import PackageNotFoundError  # late: help comes at once

        raise PackageNotFoundError(self._name)
