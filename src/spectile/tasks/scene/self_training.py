"""Pixels that a run labels itself, all over the image, to learn from beside the labelled ones.

Two classifiers of single spectra learn from the training pixels. What they say of the image is
smoothed along its edges, and of each class some pixels are drawn of which they are sure; then once
more, with these. So a network meets fields that nobody has labelled, under the names that spectra
and neighbours give them together. No label of a test pixel is looked at, though test pixels
themselves are: as in Dopido et al., "Semisupervised self-learning for hyperspectral image
classification", IEEE TGRS 51(7), 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.data.labels.labels import Places
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.readers.salvage import read_around_damage
from spectile.data.scene import Scene
from spectile.data.splits.overlap import within_distance
from spectile.data.splits.splits import TRAIN
from spectile.data.splits.stratified import sample_of_classes
from spectile.mapping.smoothing.guided_filter import guided_filter
from spectile.mapping.tiles import tiles
from spectile.model.smoothing import EPSILON
from spectile.networks.classifying import hidden_layers
from spectile.tasks.scene.preparation import Preparation
from spectile.training.augmentation import bend_of
from spectile.training.imbalance import rarity
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_spectral_branch import fit_spectral_branch
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.spectra.as_networks import as_network
from spectile.training.spectra.classifiers import classifier, fitted_on

ROUNDS = 2
SURE = 0.5
"""Smoothed probability of a class from which a pixel may get its name."""
RADIUS = 3
"""Of smoothing, where the recipe doesn't smooth its map."""
MOST, EDGE = 65_536, 32
"""Pixels of an image that are looked at, and the edge of the squares that a larger one gives."""
LEARNT = 5_000
"""Pixels that the support vector machine learns from at most: it takes their square in time."""
AT_ONCE = 4096
DROPOUT = 0.4


@dataclass(frozen=True)
class _Part:
    """A part of the image."""

    window: Window
    components: NDArray[np.float32]
    """(components, h, w)."""
    valid: NDArray[np.bool_]
    """(h, w): pixels that hold data."""

    @property
    def spectra(self) -> Tensor:
        """(h * w, components)."""
        return torch.from_numpy(self.components).flatten(1).T


