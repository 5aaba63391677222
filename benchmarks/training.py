"""Training on shared trunks against batches of windows, in turns in one process; writes JSON.

    python benchmarks/training.py [--to 0.98] [--bf16] [--plot curves.png] [--out results.json]
                                  [--rounds 3] [--quick]

HybridSN with squeeze-and-excitation on Indian Pines, a random tenth of the labels, 25 x 25 windows,
30 whitened components fitted on the whole scene, as in the paper. First how long a step and an
epoch (each training window once) take on either path, in turns. With --to the seconds of fitting
until the test pixels reach an overall accuracy, looked at every few steps by a dense map that isn't
counted. Each path has the one-cycle schedule over the length given to it. With --bf16 both compute
as `spectile train` does on a CPU with units for it; --plot draws accuracy over seconds. --cpu-time
counts the processor's seconds of one thread, for a machine that is busy with other work.

--quick takes 13 x 13 windows of 20 components.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from spectile import networks
from spectile.data.datasets.known import indian_pines
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.splits.splits import TEST, TRAIN, split_random
from spectile.mapping import densify
from spectile.training.augmentation import rotate_and_flip
from spectile.training.optimizers import optimizer_of
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_regions import rotated
from spectile.training.regions.labelled_regions import LabelledRegions, RegionSteps, square_edge
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.regions.region_gradients import region_loss
from spectile.training.schedules import one_cycle

PATCH_BATCH = 128
CLASSES = 16
WEIGHT_DECAY = 1e-4


Clock = Callable[[], float]
"""Seconds since any moment."""


@dataclass(frozen=True)
class Material:
    """The scene as both paths take it."""

    components: Tensor
    """(1, C, H + window - 1, W + window - 1)."""
    windows: LabelledWindows
    regions: LabelledRegions
    tested: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    """Rows, columns and classes of the test pixels."""


@dataclass(frozen=True)
class Way:
    """One way to train: its steps, and how long its schedule is."""

    name: str
    network: networks.HybridSN
    steps: Iterator[float]
    """Each step, when it is asked for, gives its loss."""
    length: int
    """Steps of its schedule."""


def indian_pines_material(window: int, components: int, seed: int) -> Material:
    scene, labels = indian_pines()
    pixels = scene.read()
    reducer = fit_reducer("pca", pixels.reshape(scene.bands, -1).T, components=components)
    preprocessing = Preprocessing(tuple(range(scene.bands)), reducer, "reflect")
    sides = split_random(labels, train=0.1, validation=0.0, seed=seed, window=window).assignment

    def side(code: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = np.nonzero(sides == code)
        return rows, columns, labels.classes[rows, columns].astype(np.int64) - 1

    places = side(TRAIN)
    edge = square_edge(scene, *places[:2], window - 1, np.inf)
    whole = LabelledRegions(
        scene,
        preprocessing,
        window,
        np.array([0, scene.height - 1]),
        np.array([0, scene.width - 1]),
        np.zeros(2, np.int64),
        edge=max(scene.height, scene.width),
    )
    return Material(
        whole.parts[0].components[None],
        LabelledWindows(scene, preprocessing, window, *places),
        LabelledRegions(scene, preprocessing, window, *places, edge=edge),
        side(TEST),
    )


def rounded(bf16: bool) -> torch.autocast:
    """Where factors are rounded to bf16, if they are to be."""
    return torch.autocast("cpu", torch.bfloat16, enabled=bf16)


def patch_path(
    material: Material, network: networks.HybridSN, rate: float, epochs: int, bf16: bool
) -> Way:
    count = len(material.windows)
    total = epochs * -(-count // PATCH_BATCH)
    recipe = Recipe(learning_rate=rate, weight_decay=WEIGHT_DECAY)
    optimiser = optimizer_of(network, recipe)
    schedule = one_cycle(optimiser, recipe, total + 2)

    def steps() -> Iterator[float]:
        while True:
            for indices in torch.randperm(count).split(PATCH_BATCH):
                cuts, classes = material.windows.__getitems__(indices.tolist())
                with rounded(bf16):
                    loss = F.cross_entropy(network(rotate_and_flip(cuts)), classes)
                yield advanced(loss, optimiser, schedule)

    return Way("patches", network, steps(), total)


def shared_path(
    material: Material, network: networks.HybridSN, recipe: Recipe, total: int, bf16: bool
) -> Way:
    optimiser = optimizer_of(network, recipe)
    schedule = one_cycle(optimiser, recipe, total + 2)
    regions = material.regions
    order = RegionSteps([len(part.classes) for part in regions.parts], seed=0)

    def loss(logits: Tensor, classes: Tensor) -> Tensor:
        return F.cross_entropy(logits, classes, reduction="sum")

    def steps() -> Iterator[float]:
        while True:
            for shares in order:
                parts = [
                    rotated(part, int(torch.randint(8, ())), network.window)
                    for part in regions.__getitems__(shares)
                ]
                count = sum(len(part.classes) for part in parts)
                with rounded(bf16):
                    mean = region_loss(network, parts, loss) / count
                yield advanced(mean, optimiser, schedule)

    return Way("shared", network, steps(), total)


def advanced(loss: Tensor, optimiser: Optimizer, schedule: OneCycleLR) -> float:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
    return float(loss.detach())


def tested_accuracy(network: networks.HybridSN, material: Material) -> float:
    rows, columns, classes = material.tested
    was = network.training
    network.eval()
    with torch.inference_mode():
        logits = densify(network, (network.window, network.window))(material.components)
    network.train(was)
    found = logits[0].argmax(0).numpy()[rows, columns]
    return float((found == classes).mean())


def timed_step(path: Way, clock: Clock) -> float:
    start = clock()
    next(path.steps)
    return clock() - start


def step_times(
    patches: Way, shared: Way, windows: int, rounds: int, clock: Clock
) -> dict[str, Any]:
    """Seconds of steps and epochs, in turns; the first of each is left out."""
    seconds: dict[str, list[float]] = {patches.name: [], shared.name: []}
    for _ in range(rounds + 1):
        for path in (patches, shared):
            seconds[path.name].append(timed_step(path, clock))
    ours, theirs = (statistics.median(seconds[path.name][1:]) for path in (shared, patches))
    epoch = theirs * windows / PATCH_BATCH
    return {
        "step_seconds": {name: values[1:] for name, values in seconds.items()},
        "epoch_seconds": {patches.name: epoch, shared.name: ours},
        "epoch_ratio": epoch / ours,
    }


def time_to(
    path: Way, material: Material, goal: float, every: int, limit: float, clock: Clock
) -> dict[str, Any]:
    """Seconds of fitting until the test accuracy is there, with all that was seen on the way."""
    spent, steps, seen = 0.0, 0, []
    accuracy = 0.0
    while accuracy < goal and spent < limit and steps < path.length:
        for _ in range(min(every, path.length - steps)):
            spent += timed_step(path, clock)
            steps += 1
        accuracy = tested_accuracy(path.network, material)
        seen.append((steps, round(spent, 2), round(accuracy, 5)))
        print(path.name, *seen[-1], flush=True)
    return {"reached": accuracy >= goal, "seconds": spent, "steps": steps, "seen": seen}


def plot(seen: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Draw test accuracy over seconds of fitting."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, points in seen.items():
        _, seconds, accuracies = zip(*points, strict=True)
        axes.plot(seconds, [100 * value for value in accuracies], "o-", label=name)
    axes.set(xlabel="seconds of fitting", ylabel="overall accuracy, %", ylim=(60, 100))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def new_network(components: int, window: int, seed: int) -> networks.HybridSN:
    torch.manual_seed(seed)
    network = networks.create("hybridsn-se", bands=components, classes=CLASSES, window=window)
    assert isinstance(network, networks.HybridSN)
    return network.train()


@dataclass(frozen=True)
class Lengths:
    """Rates and lengths of the two schedules."""

    patch_rate: float
    patch_epochs: int
    shared_rate: float
    shared_steps: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--to", type=float, metavar="ACCURACY")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=1800, help="seconds of fitting a path")
    parser.add_argument("--paths", default="shared,patches", help="which to fit with --to")
    parser.add_argument("--patch-rate", type=float, default=1e-3)
    parser.add_argument("--patch-epochs", type=int, default=40)
    parser.add_argument("--shared-rate", type=float, default=1e-3)
    parser.add_argument("--shared-steps", type=int, default=80)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    threads = 1 if chosen.cpu_time else chosen.threads
    if threads:
        torch.set_num_threads(threads)
    window, components = (13, 20) if chosen.quick else (25, 30)
    material = indian_pines_material(window, components, chosen.seed)
    lengths = Lengths(
        chosen.patch_rate, chosen.patch_epochs, chosen.shared_rate, chosen.shared_steps
    )

    recipe = Recipe(learning_rate=lengths.shared_rate, weight_decay=WEIGHT_DECAY, optimizer="muon")

    def started() -> dict[str, Way]:
        network = [new_network(components, window, chosen.seed) for _ in range(2)]
        return {
            "patches": patch_path(
                material, network[0], lengths.patch_rate, lengths.patch_epochs, chosen.bf16
            ),
            "shared": shared_path(material, network[1], recipe, lengths.shared_steps, chosen.bf16),
        }

    results: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "window": window,
        "components": components,
        "schedules": asdict(lengths),
    }
    if chosen.rounds:
        paths = started()
        results["times"] = step_times(
            paths["patches"], paths["shared"], len(material.windows), chosen.rounds, clock
        )
    if chosen.to:
        paths = started()
        every = {"shared": 10, "patches": 2 * -(-len(material.windows) // PATCH_BATCH)}
        results["to"] = {"accuracy": chosen.to} | {
            name: time_to(paths[name], material, chosen.to, every[name], chosen.limit, clock)
            for name in chosen.paths.split(",")
        }
        if chosen.plot:
            plot(
                {name: results["to"][name]["seen"] for name in chosen.paths.split(",")}, chosen.plot
            )
    text = json.dumps(results, indent=1)
    print(text)
    if chosen.out:
        chosen.out.write_text(text)


if __name__ == "__main__":
    main()
