"""`spectile models`."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from spectile.cli.options import network_options, within

WINDOW = 25
"""Edge in pixels where none is given, as in the paper of HybridSN."""
COMPARED = "for comparison"
HEADINGS = {
    "windows": "of windows: the pixel in the middle, from its surroundings",
    "images": "of whole images, and of windows, too",
    "pixels": "of pixels: all of an image at once",
    "instances": "of instances: the objects in an image, each with its mask",
}


def models(
    name: Annotated[
        str | None,
        typer.Argument(help="One network, also code as in mynets.py:SSRN; all if left out."),
    ] = None,
    size: Annotated[
        int, typer.Option(callback=within("--size", "Edge"), help="Edge of the image in pixels.")
    ] = 224,
    bands: Annotated[
        int | None,
        typer.Option(callback=within("--bands", "Count"), help="3 for images, 30 for windows."),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(callback=within("--classes", "Count"), help="1000 and 16 if left out."),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(callback=within("--width", "Scale"), help="Width multiplier of MobileNets."),
    ] = None,
    stem: Annotated[str | None, typer.Option(help="imagenet or cifar, of ResNets.")] = None,
    attention: Annotated[str | None, typer.Option(help="se, eca, cbam ... where it fits.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Backbone of DeepLabv3+ and BlendMask.")
    ] = None,
    output_stride: Annotated[int | None, typer.Option(help="8, 16 or 32.")] = None,
    window: Annotated[
        int | None,
        typer.Option(callback=within("--window", "Edge"), help="Edge of a window in pixels."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of the network, as train has it."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what dense mapping shares, layer by layer.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List networks with what they cost: parameters, multiply-adds, memory, paper."""
    from spectile import networks
    from spectile.networks.comparisons import COMPARISONS

    options: dict[str, Any] = {
        "width": width,
        "stem": stem,
        "attention": attention,
        "backbone": backbone,
        "output_stride": output_stride,
        "window": window,
    }
    options = {key: value for key, value in options.items() if value is not None}
    options |= network_options(option) or {}
    if plan:
        _print_plan(name, bands or 30, classes or 16, options)
        return
    listed = (name,) if name else (*networks.names(), *COMPARISONS)
    rows = [_row(each, size, bands, classes, options) for each in listed]
    if json:
        print(json_module.dumps(rows, indent=2))
    else:
        _print(rows)


def _row(
    name: str, size: int, bands: int | None, classes: int | None, options: dict[str, Any]
) -> dict[str, Any]:
    """One network's costs; networks of windows are counted for the literature's scene."""
    from spectile import networks
    from spectile.networks.comparisons import COMPARISONS
    from spectile.networks.costs import costs_on_windows
    from spectile.networks.own.source import is_code, name_of

    known = None if name in COMPARISONS or is_code(name) else networks.describe(name)
    windowed = is_code(name) or (known is not None and known.takes == "windows")
    sizes = {
        "bands": bands or (30 if windowed else 3),
        "classes": classes or (16 if windowed else 1000),
    }
    if is_code(name):
        window = options.pop("window", WINDOW)
        counted = costs_on_windows(name, **sizes, window=window, **options)
    else:
        counted = networks.costs(name, **sizes, size=size, **options)
    return {
        "network": name_of(name),
        "takes": known.takes if known else "windows" if windowed else "images",
        "parameters": counted.parameters,
        "multiply_adds": counted.multiply_adds,
        "activation_bytes": counted.activation_bytes,
        "size": list(counted.size),
        "paper": known.paper if known else "your own" if windowed else COMPARED,
    }


def _print_plan(name: str | None, bands: int, classes: int, options: dict[str, Any]) -> None:
    """What dense mapping shares of a network, or why it can't."""
    from spectile import networks
    from spectile.errors import InputError
    from spectile.mapping.dense import NotShareableError, densify

    if name is None:
        windowed = [n for n in networks.names() if networks.describe(n).takes == "windows"]
        raise InputError(f"--plan is for one network: name one such as {' or '.join(windowed)}.")
    window = options.pop("window", WINDOW)
    network = networks.build_window_network(
        name, bands=bands, classes=classes, window=window, options=options
    )
    try:
        print(densify(network, (window, window), bands=bands).plan)
    except NotShareableError as error:
        print(f"{name} can't be mapped densely, but is mapped patch by patch: {error.reason}.")


def _print(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'network':<20}{'parameters':>13}{'multiply-adds':>15}{'activations':>13}  size, paper")
    heading = ""
    for row in rows:
        above = COMPARED if row["paper"] == COMPARED else HEADINGS[row["takes"]]
        if above != heading and len(rows) > 1:
            print(f"\n{above}")
            heading = above
        height, width = row["size"]
        print(
            f"{row['network']:<20}{row['parameters']:>13,}{row['multiply_adds'] / 1e6:>13,.1f} M"
            f"{row['activation_bytes'] / 1e6:>10,.1f} MB  {height} x {width}, {row['paper']}"
        )
