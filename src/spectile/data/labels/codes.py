"""Numbers for the classes of a column: whole numbers stay, codes and names are told apart."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.legend import LARGEST_VALUE
from spectile.errors import InputError

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 18
"""Digits of a number that is surely one, and not a parcel's name."""
FEW_CODES = 20
"""So many different numbers with decimals may be codes; more that hardly repeat are measured."""
SHOWN = 3


@dataclass(frozen=True)
class NumberedCells:
    """The classes of a column as numbers."""

    values: NDArray[np.int32]
    """Shape (n,): 0 where the cell is empty."""
    names: Mapping[int, str]
    """Names of classes that the column gives as text."""
    notes: tuple[str, ...] = ()
    """Sentences on what was taken for one class, or for two."""


def number_cells(
    cells: Sequence[object],
    *,
    source: str,
    place: Callable[[int], str],
    numbers: Mapping[str, int] | None = None,
) -> NumberedCells:
    """Numbers for the cells of a class column: text, numbers, None, NaN or empty.

    Text that `numbers`, those that a legend gives its names, has as a whole is looked up there.
    Whole numbers stay what they are; written with leading zeros (01) they keep that as a name.
    Where two texts are one number (01 and 1), where text holds codes such as 2.1, or names, the
    classes are numbered 1 to K in sorted order, and so are numbers past 65535, which maps have no
    room for. Texts that differ at all are classes of their own, and a note says so where they
    differ in case, inner blanks or zeros alone; blanks around a text are no part of it. `place`
    says where a cell stands ("line 7"), for messages.
    """
    texts = [_cell_text(cell) for cell in cells]
    filled = sorted({text for text in texts if text})
    if not filled:
        raise InputError(f"The class column of {source} is empty: choose another with --column.")
    known = dict(numbers or {})
    notes = [*_blanks_noted(cells, source), *_alike_noted(filled, source)]
    listed = all(text in known for text in filled)
    if all(_NUMBER.fullmatch(text) and len(text) <= _LONGEST for text in filled):
        if listed and _read_otherwise(filled, known):
            notes.append(
                f"{source}: the classes {_few(filled)} are names in the legend, whose values are "
                "other numbers: they were taken as names."
            )
        elif not listed:
            _check_codes(cells, texts, source, place)
            whole = _as_numbers(filled)
            if whole is not None and max(whole.values()) <= LARGEST_VALUE:
                values = [whole.get(text, 0) for text in texts]
                named = {n: text for text, n in whole.items() if _zeros(text)}
                return NumberedCells(np.array(values, np.int32), named, tuple(notes))
            if whole is not None:
                # 1.0 and 1 are one number, and one name.
                texts = [_plain(text) for text in texts]
            filled = sorted({text for text in texts if text}, key=_in_order)
    return _named(texts, filled, known, source, notes)


def _named(
    texts: list[str], ordered: list[str], known: dict[str, int], source: str, notes: list[str]
) -> NumberedCells:
    """Classes by name: a legend's number, or the next that is free."""
    taken = set(known.values())
    free = (number for number in count(1) if number not in taken)
    known |= {text: next(free) for text in ordered if text not in known}
    if len(known) > LARGEST_VALUE:
        raise InputError(
            f"The class column of {source} holds {len(ordered)} different entries: "
            "choose the column of classes with --column."
        )
    values = np.array([known.get(text, 0) for text in texts], dtype=np.int32)
    return NumberedCells(values, {n: text for text, n in known.items()}, tuple(notes))


def _cell_text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _check_codes(
    cells: Sequence[object], texts: list[str], source: str, place: Callable[[int], str]
) -> None:
    """Refuse numbers below 1, and numbers with decimals that are measured, not written as codes."""
    broken = {text for text in texts if text and not _WHOLE_NUMBER.fullmatch(text)}
    different = len(set(texts))
    measured = different > FEW_CODES and 2 * different > len(texts)
    for at, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        if text in broken and (measured or not isinstance(cell, str)):
            raise InputError(
                f"{source} has {text} as a class in {place(at)}: classes are whole numbers or "
                "names, so choose another column with --column, or store codes such as 2.1 as text."
            )
        if text and text not in broken and _whole(text) < 1:
            raise InputError(
                f"{source} has the class {_whole(text)} in {place(at)}, but 0 means unlabelled: "
                "number the classes from 1 if it is one, or leave the cell empty if it is none."
            )


def _as_numbers(filled: Iterable[str]) -> dict[str, int] | None:
    """Each text's whole number; None where some have none, or two share one but for zeros."""
    found: dict[str, int] = {}
    spelling: dict[int, str] = {}
    for text in filled:
        if not _WHOLE_NUMBER.fullmatch(text):
            return None
        found[text] = _whole(text)
        if spelling.setdefault(found[text], _plain(text)) != _plain(text):
            return None
    return found


def _read_otherwise(filled: Iterable[str], known: Mapping[str, int]) -> bool:
    """Whether a legend's values, too, could be meant by numbers that are its names."""
    values = set(known.values())
    whole = {text: _whole(text) for text in filled if _WHOLE_NUMBER.fullmatch(text)}
    return any(number in values and number != known[text] for text, number in whole.items())


def _whole(text: str) -> int:
    return int(text.partition(".")[0])


def _plain(text: str) -> str:
    """A number's text without a sign and empty decimals, but with its leading zeros."""
    return text.partition(".")[0].lstrip("+") if _WHOLE_NUMBER.fullmatch(text) else text


def _zeros(text: str) -> bool:
    return text.startswith("0")


def _in_order(text: str) -> tuple[float, str]:
    return float(text), text


def _blanks_noted(cells: Sequence[object], source: str) -> list[str]:
    forms: dict[str, set[str]] = {}
    for cell in cells:
        if isinstance(cell, str) and cell.strip():
            forms.setdefault(cell.strip(), set()).add(cell)
    merged = sorted(text for text, written in forms.items() if len(written) > 1)
    if not merged:
        return []
    return [f"{source}: {_few(merged)} also stand with blanks around them: taken for one class."]


def _alike_noted(filled: Iterable[str], source: str) -> list[str]:
    """A note on classes that a slip of the pen may have made two of."""
    groups: dict[object, list[str]] = {}
    for text in filled:
        is_number = _NUMBER.fullmatch(text) and len(text) <= _LONGEST
        key = float(text) if is_number else " ".join(text.casefold().split())
        groups.setdefault(key, []).append(text)
    notes = []
    for texts in groups.values():
        if len({_plain(text) for text in texts}) > 1:
            how = "zeros" if _NUMBER.fullmatch(texts[0]) else "case or blanks"
            listed = ", ".join(f"'{text}'" for text in texts[:-1]) + f" and '{texts[-1]}'"
            notes.append(
                f"{source}: the classes {listed} differ in {how} alone: taken for classes of their "
                "own; write them alike if they are one."
            )
        elif len(texts) > 1:
            notes.append(f"{source}: {' and '.join(texts)} are one number: taken for one class.")
    if len(notes) > SHOWN:
        notes = [*notes[:SHOWN], f"{source}: {len(notes) - SHOWN} more classes are nearly alike."]
    return notes


def _few(texts: Sequence[str]) -> str:
    shown = ", ".join(f"'{text}'" for text in texts[:SHOWN])
    return shown + (" ..." if len(texts) > SHOWN else "")
