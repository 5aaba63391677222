"""The classes of masks: out of a legend's CSV, or out of what the masks themselves hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spectile.data.labels.csv_table import read_table
from spectile.data.labels.legend import (
    COLOR_COLUMNS,
    LARGEST_VALUE,
    NAME_COLUMNS,
    VALUE_COLUMNS,
    Legend,
    make_legend,
    parse_color,
    read_legend_entries,
)
from spectile.data.labels.masks.blended_masks import refuse_blended
from spectile.data.labels.masks.census import MaskCensus, census_of, notes_on_files, total
from spectile.data.labels.masks.mask_classes import BLACK, MaskClasses, color_name
from spectile.data.labels.masks.mask_file import pack
from spectile.data.labels.masks.palettes import colors_count, colors_count_for
from spectile.data.labels.masks.void_values import check_levels, default_void, void_note
from spectile.data.labels.palette import Color
from spectile.errors import InputError

MOST_CLASSES = 256
"""Found in masks; more are those of a photograph or a measurement."""


@dataclass(frozen=True, eq=False)
class KnownClasses:
    """How masks are to be read, and what was decided on the way."""

    meaning: MaskClasses
    mask_values: tuple[int, ...] | None
    """The files' own numbers in the legend's order; None for colours."""
    notes: tuple[str, ...]


def classes_of_legend(
    legend: Legend | str | Path,
    paths: Sequence[Path],
    ignore: Collection[int] | None,
    progress: Callable[[int, int], None] | None,
) -> KnownClasses:
    """Masks hold the values or colours of a legend, and nothing else but what is ignored.

    In a CSV the row of the value 0 is a class like the others unless 0 is ignored; a legend's
    values begin at 1, so then each is the mask's value plus one. Values that stand for no class
    by default are classes where the legend names them.
    """
    names, colors, source = _entries(legend)
    ignored = set(ignore or ()) | (default_void(()) - set(names))
    values = sorted(set(names) - ignored)
    if len(values) < 2:
        raise InputError(
            f"{source} leaves fewer than two classes beside what is ignored: add some."
        )
    known = _known(values, names, colors, ignored, source)
    masks = census_of(paths, progress)
    if not all(value in known.meaning.by_value for mask in masks for value in mask.values):
        refuse_blended(masks)
    by_colors = colors_count_for(known.meaning, masks)
    held = total(mask.values for mask in masks if not (mask.colored or (mask.shown and by_colors)))
    note = void_note(held, ignored - set(ignore or ()), sum(mask.pixels for mask in masks))
    return replace(
        known,
        meaning=replace(known.meaning, prefer_colors=by_colors),
        notes=(*known.notes, *note, *notes_on_files(masks)),
    )


def classes_in_masks(
    paths: Sequence[Path],
    ignore: Collection[int] | None,
    progress: Callable[[int, int], None] | None,
) -> KnownClasses:
    """The classes are what the masks hold; all of them are read.

    A mask that is damaged is passed over, for whoever loads it will name it. Raises InputError
    for masks that mix colours and numbers, that hold one class or more than 256, that look blended
    at borders, and whose numbers may be meant in two ways.
    """
    masks = census_of(paths, progress)
    refuse_blended(masks)
    source = "the legend of the other masks"
    by_colors, notes = colors_count(masks)
    if by_colors:
        return _of_colors(masks, ignore, source)
    held = total(mask.values for mask in masks)
    check_levels(held, ignore)
    void = default_void(held)
    ignored = set(ignore or ()) | void
    values = [value for value in held if value not in ignored]
    _check_number(len(values), "classes", f"the value {values[0]}" if values else "nothing")
    known = _known(values, {}, {} if notes else _shown(masks), ignored, source)
    note = void_note(held, void - set(ignore or ()), sum(mask.pixels for mask in masks))
    return replace(known, notes=(*known.notes, *notes, *note, *notes_on_files(masks)))


def _shown(masks: Sequence[MaskCensus]) -> dict[int, Color]:
    """The colours that palettes show values in, but for those that two values share."""
    shown = {value: color for mask in masks for value, color in mask.shown.items()}
    alike = Counter(shown.values())
    return {
        value: (color >> 16, color >> 8 & 255, color & 255)
        for value, color in shown.items()
        if alike[color] == 1
    }


def _of_colors(
    masks: Sequence[MaskCensus], ignore: Collection[int] | None, source: str
) -> KnownClasses:
    plain = next((mask for mask in masks if not mask.colored and not mask.shown), None)
    if plain is not None:
        colored = next(mask for mask in masks if mask.colored or mask.shown)
        raise InputError(
            f"{plain.path} holds class numbers and {colored.path} colours: give masks of one "
            "kind, or a legend with values and colours by --legend."
        )
    found = {
        color for mask in masks for color in (mask.counts if mask.colored else mask.shown.values())
    }
    colors = sorted(found - {BLACK})
    _check_number(len(colors), "colours", color_name(colors[0]) if colors else "black")
    indices = dict(enumerate(colors, start=1))
    legend = make_legend(
        indices,
        {index: color_name(color) for index, color in indices.items()},
        {index: (c >> 16, c >> 8 & 255, c & 255) for index, c in indices.items()},
    )
    by_color = {color: index for index, color in indices.items()}
    notes = ["Each colour of the masks is a class, but for black, which means unlabelled."]
    if ignore:
        notes.append("Masks of colours have no numbers to ignore.")
    meaning = MaskClasses(legend, {}, by_color, source, prefer_colors=True)
    return KnownClasses(meaning, None, (*notes, *notes_on_files(masks)))


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
    indices = {value: index for index, value in enumerate(values, start=1)}
    mapped = {value: value + shift for value in values}
    if mapped[values[-1]] > LARGEST_VALUE:
        mapped = indices
    legend = make_legend(
        mapped.values(),
        {mapped[value]: names.get(value, f"class {value}") for value in values},
        {mapped[value]: colors[value] for value in values if value in colors},
    )
    by_value = {**dict.fromkeys(ignored, 0), **indices}
    by_color = {
        pack(np.array(colors[value], dtype=np.uint8)).item(): index
        for value, index in by_value.items()
        if value in colors
    }
    notes = []
    if shift:
        told = "a number from 1" if mapped is indices else "the masks' value plus one"
        notes.append(
            f"The masks' value 0 is the class '{legend.names[0]}': add --ignore 0 if it means "
            f"unlabelled. In maps each class has {told}, for 0 is no data there."
        )
    return KnownClasses(
        MaskClasses(legend, by_value, by_color, source), tuple(values), tuple(notes)
    )


def _entries(legend: Legend | str | Path) -> tuple[dict[int, str], dict[int, Color], str]:
    """Names and colours of a legend by the masks' values, and what messages call it."""
    if isinstance(legend, Legend):
        names = dict(zip(legend.values, legend.names, strict=True))
        return names, dict(zip(legend.values, legend.colors, strict=True)), "the legend"
    names, colors = read_legend_entries(legend)
    zero = _zero_row(legend)
    if zero is not None:
        names[0] = zero[0]
        if zero[1] is not None:
            colors[0] = zero[1]
    return names, colors, str(legend)


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
