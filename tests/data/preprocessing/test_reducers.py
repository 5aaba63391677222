"""Reducers: the affine maps that they promise to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectile.choices import ReducerName
from spectile.data.preprocessing.reducers import Reducer, fit_reducer
from spectile.errors import InputError


def spectra(pixels: int = 300, bands: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        3000
        + rng.normal(size=(pixels, 4)) @ rng.normal(size=(4, bands)) * 100
        + rng.normal(size=(pixels, bands))
    )


def test_pca_is_scikit_learns_whitened() -> None:
    values = spectra()
    reducer = fit_reducer("pca", values, components=5)
    image = values.T.reshape(12, 20, 15)
    expected = PCA(5, whiten=True, svd_solver="full").fit_transform(values).T.reshape(5, 20, 15)
    np.testing.assert_allclose(reducer.apply(image), expected, atol=2e-3)


def test_correlation_pca_is_scikit_learns_of_standardised_bands() -> None:
    values = spectra() * np.linspace(0.01, 10, 12)
    reducer = fit_reducer("correlation-pca", values, components=5)
    expected = make_pipeline(StandardScaler(), PCA(5, whiten=True)).fit_transform(values)
    found = reducer.apply(values.T[:, :, None])[:, :, 0]
    np.testing.assert_allclose(np.abs(found), np.abs(expected.T), atol=2e-3)


@given(whitening=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_whitening_keeps_a_power_of_the_shares(whitening: float) -> None:
    values = spectra()
    shares = PCA(6).fit(values).explained_variance_
    components = fit_reducer("pca", values, components=6, whitening=whitening).apply(
        values.T[:, :, None]
    )
    expected = (shares / shares[0]) ** ((1 - whitening) / 2)
    np.testing.assert_allclose(components.std(axis=(1, 2)), expected, rtol=1e-2)


@pytest.mark.parametrize(("name", "scale"), [("pca", 1), ("mnf", 1), ("standardise", 1)])
def test_components_have_no_mean_and_unit_variance(name: ReducerName, scale: float) -> None:
    values = spectra()
    noise = np.random.default_rng(1).normal(size=(200, 12))
    components = fit_reducer(name, values, components=6, noise=noise).apply(values.T[:, :, None])
    np.testing.assert_allclose(components.mean(axis=(1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(components.std(axis=(1, 2)), scale, rtol=1e-2)


def test_mnf_puts_the_signal_first_where_pca_takes_the_noise() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=500)
    values = np.stack([signal, 50 * rng.normal(size=500), 0.1 * rng.normal(size=500)], axis=1)
    noise = rng.normal(size=(400, 3)) * [0.1, 50 * 2**0.5, 0.1 * 2**0.5]
    first = fit_reducer("mnf", values, components=1, noise=noise).apply(values.T[:, :, None])[0]
    assert abs(np.corrcoef(first[:, 0], signal)[0, 1]) > 0.99
    noisy = fit_reducer("pca", values, components=1).apply(values.T[:, :, None])[0]
    assert abs(np.corrcoef(noisy[:, 0], signal)[0, 1]) < 0.2


def test_none_keeps_the_bands() -> None:
    values = spectra().astype(np.float32)
    kept = fit_reducer("none", values).apply(values.T[:, :, None])
    np.testing.assert_array_equal(kept[:, :, 0], values.T)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["int16", "uint16", "float32", "float64"]), st.integers(0, 100))
def test_pixels_without_data_become_zero_and_touch_no_other(dtype: str, seed: int) -> None:
    values = spectra(seed=seed)
    reducer = fit_reducer("pca", values, components=4)
    image = values.T.reshape(12, 20, 15).astype(dtype)
    valid = np.random.default_rng(seed).random((20, 15)) < 0.7
    whole = reducer.apply(image)
    holed = image.copy()
    holed[:, ~valid] = -32768 if dtype == "int16" else 65535 if dtype == "uint16" else np.nan
    components = reducer.apply(holed, valid)
    np.testing.assert_allclose(components[:, valid], whole[:, valid], atol=1e-5)
    assert (components[:, ~valid] == 0).all()


@pytest.mark.parametrize(
    ("components", "pixels", "message"),
    [(13, 300, "12 usable bands"), (0, 300, "between 1 and 12"), (10, 8, "8 training pixels")],
)
def test_impossible_component_counts_are_refused(
    components: int, pixels: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_reducer("pca", spectra(pixels), components=components)


@pytest.mark.parametrize("name", ["pca", "mnf", "standardise"])
def test_a_band_constant_on_the_training_pixels_stays_finite_elsewhere(name: ReducerName) -> None:
    values = spectra()
    values[:, 3] = 7
    noise = np.random.default_rng(1).normal(size=(200, 12))
    reducer = fit_reducer(name, values, components=12, noise=noise)
    elsewhere = values.copy()
    elsewhere[:, 3] = 8
    components = reducer.apply(elsewhere.T[:, :, None])
    assert np.isfinite(components).all()
    assert np.abs(components).max() < 100


def test_a_direction_without_variance_is_not_blown_up() -> None:
    values = spectra()[:, :3]
    doubled = np.concatenate([values, values], axis=1)
    components = fit_reducer("pca", doubled, components=6).apply(doubled.T[:, :, None])
    assert np.abs(components).max() < 10


@pytest.mark.parametrize("light", [False, True])
def test_what_is_done_to_bands_before_becomes_part_of_a_reducer(light: bool) -> None:
    random = np.random.default_rng(0)
    pixels = random.uniform(-50, 1000, (5, 6, 7))
    darkest = random.uniform(20, 90, 5) if light else None
    mean = np.full(5, 5.0 if light else 500.0)
    reducer = Reducer("pca", mean, random.normal(0, 1, (5, 3)), darkest)
    gain, offset = random.uniform(0.5, 2, 5), random.normal(0, 30, 5)

    def changed(values: np.ndarray) -> np.ndarray:
        return values * gain[:, None, None] + offset[:, None, None]

    expected = reducer.apply(changed(pixels))
    scale = np.abs(expected).max()
    after = reducer.after(gain, offset)
    np.testing.assert_allclose(after.apply(pixels), expected, atol=1e-5 * scale)
    expected = reducer.apply(changed(changed(pixels)))
    twice = after.after(gain, offset).apply(pixels)
    np.testing.assert_allclose(twice, expected, atol=1e-5 * np.abs(expected).max())
    whole = (pixels + 50).astype(np.uint16)
    found = after.apply(whole)
    np.testing.assert_allclose(found, reducer.apply(changed(whole)), atol=1e-4 * scale)
