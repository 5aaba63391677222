"""The network of a scene's run: checked and tried before a pixel is read, built for each fit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from spectile import networks
from spectile.data.preprocessing.reducers import REDUCING
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.expected_time import notice_of_patches
from spectile.model.build import NetworkSource, answers, differ
from spectile.networks.own.adapted import adaptation_of, notice_of_layout
from spectile.networks.own.source import Source, is_code, name_of, source_of
from spectile.networks.spectral_branch import without_spectral_branch
from spectile.networks.window_network import (
    BoundToBandsError,
    build_window_network,
    window_options,
)
from spectile.networks.windows.region_training import why_not_on_regions
from spectile.networks.windows.support_vector_machine import SupportVectorMachine
from spectile.tasks.checks import BANDS, build_without_data
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.hardware import best_device, check_memory
from spectile.tasks.scene.preparation import selected
from spectile.training.own_loss import Loss, own_loss, try_loss
from spectile.training.recipes import CROSS_ENTROPY, Recipe
from spectile.training.spectra.fit_at_once import is_fitted_at_once, refuse_training_settings
from spectile.training.trial_step import COUNT, try_step

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """What building the network for a scene showed."""

    recipe: Recipe
    """With the components and the layout that the network takes."""
    notes: list[str]
    """On how it is fed and has to be trained."""


def own_network(recipe: Recipe, given: NetworkSource | None) -> Source | None:
    """The network of one's own: what is in memory, or the code that the recipe names."""
    if given is not None:
        return source_of(given)
    return source_of(recipe.network) if is_code(recipe.network) else None


def check_network(recipe: Recipe, given: NetworkSource | None) -> None:
    """Raise InputError for a network that no scene could make right."""
    if own_network(recipe, given) is not None:
        if recipe.attention:
            raise InputError(
                f"{name_of(recipe.network)} is a network of one's own, without a place for "
                "--attention: leave it out, or build the block in."
            )
        return
    if recipe.layout:
        raise InputError(
            f"{recipe.network} is of the catalogue and takes windows as NBHW: leave out --layout."
        )
    if is_fitted_at_once(recipe.network):
        refuse_training_settings(recipe)
    entry = networks.describe(recipe.network)
    if recipe.attention and "attention" not in entry.options:
        raise InputError(
            f"{recipe.network} has no place for --attention: choose hybridsn, hybridsn-2d or "
            "hybridsn-3d."
        )
    # Fewer bands may be left than these, which is seen when the scene is open.
    bands = recipe.components if recipe.reducer in REDUCING else BANDS
    build_without_data(recipe.network, bands, network_options(recipe))


def built(recipe: Recipe, given: NetworkSource | None, *, bands: int, classes: int) -> nn.Module:
    """The network of a recipe, or one's own, with fresh weights."""
    return build_window_network(
        own_network(recipe, given) or recipe.network,
        bands=bands,
        classes=classes,
        window=recipe.window,
        options=_options(recipe),
    )


def network_options(
    recipe: Recipe, given: NetworkSource | None = None, network: nn.Module | None = None
) -> dict[str, Any]:
    """The arguments that bring the `network` back, besides bands and classes."""
    options = _options(recipe)
    if own_network(recipe, given) is None:
        found = window_options(recipe.network, recipe.window, options)
        if isinstance(network, SupportVectorMachine):  # as many as its fit has found
            found["support_vectors"] = network.support_vectors
        return found
    adaptation = None if network is None else adaptation_of(network)
    return options if adaptation is None else {**options, "layout": str(adaptation.layout)}


