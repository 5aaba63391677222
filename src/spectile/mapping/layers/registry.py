"""Which layers there are: the modules of this folder and the plugins of other packages."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping

from spectile.errors import InputError
from spectile.mapping import layers as folder
from spectile.mapping.layers.classes import LAYER as CLASSES
from spectile.mapping.layers.layer import Layer
from spectile.plugins import installed

ENTRY_POINTS = "spectile.layers"


@functools.cache
def known_layers() -> Mapping[str, Layer]:
    """All layers by name, the classes first; a plugin can't take the name of one of ours."""
    modules = (
        importlib.import_module(f"{folder.__name__}.{module.name}")
        for module in pkgutil.iter_modules(folder.__path__)
    )
    ours = [module.LAYER for module in modules if hasattr(module, "LAYER")]
    found = {CLASSES.name: CLASSES}
    for layer in (*ours, *installed(ENTRY_POINTS, Layer)):
        found.setdefault(layer.name, layer)
    return found


def asked_for(layers: str | Iterable[str] = (), **switches: bool) -> tuple[Layer, ...]:
    """The layers of a map, the classes first, each once, whatever the order of the names.

    `layers` are names, or one text of them with commas; a switch such as ``entropy=True`` is the
    older way to name one. Raises InputError for a name that nobody knows.
    """
    names = layers.split(",") if isinstance(layers, str) else layers
    wanted = {str(name).strip() for name in names} - {""}
    wanted |= {name for name, on in switches.items() if on}
    known = known_layers()
    for name in sorted(wanted - set(known)):
        _refuse(name)
    return tuple(known[name] for name in known if name in wanted | {CLASSES.name})


def _refuse(name: str) -> None:
    names = [known for known in known_layers() if known != CLASSES.name]
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else f"choose from {', '.join(names)}."
    raise InputError(f"There is no layer called {name!r}: {hint}")
