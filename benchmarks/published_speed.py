"""Seconds of a training step, of the processor and at one thread."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from published_jobs import Bench, material
from published_methods import Method, Plain
from published_networks import Published
from spectile.compat.torch import multiplies_bf16
from spectile.networks.window_network import build_window_network
from spectile.tasks.settings import settings_from

LEAST_STEPS, LEAST_SECONDS = 3, 2.0


def measure(bench: Bench, method: Method) -> None:
    """Note what a step takes, once: epochs of bounded fits follow from it."""
    how = method.how
    if isinstance(how, Plain) or bench.seconds_a_step(method) is not None:
        return
    torch.set_num_threads(1)
    pixels, labels = material(bench.quick)
    if isinstance(how, Published):
        components, training = how.components or len(pixels), how.training
        network, options = how.builder(bench.folder), {"layout": how.layout}
        batch, window, rate = training.batch, how.window, training.learning_rate
    elif how.epochs is not None:
        recipe: Any = settings_from(
            "scene", how.recipe, **{**how.settings, **how.small(bench.quick)}
        ).recipe
        components, network, options = recipe.components, recipe.network, {}
        batch, window, rate = recipe.batch, recipe.window, recipe.learning_rate
    else:
        return
    sizes = {"bands": min(components, len(pixels)), "classes": len(labels.legend), "window": window}
    torch.manual_seed(0)
    built = build_window_network(network, **sizes, options=options)
    bench.keep_seconds(method, seconds_a_step(built.train(), batch, rate, **sizes))


def seconds_a_step(
    network: nn.Module, batch: int, rate: float, *, bands: int, classes: int, window: int
) -> float:
    """Of windows, in the numbers that fits compute in."""
    windows = torch.randn(batch, bands, window, window)
    truth = torch.randint(0, classes, (batch,))
    optimizer = torch.optim.Adam(network.parameters(), rate)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bf16()):
            loss = F.cross_entropy(network(windows), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    started, steps = time.process_time(), 0
    while steps < LEAST_STEPS or time.process_time() - started < LEAST_SECONDS:
        step()
        steps += 1
    return (time.process_time() - started) / steps
