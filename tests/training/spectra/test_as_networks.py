"""Networks of single spectra say what scikit-learn's classifiers say, to the last class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spectile.choices import SpectraClassifier
from spectile.data.datasets.simulated import simulate
from spectile.errors import InputError
from spectile.mapping import densify
from spectile.training.spectra.as_networks import as_network
from spectile.training.spectra.classifiers import classifier, fitted_on

BANDS = 12


def pixels(classes: int, met: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Spectra of the classes that were `met`, among so many."""
    values, labels = simulate(40, 40, BANDS, classes, seed=1)
    noise = np.random.default_rng(0).normal(0, 0.1, (1600, BANDS))
    spectra, targets = values.reshape(BANDS, -1).T + noise, labels.ravel().astype(np.int64) - 1
    chosen = np.isin(targets, met)
    return 1000 * spectra[chosen], targets[chosen]


def fitted(name: SpectraClassifier, classes: int, met: tuple[int, ...]) -> tuple[Any, torch.Tensor]:
    """A classifier, and all spectra as windows of one pixel."""
    spectra, targets = pixels(classes, met)
    made = classifier(name, BANDS, pixels=len(spectra[::3]))
    return fitted_on(made, spectra[::3], targets[::3]), torch.from_numpy(spectra)[:, :, None, None]


@pytest.mark.parametrize("name", ["svm", "lda"])
@pytest.mark.parametrize(
    ("classes", "met"), [(2, (0, 1)), (5, (0, 1, 2, 3, 4)), (6, (0, 2, 3, 5)), (6, (1, 4))], ids=str
)
def test_a_network_says_what_scikit_learn_says(
    name: SpectraClassifier, classes: int, met: tuple[int, ...]
) -> None:
    made, windows = fitted(name, classes, met)
    spectra = windows[:, :, 0, 0].numpy()
    with torch.inference_mode():
        logits = as_network(made, classes)(windows.float()).double()
    assert (logits.argmax(1).numpy() == made.predict(spectra)).mean() > 0.998, "in float32"
    if len(met) > 2:
        decision = made.decision_function(spectra)
        np.testing.assert_allclose(logits[:, list(met)], decision, atol=1e-3)
    if name == "lda":
        probabilities = logits.softmax(1)
        np.testing.assert_allclose(
            probabilities[:, list(met)], made.predict_proba(spectra), 0, 1e-3
        )
    missing = [c for c in range(classes) if c not in met]
    assert bool((logits.softmax(1)[:, missing] == 0).all())


@pytest.mark.parametrize("name", ["svm", "lda"])
def test_in_double_precision_decisions_are_alike_to_the_fifth_digit(
    name: SpectraClassifier,
) -> None:
    made, windows = fitted(name, 5, (0, 1, 2, 3, 4))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    network = as_network(made, 5)
    torch.set_default_dtype(before)
    with torch.inference_mode():
        logits = network(windows).numpy()
    decision = made.decision_function(windows[:, :, 0, 0].numpy())
    np.testing.assert_allclose(logits, decision, atol=1e-5)


@pytest.mark.parametrize("name", ["svm", "lda"])
def test_they_are_mapped_densely(name: SpectraClassifier) -> None:
    made, windows = fitted(name, 5, (0, 1, 2, 3, 4))
    network = as_network(made, 5)
    scene = windows[:600, :, 0, 0].T.reshape(1, BANDS, 20, 30).float()
    dense = densify(network, (1, 1), bands=BANDS)
    with torch.inference_mode():
        found = dense(scene)[0].flatten(1).T
        torch.testing.assert_close(found, network(windows[:600].float()), atol=1e-3, rtol=0)


def test_pixels_of_one_class_are_refused_in_a_sentence() -> None:
    spectra, targets = pixels(3, (1,))
    with pytest.raises(InputError, match="can't fit that on"):
        fitted_on(classifier("svm", BANDS), spectra, targets)
