"""Labels from an array without georeference: MATLAB files, .npy and .npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from spectile.data.labels.counts import count_values, raster_counts
from spectile.data.labels.label_values import LabelValues, check_size, class_values
from spectile.data.readers.registry import Request, array_format
from spectile.data.scene import Scene


def read_label_array(file: Path, wanted: str | None, source: str, like: Scene) -> LabelValues:
    """The class values of the array `wanted`, or of the only one with two axes, in a file.

    Rows and columns stand as MATLAB and NumPy show them, whatever the version stores, and are
    laid on the scene's pixel by pixel, which a note says. Raises InputError for a size other than
    the scene's, values that are no whole numbers, several arrays to choose from, and a damaged
    file.
    """
    array = load_label_array(file, wanted, source)
    check_size((array.shape[0], array.shape[1]), like, source)
    values = class_values(array, source)
    counts = raster_counts(count_values(values), values)
    note = f"{source} names no coordinate system: it was laid on the scene pixel by pixel."
    return LabelValues(values, notes=(note,), counts=counts)


def load_label_array(file: Path, wanted: str | None, source: str) -> NDArray[Any]:
    """The array `wanted`, or the only one with two axes (rows, columns)."""
    request = Request(file, source, wanted)
    found = array_format(request)
    assert found is not None  # its suffix says so: see files.find_label_file
    return found.load(request, 2)
