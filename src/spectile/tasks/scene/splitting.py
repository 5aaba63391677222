"""The split that a configuration asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels, open_labels
from spectile.data.scene import Scene
from spectile.data.splits.overlap import honest_window
from spectile.data.splits.splits import (
    Split,
    split_blocks,
    split_from_codes,
    split_from_masks,
    split_random,
)
from spectile.errors import InputError
from spectile.mapping.output.split_raster import SPLIT_FILE_LEGEND
from spectile.tasks.entries.scene import SceneConfig

RANDOM_TRAIN, BLOCKS_TRAIN = 0.1, 0.5
"""Training shares where none is asked for: what papers take, and halves."""


def make_split(
    scene: Scene,
    labels: Labels,
    config: SceneConfig,
    sides: NDArray[np.uint8] | None = None,
) -> Split:
    """Tell the labelled pixels apart; raises InputError for a split that can't be made.

    `sides` (H, W) are those of a split that is in memory, in place of the configuration's files.
    """
    wanted = config.split
    # The fit sees windows; a pixel's class depends on what smoothing reaches beyond them too.
    reaches = {"window": honest_window(config.recipe.window), "smooth": config.recipe.smooth}
    if sides is not None:
        return split_from_codes(labels, sides, **reaches, validation=wanted.validation)
    if wanted.kind == "random":
        return split_random(
            labels,
            **reaches,
            train=RANDOM_TRAIN if wanted.train is None else wanted.train,
            validation=wanted.validation,
            seed=config.seed,
        )
    if wanted.kind == "blocks":
        return split_blocks(
            labels,
            **reaches,
            train=BLOCKS_TRAIN if wanted.train is None else wanted.train,
            validation=wanted.validation,
            seed=config.seed,
            guard=wanted.guard,
            block=wanted.block,
        )
    if len(wanted.files) == 1:
        codes = open_labels(wanted.files[0], like=scene, legend=SPLIT_FILE_LEGEND).classes
        return split_from_codes(labels, codes, **reaches, validation=wanted.validation)
    if len(wanted.files) == 2:
        train, test = (open_labels(file, like=scene).classes > 0 for file in wanted.files)
        return split_from_masks(labels, train, test, **reaches, validation=wanted.validation)
    raise InputError("a split from file needs one or two rasters: name them by --split-file.")
