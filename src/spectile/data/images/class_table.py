"""Classified images that a CSV file lists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spectile.data.images.folders import natural, side_in
from spectile.data.images.listing import Listing
from spectile.data.images.sources import ImageFiles, file_fingerprints
from spectile.data.labels.csv_table import CsvTable, read_table
from spectile.data.splits.splits import TEST, TRAIN
from spectile.errors import InputError

PATH_COLUMNS = ("path", "image", "file", "filename")
LABEL_COLUMNS = ("label", "class")
SPLIT_COLUMNS = ("split",)


def list_class_table(path: Path, *, bands_last: bool) -> Listing:
    """The images of a CSV with the columns path and label, and split if sides are given.

    Paths are relative to the folder of the CSV. Raises InputError for missing columns, cells
    without a label, other words than train, val and test as a split, and files that aren't there.
    """
    table = read_table(path)
    paths = listed_paths(table, PATH_COLUMNS, "an image's path")
    labels = table.column(needed_column(table, LABEL_COLUMNS, "its class"))
    for line, label in zip(table.lines, labels, strict=True):
        if not label:
            raise InputError(f"{path} has no label in line {line}: write the class of each image.")
    sides = listed_sides(table)
    trained = {label for label, side in zip(labels, sides, strict=True) if side == TRAIN}
    for line, label in zip(table.lines, labels, strict=True):
        if label not in trained:
            raise InputError(
                f"{path} has no training image of the class '{label}' in line {line}: "
                "add one or take the class out."
            )
    return Listing(
        str(path),
        ImageFiles(tuple(paths), bands_last),
        labels,
        tuple(sorted(trained, key=natural)),
        sides,
        file_fingerprints(paths),
    )


def listed_paths(table: CsvTable, columns: Sequence[str], what: str) -> list[Path]:
    """The paths in the first of `columns`; InputError for those that aren't there."""
    folder = Path(table.source).parent
    cells = table.column(needed_column(table, columns, what))
    paths = [folder / cell for cell in cells]
    if not paths:
        raise InputError(f"{table.source} lists no image: it needs a line for each.")
    missing = [place for place, path in enumerate(paths) if not cells[place] or not path.is_file()]
    if missing:
        line, cell = table.lines[missing[0]], cells[missing[0]]
        count = f"{len(missing)} of the {len(paths)} files that {table.source} names"
        verb = "isn't" if len(missing) == 1 else "aren't"
        raise InputError(
            f"{count} {verb} there, the first in line {line}: '{cell}'; "
            "paths count from the folder of the CSV."
        )
    return paths


def listed_sides(table: CsvTable) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The sides in the column split, all training where there is none; shape (N,)."""
    place = table.find(SPLIT_COLUMNS)
    if place is None:
        return np.full(len(table.rows), TRAIN, np.uint8)
    cells = zip(table.lines, table.column(place), strict=True)
    sides = np.array([side_in(cell, table.source, line) for line, cell in cells], dtype=np.uint8)
    if not (sides == TRAIN).any():
        found = "test" if (sides == TEST).any() else "val"
        raise InputError(f"{table.source} has only {found} images: give some to train on.")
    return sides


def needed_column(table: CsvTable, columns: Sequence[str], what: str) -> int:
    """The place of the first of `columns`; InputError where there is none."""
    place = table.find(columns)
    if place is None:
        raise InputError(
            f"{table.source} has the columns {', '.join(table.columns)}: it needs one named "
            f"{columns[0]} with {what}."
        )
    return place
