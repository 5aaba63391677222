"""Probabilities smoothed along what the scene shows, before classes are chosen."""
