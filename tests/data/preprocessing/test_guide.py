"""The guide of smoothing: a picture of the scene out of whatever components a network takes."""

from __future__ import annotations

import numpy as np
import pytest

from spectile.choices import ReducerName
from spectile.data.preprocessing.guide import LARGEST, fit_guide
from spectile.data.preprocessing.reducers import REDUCING, fit_reducer


def spectra_of(bands: int, pixels: int = 400) -> np.ndarray:
    rng = np.random.default_rng(bands)
    return 500 + 40 * rng.normal(0, 1, (pixels, 5)) @ rng.normal(0, 1, (5, bands))


@pytest.mark.parametrize("bands", [1, 2, 3, 9])
@pytest.mark.parametrize("name", ["none", "standardise", "pca", "correlation-pca", "mnf"])
def test_every_reducers_components_make_channels_of_unit_variance(
    name: ReducerName, bands: int
) -> None:
    spectra = spectra_of(bands)
    noise = np.random.default_rng(0).normal(0, 1, (100, bands)) if name == "mnf" else None
    components = bands if name in REDUCING else None
    reducer = fit_reducer(name, spectra, components=components, whitening=0.5, noise=noise)
    found = reducer.apply(spectra.T)
    guide = fit_guide(spectra, found.T)
    channels = guide.of(found[:, None])[:, 0]
    assert guide.channels == min(3, bands)
    np.testing.assert_allclose(channels.mean(1), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(channels, ddof=0), np.eye(guide.channels), atol=1e-2)


def test_channels_are_the_spectra_s_own_though_components_are_whitened() -> None:
    spectra = spectra_of(9)
    own, white = (
        fit_reducer("pca", spectra, components=9 if whitening == 0 else 5, whitening=whitening)
        for whitening in (0, 1)
    )
    channels = [
        fit_guide(spectra, reducer.apply(spectra.T).T).of(reducer.apply(spectra.T)[:, None])
        for reducer in (own, white)
    ]
    np.testing.assert_allclose(channels[0], channels[1], atol=1e-2)


def test_directions_without_variance_are_left_out() -> None:
    line = np.arange(50.0)[:, None] * [1, 2, 3]
    assert fit_guide(line, line).channels == 1
    flat = fit_guide(np.ones((5, 4)), np.ones((5, 4)))
    assert not flat.of(np.random.default_rng(0).normal(0, 1, (4, 2, 2))).any()
    assert fit_guide(np.ones((1, 4)), np.ones((1, 4))).channels == 1


def test_a_hot_pixel_is_no_farther_than_others() -> None:
    spectra = spectra_of(4)
    guide = fit_guide(spectra, spectra)
    assert np.abs(guide.of(np.full((4, 1, 1), 1e37))).max() == LARGEST
