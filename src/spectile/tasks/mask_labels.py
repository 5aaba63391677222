"""Labels of a scene that have the numbers of the masks a model was trained on."""

from __future__ import annotations

from typing import Literal

import numpy as np

from spectile.data.labels.labels import Labels
from spectile.data.labels.masks.void_values import CUSTOMARY
from spectile.data.labels.numbers import label_numbers, names_in
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.model.model import Model

Numbering = Literal["masks", "map"]

MASKS = (
    "The labels' numbers are those of the training masks, {numbers}: add --numbers map if they are "
    "the map's, {mapped}."
)
MAP = "The labels' numbers are the map's, {mapped}, not those of the training masks, {numbers}."


def mask_labels(
    model: Model, labels: str, scene: Scene, numbering: Numbering | None
) -> tuple[Labels | None, tuple[str, ...]]:
    """Labels with the numbers of a model's masks; None for labels with those of its maps.

    Only masks with a class 0 have other numbers than maps. Where both fit, and `numbering` doesn't
    say which are meant, those of the masks count, unless the file names the map's classes. The note
    tells. Raises InputError where `numbering` is "masks" and they don't fit.
    """
    values = model.mask_values
    if values is None or values == model.legend.values:
        return None, ()
    numbers = label_numbers(labels, scene)
    if numbers is None or numbering == "map":
        return None, ()
    void = set(model.provenance.get("void_values") or CUSTOMARY) - set(values)
    found = set(np.unique(numbers).tolist()) - {-1}
    fits = found <= {*values, *void}
    told = {"numbers": _listed(values), "mapped": _listed(model.legend.values)}
    named = names_in(labels)
    of_map = bool(named) and all(
        named.get(value) == name
        for value, name in zip(model.legend.values, model.legend.names, strict=True)
    )
    if numbering is None and (not fits or of_map):
        return None, (MAP.format(**told),)
    if not fits:
        strange = min(found - {*values, *void})
        raise InputError(
            f"{labels} holds {strange}, which is no number of the training masks "
            f"({told['numbers']}): leave out --numbers masks."
        )
    table = np.zeros(max(*values, *void, 0) + 2, np.int32)  # the last stands for -1
    table[list(values)] = np.arange(1, len(values) + 1)
    classes = table[numbers]
    if not classes.any():
        raise InputError(f"no pixel of {labels} is labelled: check that it lies on the scene.")
    return Labels(classes, model.legend), (MASKS.format(**told),)


def _listed(values: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, values[:4]))
    return shown if len(values) <= 4 else f"{shown} ..."
