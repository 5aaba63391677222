"""What a network is watched on: windows of a scene, or images, as it takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectile.data.preprocessing.reducers import Reducer

AT_ONCE = 32
"""Samples that a network gets together."""


@dataclass(frozen=True, eq=False)
class Samples:
    """N windows or images, with the class of each."""

    centred: tuple[Tensor, ...] = field(repr=False)
    """Of each the used bands (bands, h, w) less their training mean, 0 where data are missing.

    In logarithms where the model reduces those.
    """
    classes: NDArray[np.int64] = field(repr=False)
    """Indices from 0, shape (N,)."""
    matrix: Tensor = field(repr=False)
    """(bands, components): what the reducer makes of centred values."""
    mean: Tensor = field(repr=False)
    """(bands,): where the training mean lies in centred values. 0 but for bands as they are."""

    def __len__(self) -> int:
        return len(self.classes)

    def part(self, chosen: NDArray[np.intp]) -> Samples:
        """The samples at some places."""
        return replace(
            self, centred=tuple(self.centred[i] for i in chosen), classes=self.classes[chosen]
        )

    def batches(self) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
        """Places (n,) of samples of one size that follow one another, and their centred bands."""
        first = 0
        while first < len(self):
            stop = first + 1
            while (
                stop < min(len(self), first + AT_ONCE)
                and self.centred[stop].shape == self.centred[first].shape
            ):
                stop += 1
            yield np.arange(first, stop), torch.stack(self.centred[first:stop])
            first = stop

    def components(self, centred: Tensor) -> Tensor:
        """What the network takes (n, components, h, w) of centred bands (n, bands, h, w)."""
        return torch.einsum("nbhw,bc->nchw", centred, self.matrix)

    def few_of_each(self, count: int) -> Samples:
        """The first `count` samples of each class."""
        first = [np.flatnonzero(self.classes == k)[:count] for k in np.unique(self.classes)]
        return self.part(np.sort(np.concatenate(first)))


def centring(reducer: Reducer) -> Reducer:
    """A reducer whose components are the bands, centred as `reducer` does it first."""
    return replace(reducer, matrix=np.eye(reducer.bands))


def as_samples(
    centred: Sequence[Tensor],
    classes: NDArray[np.int64],
    reducer: Reducer,
    training_mean: NDArray[np.floating],
) -> Samples:
    """Samples of what :func:`centring` gives; `training_mean` (bands,) is used where it has none.

    That is the reducer "none", which takes bands as they are.
    """
    rest = training_mean if reducer.name == "none" else np.zeros(reducer.bands)
    return Samples(
        tuple(centred),
        classes,
        torch.from_numpy(reducer.matrix).float(),
        torch.from_numpy(np.asarray(rest, np.float64)).float(),
    )
