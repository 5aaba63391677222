"""Which bands of a scene are those that a model was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.scene import Scene
from spectile.errors import InputError

WAVELENGTH_TOLERANCE = 0.5
"""A band matches if its centre is off by less than this share of the gap to its neighbour."""


def match_wavelengths(
    scene: Scene, wanted: NDArray[np.float64], bands: tuple[int, ...]
) -> tuple[int, ...]:
    """The bands of `scene`, which tells wavelengths, at the `wanted` centres in nanometres.

    `bands` are their numbers in the training scene. Raises InputError where one is missing.
    """
    assert scene.wavelengths is not None
    gaps = np.abs(np.diff(np.unique(wanted)))
    tolerance = WAVELENGTH_TOLERANCE * float(np.median(gaps)) if len(gaps) else 1.0
    same_place = max(bands) < scene.bands and bool(
        np.all(np.abs(scene.wavelengths[list(bands)] - wanted) < tolerance)
    )
    if same_place:
        # Overlapping detectors repeat wavelengths: a band that fits where it was is the band.
        return bands
    # Bands without a wavelength are nobody's neighbours.
    distance = np.nan_to_num(np.abs(scene.wavelengths[None, :] - wanted[:, None]), nan=np.inf)
    nearest = distance.argmin(axis=1)
    off = distance[np.arange(len(wanted)), nearest] >= tolerance
    if off.all():
        raise InputError(
            f"{scene.source} has bands from {np.nanmin(scene.wavelengths):.6g} to "
            f"{np.nanmax(scene.wavelengths):.6g} nm and the model from {wanted.min():.6g} to "
            f"{wanted.max():.6g} nm, none at the same place: check the unit of the wavelengths in "
            "the file, or give a scene of the same sensor and product."
        )
    if off.any():
        first = float(wanted[off][0])
        raise InputError(
            f"{scene.source} lacks {int(off.sum())} of the model's {len(wanted)} bands, the first "
            f"at {first:.1f} nm: give a scene of the same sensor and product."
        )
    return tuple(int(band) for band in nearest)
