"""Scenes that are known by name, and simulated ones."""
