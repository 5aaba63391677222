"""A run directory from start to end: configuration, fit, map, score, report."""
