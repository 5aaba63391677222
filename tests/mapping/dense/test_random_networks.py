"""Any network of the supported layers gives the numbers that it gives window by window."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mapping.dense.drawn import difference, networks
from torch import nn

from spectile.mapping.dense import densify


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=networks(),
    size=st.tuples(st.integers(1, 6), st.integers(1, 9)),
)
def test_equals_patches(
    drawn: tuple[nn.Module, int, tuple[int, int]], size: tuple[int, int]
) -> None:
    network, bands, window = drawn
    with pytest.MonkeyPatch.context() as patch:
        # However little is shared, it is; and nothing may be refused.
        patch.setattr("spectile.mapping.dense.network.LEAST_SPEED_UP", 0.0)
        dense = densify(network, window, bands=bands)
    assert difference(dense, network, window, size) <= 1e-9
