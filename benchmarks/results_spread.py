"""Why runs on Indian Pines differ: split, start, order, or dropout left on; one changed at a time.

    python benchmarks/results_spread.py [--values 4] [--out build/results_spread.json]

The best recipe on blocks with a guard of 12 pixels. Each factor's seed takes several values while
those of the others stay 0: which pixels are trained on and tested, the network's first weights, and
the chance of steps (order, turns, dropout, shifts, mixing). "nothing" repeats one run. "dropout
left on" scores one fitted network several times without switching dropout off, as code does that
forgets to.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from spectile import networks
from spectile.learning.fit import Hardware
from spectile.learning.regions import LabelledRegions
from spectile.learning.shared_gradients import shared_logits
from spectile.learning.shared_trunk import fit_shared
from spectile.networks.hybridsn import HybridSN
from spectile.runs.config import SceneConfig, SplitConfig
from spectile.runs.material import open_material
from spectile.runs.preparation import Prepared, prepare, usable
from spectile.runs.splitting import make_split
from spectile.scenes.scene import Scene
from spectile.scenes.splits import TEST, TRAIN, VALIDATION

FACTORS = ("split", "start", "steps")
Seeds = dict[str, int]


def material(seed: int) -> tuple[Scene, Prepared, SceneConfig]:
    config = SceneConfig(
        scene="indian-pines",
        split=SplitConfig(kind="blocks", guard=12, train=0.5, validation=0.0),
        seed=seed,
    )
    scene, labels = open_material(config)
    labels, bands, notes = usable(scene, labels, config)
    return (
        scene,
        prepare(scene, labels, bands, make_split(scene, labels, config), config, notes),
        config,
    )


def fitted(seeds: Seeds) -> tuple[HybridSN, LabelledRegions]:
    """A network and its test pixels."""
    scene, prepared, config = material(seeds["split"])
    recipe, preprocessing = config.recipe, prepared.preprocessing
    classes = len(prepared.labels.legend)
    torch.manual_seed(seeds["start"])
    network = networks.create(
        recipe.network,
        bands=preprocessing.reducer.components,
        classes=classes,
        window=recipe.window,
    )
    assert isinstance(network, HybridSN)
    with tempfile.TemporaryDirectory() as folder:
        fit_shared(
            network,
            scene,
            preprocessing,
            prepared.pixels(TRAIN),
            prepared.pixels(VALIDATION),
            recipe,
            classes=classes,
            seed=seeds["steps"],
            checkpoints=Path(folder),
            hardware=Hardware("cpu"),
            quiet=True,
        )
    tested = prepared.pixels(TEST)
    whole = max(scene.height, scene.width)
    return network, LabelledRegions(scene, preprocessing, recipe.window, *tested, edge=whole)


def accuracies(network: HybridSN, tested: LabelledRegions) -> tuple[float, float]:
    """Overall and average accuracy in percent."""
    (part,) = tested.parts
    found = shared_logits(network, part).argmax(1).numpy()
    truth = part.classes.numpy()
    recalls = [(found[truth == one] == one).mean() for one in np.unique(truth)]
    return 100 * float((found == truth).mean()), 100 * float(np.mean(recalls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=4, help="of each factor's seed")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("build/results_spread.json"))
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    still = dict.fromkeys(FACTORS, 0)
    network, tested = fitted(still)
    first = accuracies(network, tested)
    network.train()
    found = {"dropout left on": [accuracies(network, tested) for _ in range(given.values)]}
    found["nothing"] = [first, accuracies(*fitted(still))]
    for factor in FACTORS:
        others = [accuracies(*fitted(still | {factor: value})) for value in range(1, given.values)]
        found[factor] = [first, *others]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    print("| changed | overall | average |\n|---|---|---|")
    for factor, runs in found.items():
        cells = (f"{fmean(column):.2f} ± {stdev(column):.2f}" for column in zip(*runs, strict=True))
        print(f"| {factor} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
