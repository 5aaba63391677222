"""A CSV file with a header line, its delimiter found, its line numbers kept for messages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spectile.errors import InputError

DELIMITERS = (",", ";", "\t")
csv.field_size_limit(max(csv.field_size_limit(), 1 << 27))  # a polygon may have many corners


@dataclass(frozen=True)
class CsvTable:
    """The rows of a CSV file, every one as long as its header."""

    source: str
    """The path as the user gave it."""
    columns: tuple[str, ...]
    """The header's names as written, without blanks around them."""
    delimiter: str
    lines: tuple[int, ...]
    """Where each row stands in the file, counted from 1."""
    rows: tuple[tuple[str, ...], ...]

    def find(self, names: Sequence[str]) -> int | None:
        """The place of the first of `names` that is a column, in whatever case, or None."""
        places = {column.lower(): place for place, column in reversed([*enumerate(self.columns)])}
        return next((places[name.lower()] for name in names if name.lower() in places), None)

    def column(self, place: int) -> list[str]:
        """The cells of one column, from top to bottom."""
        return [row[place] for row in self.rows]


def read_columns(path: str | Path) -> tuple[str, ...]:
    """The names in the header of a CSV file, or nothing if there is no such thing."""
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            line = next((line for line in file if line.strip()), "")
    except (OSError, ValueError):
        return ()
    return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=_delimiter(line)), []))


def read_table(path: str | Path, *, rgb_columns: Sequence[str] = ()) -> CsvTable:
    """Read a CSV file with commas, semicolons or tabs between its columns.

    Empty lines are passed over and missing cells at a row's end are empty. Columns named in
    `rgb_columns` may hold three numbers with unquoted commas between them. Raises InputError for
    a file that is missing, not UTF-8 text, empty, or has a row longer than its header.
    """
    text = _read_text(path)
    header_line = next((line for line in text.split("\n") if line.strip()), "")
    if not header_line:
        raise InputError(f"{path} is empty: it needs a line with the names of its columns.")
    delimiter = _delimiter(header_line)
    records = _records(path, text, delimiter)
    _, header = next(records)
    columns = tuple(header)
    rgb_place = next((columns.index(c) for c in columns if c.lower() in rgb_columns), None)
    lines: list[int] = []
    rows: list[tuple[str, ...]] = []
    for line, cells in records:
        row = cells
        if rgb_place is not None and len(row) == len(columns) + 2:
            row = [
                *row[:rgb_place],
                ",".join(row[rgb_place : rgb_place + 3]),
                *row[rgb_place + 3 :],
            ]
        if any(row[len(columns) :]):
            raise InputError(
                f"{path} has {len(row)} cells in line {line} where its header names "
                f"{len(columns)} columns: put a cell that holds a '{delimiter}' in quotes."
            )
        lines.append(line)
        rows.append(tuple(row[: len(columns)]) + ("",) * (len(columns) - len(row)))
    return CsvTable(str(path), columns, delimiter, tuple(lines), tuple(rows))


def _delimiter(header_line: str) -> str:
    return max(DELIMITERS, key=header_line.count)


def _read_text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path} isn't there: check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} can't be read ({reason}): check the path.") from error
    except ValueError as error:  # a NUL in the path itself
        raise InputError(f"{path!r} is not a path of a file.") from error


def _records(path: str | Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with anything in them, each with the number of its (last) line."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(
            f"{path} is not a CSV file that can be read (line {reader.line_num}: {error})."
        ) from error
