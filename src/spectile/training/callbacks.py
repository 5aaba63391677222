"""Beside a fit: its history, its progress bar, and checkpoints that are never half there."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from spectile.errors import InputError
from spectile.files import write_aside

VALIDATION = (
    "validation_loss",
    "validation_accuracy",
    "validation_mean_iou",
    "validation_mask_ap",
)
"""What tasks log of the validation side, by the names in history.csv."""


BEST, LAST, PREVIOUS = "best.ckpt", "last.ckpt", "previous.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """A checkpoint takes the place of the last one when it is written whole.

    A fit killed while writing can then always be resumed. The last one is kept beside the new one:
    a disk may damage what it was given just before a power cut.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as aside:
            torch.save(checkpoint, aside)
            if path.name == LAST and path.exists():
                path.replace(path.with_name(PREVIOUS))


class History(L.Callback):
    """One row an epoch, with the share of its steps' time in which the network waited for data.

    Travels in the checkpoint, so that a resumed fit has all of it.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._start = 0.0
        self._idle_since = 0.0
        self._waited = 0.0
        self._worked = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start = self._idle_since = time.perf_counter()
        self._waited = self._worked = 0.0

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, *_: Any) -> None:
        now = time.perf_counter()
        self._waited += now - self._idle_since
        self._idle_since = now

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *_: Any) -> None:
        now = time.perf_counter()
        self._worked += now - self._idle_since
        self._idle_since = now

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        row = {"epoch": trainer.current_epoch + 1, "train_loss": float(_take(pl_module.train_loss))}
        for name in VALIDATION:
            if name in trainer.callback_metrics:
                row[name] = float(trainer.callback_metrics[name])
        for name in ("train_loss", "validation_loss"):
            if not math.isfinite(row.get(name, 0.0)):
                raise diverged(name.replace("_", " "), row[name], trainer.current_epoch + 1)
        row["learning_rate"] = float(trainer.optimizers[0].param_groups[-1]["lr"])
        row["waiting"] = self._waited / max(self._waited + self._worked, 1e-9)
        row["seconds"] = time.perf_counter() - self._start
        self.rows.append(row)


def diverged(what: str, value: float, epoch: int) -> InputError:
    """The sentence for a fit whose numbers left those that can be counted with."""
    return InputError(
        f"the {what} became {value:g} in epoch {epoch}, so the fit was stopped: lower the learning "
        "rate, or the strength of random changes such as the spectral shift and the jitter."
    )


class FitProgress(L.Callback):
    """A bar over all batches of the fit, with loss, validation score and time left."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        # Made here and not in __init__: with several devices this object is sent to processes.
        self._bar = Progress(
            TextColumn("fitting"),
            BarColumn(),
            TextColumn("epoch"),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task(
            "", total=trainer.max_epochs, completed=trainer.current_epoch
        )
        self._bar.start()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any, **__: Any
    ) -> None:
        if self._bar:
            share = (trainer.fit_loop.batch_idx + 1) / max(1, int(trainer.num_training_batches))
            self._bar.update(self._task, completed=trainer.current_epoch + share)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._bar and self.history.rows:
            row = self.history.rows[-1]
            text = f"loss {row['train_loss']:.3f}"
            for name in VALIDATION[1:]:
                if name in row:
                    text += f", {name.replace('_', ' ')} {row[name]:.1%}"
            self._bar.update(self._task, description=text)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _take(metric: Any) -> Any:
    value = metric.compute()
    metric.reset()
    return value
