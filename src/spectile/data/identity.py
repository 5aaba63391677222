"""What tells whether a scene is still the one that a longer piece of work was begun on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from spectile.data.scene import Scene

_VIRTUAL = re.compile(r"^/vsi[a-z0-9_]+/")
_ROWS_AT_ONCE = 64


def scene_identity(scene: Scene) -> dict[str, Any]:
    """The files of `scene` with their sizes and times of change, ready for JSON.

    A file inside an archive counts as the archive; what lies on a server has only its name. An
    array in memory counts by a SHA-256 of its pixels.
    """
    identity: dict[str, Any] = {
        "size": [scene.bands, scene.height, scene.width],
        "dtype": scene.dtype.str,
    }
    if scene.files:
        # The last part of the name tells the array in a file of several.
        identity["name"] = Path(scene.source).name
        identity["files"] = dict(_file_state(name) for name in scene.files)
    else:
        identity["sha256"] = _sha256(scene)
    return identity


def changed_file(identity: Mapping[str, Any]) -> str | None:
    """The first file of a scene that isn't here as :func:`scene_identity` saw it."""
    files = identity.get("files", {}).items()
    return next((name for name, state in files if state and _file_state(name)[1] != state), None)


def _file_state(name: str) -> tuple[str, list[int] | None]:
    """The resolved path, with bytes and nanoseconds of its last change where it has them."""
    path = Path(_VIRTUAL.sub("", name))
    for candidate in (path, *path.parents):
        if candidate.is_file():
            status = candidate.stat()
            return str(candidate.resolve()), [status.st_size, status.st_mtime_ns]
    return name, None


def _sha256(scene: Scene) -> str:
    digest = hashlib.sha256()
    for row in range(0, scene.height, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, scene.height - row)
        digest.update(scene.read(Window(0, row, scene.width, rows)).tobytes())
    return digest.hexdigest()
