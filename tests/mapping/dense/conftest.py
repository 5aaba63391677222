"""Small networks share little: what is asked of them is exactness, not that it pays."""

import pytest


@pytest.fixture
def sharing_always_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little is shared, it is."""
    monkeypatch.setattr("spectile.mapping.dense.network.LEAST_SPEED_UP", 0.0)
