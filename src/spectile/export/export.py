"""A model as a file that other programs run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.export.files import (
    Format,
    aside,
    check_outputs,
    format_of,
    weights_of,
    write_openvino,
)
from spectile.export.graph import GraphOptions, ModelGraph
from spectile.export.metadata import metadata_of
from spectile.export.onnx_graph import to_onnx
from spectile.export.packages import needed
from spectile.export.parity import TOLERANCE, difference, random_scenes, real_scenes
from spectile.export.runtimes import SESSIONS
from spectile.model.model import Model


@dataclass(frozen=True)
class Exported:
    """What was written, and how near it is to the model."""

    files: tuple[Path, ...]
    metadata: Mapping[str, Any] = field(repr=False)
    random: float
    """The largest difference on random input, as a share of the largest probability."""
    real: float | None
    """The same on a scene or an image; None where none was given."""


def export_model(
    model: Model,
    path: str | Path,
    *,
    format: Format = "onnx",
    options: GraphOptions = GraphOptions(),  # noqa: B008, frozen
    check: Scene | None = None,
    deepness: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    inputs: tuple[str | Path, ...] = (),
) -> Exported:
    """Write `model` as a graph that takes a scene's own bands and gives probabilities.

    ONNX is one file; OpenVINO's are two, .xml and .bin. What is written is run and compared with
    the model before it takes its place: on random input, and on pieces of the scene or image
    `check`. `deepness` is what the plugin of that name has to be told, see
    :mod:`spectile.export.deepness`; the graph has older operations then. With `overwrite` an
    earlier export at `path` is replaced; never one of `inputs`.

    Raises InputError for a task or network that can't be exported, a graph that doesn't say what
    the model says, a `path` that is taken or can't be written, and a package that isn't installed.
    """
    path = Path(path)
    format_of(path, format)
    check_outputs(path, format, overwrite=overwrite, inputs=inputs)
    needed("onnx", "onnxscript", "onnxruntime" if format == "onnx" else "openvino")
    graph = ModelGraph(model, options)
    real = [] if check is None else list(real_scenes(model, graph, check))
    metadata = metadata_of(model, graph, options)
    document = to_onnx(graph, {**metadata, **(deepness or {})}, old=deepness is not None)
    with aside(path, format) as working:
        write(document, working, format)
        run = SESSIONS[format](working)
        on_random = max(difference(model, graph, run, x) for x in random_scenes(model, graph))
        on_real = max((difference(model, graph, run, x) for x in real), default=None)
        worst = max(on_random, on_real or 0.0)
        if not worst <= TOLERANCE:
            raise InputError(
                f"the graph's probabilities differ from the model's by {worst:.1e} of the largest: "
                "nothing was written; map with the model itself."
            )
    files = (path,) if format == "onnx" else (path, weights_of(path))
    return Exported(files, metadata, on_random, on_real)


def write(document: Any, path: Path, format: Format) -> None:
    """An ONNX document as a file of that format."""
    if format == "onnx":
        path.write_bytes(document.SerializeToString())
        return
    source = path.with_suffix(".onnx")
    source.write_bytes(document.SerializeToString())
    read = needed("openvino").Core().read_model(str(source))
    told = {entry.key: entry.value for entry in document.metadata_props}
    write_openvino(read, path, told)
    source.unlink()
