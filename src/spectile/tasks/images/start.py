"""A network ready to be fitted on images: its arguments, its weights, what goes before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spectile import networks
from spectile.data.describe import band_ranges
from spectile.data.images import (
    ImageStore,
    live_bands,
    sample_pixels,
)
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import REDUCING, fit_reducer
from spectile.errors import InputError
from spectile.networks.registry import Takes
from spectile.networks.weights.pretrained import start_from
from spectile.ranges import cores
from spectile.tasks.base import Work
from spectile.tasks.checks import check_output
from spectile.tasks.files import CHECKPOINTS, TENSORBOARD
from spectile.tasks.fit_hardware import hardware_of
from spectile.tasks.hardware import check_memory
from spectile.tasks.images.config import ImageConfig
from spectile.tasks.scene.preparation import parse_bands
from spectile.training.fit import Fit, fit
from spectile.training.image_recipes import ImageRecipe
from spectile.training.learner import Learner
from spectile.training.loaders import Loaders, Samples

SMALL = 64
"""Images up to this edge lose too much to a stem that quarters their resolution."""


@dataclass(frozen=True)
class Start:
    """A network ready to be fitted, and how it is to be."""

    config: ImageConfig
    network: nn.Module
    options: dict[str, Any]
    """Its arguments besides bands and classes."""
    preprocessing: Preprocessing
    fresh: frozenset[str]
    """Names of weights that weren't given, if others were."""
    notes: tuple[str, ...]
    """On bands that were left out, and on weights that were given."""

    def fit(
        self,
        learner: Learner,
        train: Samples,
        validation: Samples,
        work: Work,
        *,
        validation_batch: int,
        workers: int,
    ) -> Fit:
        """Fit the network of `learner`, with checkpoints in the run's folder."""
        config, recipe = self.config, self.config.recipe
        loaders = Loaders(
            train,
            validation,
            batch=recipe.batch,
            validation_batch=validation_batch,
            seed=config.seed,
            drawn=True,
            workers=workers,
            whole=True,
        )
        return fit(
            learner,
            loaders,
            epochs=recipe.epochs,
            patience=recipe.patience,
            clip=recipe.clip,
            checkpoints=work.folder / CHECKPOINTS,
            resume=work.resume,
            hardware=hardware_of(config.hardware),
            quiet=work.quiet,
            tensorboard=work.folder / TENSORBOARD if config.tensorboard else None,
        )


def started(
    config: ImageConfig,
    options: dict[str, Any],
    train: ImageStore,
    classes: int,
    *,
    edge: int,
    takes: Takes,
    good_bands: NDArray[np.bool_] | None = None,
) -> Start:
    """The network with fresh weights or with those that the configuration names, and its reducer.

    Raises InputError for one that doesn't take images of `edge` pixels and give what `takes` says:
    a class for each, a class for every pixel, or instances.
    """
    recipe = config.recipe
    preprocessing, notes = fitted_preprocessing(train, config, good_bands)
    bands = preprocessing.reducer.components
    with torch.device("meta"):
        network = networks.create(recipe.network, bands=bands, classes=classes, **options)
        check_memory(network)
        try:
            found = network.eval()(torch.empty(1, bands, edge, edge))
        except ValueError as error:
            raise InputError(f"{recipe.network} doesn't take these images: {error}") from error
    check_output(recipe.network, found, takes, edge, classes)
    torch.manual_seed(config.seed)
    network = networks.create(recipe.network, bands=bands, classes=classes, **options)
    fresh: frozenset[str] = frozenset()
    if config.weights is not None:
        loaded = start_from(
            network,
            config.weights,
            name=recipe.network,
            bands=bands,
            source=config.weights_from,
            backbone=options.get("backbone"),
        )
        fresh, notes = loaded.fresh, (*notes, *loaded.notes)
    return Start(config, network, options, preprocessing, fresh, notes)


def fitted_preprocessing(
    train: ImageStore, config: ImageConfig, good_bands: NDArray[np.bool_] | None = None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The reducer, fitted on pixels of the training images, and notes on bands left out.

    Unless the configuration chooses bands, only `good_bands` (bands,) are used.
    """
    recipe = config.recipe
    pixels = sample_pixels(train, seed=config.seed)
    live, notes = live_bands(pixels)
    if config.bands is not None:
        live = tuple(sorted(set(live) & set(parse_bands(config.bands, train.bands))))
    elif good_bands is not None and not good_bands.all():
        live = tuple(band for band in live if good_bands[band])
        bad = band_ranges(np.flatnonzero(~good_bands))
        notes = (f"The file's bad-band list left out bands {bad}.", *notes)
    spectra = pixels[:, list(live)]
    spectra = spectra[np.isfinite(spectra).all(axis=1)]
    if not live or len(spectra) < 2:
        raise InputError(
            "no training pixel has data in all of its bands: leave out bands with gaps by --bands."
        )
    components = recipe.components if recipe.reducer in REDUCING else None
    return Preprocessing(
        live, fit_reducer(recipe.reducer, spectra, components=components), "reflect"
    ), notes


def network_options(recipe: ImageRecipe, edge: int | None) -> dict[str, Any]:
    """The network's arguments that a recipe says, and a stem for small images.

    Raises InputError for an attention block in a network without a place for it.
    """
    known = networks.describe(recipe.network).options
    options = dict(recipe.options)
    if "stem" in known and edge is not None and edge <= SMALL:
        options.setdefault("stem", "cifar")
    if recipe.attention is not None:
        place = "backbone_attention" if "backbone_attention" in known else "attention"
        if place not in known:
            raise InputError(
                f"{recipe.network} has no place for --attention: choose one that has, such as "
                "resnet-18."
            )
        options[place] = recipe.attention
    return options


def loading_workers(store: ImageStore, config: ImageConfig) -> int:
    """Processes that prepare batches: none where all images are in memory."""
    if config.workers is not None:
        return config.workers
    return 0 if store.in_memory else min(4, max(1, cores() - 1))
