"""Runs on one scene and its labels."""
