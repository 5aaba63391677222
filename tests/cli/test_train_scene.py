"""The main job from the command line: everything that the run directory promises is there."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin
from rasterio.windows import Window
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.cli.conftest import QUICK, Field, spectile, write_tif
from tests.mapping.small_model import assert_alike
from tests.metrics_schema import faults

from spectile.api.model import Model
from spectile.blocks import SpatialChannelExcitation
from spectile.model.file import load
from spectile.networks.spectral_branch import without_spectral_branch

FILES = {
    "config.yaml",
    "model.safetensors",
    "model.md",
    "model.json",
    "metrics.json",
    "split.tif",
    "map.tif",
    "map.png",
    "report.html",
    "history.csv",
    "pixels.csv",
    "checkpoints",
}


@pytest.fixture(scope="session")
def run(field: Field) -> Path:
    out = field.folder / "runs" / "blocks"
    spectile("train", "scene", field.scene, field.labels, "--out", out, *QUICK, "--entropy")
    return out


def scores(folder: Path) -> dict[str, object]:
    metrics: dict[str, object] = json.loads((folder / "metrics.json").read_text())
    return {k: v for k, v in metrics.items() if k not in ("seconds", "mean", "std", "repeats")}


def test_the_run_directory_is_complete(run: Path) -> None:
    assert {path.name for path in run.iterdir()} >= FILES
    hidden = [path.name for path in run.rglob("*") if path.name.startswith(".")]
    assert hidden == [".spectile-run"]


def test_the_default_split_shares_no_pixel_and_says_so(run: Path) -> None:
    found = json.loads((run / "metrics.json").read_text())
    assert faults(found) == []
    split = found["split"]
    assert split["kind"] == "blocks"
    assert split["window_overlap"] == split["overlap"] == 0
    assert "No test window shares a pixel" in split["verdict"]
    with rasterio.open(run / "split.tif") as raster:
        sides = raster.read(1)
    assert (sides == 3).sum() == split["test_pixels"]
    assert (sides == 1).sum() == split["train_pixels"]


def test_a_run_is_looked_into_on_its_test_side(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "look"
    spectile("inspect", run / "model.safetensors", run, "--out", out, "--samples", "6", "--quiet")
    found = json.loads((out / "inspection.json").read_text())
    assert found["classes_from"] == "labels"
    assert "Test pixels of the run alone: none of them was trained on." in found["notes"]
    tested = json.loads((run / "metrics.json").read_text())["per_class"]
    assert found["samples"] == {
        name: min(6, row["support"]) for name, row in tested.items() if row["support"]
    }
    report = (run / "report.html").read_text()
    assert "Spectra of " in report, "charts of classes"
    assert 'name="zoom-1"' in report


def test_a_smoothed_run_is_judged_by_all_that_a_class_depends_on(run: Path, field: Field) -> None:
    out, plain = field.folder / "runs" / "smoothed", field.folder / "plain.tif"
    options = (*QUICK, "--smooth", "2", "--probabilities")
    printed = spectile("train", "scene", field.scene, field.labels, "--out", out, *options)
    found = json.loads((out / "metrics.json").read_text())
    assert faults(found) == []
    split = found["split"]
    assert split["honest_window"] == split["window"] + 8
    assert split["guard"] == split["window"] - 1 + 4
    assert split["window_overlap"] == 0
    assert "No pixel of a training window is among the" in split["verdict"]
    assert split["verdict"] in printed
    assert "No pixel of a training window" in (out / "report.html").read_text()
    model = load(out / "model.safetensors")
    assert model.smooth == 2
    again = Model.of(model).map(str(field.scene), layers="probabilities")
    with rasterio.open(out / "map_probabilities.tif") as raster:
        np.testing.assert_array_equal(again.probabilities, raster.read())
    options = ("--smooth", "0", "--probabilities")
    spectile("map", out / "model.safetensors", field.scene, plain, *options)
    with rasterio.open(field.folder / "plain_probabilities.tif") as raster:
        changes = [np.nansum(np.abs(np.diff(one))) for one in (raster.read(), again.probabilities)]
    assert changes[1] < changes[0]
    assert load(run / "model.safetensors").smooth == 0


def test_scores_come_with_how_sure_they_are(run: Path, field: Field) -> None:
    found = json.loads((run / "metrics.json").read_text())
    intervals, calibration, areas = (found[k] for k in ("intervals", "calibration", "areas"))
    assert intervals["block_edge"] == found["split"]["block"]
    for name, (low, high) in intervals["scores"].items():
        assert low <= found[name] <= high
    assert calibration["temperature"] == load(run / "model.safetensors").temperature
    assert calibration["validation_pixels"] == found["split"]["validation_pixels"]
    assert calibration["pixels"] == found["split"]["test_pixels"]
    assert areas["unit"] == "hectares"
    # The scale of UTM's zone differs from 1 by a few in ten thousand.
    assert areas["total"] == pytest.approx(64 * 72 * 0.09, rel=1e-3)
    with rasterio.open(run / "map.tif") as raster:
        share = (raster.read(1) == 10).mean()
    name = list(areas["classes"])[1]
    assert areas["classes"][name]["mapped"] == pytest.approx(share * areas["total"], rel=1e-4)
    report = (run / "report.html").read_text()
    assert "<h3>Calibration</h3>" in report
    assert "<h3>Areas</h3>" in report


def test_the_model_knows_the_size_of_its_values(run: Path) -> None:
    model = load(run / "model.safetensors")
    assert model.physical
    assert model.medians is not None
    assert len(model.medians) == len(model.preprocessing.bands)
    assert (np.abs(model.medians) > 10).all()  # ten thousandths of reflectances, without a scale


def test_the_run_says_what_a_changed_scene_would_score(run: Path, field: Field) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    found = metrics["stress"]
    assert found["pixels"] == metrics["split"]["test_pixels"]
    assert found["unchanged"]["overall_accuracy"] == pytest.approx(metrics["overall_accuracy"])
    assert {c["name"] for c in found["changes"]} == {"light", "tilt", "bow", "noise", "shift"}
    report = (run / "report.html").read_text()
    assert report.count(found["sentence"]) == 1
    model, split = run / "model.safetensors", run / "split.tif"
    arguments = ("evaluate", model, field.scene, field.labels, "--split", split)
    assert f"When the scene changes: {found['sentence']}" in spectile(*arguments, "--stress")
    assert "When the scene changes" not in spectile(*arguments)


def test_changed_scenes_can_be_left_out(field: Field, tmp_path: Path) -> None:
    out = tmp_path / "run"
    spectile("train", "scene", field.scene, field.labels, "--out", out, *QUICK, "--no-stress")
    assert "stress" not in json.loads((out / "metrics.json").read_text())
    assert "When the scene changes" not in (out / "report.html").read_text()


def test_the_model_knows_its_training_pixels_and_scene(run: Path) -> None:
    model, found = load(run / "model.safetensors"), json.loads((run / "metrics.json").read_text())
    assert model.applicability is not None
    assert model.scene_statistics is not None
    told = found["applicability"]
    assert told["threshold"] == model.applicability.threshold > 0
    assert told["pixels"] == 64 * 72
    assert 0 <= told["outside_share"] < 0.3
    right = [told["accuracy_inside"] or 0, told["accuracy_outside"] or 0]
    shares = np.array([1 - told["outside_share_test"], told["outside_share_test"]])
    assert shares @ right == pytest.approx(found["overall_accuracy"])
    assert "unlike anything trained on" in (run / "report.html").read_text()


def test_scores_are_those_of_the_map_on_test_pixels(run: Path, field: Field) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    with (
        rasterio.open(run / "map.tif") as mapped,
        rasterio.open(field.labels) as labels,
        rasterio.open(run / "split.tif") as split,
    ):
        test = split.read(1) == 3
        agreement = (mapped.read(1)[test] == labels.read(1)[test]).mean()
        assert mapped.crs == labels.crs
        assert mapped.transform == labels.transform
        assert set(np.unique(mapped.read(1))) <= {1, 10, 14}
    assert metrics["overall_accuracy"] == pytest.approx(agreement)
    assert sum(map(sum, metrics["confusion"])) == test.sum()


def test_the_configuration_is_enough_to_run_again(run: Path, field: Field) -> None:
    again = field.folder / "runs" / "again"
    spectile("train", "scene", "--config", run / "config.yaml", "--out", again, "--quiet")
    assert scores(again) == scores(run)
    assert (again / "map.tif").read_bytes() == (run / "map.tif").read_bytes()
    assert yaml.safe_load((again / "config.yaml").read_text())["recipe"]["epochs"] == 2


def test_the_number_to_beat_is_of_the_same_pixels(field: Field) -> None:
    out = field.folder / "runs" / "baselines"
    options = ("--out", out, *QUICK[2:], "--baselines", "svm,lda")
    printed = spectile("train", "scene", field.scene, field.labels, *options)
    metrics = json.loads((out / "metrics.json").read_text())
    assert faults(metrics) == []
    with rasterio.open(out / "split.tif") as raster:
        sides = raster.read(1)
    with rasterio.open(field.scene) as raster:
        spectra = raster.read()
    with rasterio.open(field.labels) as raster:
        labels = raster.read(1)
    (X, y), (T, t) = ((spectra[:, sides == side].T, labels[sides == side]) for side in (1, 3))
    svm = make_pipeline(StandardScaler(), SVC(C=100, gamma=1 / 10, break_ties=True)).fit(X, y)
    found = metrics["baselines"]["svm"]
    assert found["overall_accuracy"] == pytest.approx((svm.predict(T) == t).mean())
    ahead = metrics["overall_accuracy"] - found["overall_accuracy"]
    assert found["ahead"]["overall_accuracy"] == pytest.approx(ahead)
    assert list(metrics["baselines"]) == ["svm", "lda"]
    assert "on single spectra, without any neighbours" in printed
    assert "The number to beat" in (out / "report.html").read_text()
    assert yaml.safe_load((out / "config.yaml").read_text())["baselines"] == "svm,lda"


def test_repeats_give_mean_and_deviation(field: Field) -> None:
    out = field.folder / "runs" / "repeats"
    printed = spectile(
        *("train", "scene", field.scene, field.labels, "--out", out, *QUICK),
        *("--repeats", "2", "--split", "random", "--train", "0.3"),
    )
    metrics = json.loads((out / "metrics.json").read_text())
    both = [repeat["overall_accuracy"] for repeat in metrics["repeats"]]
    assert [repeat["seed"] for repeat in metrics["repeats"]] == [0, 1]
    assert metrics["mean"]["overall_accuracy"] == pytest.approx(np.mean(both))
    assert metrics["std"]["overall_accuracy"] == pytest.approx(np.std(both, ddof=1))
    assert (out / "repeat-2" / "map.tif").exists()
    assert faults(metrics) == []
    assert all("intervals" in repeat for repeat in metrics["repeats"])
    assert "seed 1: overall accuracy" in printed


def test_a_run_killed_anywhere_goes_on_to_the_same_end(field: Field) -> None:
    arguments = ("train", "scene", str(field.scene), str(field.labels), *QUICK[:-1])
    arguments = (*arguments[:-1], "12", "--threads", "1", "--quiet")
    whole = field.folder / "runs" / "whole"
    spectile(*arguments, "--out", whole)
    killed = field.folder / "runs" / "killed"
    process = subprocess.Popen([sys.executable, "-m", "spectile", *arguments, "--out", killed])
    while not (killed / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "report.html").exists()
    message = spectile(*arguments, "--out", killed, code=2)
    assert "unfinished run" in message
    assert "--resume" in message
    other = spectile("train", "scene", "--out", killed, "--resume", "--epochs", "20", code=2)
    assert "started with other settings (recipe)" in other
    spectile("train", "scene", "--out", killed, "--resume", "--quiet")
    assert scores(killed) == scores(whole)
    assert (killed / "map.tif").read_bytes() == (whole / "map.tif").read_bytes()


def test_a_run_is_not_resumed_on_other_labels(run: Path, field: Field, tmp_path: Path) -> None:
    with rasterio.open(field.labels) as raster:
        values = raster.read()
    labels = write_tif(tmp_path / "labels.tif", values, nodata=0)
    out = tmp_path / "run"
    spectile("train", "scene", field.scene, labels, "--out", out, *QUICK)
    (out / "report.html").unlink()
    values[0, :20] = 0
    write_tif(labels, values, nodata=0)
    before = (out / "split.tif").read_bytes()
    message = spectile("train", "scene", "--out", out, "--resume", "--quiet", code=2)
    assert "changed since the run was started" in message
    assert (out / "split.tif").read_bytes() == before


def test_a_given_split_is_taken_as_it_is(run: Path, field: Field) -> None:
    out = field.folder / "runs" / "file"
    spectile(
        *("train", "scene", field.scene, field.labels, "--out", out, *QUICK),
        *("--split", "file", "--split-file", run / "split.tif"),
    )
    with rasterio.open(out / "split.tif") as taken, rasterio.open(run / "split.tif") as given:
        np.testing.assert_array_equal(taken.read(), given.read())


def test_what_leaks_is_said(field: Field) -> None:
    out = field.folder / "runs" / "leaky"
    printed = spectile(
        *("train", "scene", field.scene, field.labels, "--out", out, *QUICK),
        *("--split", "random", "--fit-on", "scene"),
    )
    assert "of test windows overlap a training window" in printed
    metrics = json.loads((out / "metrics.json").read_text())
    assert any("saw the test pixels" in note for note in metrics["split"]["notes"])
    assert "fitted on the whole scene" in (out / "report.html").read_text()


def test_map_and_evaluate_use_the_model_as_it_is(run: Path, field: Field) -> None:
    out = field.folder / "again.tif"
    spectile("map", run / "model.safetensors", field.scene, out, "--quiet", "--probabilities")
    with rasterio.open(out) as again, rasterio.open(run / "map.tif") as first:
        np.testing.assert_array_equal(again.read(), first.read())
    patches = field.folder / "patches.tif"
    spectile(
        *("map", run / "model.safetensors", field.scene, patches),
        *("--method", "patches", "--memory", "0.2", "--quiet"),
    )
    with rasterio.open(out) as dense, rasterio.open(patches) as plain:
        assert_alike(dense.read(), plain.read())
    printed = spectile(
        *("evaluate", run / "model.safetensors", field.scene, field.labels, "--quiet"),
        *("--split", run / "split.tif", "--out", field.folder / "scores.json"),
    )
    assert "No test window shares a pixel" in printed
    evaluated = json.loads((field.folder / "scores.json").read_text())
    assert faults(evaluated) == []
    trained = json.loads((run / "metrics.json").read_text())
    for key in ("confusion", "intervals", "areas"):
        assert evaluated[key] == trained[key]
    assert evaluated["calibration"]["ece"] == pytest.approx(trained["calibration"]["ece"], abs=1e-3)
    assert "Where the map says" in printed
    assert "fair sample" in printed
    unsplit = spectile(
        *("evaluate", run / "model.safetensors", field.scene, field.labels, "--quiet"),
        *("--out", field.folder / "unsplit.json"),
    )
    assert "pixels it has seen may be among these" in unsplit
    # Without a split's blocks squares are as large as a window at least.
    intervals = json.loads((field.folder / "unsplit.json").read_text())["intervals"]
    assert 9 <= intervals["block_edge"] < 20


def test_no_overlap_is_claimed_only_where_it_is_known(
    run: Path, field: Field, tmp_path: Path
) -> None:
    with rasterio.open(field.scene) as raster, rasterio.open(field.labels) as labels:
        cut = Window(8, 8, 40, 40)
        pixels, classes = raster.read(window=cut), labels.read(window=cut)
        within = raster.window_transform(cut)
    for place, words in (
        (within, "pixels it has seen may be among these"),
        (from_origin(7e5, 5.1e6, 30, 30), "trained elsewhere"),
    ):
        scene = write_tif(tmp_path / "scene.tif", pixels, transform=place, nodata=-9999)
        truth = write_tif(tmp_path / "labels.tif", classes, transform=place, nodata=0)
        assert words in spectile("evaluate", run / "model.safetensors", scene, truth, "--quiet")
    with rasterio.open(run / "split.tif") as raster:
        turned = np.ascontiguousarray(raster.read()[:, ::-1])
    split = write_tif(tmp_path / "split.tif", turned, nodata=0)
    printed = spectile(
        *("evaluate", run / "model.safetensors", field.scene, field.labels, "--quiet"),
        *("--split", split),
    )
    assert "wasn't trained under this split" in printed


def test_nodata_stays_nodata(run: Path, field: Field, tmp_path: Path) -> None:
    holed = tmp_path / "holed.tif"
    shutil.copy(field.scene, holed)
    with rasterio.open(holed, "r+") as raster:
        pixels = raster.read()
        pixels[4, 10:20, 5:9] = -9999
        raster.write(pixels)
    spectile("map", run / "model.safetensors", holed, tmp_path / "map.tif", "--entropy", "--quiet")
    with rasterio.open(tmp_path / "map.tif") as mapped:
        empty = mapped.read(1) == 0
    assert empty[10:20, 5:9].all()
    assert empty.sum() == 40
    with rasterio.open(tmp_path / "map_entropy.tif") as entropy:
        values = entropy.read(1)
    assert np.isnan(values[empty]).all()
    assert ((values[~empty] >= 0) & (values[~empty] <= 1)).all()


def test_region_training_goes_all_the_way(field: Field, tmp_path: Path) -> None:
    order = ("train", "scene", field.scene, field.labels, "--out", tmp_path / "run", *QUICK)
    spectile(*order, "--regions")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["split"]["window_overlap"] == 0
    assert (tmp_path / "run" / "report.html").exists()
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["recipe"]["regions"]


def test_a_recipe_asks_for_components_at_most(field: Field, tmp_path: Path) -> None:
    """The default's sixty on a scene of ten bands, three of which are used."""
    options = ("--bands", "2-4", "--epochs", "1", "--quiet")
    spectile("train", "scene", field.scene, field.labels, "--out", tmp_path / "run", *options)
    assert load(tmp_path / "run" / "model.safetensors").preprocessing.reducer.components == 3
    report = (tmp_path / "run" / "report.html").read_text()
    assert "3 components were made, not 60" in report


