"""Scores, and the report that says how far to trust them."""
