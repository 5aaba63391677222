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
    are processes that prepare batches; 0 prepares them between steps. They stay from epoch to
    epoch, for one that isn't forked imports PyTorch first, which takes seconds. With `whole` the
    last batch of an epoch is left out where it isn't full.
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
        assert self.trainer is not None
        devices = self.trainer.world_size
        kind = _DrawnSampler if self.drawn else DistributedSampler
        data: Any = self.train
        # This sampler's order follows from seed and epoch alone, on one device as on many.
        sampler: DistributedSampler[Any] = kind(
            data, num_replicas=devices, rank=self.trainer.global_rank, seed=self.seed
        )
        return DataLoader(
            data,
            self.batch,
            sampler=sampler,
            collate_fn=_as_gathered,
            num_workers=self.workers,
            drop_last=self.whole and len(self.train) >= self.batch * devices,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """The batches of a single device, dealt out: whatever their number, each counts once."""
        assert self.trainer is not None
        rank, devices = self.trainer.global_rank, self.trainer.world_size
        places = range(len(self.validation))
        starts = range(0, len(places), self.validation_batch)
        batches = [list(places[start : start + self.validation_batch]) for start in starts]
        # All devices take as many steps, for in each they talk to one another.
        batches += [[]] * (-len(batches) % devices)
        return DataLoader(
            _OrNothing(self.validation),
            batch_sampler=batches[rank::devices],
            collate_fn=_as_gathered,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )


class _OrNothing(Dataset[Any]):
    """Samples of which a device may get an empty batch, which is None."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __getitems__(self, indices: Sequence[int]) -> Any:
        return self.samples.__getitems__(indices) if indices else None


class _DrawnSampler(DistributedSampler[Any]):
    """Gives pairs (index, seed): where a sample's chance starts from in this epoch."""

    def __init__(self, dataset: Dataset[Any], **options: Any) -> None:
        super().__init__(dataset, **options)

    def __iter__(self) -> Iterator[Any]:
        for index in super().__iter__():
            yield index, hash((self.seed, self.epoch, index)) & 0x7FFF_FFFF


def _as_gathered(batch: Any) -> Any:
    return batch
