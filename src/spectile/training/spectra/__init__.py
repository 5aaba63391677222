"""Classifiers of single spectra, which scikit-learn fits."""
