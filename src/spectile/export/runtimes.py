"""Programs that run exported graphs: ONNX Runtime and OpenVINO, each as a function of arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectile.errors import InputError, first_line
from spectile.export.packages import needed

Runtime = Literal["onnx", "openvino"]
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a graph's input to its output."""


def onnx_session(graph: Path | bytes, threads: int | None = None) -> Run:
    """ONNX Runtime on the CPU; `threads` as many as it chooses if None."""
    runtime = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors
    given = graph if isinstance(graph, bytes) else str(graph)
    try:
        session = runtime.InferenceSession(given, options, ["CPUExecutionProvider"])
    except Exception as error:  # its own kinds have no base in common
        raise InputError(f"ONNX Runtime can't take the graph ({first_line(error)}).") from error
    (name,) = (entry.name for entry in session.get_inputs())

    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        (found,) = session.run(None, {name: x})
        result: NDArray[np.float32] = found
        return result

    return run


def openvino_session(graph: Any, threads: int | None = None) -> Run:
    """OpenVINO on the CPU, in float32, of a path (.xml, .onnx) or a model of its own."""
    openvino = needed("openvino")
    core = openvino.Core()
    # It takes bf16 where the processor has it, and three digits are too few to compare.
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        model = core.read_model(str(graph)) if isinstance(graph, Path) else graph
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise InputError(f"OpenVINO can't take the graph ({first_line(error)}).") from error

    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        # A copy: the runtime writes the next result into the same place.
        found: NDArray[np.float32] = np.array(compiled(x)[0])
        return found

    return run


SESSIONS: dict[Runtime, Callable[..., Run]] = {"onnx": onnx_session, "openvino": openvino_session}
