"""CamVid street scenes: DeepLabv3+ from scratch against baselines that look at colours alone.

Trains on two backbones for a bounded number of epochs, scores on the test list, and sets beside
them the class that covers most pixels and two classifiers of single pixels. Runs go on where they
were stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier

from real_data import needed
from spectile.data.images import load_images, open_pair_set
from spectile.data.splits.splits import TEST, TRAIN
from spectile.runs.lifecycle import run as train
from spectile.scoring.metrics import confusion, score
from spectile.tasks.config import HardwareConfig
from spectile.tasks.entries.segment import SegmentConfig
from spectile.tasks.images.segment import SegmentTask
from spectile.training.image_recipes import SegmentRecipe

VOID = 11
PIXELS = 200_000
BACKBONES = ("mobilenet-v2", "se-resnet-18")
SCORES = ("mean_iou", "overall_accuracy", "average_accuracy")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=Path, default=Path("build/camvid"))
    arguments.add_argument("--epochs", type=int, default=20)
    arguments.add_argument("--threads", type=int)
    arguments.add_argument("--out", type=Path, default=Path("build/results_camvid.json"))
    given = arguments.parse_args()
    folder = needed("camvid")
    rows = baselines(folder)
    for backbone in BACKBONES:
        rows[f"DeepLabv3+, {backbone}"] = trained(folder, backbone, given)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(rows, indent=2))
    for name, row in rows.items():
        print(f"{name:32}", *(f"{key} {row[key]:.3f}" for key in SCORES), row.get("fit_seconds"))


def trained(folder: Path, backbone: str, given: argparse.Namespace) -> dict[str, Any]:
    """Scores on the test list of a run from scratch."""
    run = given.runs / backbone
    config = SegmentConfig(
        images=str(folder),
        masks=str(folder),
        ignore=(VOID,),
        recipe=SegmentRecipe(
            options={"backbone": backbone, "separable": True},
            epochs=given.epochs,
            crop=224,
            learning_rate=2e-3,
            class_weights=False,
            jitter=0.3,
        ),
        hardware=HardwareConfig(threads=given.threads),
    )
    record = train(SegmentTask(), config, run, resume=(run / "config.yaml").exists())
    metrics = record.metrics
    waiting = float(np.mean([row["waiting"] for row in record.history]))
    return {
        **{key: metrics[key] for key in SCORES},
        "fit_seconds": metrics["seconds"]["fit"],
        "waiting": waiting,
        "iou": {name: row["iou"] for name, row in metrics["per_class"].items()},
    }


def baselines(folder: Path) -> dict[str, dict[str, Any]]:
    """Scores of the largest class, and of classifiers of a pixel's red, green and blue."""
    pairs = open_pair_set(str(folder), str(folder), ignore=(VOID,))
    train, test = (
        load_images(pairs.images, pairs.select(side), masks=pairs.masks, memory=4)
        for side in (TRAIN, TEST)
    )
    colors, classes = _sample(train)
    found: dict[str, dict[str, Any]] = {}
    largest = int(np.argmax(train.class_pixels))
    methods = {
        "largest class": None,
        "colour, LDA": LinearDiscriminantAnalysis(),
        "colour, random forest": RandomForestClassifier(50, min_samples_leaf=20, random_state=0),
    }
    for name, method in methods.items():
        if method is not None:
            method.fit(colors, classes)
        counts = np.zeros((len(pairs.legend),) * 2, np.int64)
        for index in range(len(test)):
            image, mask = test.pair(index)
            known = mask > 0
            truth = mask[known].astype(np.int64) - 1
            said = (
                np.full(len(truth), largest)
                if method is None
                else method.predict(image[:, known].T)
            )
            counts += confusion(truth, said, len(pairs.legend))
        scores = score(counts, pairs.legend.names).as_dict()
        found[name] = {key: scores[key] for key in SCORES}
    return found


def _sample(store: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Colours (N, 3) and class indices (N,) of labelled pixels drawn from all images."""
    chance = np.random.default_rng(0)
    each = PIXELS // len(store)
    colors, classes = [], []
    for index in range(len(store)):
        image, mask = store.pair(index)
        rows, columns = np.nonzero(mask)
        chosen = chance.integers(len(rows), size=each)
        colors.append(image[:, rows[chosen], columns[chosen]].T)
        classes.append(mask[rows[chosen], columns[chosen]].astype(np.int64) - 1)
    return np.concatenate(colors), np.concatenate(classes)


if __name__ == "__main__":
    main()
