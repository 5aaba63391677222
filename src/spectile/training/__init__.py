"""Fitting networks: recipes, windows as batches, Lightning modules."""
