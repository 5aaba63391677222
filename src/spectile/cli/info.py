"""`spectile info`."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from spectile.cli.options import BandsLast, Overwrite


def info(
    path: Annotated[str, typer.Argument(help="Scene: GeoTIFF, ENVI, MATLAB, NumPy ...")],
    quicklook: Annotated[
        Path | None, typer.Option(help="Write a picture of the scene to this PNG or JPEG.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    bands_last: BandsLast = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what a scene holds: size, bands, wavelengths, gaps, place on Earth."""
    from spectile.files import check_ending, check_output
    from spectile.scenes.describe import describe
    from spectile.scenes.open import open_scene
    from spectile.scenes.picture_file import is_picture_file
    from spectile.scenes.quicklook import PICTURES

    if quicklook is not None:
        check_ending(quicklook, "a picture", PICTURES)
    scene = open_scene(path, bands_last=bands_last)
    if quicklook is not None:
        inputs = [path, *scene.files]
        check_output(quicklook, ours=is_picture_file, overwrite=overwrite, inputs=inputs)
    facts = describe(scene)
    if json:
        print(json_module.dumps(facts, indent=2))
    else:
        _print(facts)
    if quicklook is not None:
        from spectile.scenes.quicklook import write_quicklook

        write_quicklook(scene, quicklook)


def _print(facts: dict[str, Any]) -> None:
    plain = {key: value for key, value in facts.items() if key != "sample"}
    # What the pixels tell is an estimate: set apart from what the file says.
    for heading, section in (("", plain), ("in a sample of the pixels:", facts["sample"])):
        if heading:
            print(heading)
        for key, value in section.items():
            if value is not None and value not in ("", []):
                print(f"{key.replace('_', ' '):<20} {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