def self_labelled(
    scene: Scene, preparation: Preparation, recipe: Recipe, *, classes: int, seed: int
) -> Places:
    """Rows, columns and class indices of pixels that got their classes from no label.

    Of each class there are `recipe.self_training` at most, and no more than training pixels. They
    lie outside of all training windows; validation and test pixels may be among them, without their
    labels. All chance follows from `seed`. Of a scene of more than 65,536 pixels squares all over
    it are looked at. Raises InputError where the classifiers can't be fitted.
    """
    train = preparation.pixels(TRAIN)
    preprocessing, rng = preparation.preprocessing, np.random.default_rng(seed)
    spectra, known = LabelledWindows(scene, preprocessing, 1, *train).pixels
    # What training windows show, their labels tell better than any guess.
    shown = within_distance(preparation.split.assignment == TRAIN, recipe.window // 2)
    parts = _parts(scene, preprocessing)
    # Distances are those between spectra, whatever a reducer makes of their variances.
    bands = torch.from_numpy(np.linalg.pinv(preprocessing.reducer.matrix)).float()
    # No more than were labelled: of a class with two pixels the teachers hardly know a thing.
    quotas = np.bincount(train[2], minlength=classes).clip(max=recipe.self_training)
    found = train
    named, targets = spectra, known
    for turn in range(ROUNDS):
        teachers = _Teachers.fitted(
            named, targets, bands, preparation, recipe, classes, seed + turn
        )
        candidates = [_named(part, teachers, preparation, recipe, shown) for part in parts]
        rows, columns, guessed = (np.concatenate(each) for each in zip(*candidates, strict=True))
        drawn = _drawn(guessed, quotas, rng)
        found = rows[drawn], columns[drawn], guessed[drawn]
        more, their = LabelledWindows(scene, preprocessing, 1, *found).pixels
        named, targets = torch.cat([spectra, more]), torch.cat([known, their])
    return found


@dataclass(frozen=True)
class _Teachers:
    """A support vector machine and a perceptron on the components of single pixels."""

    machine: nn.Module
    bands: Tensor
    """(components, bands): components as the spectra that they stand for."""
    perceptron: nn.Module

    @classmethod
    def fitted(
        cls,
        spectra: Tensor,
        targets: Tensor,
        bands: Tensor,
        preparation: Preparation,
        recipe: Recipe,
        classes: int,
        seed: int,
    ) -> _Teachers:
        drawn = sample_of_classes(targets.numpy(), LEARNT, seed)
        seen = (spectra[drawn] @ bands).double().numpy()
        made = classifier("svm", seen.shape[1], seed)
        machine = as_network(fitted_on(made, seen, targets.numpy()[drawn]), classes).eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = hidden_layers(spectra.shape[1], classes, DROPOUT)
        perceptron = nn.Sequential(*layers)
        fit_spectral_branch(
            perceptron,
            spectra,
            targets,
            weights=rarity(targets, classes).sqrt() if recipe.class_weights else None,
            seed=seed,
            bend=bend_of(preparation.light, recipe.light_augmentation),
        )
        return cls(machine, bands, perceptron.eval())

    @torch.inference_mode()
    def probabilities(self, spectra: Tensor) -> Tensor:
        """(classes, N) of spectra (N, components): the mean of a vote and of probabilities."""
        found = []
        for some in torch.split(spectra, AT_ONCE):
            likely = self.perceptron(some).softmax(1)
            voted = self.machine((some @ self.bands)[:, :, None, None]).argmax(1)
            found.append((likely + F.one_hot(voted, likely.shape[1])) / 2)
        return torch.cat(found).T


def both(some: Places, others: Places) -> Places:
    """The pixels of two lists, one after the other."""
    rows, columns, classes = map(np.concatenate, zip(some, others, strict=True))
    return rows, columns, classes


def _parts(scene: Scene, preprocessing: Preprocessing) -> list[_Part]:
    """The image where it is small, else squares from all over it."""
    height, width = scene.height, scene.width
    windows, step = [Window(0, 0, width, height)], 1
    if height * width > MOST:
        windows = list(tiles(height, width, EDGE))
        step = -(-len(windows) * EDGE**2 // MOST)
    parts = []
    for window in windows[step // 2 :: step]:
        components, valid, _ = read_around_damage(preprocessing, scene, window, 0)
        parts.append(_Part(window, components, valid))
    return parts


def _named(
    part: _Part,
    teachers: _Teachers,
    preparation: Preparation,
    recipe: Recipe,
    shown: NDArray[np.bool_],
) -> Places:
    """Pixels of a part that no training window shows, and of whose class the teachers are sure."""
    size = part.valid.shape
    smoothed = guided_filter(
        teachers.probabilities(part.spectra).reshape(-1, *size),
        torch.from_numpy(preparation.guide.of(part.components)),
        torch.from_numpy(part.valid),
        radius=recipe.smooth or RADIUS,
        epsilon=EPSILON,
    )
    sure, guessed = smoothed.max(0)
    taken = (sure > SURE).numpy() & part.valid & ~shown[part.window.toslices()]
    rows, columns = np.nonzero(taken)
    return (
        rows + part.window.row_off,
        columns + part.window.col_off,
        guessed.numpy()[rows, columns],
    )


def _drawn(
    guessed: NDArray[np.int64], quotas: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Indices of some pixels of each class, at most as many as its quota."""
    order = rng.permutation(len(guessed))
    drawn = [order[guessed[order] == one][:quota] for one, quota in enumerate(quotas)]
    return np.sort(np.concatenate(drawn))
