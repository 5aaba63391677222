"""Data as users have it: scenes, labels, legends, splits, reducers. No torch."""
