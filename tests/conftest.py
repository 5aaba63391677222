"""The order of the tests."""

from __future__ import annotations

import pytest

LONGEST = "test_results.py"
"""Takes minutes: at the end the other processes would wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)
