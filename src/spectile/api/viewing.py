"""Looking at scenes, runs and maps from Python: `spectile view`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectile.api.run import Run
from spectile.viewing import needs_bokeh


def view(
    source: Any,
    other: Any = None,
    *,
    map: str | Path | None = None,
    labels: str | Path | None = None,
    bands_last: bool | None = None,
    notebook_url: str | None = None,
) -> None:
    """Look at a scene or a run, in a notebook below the cell, else in the browser until Ctrl-C.

    Args:
        source: A Run or its directory, or a scene: a path, a Scene, a NumPy array, an
            xarray.DataArray, the name of a known one.
        other: Another one, to be seen beside it.
        map: A map of the scene, as `spectile map` writes it.
        labels: The GeoPackage that drawn polygons are saved to, and read from if it is there; by
            default SCENE_labels.gpkg in the working folder.
        bands_last: Which axis of an array holds the bands; the last if left out.
        notebook_url: The address of the notebook, where it isn't localhost:8888.

    Raises:
        InputError: For what can't be shown, and where the package bokeh isn't installed.
    """
    needs_bokeh()
    from spectile.viewing.material import open_material  # late: they import Bokeh
    from spectile.viewing.python import show

    opened = [
        one.material()
        if isinstance(one, Run)
        else open_material(one, map_path=its_map, bands_last=bands_last)
        for one, its_map in ((source, map), (other, None))
        if one is not None
    ]
    show(*opened, labels=labels, notebook_url=notebook_url)
