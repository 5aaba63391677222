"""The formats of features, one file each: see :mod:`spectile.data.labels.features`."""
