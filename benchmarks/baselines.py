"""Classifiers of single pixels that a practitioner would try, with usual settings, not tuned."""

from __future__ import annotations

from typing import Literal

from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

Baseline = Literal["svm", "forest", "lda"]


def classifier(name: Baseline, bands: int, seed: int = 0) -> ClassifierMixin:
    """A classifier of spectra (pixels, bands)."""
    if name == "svm":
        return make_pipeline(StandardScaler(), SVC(C=100, gamma=1 / bands))
    if name == "forest":
        return RandomForestClassifier(300, random_state=seed)
    return make_pipeline(StandardScaler(), PCA(min(30, bands)), LinearDiscriminantAnalysis())
