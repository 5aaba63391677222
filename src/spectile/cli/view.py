"""`spectile view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import BandsLast, Quiet
from spectile.errors import InputError


def view(
    source: Annotated[
        str, typer.Argument(help="A run's directory, a scene, or the name of a known scene.")
    ],
    other: Annotated[
        str | None, typer.Argument(help="Another run or scene, to be seen beside it.")
    ] = None,
    map_: Annotated[
        list[Path] | None,
        typer.Option(
            "--map",
            metavar="MAP",
            help="A map of the scene, as `map` writes it; given twice, the second stands beside.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.gpkg",
            help="Where polygons that are drawn are saved; those in it are shown. By default "
            "SCENE_labels.gpkg in the working folder.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Where to serve; a free port if left out."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Let other machines in by this address of yours; the page then asks for a token.",
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
    bands_last: BandsLast = None,
    quiet: Quiet = False,
) -> None:
    """Look at a scene or a run in the browser: pictures, map, spectra; draw labels, train."""
    from spectile.viewing import needs_bokeh

    needs_bokeh()
    from spectile.viewing.drawn_labels import DrawnLabels, labels_beside
    from spectile.viewing.material import open_material
    from spectile.viewing.page.document import Exhibit, build
    from spectile.viewing.server import Viewer

    maps = map_ or []
    if len(maps) > 2 or (len(maps) == 2 and other is not None):
        raise InputError("two can be seen at once: give a second source or a second --map.")
    material = open_material(source, map_path=next(iter(maps), None), bands_last=bands_last)
    beside = None if len(maps) < 2 else material.with_map(maps[1])
    if other is not None:
        beside = open_material(other, bands_last=bands_last)
    scene = material.scene
    drawn = labels_beside(scene) if labels is None else DrawnLabels(labels, scene)
    exhibit = Exhibit(material, beside, drawn)
    try:
        viewer = Viewer(lambda document: build(document, exhibit), host=host, port=port or 0)
        print(viewer.address, flush=True)
        if not quiet:
            print("Ctrl-C ends it.", flush=True)
        viewer.run(browser=not no_browser)
    finally:
        exhibit.close()
