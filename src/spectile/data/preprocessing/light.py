"""Spectra without the light that they were taken in.

Another day's light multiplies a spectrum by a smooth curve over wavelength: a darker sky is a
constant, haze and a lower sun are a tilt and a bow. In logarithms such a factor is a sum, and what
lies along a few known curves can be taken out, as in extended multiplicative signal correction
(Martens and Stark, J. Pharm. Biomed. Anal. 9, 1991), here of logarithms. What is left tells one
absorption from another in whatever light, and no longer bright from dark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.choices import Light
from spectile.data.preprocessing.reducers import Reducer, check_magnitude, logarithms

CURVES: dict[Light, int] = {"kept": 0, "gain": 1, "slope": 2, "bow": 3}
"""Coefficients of the polynomials over wavelength that are taken out."""
BANDS_A_CURVE = 10
"""Bands for each curve that is taken out: of six bands a slope is a third of all that they say."""
DARKEST = 0.02
"""Share of a band's median that darker values count as: noise around 0 has no logarithm."""
TINY = 1e-30
DARK_SHARE = 0.25
"""With more of the values as dark as that, they are no brightnesses: decibels, say."""


@dataclass(frozen=True, eq=False)
class Lightless:
    """How spectra are freed from light."""

    darkest: NDArray[np.float64]
    """Shape (bands,): what darker values count as."""
    projection: NDArray[np.float64]
    """Shape (bands, bands): takes the curves out of logarithms."""
    mean: NDArray[np.float64]
    """Shape (bands,): of the logarithms in training, curves included."""
    left: NDArray[np.float64]
    """Shape (bands,): the next curve, which isn't taken out; 1 where it is farthest from its mean.
    """

    def of(self, spectra: NDArray[Any]) -> NDArray[np.float64]:
        """Logarithms of spectra (pixels, bands), without the curves."""
        freed: NDArray[np.float64] = (
            logarithms(spectra.astype(np.float64), self.darkest) @ self.projection
        )
        return freed

    def before(self, reducer: Reducer) -> Reducer:
        """A reducer of such values, as one of spectra."""
        # The curves of the mean, which the projection takes out anyhow: numbers are small then.
        mean = reducer.mean + self.mean - self.mean @ self.projection
        return replace(
            reducer, mean=mean, matrix=self.projection @ reducer.matrix, darkest=self.darkest
        )


def fit_light(
    light: Light, spectra: NDArray[Any], wavelengths: NDArray[np.floating] | None
) -> tuple[Lightless | None, str]:
    """How spectra (pixels, bands), those of training pixels, are freed from light, and a note.

    `light` says from what: nothing, their brightness ("gain"), a tilt over the `wavelengths`
    (bands,) as well ("slope"), or a bow too. Fewer curves are taken out of few bands, and none
    where values are no brightnesses; then the note says so. Without wavelengths curves run over
    the bands' numbers. None where light is kept. Raises InputError as fitting a reducer does, of
    values that float32 can't hold.
    """
    if light == "kept":
        return None, ""
    # Before logarithms hide them.
    check_magnitude(spectra)
    bands = spectra.shape[1]
    count = min(CURVES[light], bands // BANDS_A_CURVE)
    if count == 0:
        return (
            None,
            f"{bands} bands are too few to tell light from colour: spectra keep their light.",
        )
    darkest = _darkest(spectra)
    if darkest is None:
        return None, (
            "Much of the spectra is 0 or less, which no brightness is: they are used as they are, "
            "light included."
        )
    note = ""
    if count < CURVES[light]:
        known = next(word for word, curves in CURVES.items() if curves == count)
        note = f"{bands} bands are too few to free spectra from more of the light than its {known}."
    curves = _curves(count + 1, bands, wavelengths)
    along, _ = np.linalg.qr(curves[:, :count])
    left = curves[:, count] - curves[:, count].mean()
    return Lightless(
        darkest,
        np.eye(bands) - along @ along.T,
        logarithms(spectra.astype(np.float64), darkest).mean(axis=0),
        left / max(np.abs(left).max(), TINY),
    ), note


def _darkest(spectra: NDArray[Any]) -> NDArray[np.float64] | None:
    """The least value (bands,) of each band that counts; None where many are as dark as that."""
    medians = np.median(spectra, axis=0).astype(np.float64)
    usual = float(np.median(medians))
    if usual <= 0:
        return None
    # A band in which nothing is bright, as where water absorbs, is measured by the others.
    darkest: NDArray[np.float64] = DARKEST * np.maximum(medians, DARKEST * usual)
    return None if float((spectra <= darkest).mean()) > DARK_SHARE else darkest


def _curves(
    count: int, bands: int, wavelengths: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    """The powers (bands, count) of the wavelength, from 0, which runs from about -1 to 1."""
    places = np.arange(bands, dtype=np.float64) if wavelengths is None else wavelengths
    centred = places - places.mean()
    return np.vander(centred / max(np.abs(centred).max(), TINY), count, increasing=True)
