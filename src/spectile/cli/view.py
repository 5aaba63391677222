"""`spectile view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import BandsLast, Quiet


def view(
    source: Annotated[
        str, typer.Argument(help="A run's directory, a scene, or the name of a known scene.")
    ],
    map_: Annotated[
        Path | None,
        typer.Option("--map", metavar="MAP", help="A map of the scene, as `map` writes it."),
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
    from spectile.viewing.material import open_material
    from spectile.viewing.page.document import Exhibit, build
    from spectile.viewing.server import Viewer

    material = open_material(source, map_path=map_, bands_last=bands_last)
    viewer = Viewer(lambda document: build(document, Exhibit(material)), host=host, port=port or 0)
    print(viewer.address, flush=True)
    if not quiet:
        print("Ctrl-C ends it.", flush=True)
    viewer.run(browser=not no_browser)
