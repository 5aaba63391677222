"""Exported files: whole or not at all, and what may be written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from spectile.export.onnx_graph import PRODUCER
from spectile.export.packages import needed
from spectile.files import check_ending, check_output, write_aside

Format = Literal["onnx", "openvino"]
ENDINGS: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml"}
_MARK = "spectile"
"""Under it OpenVINO's files keep what is said of a model."""


def format_of(path: Path, asked: Format | None = None) -> Format:
    """The format asked for, or that of a file's ending; InputError unless they agree."""
    by_ending = next((kind for kind, end in ENDINGS.items() if path.suffix.lower() == end), None)
    endings = tuple(ENDINGS.values()) if asked is None else (ENDINGS[asked],)
    check_ending(path, f"an exported model{f' for {asked}' if asked else ''}", endings)
    assert by_ending is not None
    return by_ending


def check_outputs(
    path: Path, kind: Format, *, overwrite: bool, inputs: tuple[Path | str, ...]
) -> None:
    """Raise InputError unless all files of an export may be written at `path`."""
    if kind == "onnx":
        check_output(path, ours=_is_our_onnx, overwrite=overwrite, inputs=inputs)
        return
    ours = _is_our_xml(path)
    check_output(path, ours=_is_our_xml, overwrite=overwrite, inputs=inputs)
    # Weights say nothing of themselves.
    check_output(weights_of(path), ours=lambda _: ours, overwrite=overwrite, inputs=inputs)


def weights_of(path: Path) -> Path:
    """The file of weights beside OpenVINO's description."""
    return path.with_suffix(".bin")


@contextmanager
def aside(path: Path, kind: Format) -> Iterator[Path]:
    """Where to write `path`; it and what belongs to it take their places together at the end."""
    with write_aside(path) as working:
        if kind == "onnx":
            yield working
            return
        with write_aside(weights_of(path)) as weights:
            yield working
            weights_of(working).replace(weights)


def write_openvino(model: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """A model of OpenVINO's with its weights beside it, in float32."""
    openvino = needed("openvino")
    for key, value in metadata.items():
        model.set_rt_info(value, [_MARK, key])
    openvino.save_model(model, str(path), compress_to_fp16=False)


def _is_our_onnx(path: Path) -> bool:
    """Whether an ONNX document begins with our name as that of its producer."""
    with path.open("rb") as file:
        start = file.read(64)
    name = PRODUCER.encode()
    return b"\x12" + bytes([len(name)]) + name in start


def _is_our_xml(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**20))
        return f"<{_MARK}>".encode() in file.read()
