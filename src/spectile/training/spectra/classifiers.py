"""Classifiers of single spectra that a practitioner would try, with usual settings, not tuned."""

from __future__ import annotations

from typing import Any, Literal, get_args

SpectraClassifier = Literal["svm", "lda", "forest"]
CLASSIFIERS: tuple[SpectraClassifier, ...] = get_args(SpectraClassifier)
"""The one to beat first; a forest takes longest and is seldom better."""

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
) -> Any:
    """A scikit-learn classifier of spectra (pixels, bands), still to be fitted.

    svm: a support vector machine with a radial kernel of width 1 / bands on standardised bands;
    lda: linear discriminant analysis of the first 30 principal components of standardised bands, or
    of as many as there are `pixels` to fit it on; forest: a random forest of 300 trees, grown by so
    many `threads`, whose chance follows from `seed`.
    """
    # Late: scikit-learn takes half a second to import.
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "svm":
        return make_pipeline(StandardScaler(), SVC(C=PENALTY, gamma=1 / bands))
    if name == "forest":
        return RandomForestClassifier(TREES, random_state=seed, n_jobs=threads)
    components = min(COMPONENTS, bands, bands if pixels is None else pixels)
    return make_pipeline(StandardScaler(), PCA(components), LinearDiscriminantAnalysis())
