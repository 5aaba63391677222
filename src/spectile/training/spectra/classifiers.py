"""Classifiers of single spectra that a practitioner would try, with usual settings, not tuned."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.choices import SpectraClassifier
from spectile.errors import InputError, first_line

PENALTY = 100.0
"""The support vector machine's C, of the size that is usual for standardised spectra."""
COMPONENTS, TREES = 30, 300


def classifier(
    name: SpectraClassifier,
    bands: int,
    seed: int = 0,
    *,
    pixels: int | None = None,
    threads: int | None = None,
    trees: int = TREES,
) -> Any:
    """A scikit-learn classifier of spectra (pixels, bands), still to be fitted.

    svm: a support vector machine with a radial kernel of width 1 / bands on standardised bands, in
    which margins decide between equal votes; lda: linear discriminant analysis of the first 30
    principal components of standardised bands, or of as many as there are `pixels` to fit it on;
    forest: a random forest of 300 `trees`, grown by so many `threads`, whose chance follows from
    `seed`.
    """
    # Late: scikit-learn takes half a second to import.
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "svm":
        return make_pipeline(StandardScaler(), SVC(C=PENALTY, gamma=1 / bands, break_ties=True))
    if name == "forest":
        return RandomForestClassifier(trees, random_state=seed, n_jobs=threads)
    components = min(COMPONENTS, bands, bands if pixels is None else pixels)
    return make_pipeline(StandardScaler(), PCA(components), LinearDiscriminantAnalysis())


def fitted_on(made: Any, spectra: NDArray[np.float64], targets: NDArray[np.int64]) -> Any:
    """A classifier fitted on spectra (N, bands) of class indices (N,).

    Raises InputError where scikit-learn can't fit it, as on the pixels of a single class.
    """
    with warnings.catch_warnings():
        # As of many classes among few pixels, which the split has told of.
        warnings.simplefilter("ignore")
        try:
            return made.fit(spectra, targets)
        except ValueError as error:
            raise InputError(
                f"scikit-learn can't fit that on {len(spectra)} training pixels "
                f"({first_line(error)}): label more of them, or choose another recipe."
            ) from error
