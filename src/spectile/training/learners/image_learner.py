"""What learners of whole images and of masks have in common: rates, phases, averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from spectile.compat.torch import lerp_all
from spectile.networks.weights.pretrained import head_parameters
from spectile.training.image_recipes import ImageRecipe
from spectile.training.learner import Learner, by_step
from spectile.training.schedules import SETTLED, warm_cosine

MOMENTUM = 0.9
AVERAGED = "averaged.module."


class ImageLearner(Learner):
    """The learner of a network for images (N, components, H, W).

    With `head_epochs` in the recipe the pretrained body is frozen in the first epochs: only the
    head learns, and the weights named in `fresh`, which no file gave. After them all weights learn,
    at a lower rate. With `averaging` the weights that are validated and kept are an exponential
    moving average (Polyak and Juditsky 1992), which follows faster in the beginning, as
    TensorFlow's does. `weights` (classes,) weigh the classes in the loss.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: ImageRecipe,
        *,
        seed: int,
        weights: Tensor | None,
        fresh: Collection[str],
    ) -> None:
        super().__init__(network, seed=seed)
        self.recipe = recipe
        self.frozen = recipe.head_epochs > 0
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)
        self.averaged: AveragedModel | None = None
        if recipe.averaging:
            self.averaged = AveragedModel(
                network, multi_avg_fn=partial(_average, recipe.averaging), use_buffers=True
            ).requires_grad_(False)
        # By their names: in a spawned process they are other objects.
        head = {id(weight) for weight in head_parameters(network)}
        self._head = {name for name, weight in network.named_parameters() if id(weight) in head}
        self._head |= set(fresh) & dict(network.named_parameters()).keys()

    @property
    def kept_prefix(self) -> str:
        return AVERAGED if self.averaged is not None else super().kept_prefix

    @property
    def validated(self) -> nn.Module:
        """The network whose weights are kept."""
        module: nn.Module = self.network if self.averaged is None else self.averaged.module
        return module

    def on_train_epoch_start(self) -> None:
        alone = self.current_epoch < self.recipe.head_epochs
        self.network.train()
        for place, module in self.network.named_modules():
            own = dict(module.named_parameters(place, recurse=False))
            inside = not self._head.isdisjoint(own)
            for weight in own.values():
                weight.requires_grad_(inside or not alone)
            # A normalisation of the body must not take on the statistics of the new images.
            if own and alone and not inside:
                module.eval()

    def on_train_batch_end(self, *_: Any) -> None:
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    @property
    def settled(self) -> bool:
        recipe = self.recipe
        if self.current_epoch < recipe.head_epochs:
            return False
        # The step that has just been taken: the rate of the next one is lower.
        factor = self._factor(max(0, self.global_step - 1), head=True)
        highest = recipe.body_rate if recipe.head_epochs else 1.0
        return recipe.schedule == "constant" or factor <= SETTLED * highest

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        groups = []
        for in_head in (False, True):
            named = self.network.named_parameters()
            inside = [weight for name, weight in named if (name in self._head) is in_head]
            # Decay of scales and shifts makes nothing simpler.
            for decay, chosen in (
                (recipe.weight_decay, [p for p in inside if p.ndim > 1]),
                (0.0, [p for p in inside if p.ndim <= 1]),
            ):
                groups.append({"params": chosen, "weight_decay": decay})
        rate = recipe.learning_rate
        optimizer: torch.optim.Optimizer = (
            torch.optim.AdamW(groups, rate)
            if recipe.optimizer == "adamw"
            else torch.optim.SGD(groups, rate, momentum=MOMENTUM, nesterov=True)
        )
        body, head = (partial(self._factor, head=in_head) for in_head in (False, True))
        factors: list[Callable[[int], float]] = [body, body, head, head]
        return by_step(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factors))

    def _factor(self, step: int, *, head: bool) -> float:
        """What multiplies the learning rate at a step."""
        recipe = self.recipe
        total = int(self.trainer.estimated_stepping_batches)
        alone = round(total * recipe.head_epochs / max(1, int(self.trainer.max_epochs or 1)))
        if step < alone:
            return float(head)
        highest = recipe.body_rate if alone else 1.0
        if recipe.schedule == "constant":
            return highest
        return highest * warm_cosine(step - alone, total - alone, recipe.warm_up)


@torch.no_grad()
def _average(
    decay: float, averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor
) -> None:
    if not averaged[0].is_floating_point():
        for mean, value in zip(averaged, current, strict=True):
            mean.copy_(value)  # counters
        return
    made = int(updates)
    followed = min(decay, (1 + made) / (10 + made))
    lerp_all(list(averaged), list(current), 1 - followed)
