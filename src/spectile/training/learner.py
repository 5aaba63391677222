"""What all fits have in common: chance that follows from the step, and which epoch is kept."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Literal

import lightning as L
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric

from spectile.training.silent_lightning import silence_child


class Learner(L.LightningModule):
    """The Lightning module of a network while it is fitted; a subclass for each kind of network.

    Subclasses say how a batch becomes a loss, and how the validation side is scored: `score` is
    the metric, `score_name` its column in history.csv. The epoch that is kept has the lowest
    validation loss or the highest score, whichever `keep` says, among those that :attr:`settled`
    allows.
    """

    score_name: ClassVar[str]
    keep: ClassVar[Literal["loss", "score"]] = "score"
    bf16_on_cpu: ClassVar[bool] = False
    """Whether fits may compute in bf16 on CPUs: only where it was measured to cost no accuracy."""
    score: Metric
    frozen: bool = False
    """Whether some weights are frozen in some of the steps."""

    def __init__(self, network: nn.Module, *, seed: int) -> None:
        super().__init__()
        # Before what a subclass fits by itself: the seconds of a fit are all of them.
        self.started = time.perf_counter()
        self.network = network
        self.seed = seed
        # Left as they are, so that a loss that is no number shows: by default the mean skips them.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.validation_loss = MeanMetric(nan_strategy="disable")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        # The first thing of ours that happens in the processes of several devices.
        silence_child()

    @property
    def kept_prefix(self) -> str:
        """The beginning of the names, in a checkpoint's state_dict, of the weights to keep."""
        return "network."

    @property
    def settled(self) -> bool:
        """Whether the learning rate is low enough for this epoch's weights to be kept.

        On the way down a fit gains more than a small validation side can tell: a lucky epoch at a
        high rate is worse on test pixels than any late one.
        """
        raise NotImplementedError

    def draw(self) -> None:
        """Make all chance of this step (dropout, rotations) follow from its number.

        So a resumed fit goes on as if it had never stopped.
        """
        torch.manual_seed(self.seed + 1_000_003 * self.global_step + 7_919 * self.global_rank)

    def validation_step(self, batch: Any, index: int) -> None:
        # Of the last batches a device may get none.
        if batch is not None:
            self.validate_on(batch)

    def validate_on(self, batch: Any) -> None:
        """Add a batch of the validation side to its loss and score."""
        raise NotImplementedError

    def on_validation_epoch_end(self) -> None:
        loss, score = self.validation_loss.compute(), self.validated_score()
        self.validation_loss.reset()
        self.score.reset()
        self.log("validation_loss", loss)
        if not score.isnan():
            self.log(self.score_name, score)
        goodness = -loss if self.keep == "loss" else score
        worst = torch.full_like(goodness, -torch.inf)
        self.log("goodness", goodness if self.settled else worst)
        self.follow(float(loss))

    def follow(self, loss: float) -> None:
        """What a fit does about the validation loss of an epoch besides keeping the best."""

    def validated_score(self) -> Tensor:
        """The score of the whole validation side; nan where it wasn't asked for."""
        score: Tensor = self.score.compute()
        return score


def by_step(
    optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> dict[str, Any]:
    """An optimiser whose rate is changed by `schedule` after every step, for Lightning."""
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
