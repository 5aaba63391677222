"""The packages of the extra `export`, imported when they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from spectile.compat.openvino import send_nothing
from spectile.errors import InputError

COMMAND = "pip install 'spectile[export]'"


def needed(*names: str) -> ModuleType:
    """Import packages of the extra and give the first; InputError for one that isn't there."""
    send_nothing()
    found = []
    for name in names:
        try:
            found.append(importlib.import_module(name))
        except ImportError as error:
            raise InputError(
                f"exporting needs the package {name}, which isn't installed: {COMMAND}."
            ) from error
    return found[0]
