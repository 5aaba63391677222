"""Recipes: settings that are known to work together, by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from spectile.data.preprocessing.reducers import ReducerName
from spectile.ranges import Count, Decay, Fraction, Rate, Share, Strength, Window

WINDOWS_SEEN = 50_000
"""A minute on two cores in windows of 13 pixels, enough to fit what the labels tell."""


@dataclass(frozen=True)
class Recipe:
    """How a window network is trained."""

    network: str = "hybridsn-se"
    attention: str | None = None
    """The attention block between the network's trunk and its classifier."""
    spectral_branch: Share = 0.0
    """Share in the logits of a classifier of the centre pixel's spectrum; 0 for none."""
    window: Window = 13
    """Edge of the square around a pixel, in pixels."""
    reducer: ReducerName = "pca"
    components: Count = 20
    """At most, see :func:`spectile.tasks.scene.preparation.prepare`."""
    whitening: Fraction = 1.0
    """Of PCA. 1: all components have a variance of 1, noise too; 0: they keep their shares."""
    epochs: Count | None = None
    """Times over the training windows; None: as often as it takes to see 50,000 windows,
    or with `shared` to make 80 steps."""
    batch: Count | None = None
    """Windows a step; None: 32, or with `shared` all of a small scene's, see
    :class:`spectile.training.regions.regions.Steps`."""
    optimizer: Literal["adam", "muon"] = "adam"
    """muon: for steps of a thousand windows, of which a fit takes few; its rates are in
    :mod:`spectile.training.optimizers`."""
    learning_rate: Rate = 1e-3
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    """One cycle: up over the first fifth of the steps, then down to nothing by a cosine."""
    weight_decay: Decay = 1e-4
    patience: Count | None = None
    """Epochs without a lower validation loss after which the fit stops; None goes to the end."""
    class_weights: bool = False
    """Weigh each class by the root of its rarity: small classes count more, if not as much as
    large ones, which would cost more large ones' pixels than it gains."""
    turns: bool = True
    """Flip and turn windows at random."""
    spectral_shift: Strength = 0.0
    """How far spectra are shifted at random, smoothly from place to place, as a share of their
    deviations within a class."""
    mixup: Strength = 0.0
    """Parameter of the Beta distribution that two windows' features, and classes, are mixed by; 0
    for none."""
    label_smoothing: Share = 0.0
    shared: bool = False
    """Train on whole parts of the scene, whose windows share the network's trunk: the same
    gradients, several times faster."""

    def epochs_for(self, windows: int) -> int:
        """Times over so many training windows: at least 5, or a class may be met too seldom."""
        if self.epochs is not None:
            return self.epochs
        return max(5, math.ceil(WINDOWS_SEEN / max(1, windows)))


RECIPES = {
    # Chosen for its scores on blocks of Indian Pines; docs/results.md has what each part brings.
    "best": Recipe(
        network="hybridsn-2d",
        spectral_branch=0.5,
        window=9,
        reducer="correlation-pca",
        components=60,
        whitening=0.5,
        optimizer="muon",
        class_weights=True,
        spectral_shift=0.5,
        shared=True,
    ),
    # Roy et al. 2020: 25 x 25, 30 components, Adam 1e-3, batches of 256, 100 epochs, no flips.
    "paper": Recipe(
        window=25,
        components=30,
        epochs=100,
        batch=256,
        schedule="constant",
        weight_decay=0.0,
        turns=False,
    ),
}
