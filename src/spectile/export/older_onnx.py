"""ONNX's operations of version 18 as those of 17, for programs that don't know newer ones.

Only what changed in between (docs/Changelog.md of https://github.com/onnx/onnx, version 18).
ONNX's own converter has no way back for padding, and none for axes that it can't find.
"""

from __future__ import annotations

from typing import Any

from spectile.errors import InputError, first_line

OPSET, IR = 17, 8
"""Which onnxruntime has since 1.12."""
REDUCTIONS = {
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"),
    *("ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare"),
}
"""Whose axes became an input."""
NEW_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "Resize": {"antialias": 0, "keep_aspect_ratio_policy": b"stretch"},
    "Split": {"num_outputs": None},
}
"""What 17 does anyhow, by the only value of each that it can do; None for any."""


def as_opset_17(document: Any) -> None:
    """Change a ModelProto of version 18 in place.

    Raises InputError where it has an operation that 17 lacks.
    """
    import onnx

    constants = {tensor.name: tensor for tensor in document.graph.initializer}
    for node in document.graph.node:
        if node.op_type in REDUCTIONS:
            _axes_as_attribute(node, constants, onnx)
        for attribute in list(node.attribute):
            allowed = NEW_ATTRIBUTES.get(node.op_type, {})
            if attribute.name not in allowed:
                continue
            value = onnx.helper.get_attribute_value(attribute)
            if allowed[attribute.name] in (None, value):
                node.attribute.remove(attribute)
    for entry in document.opset_import:
        if entry.domain == "":
            entry.version = OPSET
    document.ir_version = IR
    try:
        onnx.checker.check_model(document)
    except onnx.checker.ValidationError as error:
        raise InputError(
            f"the network needs a newer ONNX than version {OPSET} ({first_line(error)}): "
            "export it without --for."
        ) from error


def _axes_as_attribute(node: Any, constants: Any, onnx: Any) -> None:
    if len(node.input) < 2 or node.input[1] not in constants:
        return  # all axes, or axes that are computed, which the checker refuses
    axes = onnx.numpy_helper.to_array(constants[node.input[1]]).tolist()
    del node.input[1:]
    for attribute in [a for a in node.attribute if a.name == "noop_with_empty_axes"]:
        node.attribute.remove(attribute)
    node.attribute.append(onnx.helper.make_attribute("axes", axes))
