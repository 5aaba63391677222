"""Scene and model to map: exact dense evaluation, patch by patch, the writer."""

from spectile.mapping.dense import NotShareableError, densify
from spectile.mapping.scene_map import map_scene

__all__ = ["NotShareableError", "densify", "map_scene"]
