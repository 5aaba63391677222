"""The classes of masks: out of a legend's CSV, or out of what the masks themselves hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectile.errors import InputError
from spectile.images.mask_classes import BLACK, MaskClasses, color_name
from spectile.images.mask_files import NOTHING, MaskPixels, pack, read_mask
from spectile.images.threads import in_threads
from spectile.images.unreadable import UnreadableImageError
from spectile.scenes.csv_table import read_table
from spectile.scenes.legend import (
    COLOR_COLUMNS,
    NAME_COLUMNS,
    VALUE_COLUMNS,
    Legend,
    make_legend,
    parse_color,
    read_legend,
)
from spectile.scenes.palette import Color

UNLABELLED = 255
"""Ignored by default: what most collections give to borders and to what has no class."""

MOST_CLASSES = 256
"""Found in masks; more are those of a photograph or a measurement."""


@dataclass(frozen=True, eq=False)
class KnownClasses:
    """How masks are to be read, and what was decided on the way."""

    meaning: MaskClasses
    mask_values: tuple[int, ...] | None
    """The files' own numbers in the legend's order; None for colours."""
    notes: tuple[str, ...]


def classes_of_legend(legend: Legend | str | Path, ignore: Collection[int] | None) -> KnownClasses:
    """Masks hold the values or colours of a legend, and nothing else but what is ignored.

    In a CSV the row of the value 0 is a class like the others unless 0 is ignored; a legend's
    values begin at 1, so then each is the mask's value plus one.
    """
    if isinstance(legend, Legend):
        known, source, zero = legend, "the legend", None
    else:
        known, source, zero = read_legend(legend), str(legend), _zero_row(legend)
    ignored = set(ignore if ignore is not None else {UNLABELLED} - set(known.values))
    names = dict(zip(known.values, known.names, strict=True))
    colors = dict(zip(known.values, known.colors, strict=True))
    if zero is not None:
        names[0] = zero[0]
        if zero[1] is not None:
            colors[0] = zero[1]
    values = sorted(set(names) - ignored)
    if len(values) < 2:
        raise InputError(
            f"{source} leaves fewer than two classes beside what is ignored: add some."
        )
    return _known(values, names, colors, ignored, source)


def classes_in_masks(
    paths: Sequence[Path],
    ignore: Collection[int] | None,
    progress: Callable[[int, int], None] | None,
) -> KnownClasses:
    """The classes are what the masks hold; all of them are read.

    A mask that is damaged is passed over, for whoever loads it will name it. Raises InputError
    for masks that mix colours and numbers, and that hold one class or more than 256.
    """
    held: list[_Held] = []
    for done, found in enumerate(in_threads(_held, paths), start=1):
        if found is not None:
            held.append(found)
        if progress is not None:
            progress(done, len(paths))
    if not held:
        raise InputError(f"none of the {len(paths)} masks can be read; the first is {paths[0]}.")
    source = "the legend of the other masks"
    if any(mask.colored and not mask.grey for mask in held):
        return _of_colors(held, ignore, source)
    shown: dict[int, int] = {}
    for mask in held:
        for value, color in mask.shown.items():
            if shown.setdefault(value, color) != color:
                return _of_colors(held, ignore, source)
    found_values = sorted({value for mask in held for value in mask.values})
    ignored = _ignored(found_values, ignore)
    values = [value for value in found_values if value not in ignored]
    _check_number(len(values), "classes", f"the value {values[0]}" if values else "nothing")
    colors = {value: (color >> 16, color >> 8 & 255, color & 255) for value, color in shown.items()}
    return _known(values, {}, colors, ignored, source)


@dataclass(frozen=True)
class _Held:
    """What one mask holds."""

    source: str
    values: tuple[int, ...]
    """Class values; of a grey RGB mask those of its channels."""
    colors: tuple[int, ...]
    """Colours of an RGB or palette mask."""
    colored: bool
    grey: bool
    """Whether an RGB mask has the same number in all channels of every pixel."""
    shown: Mapping[int, int]
    """The palette's colours of the values."""


