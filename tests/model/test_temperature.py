"""Tempered probabilities: those of softened logits, in the same order, at 1 untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import softmax

from spectile.model.temperature import with_temperature

logits = arrays(np.float32, (4, 3), elements=st.floats(-30, 30, width=32))


@given(logits, st.floats(0.1, 10))
def test_it_is_the_softmax_of_logits_over_the_temperature(
    logits: NDArray[np.float32], temperature: float
) -> None:
    exact = logits.astype(np.float64)
    found = with_temperature(softmax(exact, axis=0), temperature)
    np.testing.assert_allclose(found, softmax(exact / temperature, axis=0), atol=1e-6)


@given(logits, st.floats(0.05, 20))
def test_what_is_likelier_stays_likelier(logits: NDArray[np.float32], temperature: float) -> None:
    probabilities = softmax(logits, axis=0)
    found = with_temperature(probabilities, temperature)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)
    order = probabilities.argsort(axis=0)
    assert (np.diff(np.take_along_axis(found, order, axis=0), axis=0) >= 0).all()


def test_at_one_nothing_changes() -> None:
    probabilities = np.random.default_rng(0).random((3, 5)).astype(np.float32)
    assert with_temperature(probabilities, 1.0) is probabilities


@pytest.mark.parametrize("temperature", [0.05, 0.5, 20])
def test_tiny_probabilities_and_none_at_all_give_numbers(temperature: float) -> None:
    probabilities = np.array([[1e-30, 0, 1], [3e-30, 0, 0]], np.float32)
    found = with_temperature(probabilities, temperature)
    np.testing.assert_allclose(found.sum(axis=0), [1, 0, 1], rtol=1e-5)
    assert found[1, 0] > found[0, 0]
