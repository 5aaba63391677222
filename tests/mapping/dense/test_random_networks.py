"""Any network of the supported layers gives the numbers that it gives window by window."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.mapping.dense.drawn import difference, networks
from torch import nn

from spectile.mapping.dense import NotShareableError, densify


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=networks(),
    size=st.tuples(st.integers(1, 6), st.integers(1, 9)),
)
def test_equals_patches(
    drawn: tuple[nn.Module, int, tuple[int, int]], size: tuple[int, int]
) -> None:
    network, bands, window = drawn
    try:
        dense = densify(network, window, bands=bands)
    except NotShareableError as error:
        # A gate before everything else leaves nothing to share; nothing else may be refused.
        assume("each window's own" not in str(error))
        raise
    assert difference(dense, network, window, size) <= 1e-9
