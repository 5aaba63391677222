"""From a graph of PyTorch's to an ONNX document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import Dim

from spectile.compat.onnx import quiet_exporter
from spectile.errors import InputError, first_line
from spectile.export.graph import ModelGraph
from spectile.export.older_onnx import as_opset_17
from spectile.export.packages import needed

INPUT, OUTPUT = "scene", "probabilities"
PRODUCER = "spectile"
NEW = 18
"""The oldest that PyTorch writes: of runtimes people have all ages."""
AXES = ("batch", "bands", "height", "width")


def example(graph: ModelGraph, batch: int = 2, edge: int | None = None) -> torch.Tensor:
    """Random input of a graph's own shape."""
    # Odd, and neither 1 nor the same as another axis, which an exporter might take for a constant.
    least = graph.least_edge if graph.takes == "windows" else graph.least_edge + 5
    edge = graph.edge or edge or least
    wide = edge if graph.takes == "windows" or graph.edge else edge + 2
    generator = torch.Generator().manual_seed(0)
    count = batch if "batch" in graph.free else 1
    return torch.randn(count, graph.bands, edge, wide, generator=generator)


def to_onnx(graph: ModelGraph, metadata: Mapping[str, Any], *, old: bool = False) -> Any:
    """The ModelProto of a graph, free along `graph.free`; `metadata` becomes JSON, a key each.

    With `old` it has operations of version 17 alone. Raises InputError for a network with an
    operation that ONNX lacks.
    """
    needed("onnx", "onnxscript")
    axes = {
        axis: Dim.DYNAMIC(min=graph.least_edge if axis != "batch" else 1)
        for axis in AXES
        if axis in graph.free
    }
    shapes = {place: axes[name] for place, name in enumerate(AXES) if name in axes}
    try:
        with quiet_exporter(), torch.no_grad():
            program = torch.onnx.export(
                graph,
                (example(graph),),
                dynamo=True,
                dynamic_shapes=[shapes],
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=NEW,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(
            f"the network can't be written as ONNX ({first_line(error.__cause__ or error)}): "
            "use it from Python."
        ) from error
    assert program is not None
    document = program.model_proto
    _tidy(document)
    _name_axes(document, graph)
    if old:
        as_opset_17(document)
    document.producer_name = PRODUCER
    document.producer_version = metadata["versions"]["spectile"]
    for key, value in metadata.items():
        entry = document.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)
    return document


def _tidy(document: Any) -> None:
    """Without what the exporter notes of itself, such as the places of source code."""
    graph = document.graph
    parts = (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in parts:
        del part.metadata_props[:]
        part.ClearField("doc_string")
    del document.metadata_props[:]
    document.doc_string = ""


def _name_axes(document: Any, graph: ModelGraph) -> None:
    """Free axes by what they are, of the input and of what comes out."""
    dims = document.graph.input[0].type.tensor_type.shape.dim
    for name, dim in zip(AXES, dims, strict=True):
        if name in graph.free:
            dim.dim_param = name
    dims = document.graph.output[0].type.tensor_type.shape.dim
    less = graph.window - 1 if graph.takes == "tile" and graph.border == "cut" else 0
    names = [AXES[0], "classes", *(f"{name} - {less}" if less else name for name in AXES[2:])]
    for name, axis, dim in zip(names, AXES, dims, strict=False):
        if axis in graph.free:
            dim.dim_param = name
    # What lies between has names of the exporter's own, which runtimes find by themselves.
    del document.graph.value_info[:]
