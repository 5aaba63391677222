"""Fit a network; killed at any moment, it goes on where it stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.multiprocessing.spawn import ProcessRaisedException

from spectile.compat.torch import multiplies_bf16
from spectile.errors import InputError
from spectile.ranges import check_cores
from spectile.training.callbacks import (
    BEST,
    LAST,
    PREVIOUS,
    FitProgress,
    History,
    WholeCheckpoints,
    diverged,
)
from spectile.training.learner import Learner
from spectile.training.loaders import Loaders
from spectile.training.silent_lightning import lightning_silenced

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hardware:
    """Where to fit; the words are Lightning's."""

    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    """auto: bf16-mixed on a GPU, and for some tasks on a CPU with units for it; else 32-true."""

    def trainer_arguments(
        self, *, frozen: bool = False, bf16_on_cpu: bool = False
    ) -> dict[str, Any]:
        """What Lightning's trainer takes; `frozen` if some weights rest in some of the steps.

        With `bf16_on_cpu` auto is bf16-mixed on a CPU that multiplies matrices of it.
        """
        precision = self.precision
        if precision == "auto":
            precision = (
                "bf16-mixed" if self._on_gpu or (bf16_on_cpu and multiplies_bf16()) else "32-true"
            )
        return {
            "accelerator": self.accelerator,
            "devices": self.devices,
            "precision": precision,
            # Spawned, so that what stands around the fit (reading, mapping) runs in one process.
            "strategy": "auto" if self.devices == 1 else f"ddp_spawn{UNUSED * frozen}",
        }

    @property
    def _on_gpu(self) -> bool:
        return self.accelerator in ("gpu", "cuda") or (
            self.accelerator == "auto" and torch.cuda.is_available()
        )

    def check(self) -> None:
        """Raise InputError for hardware that Lightning doesn't find."""
        if not self._on_gpu:
            check_cores("--devices", self.devices)
        try:
            with lightning_silenced():
                L.Trainer(logger=False, enable_checkpointing=False, **self.trainer_arguments())
        except (ValueError, RuntimeError, ImportError, MisconfigurationException) as error:
            raise InputError(
                f"--accelerator {self.accelerator} --devices {self.devices} --precision "
                f"{self.precision} can't be used here: {str(error).splitlines()[0]}"
            ) from error


UNUSED = "_find_unused_parameters_true"

ANY_HARDWARE = Hardware()
"""A GPU if there is one."""


@dataclass(frozen=True)
class Fit:
    """How a fit went; the network holds the best weights."""

    history: list[dict[str, float]]
    best_epoch: int
    seconds: float


def fit(
    learner: Learner,
    loaders: Loaders,
    *,
    epochs: int,
    patience: int | None,
    checkpoints: Path,
    clip: float = 0.0,
    resume: bool = False,
    hardware: Hardware = ANY_HARDWARE,
    quiet: bool = False,
    tensorboard: Path | None = None,
) -> Fit:
    """Fit the network of `learner` in place and leave it with the weights of its best epoch.

    Which epoch is the best, the learner decides: see :class:`~spectile.training.learner.Learner`.
    Without validation samples it is the last. The fit stops after `patience` epochs without a
    lower validation loss; with None it takes all `epochs`. Gradients whose norm is above `clip`
    are scaled down to it; 0 leaves all as they are.

    After each epoch a checkpoint is written into the folder `checkpoints`; with `resume` the fit
    goes on from the last one that can be read, and ends with the numbers of a fit that was never
    stopped. `tensorboard` is a folder for TensorBoard's logs, `quiet` leaves out the progress bar.

    Raises InputError for hardware that Lightning doesn't find, and where weights become nan.
    """
    hardware.check()
    checkpoints.mkdir(parents=True, exist_ok=True)
    monitored = len(loaders.validation) > 0
    last = checkpoints / LAST
    start = _start(checkpoints, monitored) if resume else None
    if start is None:
        for name in (BEST, LAST, PREVIOUS):
            (checkpoints / name).unlink(missing_ok=True)
    if start is None or not _ended(start, epochs):
        callbacks = _callbacks(checkpoints, monitored, patience, quiet)
        with lightning_silenced():
            others = hardware.trainer_arguments(
                frozen=learner.frozen, bf16_on_cpu=learner.bf16_on_cpu
            )
            others["gradient_clip_val"] = clip or None
            trainer = _trainer(epochs, callbacks, others, monitored, tensorboard)
            with _said_elsewhere():
                trainer.fit(
                    learner,
                    datamodule=loaders,
                    ckpt_path=None if start is None else str(start),
                    weights_only=True,
                )
    best_epoch = _load_best(learner, checkpoints / (BEST if monitored else LAST))
    return Fit(_history(last), best_epoch, time.perf_counter() - learner.started)


