"""The licence of a run's training data, where the run was of a known scene."""

from __future__ import annotations

from pathlib import Path

import yaml

from spectile.data.datasets.known import KNOWN
from spectile.tasks.files import CONFIG


def licence_of(scene: object) -> str | None:
    """Of the known scene of that name; None for any other."""
    return next((known.licence for known in KNOWN if known.name == scene), None)


def licence_of_run(directory: Path) -> str | None:
    """Of the scene in a run's configuration; None where there is none."""
    try:
        document = yaml.safe_load((directory / CONFIG).read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return licence_of(document.get("scene")) if isinstance(document, dict) else None
