"""`spectile export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectile.cli.options import BandsLast, Overwrite, OwnNetwork, Quiet, Threads, within

if TYPE_CHECKING:
    from spectile.data.scene import Scene
    from spectile.export.export import Exported
    from spectile.model.model import Model


class FormatChoice(StrEnum):
    """What is written."""

    ONNX = "onnx"
    OPENVINO = "openvino"


class ProgramChoice(StrEnum):
    """A program with wishes of its own."""

    DEEPNESS = "deepness"


class BorderChoice(StrEnum):
    """What a tile's border is."""

    PAD = "pad"
    CUT = "cut"


def export(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    out: Annotated[Path, typer.Argument(help="The file to write: .onnx, or .xml for OpenVINO.")],
    format: Annotated[
        FormatChoice | None, typer.Option(help="By the ending of OUT if left out.")
    ] = None,
    dense: Annotated[
        bool,
        typer.Option("--dense", help="Of a model of windows: a tile in, a map of it out."),
    ] = False,
    border: Annotated[
        BorderChoice,
        typer.Option(
            help="Around a tile: pad as scenes are, or cut pixels whose window isn't whole."
        ),
    ] = BorderChoice.PAD,
    nodata: Annotated[
        float | None, typer.Option(help="A number that means no data; NaN always does.")
    ] = None,
    for_: Annotated[
        ProgramChoice | None,
        typer.Option("--for", help="deepness: the QGIS plugin, which draws maps by tiles."),
    ] = None,
    tile: Annotated[
        int,
        typer.Option(callback=within("--tile", "TileEdge"), help="Edge of its tiles in pixels."),
    ] = 256,
    resolution: Annotated[
        float | None,
        typer.Option(
            callback=within("--resolution", "Centimetres"),
            help="Centimetres a pixel, for it; by default those of the scene compared with.",
        ),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="SCENE",
            help="Compare with the model on this scene or image; by default on the run's scene.",
        ),
    ] = None,
    network: OwnNetwork = None,
    bands_last: BandsLast = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write a model for programs without Spectile: a scene's own bands in, probabilities out."""
    from spectile.data.readers.open import open_scene
    from spectile.export.deepness import deepness_metadata, deepness_options, resolution_of
    from spectile.export.export import export_model
    from spectile.export.files import format_of
    from spectile.export.graph import GraphOptions
    from spectile.model.file import load
    from spectile.tasks.hardware import use_threads

    kind = format_of(out, None if format is None else format.value)
    use_threads(threads)
    trained = load(model, network)
    scene = (
        _scene_of_run(model, trained)
        if check is None
        else open_scene(check, bands_last=bands_last, bands=trained.scene_bands)
    )
    options, told = GraphOptions(dense=dense, border=border.value, nodata=nodata), None
    if for_ is not None:
        options = deepness_options(trained, tile, nodata)
        told = deepness_metadata(trained, tile, resolution or resolution_of(scene))
        kind = format_of(out, "onnx")
        if check is None and scene is not None and min(scene.height, scene.width) < tile:
            scene = None
    exported = export_model(
        trained,
        out,
        format=kind,
        options=options,
        check=scene,
        deepness=told,
        overwrite=overwrite,
        inputs=(model, *(() if scene is None else (scene.source, *scene.files))),
    )
    _print(exported, scene, quiet)


def _print(exported: Exported, scene: Scene | None, quiet: bool) -> None:
    print(f"Exported: {' and '.join(map(str, exported.files))}")
    print(f"  largest difference of a probability: {_share(exported.random)} on random input")
    if exported.real is not None and scene is not None:
        print(f"  {_share(exported.real)} on {scene.source}")
    if quiet:
        return
    if exported.real is None:
        print("  note: compared on random input alone; --check SCENE compares on one of yours.")
    if left_out := exported.metadata["not_in_the_graph"]:
        print(f"  note: not in the graph is {left_out}.")


def _share(difference: float) -> str:
    return f"{difference:.1e} of the largest"


def _scene_of_run(path: Path, model: Model) -> Scene | None:
    """The scene that a run's configuration names, where it is still there and fits."""
    import yaml

    from spectile.data.readers.open import open_scene
    from spectile.errors import InputError

    try:
        named = yaml.safe_load((path.parent / "config.yaml").read_text()).get("scene")
        if not isinstance(named, str) or not Path(named).exists():
            return None
        scene = open_scene(named, bands=model.scene_bands)
        model.for_scene(scene)
    except (OSError, ValueError, AttributeError, yaml.YAMLError, InputError):
        return None  # then random input has to do
    return scene
