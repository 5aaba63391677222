"""Colours for classes that people with any kind of colour vision can tell apart.

The first seven are Okabe and Ito's ("Color Universal Design", 2008), without their black, which
means "no data" in label rasters and maps. Further ones are chosen after Glasbey et al. ("Colour
displays for categorical images", 2007): each is the colour farthest from those already chosen.
Distances are taken in OKLab (Ottosson, 2020), and the smallest of three counts: as seen without
the red cones, without the green cones (Machado, Oliveira and Fernandes, "A physiologically-based
model for simulation of color vision deficiency", 2009, severity 1), and half of that seen with
normal vision, which has three dimensions to spread colours in instead of two. The 16 colours of
Indian Pines come out as far apart for colour-blind eyes as Okabe and Ito's seven.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

OKABE_ITO: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)

DISTINCT_AT_MOST = 512
"""Past this many colours nobody tells them apart, and they begin again."""

_PROTANOPIA = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
_DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
_VISIONS = np.stack([np.eye(3), np.array(_PROTANOPIA), np.array(_DEUTERANOPIA)])
_WEIGHTS = np.array([[0.5], [1.0], [1.0]])

_LMS_FROM_RGB = np.array(
    [
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    ]
)
_LAB_FROM_LMS = np.array(
    [
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    ]
)


def distinct_colors(count: int, taken: Sequence[Color] = ()) -> tuple[Color, ...]:
    """`count` colours that differ from one another and from those `taken`, never near black.

    The colour of the k-th class doesn't depend on how many follow, so a map keeps its colours
    when a class is added at the end.
    """
    chosen = _farthest(min(count, DISTINCT_AT_MOST), tuple(taken))
    return tuple(chosen[index % DISTINCT_AT_MOST] for index in range(count))


@cache
def _farthest(count: int, taken: tuple[Color, ...]) -> tuple[Color, ...]:
    """Okabe and Ito's colours as far as they keep apart from `taken`, then the farthest ones."""
    candidates = _candidates()
    seen = _as_seen(candidates)
    gap = np.full(len(candidates), np.inf)
    for color in taken:
        gap = np.minimum(gap, _distance(seen, color))
    standard = [color for color in OKABE_ITO if _keeps_apart(color, taken)]
    chosen: list[Color] = []
    while len(chosen) < count:
        if len(chosen) < len(standard):
            color = standard[len(chosen)]
        else:
            red, green, blue = candidates[int(np.argmax(gap))].tolist()
            color = (red, green, blue)
        chosen.append(color)
        gap = np.minimum(gap, _distance(seen, color))
    return tuple(chosen)


def _keeps_apart(color: Color, taken: tuple[Color, ...]) -> bool:
    if not taken:
        return True
    nearest = float(_distance(_as_seen(np.array(taken, dtype=np.float64)), color).min())
    return nearest > 0.07  # the closest two of Okabe and Ito's are 0.076 apart


@cache
def _candidates() -> NDArray[np.int64]:
    """A lattice of sRGB colours that stand out from black (no data) and from white paper."""
    levels = np.linspace(0, 255, 13).round().astype(np.int64)
    lattice = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lightness = _as_seen(lattice)[0, :, 0]
    return lattice[(lightness > 0.38) & (lightness < 0.90)]


def _as_seen(colors: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLab coordinates of (n, 3) colours for every kind of vision, shape (visions, n, 3)."""
    share = colors / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("vij,nj->vni", _VISIONS, linear), 0.0, 1.0)
    lab: NDArray[np.float64] = np.cbrt(seen @ _LMS_FROM_RGB.T) @ _LAB_FROM_LMS.T
    return lab


def _distance(seen: NDArray[np.float64], color: Color) -> NDArray[np.float64]:
    """How far `color` is from every colour seen, for the eyes that tell them apart least."""
    other = _as_seen(np.array([color], dtype=np.float64))
    distance: NDArray[np.float64] = np.linalg.norm(seen - other, axis=2) * _WEIGHTS
    nearest: NDArray[np.float64] = distance.min(axis=0)
    return nearest
