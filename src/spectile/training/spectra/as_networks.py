"""What scikit-learn fitted on spectra, as a network: the same classes, and nothing to unpickle."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.networks.windows.linear_discriminant import LinearDiscriminant
from spectile.networks.windows.support_vector_machine import NEVER, SupportVectorMachine


def as_network(fitted: Any, classes: int) -> nn.Module:
    """The network of a fitted pipeline of :func:`~.classifiers.classifier`, "svm" or "lda".

    It takes the pipeline's spectra as (N, bands, 1, 1) and gives logits (N, classes) for class
    indices from 0, of which the pipeline may have met some alone.
    """
    if "svc" in fitted.named_steps:
        return support_vector_machine(fitted, classes)
    return linear_discriminant(fitted, classes)


def support_vector_machine(fitted: Any, classes: int) -> SupportVectorMachine:
    """That of a pipeline of a StandardScaler and an SVC with a radial kernel, gamma a number."""
    scaler, machine = fitted.named_steps["standardscaler"], fitted.named_steps["svc"]
    root = np.sqrt(machine.gamma)
    vectors = machine.support_vectors_ * root
    network = SupportVectorMachine(len(scaler.mean_), classes, support_vectors=len(vectors))
    _fill(network.scale, root / scaler.scale_, -scaler.mean_ * root / scaler.scale_)
    _fill(network.vectors, 2 * vectors, -np.square(vectors).sum(1))
    coefficients, intercepts, votes = _pairs(machine, classes)
    _fill(network.machines, coefficients, intercepts)
    # A margin that speaks against the first of its pair speaks for the second.
    none = np.where(np.isin(np.arange(classes), machine.classes_), (votes < 0).sum(1), NEVER)
    _fill(network.votes, votes, none)
    return network.eval()


def linear_discriminant(fitted: Any, classes: int) -> LinearDiscriminant:
    """That of a pipeline of a StandardScaler, PCA and LinearDiscriminantAnalysis."""
    scaler, pca, discriminant = (one for _, one in fitted.steps)
    directions = discriminant.coef_ @ pca.components_
    offsets = discriminant.intercept_ - directions @ pca.mean_
    if len(directions) == 1:  # of two classes, for the second
        directions, offsets = (np.concatenate([0 * one, one]) for one in (directions, offsets))
    directions = directions / scaler.scale_
    weight, bias = np.zeros((classes, len(scaler.mean_))), np.full(classes, NEVER)
    weight[discriminant.classes_] = directions
    bias[discriminant.classes_] = offsets - directions @ scaler.mean_
    network = LinearDiscriminant(len(scaler.mean_), classes)
    _fill(network.discriminants, weight, bias)
    return network.eval()


def _pairs(
    machine: Any, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The machines of all pairs of classes: coefficients, intercepts, and whom they speak for.

    Shapes (pairs, vectors), (pairs,) and (classes, pairs). LIBSVM keeps a vector's coefficients
    for the machines of its own class against each other one, in the order of these.
    """
    met, dual = machine.classes_.tolist(), machine.dual_coef_
    of = np.repeat(np.arange(len(met)), machine.n_support_)
    # Of two classes scikit-learn tells the margin for the second.
    sign = -1 if len(met) == 2 else 1
    first, second = np.triu_indices(classes, 1)
    number = {pair: at for at, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    coefficients = np.zeros((len(number), dual.shape[1]))
    intercepts, votes = np.zeros(len(number)), np.zeros((classes, len(number)))
    pairs = zip(*(one.tolist() for one in np.triu_indices(len(met), 1)), strict=True)
    for place, (i, j) in enumerate(pairs):
        at = number[met[i], met[j]]
        coefficients[at, of == i] = sign * dual[j - 1, of == i]
        coefficients[at, of == j] = sign * dual[i, of == j]
        intercepts[at] = sign * machine.intercept_[place]
        votes[met[i], at], votes[met[j], at] = 1, -1
    return coefficients, intercepts, votes


@torch.no_grad()
def _fill(layer: nn.Conv2d, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    assert layer.bias is not None
    layer.weight.copy_(_tensor(weight).view_as(layer.weight))
    layer.bias.copy_(_tensor(bias))


def _tensor(numbers: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers))