def _held(path: Path) -> _Held | None:
    try:
        mask = read_mask(path)
    except UnreadableImageError:
        return None
    numbers = _distinct(mask)
    if mask.colored:
        grey = all(number % 0x010101 == 0 for number in numbers)
        values = tuple(number // 0x010101 for number in numbers) if grey else ()
        return _Held(str(path), values, numbers, True, grey, {})
    shown = {} if mask.palette is None else {n: int(mask.palette[n]) for n in numbers}
    return _Held(str(path), numbers, tuple(sorted(set(shown.values()))), False, False, shown)


def _distinct(mask: MaskPixels) -> tuple[int, ...]:
    if mask.colored:
        found = np.unique(mask.numbers)
        return tuple(found[found != NOTHING].tolist())
    return tuple(np.flatnonzero(np.bincount(mask.numbers.ravel() + 1)[1:]).tolist())


def _of_colors(held: Sequence[_Held], ignore: Collection[int] | None, source: str) -> KnownClasses:
    plain = next((mask for mask in held if not mask.colored and not mask.shown), None)
    if plain is not None:
        colored = next(mask for mask in held if mask.colored or mask.shown)
        raise InputError(
            f"{plain.source} holds class numbers and {colored.source} colours: give masks of one "
            "kind, or a legend with values and colours by --legend."
        )
    colors = sorted({color for mask in held for color in mask.colors} - {BLACK})
    _check_number(len(colors), "colours", color_name(colors[0]) if colors else "black")
    places = dict(enumerate(colors, start=1))
    legend = make_legend(
        places,
        {place: color_name(color) for place, color in places.items()},
        {place: (c >> 16, c >> 8 & 255, c & 255) for place, c in places.items()},
    )
    by_color = {color: place for place, color in places.items()}
    notes = ["Each colour of the masks is a class, but for black, which means unlabelled."]
    if ignore:
        notes.append("Masks of colours have no numbers to ignore.")
    meaning = MaskClasses(legend, {}, by_color, source, prefer_colors=True)
    return KnownClasses(meaning, None, tuple(notes))


def _ignored(found: Sequence[int], ignore: Collection[int] | None) -> set[int]:
    if ignore is not None:
        return set(ignore)
    # Masks of one class and its background often are black and white.
    return set() if set(found) == {0, UNLABELLED} else {UNLABELLED}


def _check_number(count: int, what: str, only: str) -> None:
    if count > MOST_CLASSES:
        raise InputError(
            f"the masks hold {count:,} {what}, which are those of a photograph: check that they "
            "are masks and were not resized with blending, or name the classes by --legend."
        )
    if count < 2:
        raise InputError(
            f"the masks hold {only} and no other class beside what is ignored: a segmentation "
            "needs at least two."
        )


def _known(
    values: Sequence[int],
    names: Mapping[int, str],
    colors: Mapping[int, Color],
    ignored: Collection[int],
    source: str,
) -> KnownClasses:
    """Classes by the masks' `values` (rising), in a legend whose values begin at 1."""
    shift = 1 if values[0] == 0 else 0
    legend = make_legend(
        [value + shift for value in values],
        {value + shift: names.get(value, f"class {value}") for value in values},
        {value + shift: colors[value] for value in values if value in colors},
    )
    places = {value: place for place, value in enumerate(values, start=1)}
    by_color = {
        pack(np.array(colors[value], dtype=np.uint8)).item(): place
        for value, place in places.items()
        if value in colors
    }
    notes = []
    if shift:
        notes.append(
            f"The masks' value 0 is the class '{legend.names[0]}': add --ignore 0 if it means "
            "unlabelled. In maps each class has the masks' value plus one, for 0 is no data there."
        )
    by_value = {**dict.fromkeys(ignored, 0), **places}
    return KnownClasses(
        MaskClasses(legend, by_value, by_color, source), tuple(values), tuple(notes)
    )


def _zero_row(path: str | Path) -> tuple[str, Color | None] | None:
    """Name and colour of the value 0 in a legend's CSV, which as such makes no class."""
    table = read_table(path, rgb_columns=COLOR_COLUMNS)
    value_at, name_at = table.find(VALUE_COLUMNS), table.find(NAME_COLUMNS)
    color_at = table.find(COLOR_COLUMNS)
    assert value_at is not None  # read_legend has looked
    assert name_at is not None
    for row in table.rows:
        if row[value_at].strip("0.") == "" and row[value_at]:
            color = parse_color(row[color_at]) if color_at is not None else None
            return row[name_at] or "class 0", color
    return None
