"""The formats of scenes, one file each: see :mod:`spectile.data.readers.registry`."""
