"""Networks of images on windows, padded and unpadded: accuracy without overlap, seconds of a map.

    python benchmarks/unpadded.py [--seeds 2] [--epochs 6] [--networks resnet-18,mobilenet-v2]

Indian Pines in blocks that share no pixel, the default guard, windows of 13 pixels, the recipe best
without its spectral branch, which would answer for half of the logits. Both forms of a network are
fitted on the same pixels by the same steps. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import torch

import spectile
from spectile.data.datasets.known import indian_pines

NETWORKS = ("resnet-18", "se-resnet-18", "sknet-26", "mobilenet-v1", "mobilenet-v2")
WINDOW = 13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| network | padding | overall | average | fit, s | map, s | mapped |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for network in given.networks.split(","):
        for padding in ("same", "valid"):
            runs = [trained(network, padding, seed, given.epochs) for seed in range(given.seeds)]
            overall, average, fit, mapped = zip(*(run[:4] for run in runs), strict=True)
            cells = [network, padding, percent(overall), percent(average)]
            cells += [f"{statistics.median(fit):.0f}", f"{statistics.median(mapped):.1f}"]
            print(f"| {' | '.join([*cells, runs[0][4]])} |", flush=True)


def trained(
    network: str, padding: str, seed: int, epochs: int
) -> tuple[float, float, float, float, str]:
    """Overall and average accuracy, seconds to fit and to map, and how it was mapped."""
    scene, labels = indian_pines()
    with TemporaryDirectory() as folder:
        run = spectile.train(
            scene,
            labels,
            network=network,
            option={"padding": padding},
            window=WINDOW,
            epochs=epochs,
            seed=seed,
            spectral_branch=0,
            quiet=True,
            out=f"{folder}/run",
        )
        found = run.metrics
    seconds = found["seconds"]
    scores = found["overall_accuracy"], found["average_accuracy"]
    return *scores, seconds["fit"], seconds["map"], found["map_method"]


def percent(shares: Sequence[float]) -> str:
    """Mean, and deviation where there are several."""
    text = f"{100 * statistics.mean(shares):.1f}"
    return f"{text} ± {100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else text


if __name__ == "__main__":
    main()
