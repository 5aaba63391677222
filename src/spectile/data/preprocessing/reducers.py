"""From bands to components: standardising, PCA, MNF, or the bands as they are.

All of them are one affine map, components = (pixel - mean) @ matrix, of pixels or of their
logarithms, so a model file holds a reducer as two or three tensors and nothing has to be refitted
or unpickled.

PCA: scikit-learn's, whitened as HybridSN's authors do; correlation-pca is that of standardised
bands, in which dark bands count as much as bright ones. MNF: Green, Berman, Switzer and Craig, "A
transformation for ordering multispectral data in terms of image quality", IEEE TGRS 26(1), 1988;
the noise is estimated from differences of neighbouring pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.choices import ReducerName
from spectile.errors import InputError

REDUCING: tuple[ReducerName, ...] = ("pca", "correlation-pca", "mnf")
"""Those whose number of components is chosen."""
LARGEST, SMALLEST = 1e37, 1e-30
"""What pixels may hold at most, and the least of their largest deviation: float32 ends at 3e38 and
has all of its digits down to 1e-38, and between pixels and logits stand products."""


@dataclass(frozen=True)
class Reducer:
    """The affine map components = (values - mean) @ matrix, of a pixel's values or logarithms."""

    name: ReducerName
    mean: NDArray[np.float64]
    """Shape (bands,)."""
    matrix: NDArray[np.float64]
    """Shape (bands, components)."""
    darkest: NDArray[np.float64] | None = None
    """Shape (bands,), where logarithms are reduced: what darker values count as, above 0."""
    offset: NDArray[np.float64] | None = None
    """Shape (bands,): added to values before their logarithms are taken."""

    def __post_init__(self) -> None:
        # How numbers lie decides how they are summed: a fitted matrix as one from a file.
        object.__setattr__(self, "matrix", np.ascontiguousarray(self.matrix))

    @property
    def bands(self) -> int:
        """How many bands go in."""
        return int(self.matrix.shape[0])

    @property
    def components(self) -> int:
        """How many components come out."""
        return int(self.matrix.shape[1])

    def after(self, gain: NDArray[np.float64], offset: NDArray[np.float64]) -> Reducer:
        """The reducer of pixel * gain + offset, as one of pixels.

        `gain`, above 0, and `offset` have the shape (bands,). Exact: both maps are one.
        """
        if self.darkest is None:
            mean, matrix = (self.mean - offset) / gain, gain[:, None] * self.matrix
            return replace(self, mean=mean, matrix=matrix)
        # log(x * gain + offset) is log(gain) + log(x + offset / gain).
        inner = offset if self.offset is None else offset + self.offset
        mean, darkest = self.mean - np.log(gain), self.darkest / gain
        return replace(self, mean=mean, darkest=darkest, offset=inner / gain)

    def apply(
        self, pixels: NDArray[Any], valid: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """Components (components, H, W) of pixels (bands, H, W).

        Where `valid` (H, W) is False the components are 0, the mean spectrum's, so that a hole
        pulls the windows around it to no class.
        """
        spectra = pixels.reshape(self.bands, -1)
        if valid is not None and not valid.all():
            # Before the product: one infinite band times 0 would be NaN in every component.
            spectra = np.where(valid.reshape(1, -1), spectra, 0)
        if self.darkest is not None:
            spectra = logarithms(spectra.T, self.darkest, self.offset).T
        # In float32 the mean has to go first: digital numbers in the thousands leave few digits.
        if spectra.dtype.itemsize > 4:  # digits that float32 lacks may be all that differs
            centred = (spectra - self.mean[:, None]).astype(np.float32)
        else:
            centred = spectra.astype(np.float32) - self.mean.astype(np.float32)[:, None]
        components = self.matrix.T.astype(np.float32) @ centred
        if valid is not None:
            components[:, ~valid.ravel()] = 0
        return components.reshape(-1, *pixels.shape[1:])


def logarithms(
    spectra: NDArray[Any],
    darkest: NDArray[np.float64],
    offset: NDArray[np.float64] | None = None,
) -> NDArray[Any]:
    """Natural logarithms of spectra (pixels, bands), in which no value is less than `darkest`.

    An `offset` (bands,) is added to the spectra first.
    """
    real = spectra.astype(np.promote_types(spectra.dtype, np.float32), copy=False)
    if offset is not None:
        real = real + offset.astype(real.dtype)
    found: NDArray[Any] = np.maximum(real, darkest.astype(real.dtype))
    np.log(found, out=found)
    return found


def fit_reducer(
    name: ReducerName,
    spectra: NDArray[Any],
    *,
    components: int | None = None,
    whitening: float = 1.0,
    noise: NDArray[Any] | None = None,
) -> Reducer:
    """Fit a reducer on spectra (pixels, bands), those of the training pixels.

    `components` is how many components PCA and MNF give, by default 30, or one a band; the other
    reducers give one a band. `whitening`, from 0 to 1, is for both PCAs. If v is the variance of a
    component divided by that of the first, its variance becomes v ** (1 - whitening): 1 for all
    with a whitening of 1, and v with 0. `noise` (pairs, bands), which MNF needs, holds differences
    between neighbouring pixels.

    Raises InputError if there are more components than bands or pixels, and for values that are too
    large or too much alike for float32.
    """
    pixels, bands = spectra.shape
    values = spectra.astype(np.float64)
    check_magnitude(values)
    if name == "none":
        return Reducer(name, np.zeros(bands), np.eye(bands))
    mean = values.mean(axis=0)
    if name == "standardise":
        return Reducer(name, mean, np.diag(_inverse(values.std(axis=0))))
    wanted = min(30, bands) if components is None else components
    if not 1 <= wanted <= bands:
        raise InputError(
            f"{wanted} components can't be made of {bands} usable bands: "
            f"set --components between 1 and {bands}."
        )
    if wanted >= pixels:
        raise InputError(
            f"{wanted} components can't be fitted on {pixels} training pixels: "
            f"set --components to {max(1, pixels - 1)} or less, or label more pixels."
        )
    if name == "pca":
        return Reducer(name, mean, _principal_axes(values, wanted, whitening))
    if name == "correlation-pca":
        scale = _inverse(values.std(axis=0))[:, None]
        axes = _principal_axes((values - mean) * scale[:, 0], wanted, whitening)
        return Reducer(name, mean, scale * axes)
    if noise is None:
        raise ValueError("MNF needs differences between neighbouring pixels as `noise`.")
    return Reducer(name, mean, _noise_whitening(values - mean, noise.astype(np.float64), wanted))


def check_magnitude(values: NDArray[Any]) -> None:
    """Raise InputError for training pixels that float32 can't tell apart or can't hold."""
    largest = np.abs(values).max(initial=0)
    if largest > LARGEST:
        raise InputError(
            f"the training pixels hold values as large as {largest:.3g}, and float32 ends near "
            f"{LARGEST:g}: scale the scene, or name the value as its nodata."
        )
    # Not the deviation, whose squares vanish.
    spread = np.ptp(values, axis=0).max(initial=0) if len(values) else 0
    if 0 < spread < SMALLEST:
        raise InputError(
            f"the training pixels differ by {spread:.3g} alone, too little for float32: multiply "
            "the scene by a constant."
        )


def _principal_axes(
    values: NDArray[np.float64], components: int, whitening: float
) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA

    pca = PCA(components, whiten=True, svd_solver="full").fit(values)
    deviations = np.sqrt(pca.explained_variance_)
    # Without a first deviation there is nothing to keep a share of.
    kept = (deviations / max(deviations[0], np.finfo(float).tiny)) ** (1 - whitening)
    matrix: NDArray[np.float64] = pca.components_.T * _inverse(deviations) * kept
    return matrix


def _inverse(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / deviation; 0 for a direction without variance, whose rounding errors would be blown up.

    Such a direction is a band that is constant on the training pixels, though not elsewhere.
    """
    alive = deviations > deviations.max() * 1e-9
    inverse: NDArray[np.float64] = np.divide(
        1, deviations, out=np.zeros_like(deviations), where=alive
    )
    return inverse


def _noise_whitening(
    centred: NDArray[np.float64], noise: NDArray[np.float64], components: int
) -> NDArray[np.float64]:
    """Directions by falling signal-to-noise ratio, each scaled to unit variance."""
    from scipy.linalg import eigh

    bands = centred.shape[1]
    # The difference of two pixels holds the noise of both, hence the half.
    noise_covariance = noise.T @ noise / (2 * max(1, len(noise)))
    # Fewer pairs than bands leave it singular; a millionth of its mean variance doesn't show.
    noise_covariance += np.eye(bands) * max(np.trace(noise_covariance) / bands, 1e-12) * 1e-6
    covariance = centred.T @ centred / (len(centred) - 1)
    ratios, directions = eigh(covariance, noise_covariance)
    chosen = directions[:, np.argsort(ratios)[::-1][:components]]
    variances = np.einsum("bk,bc,ck->k", chosen, covariance, chosen)
    matrix: NDArray[np.float64] = chosen * _inverse(np.sqrt(variances.clip(min=0)))
    # An eigenvector's sign is arbitrary: fix it, so that one fit equals the next.
    largest = np.abs(matrix).argmax(axis=0)
    matrix *= np.sign(matrix[largest, np.arange(components)])
    return matrix
