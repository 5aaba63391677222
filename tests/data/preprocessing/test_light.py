"""Spectra freed from light: another day's changes nothing, and what can't be freed is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.api.model import load
from spectile.api.training import train
from spectile.choices import Light, ReducerName
from spectile.data.datasets.simulated import simulate
from spectile.data.preprocessing.light import CURVES, fit_light
from spectile.data.preprocessing.reducers import REDUCING, Reducer, fit_reducer

BANDS = 40
WAVELENGTHS = np.linspace(400, 2500, BANDS) ** 0.9


def spectra(pixels: int = 120, bands: int = BANDS, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(pixels, 5)) @ rng.normal(size=(5, bands)) * 0.2
    return np.exp(7 + mixed + rng.normal(size=(pixels, bands)) * 0.05)


def freed(light: Light, name: ReducerName = "pca", values: np.ndarray | None = None) -> Reducer:
    values = spectra() if values is None else values
    lightless, note = fit_light(light, values, WAVELENGTHS)
    assert lightless is not None
    assert not note
    components = 6 if name in REDUCING else None
    noise = np.random.default_rng(1).normal(size=(300, values.shape[1]))
    reducer = fit_reducer(name, lightless.of(values), components=components, noise=noise)
    return lightless.before(reducer)


def reduce(reducer: Reducer, values: np.ndarray) -> np.ndarray:
    return reducer.apply(values.T[:, :, None])[:, :, 0]


@given(
    light=st.sampled_from(["gain", "slope", "bow"]),
    name=st.sampled_from(["pca", "correlation-pca", "mnf", "standardise", "none"]),
    size=st.tuples(*[st.floats(-0.3, 0.3)] * 3),
)
@settings(max_examples=30, deadline=None)
def test_smooth_light_leaves_components_alone(
    light: Light, name: ReducerName, size: tuple[float, ...]
) -> None:
    values = spectra()
    places = (WAVELENGTHS - WAVELENGTHS.mean()) / np.ptp(WAVELENGTHS)
    curve = sum(size[k] * places**k for k in range(CURVES[light]))
    reducer = freed(light, name)
    found, expected = reduce(reducer, values * np.exp(curve)), reduce(reducer, values)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_light_that_is_kept_counts() -> None:
    values = spectra()
    assert fit_light("kept", values, WAVELENGTHS) == (None, "")
    reducer, tilt = freed("gain", "standardise"), np.exp(np.linspace(-0.1, 0.1, BANDS))
    assert np.abs(reduce(reducer, values * tilt) - reduce(reducer, values)).max() > 0.1


@pytest.mark.parametrize(("light", "power"), [("gain", 1), ("slope", 2), ("bow", 3)])
def test_the_next_curve_is_left(light: Light, power: int) -> None:
    lightless, _ = fit_light(light, spectra(), WAVELENGTHS)
    assert lightless is not None
    assert np.abs(lightless.left).max() == pytest.approx(1)
    assert lightless.left.mean() == pytest.approx(0)
    curve = np.poly1d(np.polyfit(WAVELENGTHS, lightless.left, power))
    np.testing.assert_allclose(curve(WAVELENGTHS), lightless.left, atol=1e-8)
    reducer = freed(light, "standardise")
    moved = reduce(reducer, spectra() * np.exp(0.05 * lightless.left)) - reduce(reducer, spectra())
    expected = 0.05 * (lightless.left @ reducer.matrix)
    np.testing.assert_allclose(moved, np.broadcast_to(expected[:, None], moved.shape), atol=1e-3)


def test_components_are_those_of_the_freed_values() -> None:
    values = spectra()
    lightless, _ = fit_light("bow", values, None)
    assert lightless is not None
    logs = lightless.of(values)
    inner = fit_reducer("correlation-pca", logs, components=5, whitening=0.5)
    found = reduce(lightless.before(inner), values)
    np.testing.assert_allclose(found, ((logs - inner.mean) @ inner.matrix).T, atol=1e-4)


def test_values_that_have_no_logarithm_count_as_dark() -> None:
    values = spectra()
    values[::7, 3], values[1::7, 20] = -50, 0
    found = reduce(freed("bow", values=values), values)
    assert np.isfinite(found).all()
    darker = values.copy()
    darker[::7, 3] = -5000
    np.testing.assert_array_equal(reduce(freed("bow", values=values), darker), found)


@pytest.mark.parametrize(
    ("bands", "light", "said"),
    [(6, "gain", "6 bands are too few"), (12, "bow", "than its gain"), (25, "bow", "its slope")],
)
def test_few_bands_keep_more_of_the_light(bands: int, light: Light, said: str) -> None:
    _, note = fit_light(light, spectra(bands=bands), None)
    assert said in note


def test_values_that_are_no_brightnesses_are_used_as_they_are() -> None:
    decibels = np.random.default_rng(0).normal(-12, 3, (50, BANDS))
    lightless, note = fit_light("bow", decibels, None)
    assert lightless is None
    assert "0 or less" in note


def test_a_trained_model_maps_a_darker_scene_alike(tmp_path: Path) -> None:
    pixels, classes = simulate(40, 40, 32, 3, seed=0)
    bright = (1000 * (pixels - pixels.min() + 1)).astype(np.float32)
    train(
        bright,
        classes,
        out=tmp_path / "run",
        bands_last=False,
        light="bow",
        epochs=1,
        window=9,
        components=4,
        quiet=True,
    )
    model = load(tmp_path / "run" / "model.safetensors")
    assert model.preprocessing.reducer.darkest is not None
    tilted = bright * np.linspace(0.7, 0.9, 32, dtype=np.float32)[:, None, None]
    found, expected = (model.map(scene, bands_last=False) for scene in (tilted, bright))
    assert (found != expected).mean() < 0.02
