"""Seconds of a training step, of the processor and at one thread."""

from __future__ import annotations

import time

import torch
from torch.nn import functional as F

import spectile
from published_jobs import Bench, Job, material
from published_methods import Method, Own, Plain
from published_networks import Published
from spectile.compat.torch import multiplies_bf16
from spectile.data.readers.in_memory import scene_from_array
from spectile.networks.window_network import build_window_network

LEAST_STEPS, LEAST_SECONDS = 3, 2.0


def measure(bench: Bench, method: Method) -> None:
    """Note what a step takes, once: epochs of bounded fits follow from it."""
    how = method.how
    if isinstance(how, Plain) or bench.seconds_a_step(method) is not None:
        return
    torch.set_num_threads(1)
    if isinstance(how, Published):
        bench.keep_seconds(method, of_windows(bench, how))
    elif how.epochs is not None:
        bench.keep_seconds(method, of_regions(bench, method.name, how))


def of_windows(bench: Bench, how: Published) -> float:
    """Of a batch of windows, in the numbers that fits compute in."""
    pixels, labels = material(bench.quick)
    bands, classes = min(how.components or len(pixels), len(pixels)), len(labels.legend)
    torch.manual_seed(0)
    network = build_window_network(
        how.builder(bench.folder),
        bands=bands,
        classes=classes,
        window=how.window,
        options={"layout": how.layout},
    ).train()
    windows = torch.randn(how.training.batch, bands, how.window, how.window)
    truth = torch.randint(0, classes, (len(windows),))
    optimizer = torch.optim.Adam(network.parameters(), how.training.learning_rate)

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


def of_regions(bench: Bench, name: str, how: Own) -> float:
    """Of a step on regions, whose work depends on where the windows lie: two epochs are fitted."""
    pixels, labels = material(bench.quick)
    job = Job(bench, name, "random", 0)
    run = spectile.train(
        scene_from_array(pixels, source="pixels"),
        labels,
        recipe=how.recipe,
        split=job.split.assignment,
        quiet=True,
        threads=1,
        **how.settings | {"epochs": 2} | how.small(bench.quick),
    )
    return float(run.history[-1]["seconds"]) / job.steps_an_epoch()
