"""Why runs on Indian Pines differ: split, start, order, or dropout left on; one changed at a time.

    python benchmarks/results_spread.py [--values 4] [--out build/results_spread.json]

The best recipe on blocks with a guard of 12 pixels. Each factor's seed takes several values while
those of the others stay 0: which pixels are trained on and tested, the network's first weights, and
the chance of steps (order, turns, dropout, shifts, mixing). "nothing" repeats one run. "dropout
left on" scores one fitted network several times without switching dropout off, as code does that
forgets to. Runs are kept in the file of --out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import torch
from torch import nn

from spectile import networks
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.scoring.metrics import confusion, score
from spectile.tasks.config import renamed
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.scene.material import open_material
from spectile.tasks.scene.network import network_options
from spectile.tasks.scene.preparation import Preparation, prepare, usable
from spectile.tasks.scene.splitting import make_split
from spectile.training.fit import Hardware
from spectile.training.recipes import RECIPES, Recipe
from spectile.training.regions.fit_regions import fit_regions
from spectile.training.regions.labelled_regions import LabelledRegions
from spectile.training.regions.region_gradients import region_logits

FACTORS = ("split", "start", "steps")
Seeds = dict[str, int]
Known = dict[str, tuple[float, float]]


def material(seed: int) -> tuple[Scene, Preparation, SceneConfig]:
    config = SceneConfig(
        scene="indian-pines",
        split=SplitConfig(kind="blocks", guard=12, train=0.5, validation=0.0),
        recipe=RECIPES["best"],
        seed=seed,
    )
    scene, labels = open_material(config)
    labels, bands, notes = usable(scene, labels, config)
    return (
        scene,
        prepare(scene, labels, bands, make_split(scene, labels, config), config, notes),
        config,
    )


def fitted(seeds: Seeds) -> tuple[nn.Module, LabelledRegions]:
    """A network and its test pixels."""
    scene, prepared, config = material(seeds["split"])
    recipe, preprocessing = config.recipe, prepared.preprocessing
    classes = len(prepared.labels.legend)
    torch.manual_seed(seeds["start"])
    network = networks.create(
        recipe.network,
        bands=preprocessing.reducer.components,
        classes=classes,
        **network_options(recipe),
    )
    with tempfile.TemporaryDirectory() as folder:
        fit_regions(
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


def accuracies(network: nn.Module, tested: LabelledRegions) -> tuple[float, float]:
    """Overall and average accuracy in percent."""
    (part,) = tested.parts
    logits = region_logits(network, part)
    names = [str(number) for number in range(logits.shape[1])]
    scores = score(confusion(part.classes.numpy(), logits.argmax(1).numpy(), len(names)), names)
    return 100 * scores.overall_accuracy, 100 * scores.average_accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=4, help="of each factor's seed")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("build/results_spread.json"))
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    known = kept_runs(given.out)
    still = dict.fromkeys(FACTORS, 0)

    def kept(name: str, made: Callable[[], tuple[float, float]]) -> tuple[float, float]:
        """A run's accuracies, from the file where an earlier call ended."""
        if name not in known:
            known[name] = made()
            keep(given.out, known)
        return known[name]

    first = kept("first", partial(rerun, still))
    found = {"nothing": [first, kept("nothing", partial(rerun, still))]}
    for factor in FACTORS:
        found[factor] = [first] + [
            kept(f"{factor} {seed}", partial(rerun, still | {factor: seed}))
            for seed in range(1, given.values)
        ]
    names = [f"dropout {number}" for number in range(given.values)]
    if not known.keys() >= set(names):
        network, tested = fitted(still)
        network.train()
        known |= {name: accuracies(network, tested) for name in names}
        keep(given.out, known)
    found["dropout left on"] = [known[name] for name in names]
    print("| changed | overall | average |\n|---|---|---|")
    for factor, runs in found.items():
        cells = (f"{fmean(column):.2f} ± {stdev(column):.2f}" for column in zip(*runs, strict=True))
        print(f"| {factor} | {' | '.join(cells)} |", flush=True)


def kept_runs(path: Path) -> Known:
    """The runs of earlier calls; ends with a sentence if they were of another recipe."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text())
    if Recipe(**renamed(document["recipe"], str(path), Recipe)) != RECIPES["best"]:
        raise SystemExit(f"{path} holds runs of another recipe: remove it and go on.")
    known: Known = document["runs"]
    return known


def keep(path: Path, known: Known) -> None:
    document = {"recipe": asdict(RECIPES["best"]), "runs": known}
    path.write_text(json.dumps(document, indent=1))


def rerun(seeds: Seeds) -> tuple[float, float]:
    return accuracies(*fitted(seeds))


if __name__ == "__main__":
    main()
