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
    labels: Annotated[
        str | None, typer.Option(help="Labels of the scene: count what its pixels get of them.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Class column of vector labels.")] = None,
    legend: Annotated[Path | None, typer.Option(help="CSV with value, name and color.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    bands_last: BandsLast = None,
    overwrite: Overwrite = False,
) -> None:
    """Say what a scene holds: size, bands, wavelengths, gaps, place on Earth."""
    from spectile.cli.label_table import print_label_counts
    from spectile.data.describe import describe
    from spectile.data.labels.counts import labels_in
    from spectile.data.picture_file import is_picture_file
    from spectile.data.quicklook import PICTURES
    from spectile.data.readers.open import open_scene
    from spectile.files import check_ending, check_output

    if quicklook is not None:
        check_ending(quicklook, "a picture", PICTURES)
    scene = open_scene(path, bands_last=bands_last)
    if quicklook is not None:
        inputs = [path, *scene.files]
        check_output(quicklook, ours=is_picture_file, overwrite=overwrite, inputs=inputs)
    facts = describe(scene)
    opened = None
    if labels is not None:
        from spectile.data.labels.labels import open_labels

        opened = open_labels(labels, like=scene, column=column, legend=legend)
        facts |= {**labels_in(opened.tally), "label_notes": list(opened.notes)}
    if json:
        print(json_module.dumps(facts, indent=2))
    else:
        _print(facts)
        if opened is not None:
            print_label_counts(labels_in(opened.tally).get("labels"), every=True)
            for note in opened.notes:
                print(f"  note: {note}")
    if quicklook is not None:
        from spectile.data.quicklook import write_quicklook

        write_quicklook(scene, quicklook)


def _print(facts: dict[str, Any]) -> None:
    apart = ("sample", "labels", "label_notes")
    plain = {key: value for key, value in facts.items() if key not in apart}
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
