"""Validation on several devices: each sample counts once, as on one."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spectile.learning.loaders import Loaders


class Numbers:
    """Samples that are their own numbers."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitems__(self, indices: Any) -> list[int]:
        return list(indices)


def validated(count: int, batch: int, rank: int, devices: int) -> list[list[int] | None]:
    loaders = Loaders(Numbers(9), Numbers(count), batch=2, validation_batch=batch, seed=0)
    loaders.trainer = SimpleNamespace(global_rank=rank, world_size=devices)  # type: ignore[assignment]
    return list(loaders.val_dataloader())


@given(st.integers(1, 40), st.integers(1, 9), st.integers(2, 5))
def test_devices_share_the_batches_of_one(count: int, batch: int, devices: int) -> None:
    alone = validated(count, batch, 0, 1)
    dealt = [validated(count, batch, rank, devices) for rank in range(devices)]
    assert len({len(batches) for batches in dealt}) == 1
    steps = [batches[step] for step in range(len(dealt[0])) for batches in dealt]
    assert [found for found in steps if found is not None] == alone
    assert sum(alone, []) == list(range(count))  # type: ignore[arg-type]  # noqa: RUF017
