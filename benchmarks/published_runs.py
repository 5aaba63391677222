"""One run of the honest table: fit, map, scores, and what is kept of them."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import spectile
from baselines import classifier
from published_classes import commit_of, project_folder
from published_jobs import Job, material, write_json
from published_methods import Own, Plain
from published_networks import Published
from published_windows import train_and_test
from smoothing import guide_of, smoothed
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.data.splits.overlap import measure_overlap
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.runs.lifecycle import versions
from spectile.scoring.metrics import confusion, score

SIDES = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
KEPT = ("overall_accuracy", "average_accuracy", "kappa", "per_class")


def make(job: Job) -> str:
    """Make a run and keep it; gives a line to print."""
    torch.set_num_threads(1)
    started, worked = time.perf_counter(), time.process_time()
    method, sides = job.method, job.split.assignment
    how = method.how
    found = spectra_run(job, how) if isinstance(how, Plain) else network_run(job, how)
    # Whatever else a machine does, and a run that is held for a while.
    found["seconds"]["processor"] = time.process_time() - worked
    seen = np.isin(sides, (TRAIN, VALIDATION))
    project = project_folder(job.bench.folder, method.project)
    document = {
        "settings": job.settings(),
        "window": method.window,
        "guard": job.split.guard,
        "pixels": {name: int((sides == code).sum()) for name, code in SIDES.items()},
        "window_overlap": measure_overlap(seen, sides == TEST, method.window).window_overlap,
        "commit": commit_of(project) if project else None,
        "published_epochs": job.published_epochs,
        "versions": versions(),
        **found,
    }
    write_json(job.path, document)
    fitted = "" if found["epochs"] is None else f" after {found['epochs']} epochs"
    return (
        f"{job.kind} {job.name} {job.seed}: {found['scores']['overall_accuracy']:.2%}{fitted}, "
        f"{time.perf_counter() - started:.0f} s"
    )


def network_run(job: Job, how: Published | Own) -> dict[str, Any]:
    """Fit, map and score by the Python interface."""
    epochs, alone = job.epochs(), job.tests_alone()
    with TemporaryDirectory() as folder:
        run = trained(job, how, Path(folder) / "run", alone)
        done = len(run.history)
        return {
            "scores": {name: run.metrics[name] for name in KEPT},
            "seconds": dict(run.metrics["seconds"]),
            "map_method": run.metrics["map_method"],
            "mapped": "test windows" if alone else "scene",
            "parameters": sum(w.numel() for w in run.model.network.parameters()),
            "epochs": done,
            "stopped_early": epochs is not None and done < epochs,
        }


def trained(job: Job, how: Published | Own, out: Path, alone: bool) -> spectile.Run:
    """The run in its directory `out`."""
    epochs, sides = job.epochs(), job.split.assignment.copy()
    if how.keeps == "last":
        # Without validation pixels a fit ends with its last weights.
        sides[sides == VALIDATION] = 0
    whole = job.kind == "random"
    pixels, labels = material(job.bench.quick)
    settings: dict[str, Any] = {
        "split": sides,
        "validation": 0.1 if how.keeps == "best" else 0.0,
        "seed": job.seed,
        "fit_on": "scene" if whole else "train",
        "epochs": epochs,
        "threads": 1,
    }
    if isinstance(how, Own):
        settings |= {"recipe": how.recipe, **how.settings, **how.small(job.bench.quick)}
        return spectile.train(in_memory(pixels), labels, out=out, quiet=True, **settings)
    scene = in_memory(scaled(how, pixels, sides == TRAIN, whole))
    settings |= {"network": how.builder(job.bench.folder), **how.settings(epochs or 1)}
    if not alone:
        return spectile.train(scene, labels, out=out, quiet=True, **settings)
    train_and_test(scene, labels, out=out, **settings)
    return spectile.open_run(out, network=settings["network"])


def in_memory(pixels: NDArray[Any]) -> Scene:
    return scene_from_array(pixels, source="pixels")


def scaled(
    how: Published, pixels: NDArray[Any], trained: NDArray[np.bool_], whole: bool
) -> NDArray[Any]:
    """Pixels from 0 to 1 where the authors do that, by the training pixels or the whole scene's."""
    if "range" not in how.scaling:
        return pixels
    values = pixels.astype(np.float32)
    seen = values.reshape(len(values), -1) if whole else values[:, trained]
    axis = None if how.scaling == "scene range" else 1
    low, high = (np.reshape(edge(seen, axis=axis), (-1, 1, 1)) for edge in (np.min, np.max))
    found: NDArray[Any] = (values - low) / np.maximum(high - low, 1e-6)
    return found


def spectra_run(job: Job, how: Plain) -> dict[str, Any]:
    """A classifier of single spectra on the same pixels."""
    pixels, labels = material(job.bench.quick)
    sides, classes = job.split.assignment, labels.classes.astype(np.int64)
    trained = sides == TRAIN
    started = time.perf_counter()
    model = classifier(how.kind, len(pixels), job.seed)
    model.fit(pixels[:, trained].T, classes[trained])
    fitted = time.perf_counter()
    mapped = model.predict(pixels.reshape(len(pixels), -1).T).reshape(sides.shape)
    if how.smoothed:
        seen = np.ones_like(trained) if job.kind == "random" else trained
        mapped = smoothed(mapped, guide_of(pixels.astype(np.float64), seen))
    ended = time.perf_counter()
    tested = sides == TEST
    found = confusion(classes[tested] - 1, mapped[tested] - 1, len(labels.legend))
    scores = score(found, labels.legend.names).as_dict()
    return {
        "scores": {name: scores[name] for name in KEPT},
        "seconds": {"fit": fitted - started, "map": ended - fitted},
        "map_method": "pixels",
        "mapped": "scene",
        "parameters": None,
        "epochs": None,
        "stopped_early": False,
    }
