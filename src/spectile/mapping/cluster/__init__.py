"""Tiles of one scene mapped by the workers of a Dask cluster."""

from spectile.mapping.cluster.scheduler import Cluster as Cluster
