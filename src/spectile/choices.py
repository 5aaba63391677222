"""The words that settings may have, for options and for what computes with them alike."""

from __future__ import annotations

from typing import Literal

ReducerName = Literal["pca", "correlation-pca", "mnf", "standardise", "none"]
Light = Literal["kept", "gain", "slope", "bow"]
"""What of a scene's light spectra are freed from."""
Padding = Literal["reflect", "zero"]
SpectraClassifier = Literal["svm", "lda", "forest"]
"""Classifiers of single spectra: the one to beat first; a forest takes longest."""
LossName = Literal["cross-entropy", "focal", "dice", "cross-entropy+dice"]
