"""The scene and the labels that a configuration names."""

from __future__ import annotations

from pathlib import Path

from spectile.data.datasets.known import KNOWN, open_known
from spectile.data.labels.labels import Labels, open_labels
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.entries.segment import SegmentConfig


def open_material(config: SceneConfig) -> tuple[Scene, Labels]:
    """Open scene and labels on one grid; a known scene brings its own labels."""
    known = config.scene in {known.name for known in KNOWN}
    if known and config.labels is None and not Path(config.scene).exists():
        return open_known(config.scene)
    return open_files(config)


def open_files(config: SceneConfig | SegmentConfig) -> tuple[Scene, Labels]:
    """Open the scene and the labels that a configuration names; InputError without labels."""
    assert config.scene is not None
    scene = open_scene(config.scene, bands_last=config.bands_last)
    if config.labels is None:
        raise InputError(
            f"{config.scene} comes without labels: name a raster, a vector file or a CSV of points."
        )
    return scene, open_labels(config.labels, like=scene, column=config.column, legend=config.legend)
