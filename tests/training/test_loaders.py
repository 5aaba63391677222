"""Validation on several devices: each sample counts once, as on one."""

import multiprocessing
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.photographs import tinted

from spectile.training.learners.image_samples import LabelledImages
from spectile.training.loaders import Loaders


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


@pytest.fixture
def _forkserver() -> Iterator[None]:
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("forkserver", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.usefixtures("_forkserver")
def test_workers_need_not_be_forked() -> None:
    """Python 3.14 starts them from a fresh process on Linux, as it always did elsewhere."""
    store, classes = tinted(5)
    samples = LabelledImages(store, classes, edge=16)
    loaders = Loaders(samples, samples, batch=2, validation_batch=2, seed=0, drawn=True, workers=1)
    loaders.trainer = SimpleNamespace(global_rank=0, world_size=1)  # type: ignore[assignment]
    found = [images for images, _ in loaders.train_dataloader()]
    loaders.workers = 0
    expected = [images for images, _ in loaders.train_dataloader()]
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
