"""Fit a network on labelled windows; killed at any moment, it goes on where it stopped."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler

from spectile.errors import InputError
from spectile.learning.callbacks import FitProgress, History, WholeCheckpoints
from spectile.learning.classifier import WindowClassifier
from spectile.learning.recipes import Recipe
from spectile.learning.windows import LabelledWindows

VALIDATION_BATCH = 256
BEST, LAST = "best", "last"


@dataclass(frozen=True)
class Hardware:
    """Where to fit; the words are Lightning's."""

    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    """auto: bf16-mixed on a GPU, 32-true elsewhere."""

    def trainer_arguments(self) -> dict[str, Any]:
        gpu = self.accelerator in ("gpu", "cuda") or (
            self.accelerator == "auto" and torch.cuda.is_available()
        )
        precision = self.precision
        if precision == "auto":
            precision = "bf16-mixed" if gpu else "32-true"
        return {
            "accelerator": self.accelerator,
            "devices": self.devices,
            "precision": precision,
            # Spawned, so that what stands around the fit (reading, mapping) runs in one process.
            "strategy": "ddp_spawn" if self.devices > 1 else "auto",
        }

    def check(self) -> None:
        """Raise InputError for hardware that Lightning doesn't find."""
        try:
            with _lightning_silenced():
                L.Trainer(logger=False, enable_checkpointing=False, **self.trainer_arguments())
        except (ValueError, RuntimeError, ImportError, MisconfigurationException) as error:
            raise InputError(
                f"--accelerator {self.accelerator} --devices {self.devices} --precision "
                f"{self.precision} can't be used here: {str(error).splitlines()[0]}"
            ) from error


@dataclass(frozen=True)
class Fit:
    """How a fit went; the network holds the best weights."""

    history: list[dict[str, float]]
    best_epoch: int
    seconds: float


class _Loaders(L.LightningDataModule):
    def __init__(
        self, train: LabelledWindows, validation: LabelledWindows, batch: int, seed: int
    ) -> None:
        super().__init__()
        self.train = train
        self.validation = validation
        self.batch = batch
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.train, self.batch, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.validation, VALIDATION_BATCH, shuffle=False)

    def _loader(self, windows: LabelledWindows, batch: int, *, shuffle: bool) -> DataLoader[Any]:
        assert self.trainer is not None
        # This sampler's order follows from seed and epoch alone, on one device as on many.
        sampler: DistributedSampler[Any] = DistributedSampler(
            windows,
            num_replicas=self.trainer.world_size,
            rank=self.trainer.global_rank,
            shuffle=shuffle,
            seed=self.seed,
        )
        return DataLoader(windows, batch, sampler=sampler, collate_fn=_as_gathered)


def fit(
    network: nn.Module,
    train: LabelledWindows,
    validation: LabelledWindows,
    recipe: Recipe,
    *,
    classes: int,
    seed: int,
    checkpoints: Path,
    resume: bool = False,
    hardware: Hardware = Hardware(),
    quiet: bool = False,
) -> Fit:
    """Fit `network` in place and leave it with the best weights on validation.

    These are the weights of the lowest validation loss; under the one-cycle schedule of the epochs
    whose learning rate has come down to a tenth, see :class:`WindowClassifier`.

    One checkpoint an epoch goes into `checkpoints`; with `resume` the fit goes on from there, and
    ends with the numbers of one that was never stopped. Without validation windows the last epoch
    counts. Raises InputError for hardware that Lightning doesn't find.
    """
    start = time.perf_counter()
    hardware.check()
    epochs = recipe.epochs_for(len(train))
    checkpoints.mkdir(parents=True, exist_ok=True)
    monitored = len(validation) > 0
    history = History()
    callbacks: list[L.Callback] = [history]
    if monitored:
        callbacks.append(_checkpoint(checkpoints, BEST, monitor="settled_loss"))
        if recipe.patience is not None:
            callbacks.append(
                EarlyStopping(
                    "validation_loss", patience=recipe.patience, check_on_train_epoch_end=True
                )
            )
    # After the others, so that it holds what they know of this epoch.
    callbacks.append(_checkpoint(checkpoints, LAST, monitor=None))
    if not quiet:
        callbacks.append(FitProgress(history))
    module = WindowClassifier(
        network,
        recipe,
        classes=classes,
        seed=seed,
        weights=rarity(train, classes) if recipe.class_weights else None,
    )
    last = checkpoints / f"{LAST}.ckpt"
    resume = resume and last.exists()
    if not (resume and _ended(last, epochs)):
        with _lightning_silenced():
            trainer = _trainer(epochs, callbacks, hardware, monitored)
            trainer.fit(
                module,
                datamodule=_Loaders(train, validation, recipe.batch, seed),
                ckpt_path=str(last) if resume else None,
                weights_only=True,
            )
    # From the files: with several devices the fit happened in other processes.
    chosen = torch.load(
        checkpoints / f"{BEST if monitored else LAST}.ckpt", map_location="cpu", weights_only=True
    )
    weights = {
        key.removeprefix("network."): value
        for key, value in chosen["state_dict"].items()
        if key.startswith("network.")
    }
    network.cpu().load_state_dict(weights)
    network.eval()
    return Fit(_history(last), int(chosen["epoch"]) + 1, time.perf_counter() - start)


def rarity(windows: LabelledWindows, classes: int) -> torch.Tensor:
    """Weights (classes,) inverse to the classes' frequency, 1 on average over the windows."""
    counts = torch.bincount(windows.classes, minlength=classes)
    present = int((counts > 0).sum())
    return len(windows) / (present * counts.clamp(min=1).float())


def _trainer(
    epochs: int, callbacks: list[L.Callback], hardware: Hardware, monitored: bool
) -> L.Trainer:
    return L.Trainer(
        max_epochs=epochs,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        deterministic="warn",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=None if monitored else 0,
        use_distributed_sampler=False,
        **hardware.trainer_arguments(),
    )


def _checkpoint(folder: Path, name: str, *, monitor: str | None) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder,
        filename=name,
        monitor=monitor,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )


def _ended(last: Path, epochs: int) -> bool:
    """Whether a checkpoint is the last of its fit; Lightning would go on after an early stop."""
    state = torch.load(last, map_location="cpu", weights_only=True)
    stops = [value for key, value in state["callbacks"].items() if key.startswith("EarlyStopping")]
    stopped = any(value["stopped_epoch"] > 0 for value in stops)
    return stopped or state["epoch"] + 1 >= epochs


def _history(last: Path) -> list[dict[str, float]]:
    state = torch.load(last, map_location="cpu", weights_only=True)
    rows: list[dict[str, float]] = state["callbacks"][History.__name__]["rows"]
    return rows


def _as_gathered(batch: Any) -> Any:
    return batch


@contextmanager
def _lightning_silenced() -> Iterator[None]:
    """Lightning's talk of hardware and loaders is for its developers; errors still come out."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
