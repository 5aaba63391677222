"""`spectile export` from the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import spectile, write_tif
from tests.mapping.small_model import cube, small_model

from spectile import networks
from spectile.export import export as exporting
from spectile.model.trained_task import WindowTask


@pytest.fixture
def model(tmp_path: Path) -> Path:
    linear = networks.create("lda", bands=3, classes=2)
    small = replace(
        small_model(), name="lda", options={"window": 1}, network=linear, trained_for=WindowTask(1)
    )
    small.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_model_is_exported_and_compared_on_the_scene_of_its_run(
    model: Path, tmp_path: Path
) -> None:
    scene = write_tif(tmp_path / "scene.tif", cube(30, 30))
    (tmp_path / "config.yaml").write_text(f"scene: {scene}\n")
    printed = spectile("export", model, tmp_path / "m.onnx")
    assert f"Exported: {tmp_path / 'm.onnx'}" in printed
    assert "on random input" in printed
    assert f"of the largest on {scene}" in printed
    assert "exists" in spectile("export", model, tmp_path / "m.onnx", code=2)


def test_bad_input_is_said_before_any_work(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "to_onnx", None)
    np.save(tmp_path / "other.npy", np.zeros((20, 20, 3), np.float32))
    for words, said in (
        (("export", tmp_path / "none.safetensors", tmp_path / "m.onnx"), "no model file"),
        (("export", model, tmp_path / "m.tflite"), "end in .onnx or .xml"),
        (("export", model, tmp_path / "m.xml", "--format", "onnx"), "end in .onnx"),
        (("export", model, tmp_path / "m.onnx", "--check", tmp_path / "other.npy"), "bands"),
        (("export", model, model, "--overwrite"), "end in .onnx"),
    ):
        assert said in spectile(*words, code=2)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    said = spectile("export", model, tmp_path / "m.onnx", code=2)
    assert "onnxscript" in said
    assert "pip install 'spectile[export]'" in said
    assert not (tmp_path / "m.onnx").exists()


def test_a_full_disk_leaves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "to_onnx", lambda *_, **__: None)
    monkeypatch.setattr(exporting, "write", full)
    assert "no space left" in spectile("export", model, tmp_path / "m.onnx", code=2)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
