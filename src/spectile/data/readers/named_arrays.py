"""Which of the arrays in a MATLAB or NumPy file is meant, and which of its axes are the bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from spectile.data.readers.axes import Axes, Shape
from spectile.data.readers.header_fields import Tags
from spectile.data.scene import Reader, Scene
from spectile.data.wavelengths import spectrum_of_header
from spectile.errors import InputError

DEFLATE = 1032
"""How many times smaller zlib, the compression of MATLAB and HDF5, makes anything at its best."""

_LONGEST_LIST = 160
"""Letters."""


def choose_array(
    source: str,
    shapes: Mapping[str, Shape],
    wanted: str | None,
    dimensions: int = 3,
    *,
    rank: Mapping[str, int] | None = None,
    others: Mapping[str, str] | None = None,
) -> str:
    """The name of the array `wanted`, or else of the only one with `dimensions` axes.

    `shapes` are those of the numeric arrays in the file. Of several that fit those of the lowest
    `rank` (0 where none is given) are meant, and of those of two axes a list is meant last.
    `others` is what else is in the file. Raises InputError naming the candidates.
    """
    fitting = {name: shape for name, shape in shapes.items() if len(shape) == dimensions}
    if wanted is not None and wanted in fitting:
        return wanted
    if wanted is None and fitting:
        ranks = {
            name: ((rank or {}).get(name, 0), min(shape) == 1) for name, shape in fitting.items()
        }
        fitting = {name: fitting[name] for name in fitting if ranks[name] == min(ranks.values())}
    if wanted is None and len(fitting) == 1:
        return next(iter(fitting))
    if wanted is None and fitting:
        raise InputError(
            f"{source} holds {len(fitting)} arrays with {dimensions} axes ({_listed(fitting)}): "
            f"say which one, as in {source}:{next(iter(fitting))}"
        )
    what = f"no array with {dimensions} axes" if wanted is None else f"no such array {wanted!r}"
    if wanted is not None and wanted in shapes:
        what = f"{wanted!r} of {_size(shapes[wanted])}, which has not {dimensions} axes"
    if wanted is not None and wanted in (others or {}):
        what = f"{wanted!r}, which is {(others or {})[wanted]}"
    held = _listed(fitting or shapes)
    if others and not fitting:
        some = _shortened([f"{name} ({kind})" for name, kind in others.items()])
        held = f"{held}, {some}" if held else some
    held = held or "no numeric array at all"
    raise InputError(f"{source} holds {what}: there is {held}; give a file or name that fits.")


@contextmanager
def damage_reported(source: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into an InputError.

    Everything is caught, for these parsers promise nothing: NumPy evaluates a header as Python,
    SciPy and h5py run into any TypeError, KeyError or zlib.error that the bytes lead them to.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0:1] or [type(error).__name__]
        raise InputError(
            f"{source} can't be read ({reason[0].rstrip('.')}): "
            "it is damaged, cut short or no such file, so fetch or export it again."
        ) from error


def check_stored(source: str, size: int, stored: int, most: int = 1) -> None:
    """Refuse an array of `size` bytes that `stored` bytes in the file can't hold.

    `most` is the ratio that the compression reaches at its best. Damaged headers claim sizes that
    would otherwise be allocated first and found missing later.
    """
    if size > stored * most:
        raise InputError(
            f"{source} is cut short or damaged: {size:,} bytes of pixels are announced, and "
            f"{stored:,} bytes are stored; fetch or export it again."
        )


def scene_of_array(
    source: str,
    kind: str,
    shape: Shape,
    dtype: np.dtype[Any],
    axes: Axes,
    reader: Reader,
    *,
    fields: Tags | None = None,
    notes: tuple[str, ...] = (),
) -> Scene:
    """A scene of an array of `shape`, whose `axes` are bands, rows, columns.

    `fields` are lists along the bands that lie beside it, named as in an ENVI header.
    """
    bands, height, width = (shape[axis] for axis in axes)
    spectrum = spectrum_of_header(fields or {}, max(bands, 0))
    return Scene(
        source=source,
        format=kind,
        height=height,
        width=width,
        bands=bands,
        dtype=dtype.newbyteorder("="),
        wavelengths=spectrum.wavelengths,
        fwhm=spectrum.fwhm,
        good_bands=spectrum.good_bands,
        nodata=None,
        crs=None,
        transform=None,
        reader=reader,
        notes=(*notes, *spectrum.notes),
    )


def _listed(shapes: Mapping[str, Shape]) -> str:
    return _shortened([f"{name} ({_size(shape)})" for name, shape in shapes.items()])


def _shortened(entries: list[str]) -> str:
    """As many entries as fit into a sentence."""
    some = entries[:8]
    while len(some) > 1 and sum(map(len, some)) > _LONGEST_LIST:
        some.pop()
    return ", ".join(some) + (" ..." if len(entries) > len(some) else "")


def _size(shape: Shape) -> str:
    return " x ".join(str(length) for length in shape) or "one number"
