"""From a hyperspectral or multiband image and a few labels to a map, and how far to trust it."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from spectile.optional_packages import leave_out_broken

# PyTorch asks for each large tensor anew, and Linux hands it out in pages of 4 KB: in pages of 2 MB
# a scene's features take an eighth less time. PyTorch looks at this once, at its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Here, before Lightning can be imported: so also in the processes of a fit on several devices.
leave_out_broken()

if TYPE_CHECKING:
    __version__: str
    from spectile import mapping as mapping
    from spectile import networks as networks
    from spectile.api.estimator import SceneClassifier as SceneClassifier
    from spectile.api.model import Model as Model
    from spectile.api.model import load as load
    from spectile.api.run import Run as Run
    from spectile.api.run import open_run as open_run
    from spectile.api.training import train as train
    from spectile.api.training import train_images as train_images
    from spectile.api.training import train_masks as train_masks
    from spectile.api.viewing import view as view
    from spectile.data.labels.labels import labels_from_array as labels_from_array
    from spectile.data.labels.labels import open_labels as open_labels
    from spectile.data.readers.in_memory import scene_from_array as scene_from_array
    from spectile.data.readers.open import open_scene as open_scene
    from spectile.data.readers.xarray import scene_from_data_array as scene_from_data_array
    from spectile.data.splits.cross_validation import BlockSplits as BlockSplits
    from spectile.data.splits.cross_validation import RandomSplits as RandomSplits
    from spectile.data.splits.cross_validation import labelled_pixels as labelled_pixels
    from spectile.data.splits.splits import split_blocks as split_blocks
    from spectile.data.splits.splits import split_random as split_random
    from spectile.errors import InputError as InputError

# Where each name lives; imported when it is first used, for PyTorch and GDAL take their time.
_HOMES = {
    "InputError": "spectile.errors",
    "train": "spectile.api.training",
    "train_images": "spectile.api.training",
    "train_masks": "spectile.api.training",
    "Run": "spectile.api.run",
    "open_run": "spectile.api.run",
    "SceneClassifier": "spectile.api.estimator",
    "Model": "spectile.api.model",
    "load": "spectile.api.model",
    "view": "spectile.api.viewing",
    "open_scene": "spectile.data.readers.open",
    "scene_from_array": "spectile.data.readers.in_memory",
    "scene_from_data_array": "spectile.data.readers.xarray",
    "open_labels": "spectile.data.labels.labels",
    "labels_from_array": "spectile.data.labels.labels",
    "BlockSplits": "spectile.data.splits.cross_validation",
    "RandomSplits": "spectile.data.splits.cross_validation",
    "labelled_pixels": "spectile.data.splits.cross_validation",
    "split_blocks": "spectile.data.splits.splits",
    "split_random": "spectile.data.splits.splits",
}
_ROOMS = ("mapping", "networks")

__all__ = ["__version__", *_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("spectile")
    if name in _ROOMS:
        return importlib.import_module(f"spectile.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'spectile' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
