"""The tasks by name: one file each, found by :mod:`spectile.tasks.registry`."""
