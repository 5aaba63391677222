"""Training from Python: the tasks of `spectile train`, on files or on what is in memory."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spectile.api.run import Run
from spectile.data.images.arrays import list_arrays
from spectile.data.labels.as_labels import as_labels
from spectile.data.labels.labels import Labels
from spectile.data.labels.legend import Legend
from spectile.data.readers.as_scene import as_scene
from spectile.data.scene import Scene
from spectile.data.splits.splits import GUARD, TEST, TRAIN, VALIDATION
from spectile.errors import InputError
from spectile.model.build import NetworkSource
from spectile.networks.own.source import is_code
from spectile.networks.window_network import WindowNetwork
from spectile.progress import Progress
from spectile.runs.lifecycle import run
from spectile.tasks.base import Task
from spectile.tasks.config import RunConfig
from spectile.tasks.images.classify import ClassifyTask
from spectile.tasks.images.segment import SegmentTask
from spectile.tasks.scene.task import SceneTask
from spectile.tasks.settings import settings_from
from spectile.tasks.starting_recipe import RecipeSource
from spectile.training.own_loss import Loss

DRAWN = ("blocks", "random")
Sides = str | Path | Sequence[str | Path] | NDArray[np.integer]


def train(
    scene: Any,
    labels: Any = None,
    *,
    recipe: RecipeSource = "best",
    network: WindowNetwork | None = None,
    loss: str | Loss | None = None,
    split: Sides = "blocks",
    seed: int = 0,
    out: str | Path | None = None,
    bands_last: bool | None = None,
    column: str | None = None,
    legend: Legend | str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Run:
    """Train on a scene and its labels, map the scene, score the map: `spectile train scene`.

    Args:
        scene: A path, the name of a known scene, a Scene, a NumPy array (rows, columns, bands, or
            bands first with `bands_last=False`) or an xarray.DataArray.
        labels: A path, Labels, whole numbers (rows, columns) with 0 for unlabelled, or a
            geopandas.GeoDataFrame whose `column` holds the classes. A known scene has its own.
        recipe: Settings to start from: "best", "paper", the path of a YAML file, or a mapping as
            such a file holds it, with "base" for the recipe that it starts from itself.
        network: A name of :func:`spectile.networks.names`, an nn.Module, a class or function that
            builds one from bands, classes and window, or the place of its code as in
            "mynets.py:SSRN"; the recipe's if left out.
        loss: A callable (outputs, classes, windows) -> scalar tensor, or where to find one, as in
            "losses.py:reconstruction"; cross-entropy if left out. `outputs` are what the network's
            method of that name gives, or its logits (N, classes); `classes` are indices (N,),
            `windows` are (N, bands, h, w).
        split: "blocks" (no window of test and training shares a pixel), "random" (as papers do,
            it leaks), a raster of 0 none, 1 train, 2 validation, 3 test, as a path or an array
            (rows, columns), or two rasters or masks, of training and of test pixels.
        seed: Where all chance starts from.
        out: The run directory; a temporary one, which goes with the Run, if left out.
        bands_last: Which axis of an array holds the bands; the last if left out.
        column: The class column of vector labels.
        legend: Names and colours of the classes, or a CSV of value, name and color.
        overwrite: Replace a run in `out`.
        resume: Go on with a killed run in `out`.
        quiet: Show no progress of the fit.
        progress: Called with the pixels mapped and the pixels in all.
        **settings: Any other setting of docs/commands.md by its name there, such as `window=9`,
            `epochs=5`, `components=30`.

    Raises:
        InputError: For what the user has to mend, in one sentence.
    """
    sides, settings_of_split = _sides(split)
    if column is not None and not (isinstance(labels, str | Path) or hasattr(labels, "columns")):
        raise InputError("column names the classes of features: leave it out with other labels.")
    in_files = _in_files(scene, labels)
    opened = given = None
    if not in_files:
        opened, given = _opened(scene, labels, bands_last, column, legend)
    config: Any = settings_from(
        "scene",
        recipe,
        scene=str(scene) if opened is None else opened.source,
        labels=_named(labels),
        network=network_name(network),
        loss=loss_name(loss),
        seed=seed,
        bands_last=bands_last,
        column=column,
        legend=str(legend) if isinstance(legend, str | Path) else None,
        **settings_of_split,
        **settings,
    )
    own = None if isinstance(network, str) and not is_code(network) else network
    if in_files and isinstance(legend, Legend):
        raise InputError("labels in files take a legend from a CSV: give its path.")
    own_loss = None if isinstance(loss, str) else loss
    task = SceneTask(scene=opened, labels=given, sides=sides, network=own, loss=own_loss)
    return _run(task, config, out, overwrite, resume, quiet, progress, scene=scene, network=own)


def train_images(
    images: str | Path | Sequence[NDArray[Any]] | NDArray[Any],
    labels: Sequence[object] | NDArray[Any] | None = None,
    *,
    recipe: RecipeSource = "default",
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Run:
    """Train a classifier of whole images and test it: `spectile train classify`.

    Args:
        images: A folder with a folder of images for each class, a CSV of path and label, or the
            folder of CIFAR-10's batches. Or arrays (rows, columns) or (rows, columns, bands).
        labels: The class of each array.
        recipe: Settings to start from: "default", "cifar" or "cifar-strong"; or one's own, as for
            :func:`train`.
        seed: Where all chance starts from.
        out: The run directory; a temporary one, which goes with the Run, if left out.
        overwrite: Replace a run in `out`.
        resume: Go on with a killed run in `out`.
        quiet: Show no progress of the fit.
        progress: Called with the images read and the images in all.
        **settings: Any other setting of docs/commands.md by its name there, such as
            `network="se-resnet-18"`, `size=224`, `epochs=5`.

    Raises:
        InputError: For what the user has to mend, in one sentence.
    """
    listing, source = None, images
    if isinstance(images, str | Path) and labels is not None:
        raise InputError("folders and tables say the classes of their images: leave labels out.")
    if not isinstance(images, str | Path):
        if labels is None:
            raise InputError("the images come without labels: give the class of each.")
        last = settings.get("bands_last")
        listing = list_arrays(images, labels, bands_last=last is None or bool(last))
        source = listing.source
    config: Any = settings_from("classify", recipe, images=source, seed=seed, **settings)
    task = ClassifyTask(listing)
    return _run(task, config, out, overwrite, resume, quiet, progress)


def train_masks(
    images: str | Path | None = None,
    masks: str | Path | None = None,
    *,
    scene: Any = None,
    labels: Any = None,
    recipe: RecipeSource = "default",
    seed: int = 0,
    out: str | Path | None = None,
    column: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Run:
    """Train a classifier of every pixel and test it: `spectile train segment`.

    Args:
        images: A folder of images, or a CSV of image and mask.
        masks: A folder of masks with the images' names.
        scene: Instead of images: one scene, as :func:`train` takes it, to be cut into tiles.
        labels: The scene's labels, as :func:`train` takes them.
        recipe: Settings to start from: "default" or "aerial"; or one's own, as for :func:`train`.
        seed: Where all chance starts from.
        out: The run directory; a temporary one, which goes with the Run, if left out.
        column: The class column of vector labels.
        overwrite: Replace a run in `out`.
        resume: Go on with a killed run in `out`.
        quiet: Show no progress of the fit.
        progress: Called with the images read and the images in all.
        **settings: Any other setting of docs/commands.md by its name there, such as
            `backbone="resnet-18"`, `crop=128`, `epochs=5`.

    Raises:
        InputError: For what the user has to mend, in one sentence.
    """
    if scene is not None and (images is not None or masks is not None):
        raise InputError("give images and masks, or a scene and its labels, not both.")
    for folder in (images, masks):
        if folder is not None and not isinstance(folder, str | Path):
            raise InputError("images and masks are folders, or a CSV of both: give their paths.")
    opened = given = None
    if scene is not None and not _in_files(scene, labels):
        opened, given = _opened(scene, labels, None, column, None)
    config: Any = settings_from(
        "segment",
        recipe,
        images=images,
        masks=masks,
        scene=scene if opened is None else opened.source,
        labels=_named(labels),
        column=column,
        seed=seed,
        **settings,
    )
    task = SegmentTask(scene=opened, labels=given)
    return _run(task, config, out, overwrite, resume, quiet, progress, scene=scene)


def _in_files(scene: Any, labels: Any) -> bool:
    """Whether the configuration can name both."""
    return isinstance(scene, str | Path) and (labels is None or isinstance(labels, str | Path))


def _opened(
    scene: Any,
    labels: Any,
    bands_last: bool | None,
    column: str | None,
    legend: Legend | str | Path | None,
) -> tuple[Scene, Labels]:
    """A scene and its labels of which one is in memory; InputError where there are no labels."""
    opened = as_scene(scene, bands_last=bands_last)
    if labels is None:
        raise InputError("the scene comes without labels: give them beside it.")
    return opened, as_labels(labels, like=opened, column=column, legend=legend)


def _run(
    task: Task[Any, Any, Any],
    config: RunConfig,
    out: str | Path | None,
    overwrite: bool,
    resume: bool,
    quiet: bool,
    progress: Progress | None,
    *,
    scene: Any = None,
    network: NetworkSource | None = None,
) -> Run:
    kept = None
    if out is None:
        kept = TemporaryDirectory(prefix="spectile-")
        out = Path(kept.name) / "run"
    run(task, config, out, overwrite=overwrite, resume=resume, quiet=quiet, progress=progress)
    return Run(out, scene=scene, network=network, kept=kept)


def _sides(split: Sides) -> tuple[NDArray[np.uint8] | None, dict[str, Any]]:
    """The sides of a split that is in memory, and the settings of one that isn't."""
    if isinstance(split, str) and split in DRAWN:
        return None, {"split": split}
    if isinstance(split, str | Path):
        if isinstance(split, str) and not Path(split).suffix and not Path(split).exists():
            nearest = difflib.get_close_matches(split, DRAWN, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "choose blocks or random, or"
            raise InputError(f"there is no split {split!r}: {hint} give a raster's path.")
        return None, {"split": "file", "split_file": [str(split)]}
    if isinstance(split, list | tuple) and split and all(isinstance(f, str | Path) for f in split):
        return None, {"split": "file", "split_file": [str(file) for file in split]}
    if isinstance(split, list | tuple) and len(split) == 2:
        train, test = (np.asarray(side) > 0 for side in split)
        if train.shape != test.shape or (train & test).any():
            raise InputError(
                "the masks of training and test pixels differ in size or share pixels: give two "
                "of the scene's size, each with pixels of its own."
            )
        return np.where(train, TRAIN, np.where(test, TEST, 0)).astype(np.uint8), {"split": "file"}
    codes = np.asarray(split)
    known = codes.dtype.kind in "iufb" and codes.ndim == 2
    if not known or not np.isin(codes, (0, TRAIN, VALIDATION, TEST, GUARD)).all():
        raise InputError(
            "the split is none: give 'blocks', 'random', a raster's path, two of them, or an array "
            "(rows, columns) of 0 none, 1 train, 2 validation, 3 test."
        )
    return codes.astype(np.uint8), {"split": "file"}


def _named(labels: Any) -> str | None:
    """What the configuration says of labels."""
    if labels is None or isinstance(labels, str | Path):
        return None if labels is None else str(labels)
    return f"a {type(labels).__name__}"


def network_name(network: WindowNetwork | None) -> str | None:
    """What a network is called in configurations and model files."""
    if network is None or isinstance(network, str):
        return network
    return _name(type(network) if isinstance(network, nn.Module) else network, ".")


def loss_name(loss: str | Loss | None) -> str | None:
    """What a loss is called in configurations: where another run finds it, if that is anywhere."""
    if loss is None or isinstance(loss, str):
        return loss
    return _name(type(loss) if isinstance(loss, nn.Module) else loss, ":")


def _name(named: Any, separator: str) -> str:
    """The module and the name of a class or a function."""
    while isinstance(named, functools.partial):
        named = named.func
    name = getattr(named, "__qualname__", type(named).__qualname__)
    module = getattr(named, "__module__", type(named).__module__)
    # A notebook's own classes live in __main__, which says nothing.
    return name if module == "__main__" else f"{module}{separator}{name}"
