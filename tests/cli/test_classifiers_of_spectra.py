"""Recipes of single spectra: scikit-learn fits them, and they are models like all others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.cli.conftest import Field, spectile
from tests.metrics_schema import faults

from spectile.model.file import load


@pytest.fixture(scope="module")
def svm(field: Field) -> Path:
    out = field.folder / "runs" / "svm"
    options = ("--recipe", "svm", "--guard", "8", "--baselines", "lda", "--quiet", "--entropy")
    spectile("train", "scene", field.scene, field.labels, "--out", out, *options)
    return out


def test_the_map_is_that_of_scikit_learn(svm: Path, field: Field) -> None:
    with rasterio.open(field.scene) as raster:
        spectra = raster.read()
    with rasterio.open(field.labels) as raster:
        labels = raster.read(1)
    with rasterio.open(svm / "split.tif") as raster:
        sides = raster.read(1)
    with rasterio.open(svm / "map.tif") as raster:
        classes = raster.read(1)
    machine = SVC(C=100, gamma=1 / 10, break_ties=True)
    made = make_pipeline(StandardScaler(), machine).fit(
        spectra[:, sides == 1].T, labels[sides == 1]
    )
    expected = made.predict(spectra.reshape(10, -1).T).reshape(classes.shape)
    assert (classes == expected).mean() > 0.999
    model = load(svm / "model.safetensors")
    assert model.options == {"window": 1, "support_vectors": len(made[-1].support_vectors_)}


def test_the_run_is_like_any_other(svm: Path, field: Field, tmp_path: Path) -> None:
    metrics = json.loads((svm / "metrics.json").read_text())
    assert faults(metrics) == []
    assert metrics["map_method"] == "dense"
    assert list(metrics["baselines"]) == ["lda"]
    assert "<h3>Learning</h3>" not in (svm / "report.html").read_text(), "nothing was, step by step"
    assert (svm / "history.csv").read_text().startswith("epoch,validation_loss")
    mapped = tmp_path / "map.tif"
    spectile(
        "map", svm / "model.safetensors", field.scene, mapped, "--method", "patches", "--quiet"
    )
    with rasterio.open(mapped) as again, rasterio.open(svm / "map.tif") as raster:
        assert np.mean(again.read(1) == raster.read(1)) > 0.999
    said = spectile("train", "scene", "--out", svm, "--resume")
    assert "finished already" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "svm", "--epochs", "3"), "without steps that --epochs could change"),
        (("--recipe", "lda", "--spectral-branch", "0.5"), "leave it out"),
        (("--network", "svm"), "start from --recipe svm"),
        (("--recipe", "svm", "--window", "5"), "looks at single spectra"),
        (("--recipe", "svm", "--option", "support_vectors=9"), "the fit finds"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_has_no_meaning_there_is_refused(
    options: tuple[str, ...], words: str, field: Field, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    message = spectile("train", "scene", field.scene, field.labels, "--out", out, *options, code=2)
    assert words in message
    assert not out.exists()
