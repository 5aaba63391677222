"""Bands, classes and window, given to a network's class by what its arguments are called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from spectile.errors import InputError, first_line

NAMES = {
    "bands": r"(n|num|in|input|spectral)?(bands?|chann?els?|chans?)(num|in)?|inch|n?components",
    "classes": r"(n|num|out|output)?(class(es)?|cls)(num|count)?",
    "window": r"(win(dow)?|patch|ima?ge?|input|spatial|crop)size|window|patch",
}
"""What published classes call these sizes, in lower case and without underscores."""


@dataclass(frozen=True)
class Call:
    """How a network's class is called."""

    places: tuple[Any, ...]
    """Arguments by position."""
    keywords: Mapping[str, Any]
    """Arguments by name."""

    @property
    def text(self) -> str:
        """As in Python."""
        return ", ".join(
            [*map(repr, self.places), *(f"{k}={v!r}" for k, v in self.keywords.items())]
        )


def calls(
    build: Callable[..., nn.Module],
    name: str,
    sizes: Mapping[str, int],
    options: Mapping[str, Any],
) -> Iterator[Call]:
    """The ways to call `build`, the likeliest first.

    Arguments that are called as one of `NAMES` get that size, others what `options` say, in which
    the words bands, classes and window stand for the sizes. A function of three arguments with
    other names gets bands, classes and window in this order. The number of bands is left out in a
    second way where the argument has a default: in 3-D networks it may be that of feature maps.

    Raises InputError where an argument without a default is left, and for options that it hasn't.
    """
    given = {
        key: sizes.get(value, value) if isinstance(value, str) else value
        for key, value in options.items()
    }
    parameters = _parameters(build)
    if parameters is None:
        yield Call(tuple(sizes.values()), given)
        return
    if _takes_three(build, parameters, given):
        yield Call(tuple(sizes.values()), given)
        return
    _check_options(name, parameters, given)
    keywords = dict(given)
    for parameter in parameters:
        size = _size_of(parameter)
        if size and parameter.name not in keywords:
            keywords[parameter.name] = sizes[size]
    required = [p for p in parameters if p.default is p.empty and _is_named(p)]
    missing = [p.name for p in required if p.name not in keywords]
    if missing:
        raise InputError(
            f"{name} needs {_listed(missing)}, which nobody said: give --option "
            f"{missing[0]}=VALUE, in which the words bands, classes and window stand for these "
            "numbers."
        )
    yield Call((), keywords)
    defaults = {p.name for p in parameters if p.default is not p.empty}
    spared = {
        key: value
        for key, value in keywords.items()
        if key in given or key not in defaults or _meaning(key) != "bands"
    }
    if spared != keywords:
        yield Call((), spared)


def called(
    build: Callable[..., nn.Module], name: str, call: Call, sizes: Mapping[str, int]
) -> nn.Module:
    """The network that a call gives; raises InputError where it fails or gives something else."""
    try:
        found = build(*call.places, **call.keywords)
    except InputError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise InputError(
            f"{name} can't be built for {sizes['bands']} bands, {sizes['classes']} classes and "
            f"windows of {sizes['window']} pixels, called as {name}({call.text}) "
            f"({first_line(error)}): "
            f"{advice(first_line(error), 'give its arguments by --option NAME=VALUE')}."
        ) from error
    if not isinstance(found, nn.Module):
        raise InputError(
            f"{name} gave a {type(found).__name__}, not an nn.Module: return the network."
        )
    return found


def advice(error: str, usual: str) -> str:
    """What to do about an error in a network's code: the usual, unless it says what is wrong."""
    if "CUDA" in error:
        return "leave .cuda() out of its code, for it is taken to the device that it runs on"
    return usual


def _parameters(build: Callable[..., nn.Module]) -> list[inspect.Parameter] | None:
    """Those of a class or function; None where Python can't tell them."""
    try:
        return list(inspect.signature(build).parameters.values())
    except (TypeError, ValueError):
        return None


def _takes_three(
    build: Callable[..., nn.Module],
    parameters: list[inspect.Parameter],
    given: Mapping[str, Any],
) -> bool:
    """Whether it is a function of (bands, classes, window), whatever it calls them.

    A class whose arguments have other names means other things by them.
    """
    in_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    free = [p for p in parameters if p.kind in in_place and p.name not in given]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) and not free:
        return True
    if any(p.kind is p.POSITIONAL_ONLY for p in free):
        return True
    if inspect.isclass(build) or len(free) < 3:
        return False
    meant = [_size_of(p) for p in free[:3]]
    strangers = [p for p in free if p.default is p.empty and not _size_of(p)]
    in_order = all(size in (None, place) for size, place in zip(meant, NAMES, strict=True))
    return bool(strangers) and in_order and all(p.default is not p.empty for p in free[3:])


def _check_options(
    name: str, parameters: list[inspect.Parameter], given: Mapping[str, Any]
) -> None:
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if _is_named(p)]
    for option in given:
        if option not in known:
            raise InputError(
                f"{name} has no argument {option!r}: it knows {', '.join(known) or 'none'}."
            )


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _size_of(parameter: inspect.Parameter) -> str | None:
    return _meaning(parameter.name) if _is_named(parameter) else None


def _meaning(argument: str) -> str | None:
    """The size that an argument of this name stands for."""
    name = argument.lower().replace("_", "")
    return next((size for size, known in NAMES.items() if re.fullmatch(known, name)), None)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if names[1:] else names[0]
