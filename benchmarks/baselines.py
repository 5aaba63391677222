"""The classifiers of single pixels that stand beside networks: those of every run's report."""

from __future__ import annotations

from spectile.choices import SpectraClassifier as Baseline
from spectile.training.spectra.classifiers import classifier

__all__ = ["Baseline", "classifier"]
