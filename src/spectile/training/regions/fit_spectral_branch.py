"""Fitting a network's spectral branch, before its windows are.

The two are fitted apart. Together, windows soon explain all that there is to be learnt, and nothing
is left for spectra to say, which carry over better to other fields.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError

BATCH, RATE = 256, 5e-3
PASSES, STEPS = 350, 1000
"""Over all spectra, as far as that many steps go."""
SMOOTHING = 0.1
"""Of labels, or the branch would be sure of what it merely knows by heart."""


def fit_spectral_branch(
    branch: nn.Module,
    spectra: Tensor,
    classes: Tensor,
    *,
    weights: Tensor | None,
    seed: int,
    bend: Tensor | None = None,
) -> None:
    """Fit `branch` in place on spectra (N, bands) of class indices (N,), and freeze its weights.

    `weights` (classes,) weigh the classes in the loss; spectra are moved along `bend` (bands,) at
    random, by as much on average; all chance follows from `seed`. It takes seconds. Raises
    InputError where weights become nan.
    """
    steps = min(STEPS, PASSES * math.ceil(len(classes) / BATCH))
    optimizer = torch.optim.AdamW(branch.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    branch.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(steps):
            drawn = torch.randperm(len(classes))[:BATCH]
            seen = spectra[drawn]
            if bend is not None:
                seen = seen + torch.randn(len(drawn), 1) * bend
            logits = branch(seen)
            loss = F.cross_entropy(logits, classes[drawn], weights, label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    if not all(bool(weight.isfinite().all()) for weight in branch.parameters()):
        raise InputError(
            "the weights of the spectral branch became nan while it was fitted: look for extreme "
            "values in the scene, or fit without it (a weight of 0)."
        )
    branch.requires_grad_(False)
