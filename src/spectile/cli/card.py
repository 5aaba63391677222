"""`spectile card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import Overwrite, OwnNetwork


def card(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    licence: Annotated[
        str | None, typer.Option(help="Of the training data, as in CC-BY-4.0; of known scenes set.")
    ] = None,
    network: OwnNetwork = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model's card beside it: a page for people, and a STAC Item for catalogues."""
    from spectile.export.card import write_card
    from spectile.model.file import load
    from spectile.runs.licence import licence_of_run

    trained = load(model, network)
    said = licence or licence_of_run(model.parent)
    page, item = write_card(trained, model, licence=said, overwrite=overwrite)
    print(f"Card: {page} and {item}")
    if said is None:
        print("  note: the licence of the training data isn't known; --licence says it.")
