"""Samples as batches, in an order that follows from seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import lightning as L
from torch.utils.data import DataLoader, Dataset, DistributedSampler


class Samples(Protocol):
    """A data set that gives whole batches, ready gathered."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: Sequence[Any]) -> Any:
        """A batch; the loader calls this instead of stacking single samples."""


class Loaders(L.LightningDataModule):
    """Training and validation samples for a fit.

    `drawn` tells the training samples which numbers to start their chance from: instead of an index
    they are asked for a pair (index, seed), alike whoever asks and in whichever process. `workers`
    are processes that prepare batches; 0 prepares them between steps. With `whole` the last batch
    of an epoch is left out where it isn't full.
    """

    def __init__(
        self,
        train: Samples,
        validation: Samples,
        *,
        batch: int,
        validation_batch: int,
        seed: int,
        drawn: bool = False,
        workers: int = 0,
        whole: bool = False,
    ) -> None:
        super().__init__()
        self.train = train
        self.validation = validation
        self.batch = batch
        self.validation_batch = validation_batch
        self.seed = seed
        self.drawn = drawn
        self.workers = workers
        self.whole = whole

    def train_dataloader(self) -> DataLoader[Any]:
        whole = self.whole and len(self.train) >= self.batch * self._replicas
        return self._loader(self.train, self.batch, shuffle=True, whole=whole)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.validation, self.validation_batch, shuffle=False, whole=False)

    @property
    def _replicas(self) -> int:
        assert self.trainer is not None
        return self.trainer.world_size

    def _loader(
        self, samples: Samples, batch: int, *, shuffle: bool, whole: bool
    ) -> DataLoader[Any]:
        assert self.trainer is not None
        kind = _DrawnSampler if self.drawn and shuffle else DistributedSampler
        data: Any = samples
        # This sampler's order follows from seed and epoch alone, on one device as on many.
        sampler: DistributedSampler[Any] = kind(
            data,
            num_replicas=self._replicas,
            rank=self.trainer.global_rank,
            shuffle=shuffle,
            seed=self.seed,
        )
        return DataLoader(
            data,
            batch,
            sampler=sampler,
            collate_fn=_as_gathered,
            num_workers=self.workers,
            drop_last=whole,
        )


class _DrawnSampler(DistributedSampler[Any]):
    """Gives pairs (index, seed): where a sample's chance starts from in this epoch."""

    def __init__(self, dataset: Dataset[Any], **options: Any) -> None:
        super().__init__(dataset, **options)

    def __iter__(self) -> Iterator[Any]:
        for index in super().__iter__():
            yield index, hash((self.seed, self.epoch, index)) & 0x7FFF_FFFF


def _as_gathered(batch: Any) -> Any:
    return batch
