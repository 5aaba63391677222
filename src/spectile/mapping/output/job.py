"""What determines a map's pixels, and what to say when a map is to go on with something else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rasterio.windows import Window

from spectile.data.identity import scene_identity
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.compute import Compute
from spectile.mapping.layers.layer import Layer
from spectile.mapping.output.unfinished import Job
from spectile.model.known_of_training import tensors_of
from spectile.model.model import Model

FORMAT = 1
"""Of the folder of an unfinished map; raised when an older one could be misread."""

WORDS = {
    "format": "another version of Spectile",
    "versions": "other versions of Spectile or PyTorch",
    "smooth": "another --smooth",
    "align": "another choice of --align",
    "model": "another model",
    "method": "another method",
    "precision": "another precision",
    "device": "another kind of device",
    "region": "another region",
    "mask": "another mask",
    "layers": "other --layers",
    "score": "another --score",
    "tile": "tiles of another size",
}


def describe_job(
    model: Model,
    scene: Scene,
    *,
    method: str,
    compute: Compute,
    layers: Iterable[Layer],
    region: Window,
    mask: str | None,
    tile: int,
) -> Job:
    """All that determines a map's pixels: what it is made of, and the last bit of its numbers.

    `method` is the one that is used, `mask` a fingerprint, `tile` the largest edge of a tile in
    pixels.
    """
    return {
        "format": FORMAT,
        "versions": program_versions(),
        "smooth": model.smooth,
        "align": model.aligned,
        "model": model_sha256(model),
        "scene": scene_identity(scene),
        "method": method,
        "precision": compute.precision,
        "device": torch.device(compute.device).type,
        "layers": sorted(layer.name for layer in layers),
        "region": [region.col_off, region.row_off, region.width, region.height],
        "mask": mask,
        "tile": tile,
    }


def program_versions() -> dict[str, str]:
    """Versions of what decides on the last bit of a number."""
    return {name: version(name) for name in ("spectile", "torch")}


def in_words(versions: Mapping[str, str]) -> str:
    """Versions for people."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def model_sha256(model: Model) -> str:
    """A fingerprint of all in `model` that decides on a pixel: not of its provenance."""
    preprocessing = model.preprocessing
    description = {
        "task": model.task,
        "network": model.name,
        "options": dict(model.options),
        "window": model.window,
        "padding": preprocessing.padding,
        "bands": preprocessing.bands,
        "wavelengths": None if model.wavelengths is None else model.wavelengths.tolist(),
        "legend": model.legend.to_dicts(),
        "physical": model.physical,
    }
    if model.temperature != 1:  # maps that were begun before there was one go on
        description["temperature"] = model.temperature
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    tensors = {name: value.cpu().numpy() for name, value in model.network.state_dict().items()}
    reducer = preprocessing.reducer
    tensors |= {" mean": reducer.mean, " matrix": reducer.matrix}
    told = {" darkest": reducer.darkest, " offset": reducer.offset}
    tensors |= {name: array for name, array in told.items() if array is not None}
    if model.smoothing is not None and model.smooth:
        digest.update(f"{model.smooth} {model.smoothing.epsilon}".encode())
        guide = model.smoothing.guide
        tensors |= {" guide matrix": guide.matrix, " guide offset": guide.offset}
    known = tensors_of(model.applicability)
    tensors |= {f" {name}": value.numpy() for name, value in known.items()}
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def check_same_job(job: Job, begun: Job, path: Path) -> None:
    """Raise InputError that says what differs unless both are the same piece of work."""
    job = json.loads(json.dumps(job))  # in JSON lists and tuples are one
    # Maps of earlier versions weren't smoothed, nor aligned.
    begun = {"smooth": 0, "align": False, **begun, "layers": _names_of_layers(begun.get("layers"))}
    if job == begun:
        return
    changed = next((key for key in WORDS if job.get(key) != begun.get(key)), "scene")
    if changed == "scene" and (name := _changed_file(job["scene"], begun.get("scene", {}))):
        raise InputError(
            f"{name} has changed since {path} was begun: map it anew, without --resume."
        )
    raise InputError(
        f"{path} was begun with {WORDS.get(changed, 'another scene')}: "
        "give what it was begun with, or map anew, without --resume."
    )


def _names_of_layers(noted: Any) -> Any:
    """The layers of a map that was begun when they were two switches, as they are noted now."""
    if isinstance(noted, list) and [type(switch) for switch in noted] == [bool, bool]:
        return sorted(["classes", *compress(("probabilities", "entropy"), noted)])
    return noted


def _changed_file(now: Mapping[str, Any], then: Mapping[str, Any]) -> str | None:
    """The first file that both scenes are made of and that isn't what it was."""
    files, old_files = now.get("files", {}), then.get("files", {})
    changed = (name for name in files if name in old_files and files[name] != old_files[name])
    return next(changed, None)
