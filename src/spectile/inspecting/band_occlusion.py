"""Which bands matter: what a network says when some of them hold the training mean alone.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 3.2,
hide squares of an image; here groups of neighbouring bands are hidden in the whole window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.inspecting.samples import Samples
from spectile.inspecting.squeeze_excitation import rounded
from spectile.networks.map_channels import evaluating
from spectile.progress import Progress

GROUPS = 20
"""Groups that many bands are put into; fewer bands are hidden one by one."""
GAP = 3.0
"""Bands that lie so many usual steps apart aren't neighbours: water vapour was cut out between."""


@dataclass(frozen=True)
class BandGroup:
    """Bands that are hidden together."""

    places: tuple[int, ...]
    """Among the bands that the model uses, from 0."""
    bands: tuple[int, ...]
    """In the scene or image, from 0."""
    wavelengths: tuple[float, float] | None
    """The shortest and the longest, in nanometres, where they are known."""


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What hiding each group of bands does."""

    groups: tuple[BandGroup, ...]
    classes: NDArray[np.int64]
    """(N,) of the samples."""
    falls: NDArray[np.float32]
    """(N, groups): how much the probability of a sample's class falls, -1 to 1."""
    changed: NDArray[np.bool_]
    """(N, groups): whether the sample gets another class."""

    def of_class(self, index: int) -> NDArray[np.float32]:
        """The mean fall (groups,) of one class."""
        mean: NDArray[np.float32] = self.falls[self.classes == index].mean(axis=0)
        return mean

    def as_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """Plain numbers, in the order of the groups."""
        return {
            "groups": [
                {
                    "bands": [band + 1 for band in group.bands],
                    "nanometres": None if group.wavelengths is None else list(group.wavelengths),
                }
                for group in self.groups
            ],
            "samples": len(self.classes),
            "fall_of_probability": rounded(self.falls.mean(axis=0)),
            "other_class": rounded(self.changed.mean(axis=0)),
            "classes": {
                names[index]: rounded(self.of_class(index))
                for index in np.unique(self.classes).tolist()
            },
        }


def band_groups(
    bands: Sequence[int], wavelengths: NDArray[np.floating] | None, *, count: int = GROUPS
) -> tuple[BandGroup, ...]:
    """About `count` groups of neighbours among `bands`, as equal in number as gaps allow.

    `wavelengths` (nanometres) are those of `bands`, where they are known. No group reaches over a
    gap in them.
    """
    order = np.arange(len(bands)) if wavelengths is None else np.argsort(wavelengths, kind="stable")
    stretches = [order]
    if wavelengths is not None and len(bands) > 2:
        steps = np.diff(wavelengths[order])
        usual = float(np.median(steps))
        stretches = np.split(order, np.flatnonzero(steps > GAP * usual) + 1 if usual > 0 else [])
    each = max(1, len(bands) / count)
    groups = []
    for stretch in stretches:
        for places in np.array_split(stretch, max(1, round(len(stretch) / each))):
            ends = None
            if wavelengths is not None:
                ends = float(wavelengths[places].min()), float(wavelengths[places].max())
            known = tuple(int(bands[place]) for place in places)
            groups.append(BandGroup(tuple(places.tolist()), known, ends))
    return tuple(groups)


def occluded(
    network: nn.Module,
    samples: Samples,
    groups: Sequence[BandGroup],
    *,
    progress: Progress | None = None,
) -> Occlusion:
    """Hide one group after the other in all samples.

    Of a network of pixels the probability is the mean over those pixels of a sample that have its
    class when nothing is hidden.
    """
    falls = np.empty((len(samples), len(groups)), np.float32)
    changed = np.empty((len(samples), len(groups)), np.bool_)
    with torch.inference_mode(), evaluating(network):
        for places, centred in samples.batches():
            classes = torch.from_numpy(samples.classes[places])
            components = samples.components(centred)
            logits = network(components)
            before = _Answer.of(logits, classes, None)
            for column, group in enumerate(groups):
                at = list(group.places)
                away = centred[:, at] - samples.mean[at][:, None, None]
                hidden = components - torch.einsum("nbhw,bc->nchw", away, samples.matrix[at])
                after = _Answer.of(network(hidden), classes, logits)
                falls[places, column] = (before.probability - after.probability).numpy()
                changed[places, column] = (before.best != after.best).numpy()
            if progress:
                progress(int(places[-1]) + 1, len(samples))
    return Occlusion(tuple(groups), samples.classes, falls, changed)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What a network says of n samples."""

    probability: Tensor
    """(n,): of each sample's class."""
    best: Tensor
    """(n,): the most probable class."""

    @classmethod
    def of(cls, logits: Tensor, classes: Tensor, undisturbed: Tensor | None) -> _Answer:
        """Of logits (n, classes), or (n, classes, h, w) looked at where the class was found."""
        probabilities = logits.float().softmax(1)
        if logits.ndim == 4:
            found = (logits if undisturbed is None else undisturbed).argmax(1)
            where = (found == classes[:, None, None]).float()[:, None]
            weight = where.sum((2, 3)).clamp(min=1)
            probabilities = (probabilities * where).sum((2, 3)) / weight
        picked = probabilities.gather(1, classes[:, None])[:, 0]
        return cls(picked, probabilities.argmax(1))
