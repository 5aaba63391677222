"""The order of the tests, and hypothesis without a clock: on a busy machine any example is slow."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

LONGEST = "test_results.py"
"""Takes minutes: at the end the other processes would wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)
