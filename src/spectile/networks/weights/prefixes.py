"""Weights whose names stand under a prefix of the program that trained them, such as model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from torch import Tensor

from spectile.errors import InputError

DEEPEST = 4
"""Steps of names that may be prefixes."""


def without_prefix(
    weights: Mapping[str, Tensor],
    known: Callable[[Collection[str]], int],
    path: str | Path,
    *,
    standing_for: str = "",
) -> tuple[dict[str, Tensor], list[str]]:
    """The weights under the prefix that makes most of their names `known`, and what to say of it.

    `standing_for` is what a prefix may have replaced, such as "features." in torchvision's
    segmentation networks. All weights as they are if no prefix helps. Raises InputError if two
    do equally well, as those of a student and its teacher.
    """
    found = {
        (prefix, inserted): known([inserted + key.removeprefix(prefix) for key in under])
        for prefix in _prefixes(weights)
        for under in [[key for key in weights if key.startswith(prefix)]]
        for inserted in dict.fromkeys(("", standing_for))
    }
    most = max(found.values(), default=0)
    best = [pair for pair, number in found.items() if number == most]
    if most == 0 or ("", "") in best:
        return dict(weights), []
    prefixes = sorted({prefix for prefix, _ in best})
    if len(prefixes) > 1:
        raise InputError(
            f"{path} holds weights of one network under several names "
            f"({' and '.join(prefixes)}): save those to start from by themselves."
        )
    prefix, inserted = best[0]
    taken = {
        inserted + key.removeprefix(prefix): value
        for key, value in weights.items()
        if key.startswith(prefix)
    }
    others = Counter(
        key.removeprefix("module.").partition(".")[0]
        for key in weights
        if not key.startswith(prefix)
    )
    notes = [f"Names without their {prefix} in front."]
    if others:
        listed = ", ".join(f"{name} ({number})" for name, number in others.items())
        notes.append(f"Unused: weights of other parts of the file, {listed}.")
    return taken, notes


def _prefixes(names: Collection[str]) -> list[str]:
    """Every beginning of names that ends in a point, the shortest first."""
    found = {""}
    for name in names:
        steps = name.split(".")
        for depth in range(1, min(DEEPEST, len(steps))):
            found.add(".".join(steps[:depth]) + ".")
    return sorted(found, key=lambda prefix: (prefix.count("."), prefix))