def test_attention_and_spectral_branch_are_part_of_the_model(field: Field, tmp_path: Path) -> None:
    options = ("--attention", "scse", "--spectral-branch", "0.25", "--option", "dropout=0.1")
    spectile(
        "train", "scene", field.scene, field.labels, "--out", tmp_path / "run", *options, *QUICK
    )
    model = load(tmp_path / "run" / "model.safetensors")
    said = {"window": 9, "attention": "scse", "spectral_branch": 0.25, "dropout": 0.1}
    assert model.options == said
    windows = without_spectral_branch(model.network)
    assert isinstance(windows.attention, SpatialChannelExcitation)


LOSS = """
from torch.nn import functional as F

def own(outputs, classes, windows):
    return F.cross_entropy(outputs, classes, label_smoothing=0.1)
"""


def test_a_loss_and_a_recipe_of_ones_own(
    field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "losses.py").write_text(LOSS)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("network: hybridsn-2d\nwindow: 9\ncomponents: 5\nloss: losses.py:own\n")
    monkeypatch.chdir(field.folder)
    run = tmp_path / "run"
    order = ("train", "scene", field.scene, field.labels, "--out", run, "--recipe", recipe, "-q")
    spectile(*order, "--epochs", "1", "--optimizer", "sgd", "--schedule", "step")
    recipe.unlink()
    said = yaml.safe_load((run / "config.yaml").read_text())["recipe"]
    assert said["loss"] == f"{tmp_path}/losses.py:own"
    assert (said["window"], said["optimizer"], said["spectral_branch"]) == (9, "sgd", 0.0)
    # It goes on without the recipe, but not by another loss.
    (run / "report.html").unlink()
    (run / "model.safetensors").unlink()
    spectile("train", "scene", "--resume", "--out", run, "-q")
    (run / "report.html").unlink()
    (tmp_path / "losses.py").write_text(LOSS.replace("0.1", "0.2"))
    printed = spectile("train", "scene", "--resume", "--out", run, "-q", code=2)
    assert "losses.py was changed since the run in" in printed
    # Anew, on top of the default recipe, it takes the place of what goes with cross-entropy.
    own = ("--loss", tmp_path / "losses.py:own", "--epochs", "1", "--spectral-branch", "0", "-q")
    printed = spectile(*order[:-3], *own, code=2)
    assert "add --overwrite" in printed
    wrong = (*own[:1], tmp_path / "losses.py:owm", *own[2:])
    printed = spectile(*order[:-3], *wrong, "--overwrite", code=2)
    assert "losses.py has no owm: did you mean own?" in printed
    spectile(*order[:-3], *own, "--overwrite")
    said = yaml.safe_load((run / "config.yaml").read_text())["recipe"]
    assert (said["class_weights"], said["regions"], said["optimizer"]) == (False, False, "auto")
    assert "class weights, label smoothing, mixup and regions go with" in (
        run / "report.html"
    ).read_text(encoding="utf-8")
    printed = spectile(*order[:-3], *own, "--overwrite", "--regions", code=2)
    assert "--regions goes with --loss cross-entropy, not with" in printed


def test_self_labelled_pixels_are_told(field: Field) -> None:
    out = field.folder / "runs" / "self_training"
    options = (*QUICK, "--no-stress", "--self-training", "5")
    printed = spectile("train", "scene", field.scene, field.labels, "--out", out, *options)
    named = load(out / "model.safetensors").provenance["self_labelled_pixels"]
    assert 1 <= named <= 15
    note = f"The network learnt from {named} more pixels of the whole image"
    assert note in printed
    assert note in (out / "report.html").read_text()
