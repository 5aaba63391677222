"""Whole networks out of blocks, by name: see :func:`create`."""

from spectile.networks.catalogue import create, describe, names
from spectile.networks.hybridsn import HybridSN

__all__ = ["HybridSN", "create", "describe", "names"]
