"""Fitting networks of single spectra whose numbers scikit-learn finds: at once, without epochs."""

from __future__ import annotations

import logging
import time
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F

from spectile.choices import SpectraClassifier
from spectile.data.labels.labels import Places
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene
from spectile.data.splits.stratified import sample_of_classes
from spectile.errors import InputError
from spectile.training.fit import Fit
from spectile.training.recipes import Recipe
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.spectra.as_networks import as_network
from spectile.training.spectra.classifiers import classifier, fitted_on

AT_ONCE: tuple[SpectraClassifier, ...] = ("svm", "lda")
"""Networks by these names are fitted so; a forest has no network."""
MOST = 20_000
"""Pixels that a support vector machine is fitted on: more take hours, and mapping as long."""

log = logging.getLogger(__name__)


def is_fitted_at_once(network: str) -> bool:
    """Whether scikit-learn finds the numbers of the network called so."""
    return network in AT_ONCE


def refuse_training_settings(recipe: Recipe) -> None:
    """Raise InputError for settings that say something of a fit in steps, or of neighbours."""
    fields = cast(Any, Recipe).__pydantic_fields__
    for name, field in fields.items():
        left_out = field.get_default(call_default_factory=True)
        of_steps = field.json_schema_extra["group"] == "training" or name == "spectral_branch"
        if of_steps and getattr(recipe, name) != left_out:
            raise InputError(
                f"{recipe.network} is fitted by scikit-learn at once, without steps that "
                f"--{name.replace('_', '-')} could change: leave it out, and start from "
                f"--recipe {recipe.network}."
            )
    if "support_vectors" in recipe.options:
        raise InputError("how many support vectors there are, the fit finds: leave that out.")


def fit_at_once(
    name: str,
    scene: Scene,
    preprocessing: Preprocessing,
    train: Places,
    validation: Places,
    *,
    classes: int,
    seed: int,
) -> tuple[nn.Module, Fit]:
    """The network called svm or lda, fitted on the components of training pixels.

    Its history is one row, with what it makes of the validation pixels. Of more than 20,000 pixels
    a support vector machine gets a sample, the same share of each class. Raises InputError where
    scikit-learn can't make one of these pixels.
    """
    start = time.perf_counter()
    spectra, targets = LabelledWindows(scene, preprocessing, 1, *train).pixels
    if name == "svm" and len(targets) > MOST:
        log.warning("The support vector machine learns from %d of %d pixels.", MOST, len(targets))
        drawn = sample_of_classes(train[2], MOST, seed)
        spectra, targets = spectra[drawn], targets[drawn]
    made = classifier(cast(SpectraClassifier, name), spectra.shape[1], seed, pixels=len(spectra))
    fitted = fitted_on(made, spectra.double().numpy(), targets.numpy())
    network = as_network(fitted, classes)
    row = {"epoch": 1, **_validated(network, scene, preprocessing, validation)}
    seconds = time.perf_counter() - start
    return network, Fit([{**row, "seconds": seconds}], 1, seconds)


@torch.inference_mode()
def _validated(
    network: nn.Module, scene: Scene, preprocessing: Preprocessing, validation: Places
) -> dict[str, float]:
    if not len(validation[0]):
        return {}
    spectra, targets = LabelledWindows(scene, preprocessing, 1, *validation).pixels
    logits = network(spectra[:, :, None, None])
    return {
        "validation_loss": float(F.cross_entropy(logits, targets)),
        "validation_accuracy": float((logits.argmax(1) == targets).float().mean()),
    }