def _callbacks(
    checkpoints: Path, monitored: bool, patience: int | None, quiet: bool
) -> list[L.Callback]:
    history = History()
    callbacks: list[L.Callback] = [history]
    if monitored:
        callbacks.append(_checkpoint(checkpoints, BEST, monitor="goodness"))
        if patience is not None:
            callbacks.append(
                EarlyStopping("validation_loss", patience=patience, check_on_train_epoch_end=True)
            )
    # After the others, so that it holds what they know of this epoch.
    callbacks.append(_checkpoint(checkpoints, LAST, monitor=None))
    if not quiet:
        callbacks.append(FitProgress(history))
    return callbacks


def _load_best(learner: Learner, checkpoint: Path) -> int:
    """Give the learner's network the weights of `checkpoint`, and say which epoch, from 1, it is.

    They come from the file: with several devices the fit happened in other processes.
    """
    chosen = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights = {
        key.removeprefix(learner.kept_prefix): value
        for key, value in chosen["state_dict"].items()
        if key.startswith(learner.kept_prefix)
    }
    epoch = int(chosen["epoch"]) + 1
    # The last step of all shows in no loss where nothing is validated.
    if not all(bool(weight.isfinite().all()) for weight in weights.values()):
        raise diverged("network's weights", float("nan"), epoch)
    network = learner.network
    network.cpu().load_state_dict(weights)
    # As a network lies in memory that is loaded from a file; a learner may have laid it otherwise.
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # PyTorch's stub
    network.requires_grad_(True).eval()
    return epoch


def _trainer(
    epochs: int,
    callbacks: list[L.Callback],
    others: dict[str, Any],
    monitored: bool,
    tensorboard: Path | None,
) -> L.Trainer:
    return L.Trainer(
        max_epochs=epochs,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        deterministic="warn",
        logger=False if tensorboard is None else _tensorboard(tensorboard),
        log_every_n_steps=10,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=None if monitored else 0,
        use_distributed_sampler=False,
        **others,
    )


def _checkpoint(folder: Path, name: str, *, monitor: str | None) -> ModelCheckpoint:
    return ModelCheckpoint(
        folder,
        filename=Path(name).stem,
        monitor=monitor,
        mode="max",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )


def _tensorboard(folder: Path) -> TensorBoardLogger:
    try:
        return TensorBoardLogger(folder, name="", version="")
    except ModuleNotFoundError as error:
        raise InputError(
            "TensorBoard's logs need another package: pip install tensorboardX, or leave out "
            "--tensorboard."
        ) from error


def _start(checkpoints: Path, monitored: bool) -> Path | None:
    """The checkpoint to go on from, if all that it takes can be read; None to begin anew."""
    last, previous = checkpoints / LAST, checkpoints / PREVIOUS
    if not last.exists() and not previous.exists():
        return None  # killed before the first
    if monitored and not _is_whole(checkpoints / BEST):
        log.warning("%s is damaged: the fit begins anew.", checkpoints / BEST)
        return None
    if _is_whole(last):
        return last
    if last.exists():
        log.warning("%s is damaged.", last)
    if _is_whole(previous):
        log.warning("The fit goes on from %s, the checkpoint before.", previous)
        previous.replace(last)
        return last
    log.warning("There is no other checkpoint in %s: the fit begins anew.", checkpoints)
    return None


def _is_whole(checkpoint: Path) -> bool:
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return bool({"state_dict", "epoch", "callbacks"} <= state.keys())
    except Exception:  # what is in a damaged file may end in any
        return False


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


@contextmanager
def _said_elsewhere() -> Iterator[None]:
    """Raise the InputError of a spawned process, which comes as the text of a traceback."""
    try:
        yield
    except ProcessRaisedException as error:
        last = str(error).strip().splitlines()[-1]
        kind, colon, sentence = last.partition(": ")
        if colon and kind == f"{InputError.__module__}.{InputError.__name__}":
            raise InputError(sentence) from error
        raise