def tried(
    config: SceneConfig,
    given: NetworkSource | None,
    scene: Scene,
    classes: int,
    loss: Loss | None = None,
) -> Trial:
    """Build the network for the scene, and see how it has to be fed and trained.

    A network that is bound to a number of bands gets that many components. Says beforehand how long
    a map patch by patch will take. Raises InputError for a network that can't be trained, and for a
    loss of one's own, in memory or named by the recipe, that gives no number for it.
    """
    recipe = config.recipe
    name, own = name_of(recipe.network), own_network(recipe, given)
    network, recipe, bands = _built_for(recipe, given, len(selected(scene, config.bands)), classes)
    check_memory(network)
    notes = [*_notes_on_input(config.recipe, recipe, network)]
    for note in notes:
        log.warning("%s", note)
    # Networks of windows in the registry are mapped densely: no need to try.
    known = own is None and networks.describe(recipe.network).takes == "windows"
    if not known and config.map.method == "dense":
        notice = notice_of_patches(
            network,
            name,
            bands=bands,
            window=recipe.window,
            height=scene.height,
            width=scene.width,
            device=best_device(config.hardware.accelerator),
        )
        if notice:
            log.warning("%s", notice)
    window_part = without_spectral_branch(network)
    if not any(weight.requires_grad for weight in window_part.parameters()):
        raise InputError(f"{name} has no weights that may change: give a network that has some.")
    own_one = own_loss(recipe.loss, loss)
    sizes = {"bands": bands, "classes": classes, "window": recipe.window}
    sizes["batch"] = recipe.batch or COUNT
    if own_one is not None:
        if known:  # it has no weights yet
            network = built(recipe, given, bands=bands, classes=classes)
        try_loss(own_one, recipe.loss, without_spectral_branch(network), **sizes)
    elif own is not None:
        try_step(window_part, name, **sizes)
    if own is not None and not isinstance(own, nn.Module):
        another = built(recipe, given, bands=bands, classes=classes)
        _check_kept(network, another, name, bands, recipe.window)
    notes += _notes_on_training(recipe, network)
    return Trial(recipe, notes)


def _check_kept(network: nn.Module, another: nn.Module, name: str, bands: int, window: int) -> None:
    """Raise InputError if a network is more than its weights, which are all that a file keeps.

    That is if `another` one, built alike, computes something else with them.
    """
    another.load_state_dict(network.state_dict())
    if differ(*(answers(one, bands, window) for one in (network, another))):
        raise InputError(
            f"{name} has numbers outside its state_dict, which no model file would keep: put "
            "layers into an nn.ModuleList, not a list, and tensors into parameters or buffers."
        )


def _notes_on_training(recipe: Recipe, network: nn.Module) -> Iterator[str]:
    if recipe.loss != CROSS_ENTROPY:
        yield (
            f"It learnt by {name_of(recipe.loss)}, window by window: class weights, label "
            "smoothing, mixup and regions go with cross-entropy alone."
        )
    reason = why_not_on_regions(network) if recipe.regions else None
    if reason:
        yield f"{name_of(recipe.network)} {reason}: it was trained on windows."


def _built_for(
    recipe: Recipe, given: NetworkSource | None, bands: int, classes: int
) -> tuple[nn.Module, Recipe, int]:
    """The network, the recipe with as many components as it takes, and how many bands those are."""
    own = own_network(recipe, given)
    known = own is None and networks.describe(recipe.network).takes == "windows"
    made = min(recipe.components, bands) if recipe.reducer in REDUCING else bands
    try:
        with torch.device("meta") if known else nullcontext():
            return built(recipe, given, bands=made, classes=classes), recipe, made
    except BoundToBandsError as error:
        if recipe.reducer not in REDUCING or error.bands > bands:
            raise
        recipe = replace(recipe, components=error.bands)
    network = built(recipe, given, bands=recipe.components, classes=classes)
    return network, recipe, recipe.components


def _notes_on_input(asked: Recipe, recipe: Recipe, network: nn.Module) -> Iterator[str]:
    name = name_of(recipe.network)
    if recipe.components != asked.components:
        yield (
            f"{name} takes {recipe.components} bands and no other number: it gets so many "
            f"components, not {asked.components}."
        )
    if note := notice_of_layout(network, name):
        yield note


def _options(recipe: Recipe) -> dict[str, Any]:
    given = {
        "layout": recipe.layout,
        "attention": recipe.attention,
        "spectral_branch": recipe.spectral_branch,
    }
    return {**recipe.options, **{name: value for name, value in given.items() if value}}
