"""Hiding bands: the group that a class depends on is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spectile.data.preprocessing.reducers import fit_reducer
from spectile.inspecting.band_occlusion import band_groups, occluded
from spectile.inspecting.samples import as_samples, centring


class OneBand(nn.Module):
    """Class 1 where the mean of one component is positive."""

    def __init__(self, band: int, pixels: bool = False) -> None:
        super().__init__()
        self.band = band
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        seen = x[:, self.band]
        score = seen if self.pixels else seen.mean((1, 2))
        return torch.stack([-score, score], 1)


def drawn(reducer: str, bands: int = 6, count: int = 8):
    spectra = np.random.default_rng(0).normal(100, 10, (200, bands))
    fitted = fit_reducer(reducer, spectra, components=bands)  # type: ignore[arg-type]
    classes = np.arange(count) % 2
    images = spectra[:count, :, None, None].repeat(3, 2).repeat(3, 3)
    images[:, 4] = 100 + 40 * (2 * classes - 1)[:, None, None]
    values = [torch.from_numpy(centring(fitted).apply(image)) for image in images]
    return fitted, as_samples(values, classes, fitted, spectra.mean(axis=0))


@pytest.mark.parametrize("pixels", [False, True])
def test_the_one_band_that_a_class_depends_on_is_found(pixels):
    _, seen = drawn("standardise")
    found = occluded(OneBand(4, pixels), seen, band_groups(range(6), None))
    falls = found.falls.mean(axis=0)
    assert falls.argmax() == 4
    assert falls[4] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(np.delete(falls, 4), 0, atol=1e-6)
    assert found.as_dict(("a", "b"))["classes"]["a"][4] == pytest.approx(falls[4], abs=0.02)


def test_bands_as_they_are_are_replaced_by_the_training_mean_and_not_by_zero():
    _, seen = drawn("none")
    np.testing.assert_allclose(seen.mean.numpy(), 100, atol=3)

    class Bright(OneBand):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward((x - 100) / 10)

    found = occluded(Bright(4), seen, band_groups(range(6), None))
    # With 0 in the band everything would be of class 0, and class 0 would lose nothing.
    assert found.of_class(0)[4] > 0.3
    assert found.of_class(1)[4] > 0.3


def test_hiding_through_a_reducer_is_hiding_in_the_spectrum():
    _, seen = drawn("pca")
    network = OneBand(0)
    groups = band_groups(range(6), None, count=3)
    found = occluded(network, seen, groups)
    centred = torch.stack(seen.centred)
    hidden = centred.clone()
    hidden[:, list(groups[1].places)] = 0
    before, after = (
        network(seen.components(values)).softmax(1)[range(8), seen.classes]
        for values in (centred, hidden)
    )
    np.testing.assert_allclose(found.falls[:, 1], (before - after).numpy(), atol=1e-5)


def test_no_group_reaches_over_a_gap():
    wavelengths = np.concatenate([np.arange(400, 900, 10), np.arange(1100, 1300, 10)]).astype(float)
    groups = band_groups(range(70), wavelengths, count=7)
    assert len(groups) == 7
    for group in groups:
        assert group.wavelengths is not None
        low, high = group.wavelengths
        assert high < 900 or low >= 1100


@given(st.lists(st.floats(300, 2500), min_size=1, max_size=60, unique=True), st.integers(1, 30))
def test_groups_hold_every_band_once(wavelengths, count):
    bands = range(3, 3 + len(wavelengths))
    groups = band_groups(bands, np.array(wavelengths), count=count)
    held = sorted(place for group in groups for place in group.places)
    assert held == list(range(len(wavelengths)))
    assert all(group.bands == tuple(p + 3 for p in group.places) for group in groups)
