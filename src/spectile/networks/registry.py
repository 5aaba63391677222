"""Networks by the names that commands and model files use; each enters itself by a decorator.

The modules of `windows/`, `classifiers/`, `segmenters/` and `instances/` are found by looking into
these folders. Other packages add networks by an entry point of the group "spectile.networks".
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args

from torch import nn

from spectile.errors import InputError
from spectile.networks.arguments import check_numbers
from spectile.networks.spectral_branch import OPTION, with_spectral_branch
from spectile.networks.unpadded import OPTION as PADDING
from spectile.networks.unpadded import with_padding
from spectile.plugins import installed

FOLDERS = ("windows", "classifiers", "segmenters", "instances")
GROUP = "spectile.networks"
"""Of entry points; each names a module, or something in one, whose import registers networks."""

Takes = Literal["windows", "images", "pixels", "instances"]
"""What a network classifies: the pixel in the middle of a window of its `window` option, a whole
image of any size, every pixel of an image, or the objects that it finds in one."""
KINDS: tuple[Takes, ...] = get_args(Takes)
CLASSIFYING: tuple[Takes, ...] = ("windows", "images")
"""What gives logits (N, classes)."""
FAMILIES = ("hybridsn", "svm", "lda", "resnet", "se-resnet", "sknet", "res2net", "mobilenet")
"""The order within a kind; what isn't listed follows."""

Build = TypeVar("Build", bound=Callable[..., nn.Module])


@dataclass(frozen=True)
class Entry:
    """What is known of a network without building it."""

    name: str
    summary: str
    paper: str
    takes: Takes
    build: Callable[..., nn.Module]
    fixed: Mapping[str, Any]
    """Arguments of `build` that belong to the name."""

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """What :func:`create` takes besides bands and classes: types and defaults by name."""
        parameters = inspect.signature(self.build).parameters
        options = {
            key: parameter
            for key, parameter in parameters.items()
            if key not in ("bands", "classes", *self.fixed)
        }
        if self.takes == "images":
            options = {**options, PADDING.name: PADDING}
        return {**options, OPTION.name: OPTION} if self.takes in CLASSIFYING else options


def register(
    name: str, *, takes: Takes, summary: str, paper: str, **fixed: object
) -> Callable[[Build], Build]:
    """A decorator that enters a network, a class or a function, under `name`.

    It is called with the keywords `bands` and `classes`, those in `fixed`, and the user's options,
    which are its other keyword arguments. A network that `takes` windows has an option `window`,
    the edge of a window in pixels. Variants of a network are entered by several decorators with
    other names and other `fixed` arguments. `summary` and `paper` are a line each, for people.

    Raises ValueError for a name that another network has.
    """

    def enter(build: Build) -> Build:
        entry = Entry(name, summary, paper, takes, build, fixed)
        known = _ENTRIES.get(name)
        if known is not None and _source(known.build) != _source(build):
            raise ValueError(f"there is a network called {name} already, of {_source(known.build)}")
        _ENTRIES[name] = entry
        return build

    return enter


_ENTRIES: dict[str, Entry] = {}


def names() -> tuple[str, ...]:
    """The names that :func:`create` takes: those of windows, images, pixels, then instances."""
    _load_own()
    _load_plugins()
    return tuple(entry.name for entry in sorted(_as_written(), key=_place))


def describe(name: str) -> Entry:
    """What is known of the network called `name`; raises InputError for an unknown one."""
    _load_own()
    if name not in _ENTRIES:
        _load_plugins()
    if name in _ENTRIES:
        return _ENTRIES[name]
    raise InputError(f"There is no network called {name!r}: {_hint(name)}")


def _hint(name: str) -> str:
    """What to do about a name that there isn't."""
    if (file := name.rstrip(":")).endswith(".py"):
        return f"name its class or function as well, as in {file}:Name."
    if ".py:" in name:
        return "code of your own is for windows of a scene, as in train scene."
    nearest = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return (
        f"choose one of the {len(names())} that `spectile models` lists, such as hybridsn-se, "
        "resnet-18, deeplab-v3-plus or blendmask, or code as mynets.py:Name."
    )


def create(name: str, *, bands: int, classes: int, **options: Any) -> nn.Module:
    """Build a network with fresh weights, by its name.

    It takes (N, bands, H, W) and gives logits (N, classes), or, if it classifies every pixel,
    (N, classes, H, W). One of instances finds objects, see
    :class:`~spectile.networks.instances.detections.FindsInstances`.

    `options` are the keyword arguments of the network, such as `window` of HybridSN. Every one that
    classifies windows or images also takes `spectral_branch`, a weight from 0 to below 1, see
    :class:`~spectile.networks.spectral_branch.WithSpectralBranch`. Those of images take `padding`:
    "valid" for none, see :func:`~spectile.networks.unpadded.with_padding`.

    Raises InputError for an unknown name, and for an option that the network doesn't have.
    """
    entry = describe(name)
    for option in options:
        if option not in entry.options:
            choices = ", ".join(entry.options)
            raise InputError(f"{name} has no option {option!r}: it knows {choices}.")
    check_numbers(name, options)
    logit_weight = options.pop(OPTION.name, 0.0) if entry.takes in CLASSIFYING else 0.0
    dropout = {key: options[key] for key in ("dropout",) if key in options}
    padding = options.pop(PADDING.name, "same") if entry.takes == "images" else "same"
    try:
        network = entry.build(bands=bands, classes=classes, **entry.fixed, **options)
        network = with_padding(network, padding, name)
        return with_spectral_branch(network, logit_weight, bands=bands, classes=classes, **dropout)
    except InputError:
        raise
    # Of a block, of an operation, or of PyTorch that cannot count so far.
    except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise InputError(f"{name} can't be built: {str(error).splitlines()[0]}") from error


def _source(build: Callable[..., nn.Module]) -> str:
    """Where it is defined: a cell of a notebook that is run again defines the same once more."""
    return f"{build.__module__}.{build.__qualname__}"


def _as_written() -> Iterator[Entry]:
    """The entries as they stand in the code, where the last of several decorators acts first."""
    by_source: dict[str, list[Entry]] = {}
    for entry in _ENTRIES.values():
        by_source.setdefault(_source(entry.build), []).insert(0, entry)
    return (entry for entries in by_source.values() for entry in entries)


def _place(entry: Entry) -> tuple[int, int]:
    listed = (place for place, family in enumerate(FAMILIES) if entry.name.startswith(family))
    return KINDS.index(entry.takes), next(listed, len(FAMILIES))


@cache
def _load_own() -> None:
    for folder in FOLDERS:
        package = importlib.import_module(f"spectile.networks.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")


@cache
def _load_plugins() -> None:
    for _ in installed(GROUP, object):
        pass  # imported, and so registered
