"""Packages of others, for tests."""
