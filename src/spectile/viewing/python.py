"""The viewer from Python: in a notebook's cell, or as a page of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from spectile.viewing.drawn_labels import DrawnLabels, labels_beside
from spectile.viewing.material import Material


def show(
    material: Material,
    other: Material | None = None,
    *,
    labels: str | Path | None = None,
    notebook_url: str | None = None,
) -> None:
    """Show the page of `material`, in a notebook below the cell, else in the browser until Ctrl-C.

    `labels` is the GeoPackage that drawn polygons are saved to. `notebook_url` is the address of
    the notebook, where it isn't localhost:8888. Raises InputError where Bokeh isn't installed.
    """
    from spectile.viewing.page.document import Exhibit, build
    from spectile.viewing.server import Viewer

    scene = material.scene
    drawn = labels_beside(scene) if labels is None else DrawnLabels(Path(labels), scene)
    exhibit = Exhibit(material, other, drawn)
    if _in_notebook():
        from bokeh.io import output_notebook
        from bokeh.io import show as show_below
        from bokeh.resources import INLINE

        output_notebook(INLINE, hide_banner=True)
        asked = {} if notebook_url is None else {"notebook_url": notebook_url}
        show_below(lambda document: build(document, exhibit, alone=False), **asked)
        return
    try:
        viewer = Viewer(lambda document: build(document, exhibit))
        print(f"{viewer.address} (Ctrl-C ends it)", flush=True)
        viewer.run(browser=True)
    finally:
        exhibit.close()


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this, and no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config
