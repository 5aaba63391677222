"""Classifying folders of images from the command line, from pictures to report and table."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import spectile
from tests.cli.pictures import TINY, class_folders
from tests.metrics_schema import faults

import spectile as library

FILES = {
    "config.yaml",
    "model.safetensors",
    "model.md",
    "model.json",
    "metrics.json",
    "split.csv",
    "predictions.csv",
    "report.html",
    "history.csv",
    "checkpoints",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("pictures") / "colours")


@pytest.fixture(scope="module")
def run(pictures: Path) -> Path:
    out = pictures.parent / "run"
    spectile("train", "classify", "--images", pictures, "--out", out, *TINY, "--quiet")
    return out


def refused(*arguments: str | Path) -> str:
    return spectile(*arguments, code=2)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_run_directory_is_complete(run: Path) -> None:
    assert {path.name for path in run.iterdir()} >= FILES
    hidden = [path.name for path in run.rglob("*") if path.name.startswith(".")]
    assert hidden == [".spectile-run"]


def test_scores_are_those_of_the_predictions_on_test_images(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    rows = table(run / "predictions.csv")
    tested = [row["image"] for row in table(run / "split.csv") if row["side"] == "test"]
    assert [row["image"] for row in rows] == tested
    assert len(tested) == metrics["split"]["test_images"] == 6
    right = np.mean([row["class"] == row["truth"] for row in rows])
    assert metrics["overall_accuracy"] == pytest.approx(right)
    assert metrics["split"]["overlap"] == 0
    for row in rows:
        probabilities = [float(row[name]) for name in ("blue", "green", "red")]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(probabilities)


def test_copies_of_training_images_among_test_images_are_reported(
    pictures: Path, tmp_path: Path
) -> None:
    for side in ("train", "test"):
        class_folders(tmp_path / "twice" / side, images=4)  # the same numbers again
    spectile(
        "train", "classify", "--images", tmp_path / "twice", "--out", tmp_path / "run", *TINY, "-q"
    )
    split = json.loads((tmp_path / "run" / "metrics.json").read_text())["split"]
    assert split["kind"] == "given"
    assert split["overlap"] == 1
    assert "memory" in split["verdict"]


def test_the_model_predicts_files_and_folders(run: Path, pictures: Path, tmp_path: Path) -> None:
    said = spectile(
        "predict", run / "model.safetensors", pictures / "red", "--out", tmp_path / "red.csv", "-q"
    )
    assert "10 images" in said
    rows = {Path(row["image"]).name: row for row in table(tmp_path / "red.csv")}
    assert len(rows) == 10
    for row in table(run / "predictions.csv"):
        if row["truth"] == "red":
            again = rows[Path(row["image"]).name]
            assert float(again["red"]) == pytest.approx(float(row["red"]), abs=1e-5)
    assert "exists" in refused(
        "predict", run / "model.safetensors", pictures / "red", "--out", tmp_path / "red.csv"
    )


def test_a_damaged_file_is_named_and_left_out_when_asked(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = class_folders(tmp_path / "colours")
    damaged = folder / "green" / "5.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    order = ("train", "classify", "--images", folder, "--out", tmp_path / "run", *TINY, "-q")
    said = refused(*order)
    assert "5.png" in said
    assert "--skip-bad" in said
    assert not (tmp_path / "run").exists()
    spectile(*order, "--skip-bad")
    notes = json.loads((tmp_path / "run" / "metrics.json").read_text())["split"]["notes"]
    assert any("5.png" in note for note in notes)
    predict = ("predict", run / "model.safetensors", folder, "--out", tmp_path / "all.csv", "-q")
    assert "5.png" in refused(*predict)
    spectile(*predict, "--skip-bad")
    assert len(table(tmp_path / "all.csv")) == 29


def test_images_of_other_sizes_and_bands_say_what_to_do(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = class_folders(tmp_path / "colours")
    Image.new("RGB", (40, 30)).save(folder / "red" / "wide.png")
    order = ("train", "classify", "--images", folder, "--out", tmp_path / "run", *TINY, "-q")
    assert "--size" in refused(*order)
    spectile(*order, "--size", "16")
    spectile(
        "predict", tmp_path / "run" / "model.safetensors", folder, "--out", tmp_path / "a.csv", "-q"
    )
    Image.new("L", (24, 24)).save(tmp_path / "grey.png")
    assert "band" in refused(
        "predict", run / "model.safetensors", tmp_path / "grey.png", "--out", tmp_path / "b.csv"
    )


def test_images_of_many_bands_train_and_keep_their_normalisation(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for place, name in enumerate(("wet", "dry")):
        (tmp_path / "cubes" / name).mkdir(parents=True)
        for number in range(8):
            cube = chance.normal(1000 + 500 * place, 100, (16, 16, 11)).astype(np.float32)
            cube[..., 4] = np.nan  # a band without data
            cube[0, 0, 2] = np.nan
            np.save(tmp_path / "cubes" / name / f"{number}.npy", cube)
    spectile(
        *("train", "classify", "--images", tmp_path / "cubes", "--out", tmp_path / "run", "-q"),
        *("--network", "resnet-18", "--attention", "eca", "--epochs", "1", "--batch", "4"),
    )
    model = library.load(tmp_path / "run" / "model.safetensors")
    assert model.task == "classify"
    assert model.preprocessing.bands == (0, 1, 2, 3, 5, 6, 7, 8, 9, 10)
    assert 1000 < model.preprocessing.reducer.mean[0] < 1500
    notes = (tmp_path / "run" / "report.html").read_text()
    assert "band 5" in notes


def test_resuming_and_repeating_give_the_same_scores(pictures: Path, tmp_path: Path) -> None:
    order = ("train", "classify", "--images", pictures, *TINY, "-q", "--repeats", "2")
    spectile(*order, "--out", tmp_path / "one")
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert len(metrics["repeats"]) == 2
    assert faults(metrics) == []
    assert metrics["std"]["overall_accuracy"] is not None
    for name in ("metrics.json", "repeat-2/model.safetensors", "repeat-2/metrics.json"):
        (tmp_path / "one" / name).unlink()
    spectile("train", "classify", "--out", tmp_path / "one", "--resume", "-q")
    again = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert again["mean"] == metrics["mean"]


def test_a_model_for_images_is_refused_where_scenes_are_mapped(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    picture = next((pictures / "red").iterdir())
    assert "predict" in refused("map", run / "model.safetensors", picture, tmp_path / "map.tif")


def test_a_run_is_not_resumed_on_other_images(pictures: Path, tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "colours")
    order = ("train", "classify", "--images", folder, "--out", tmp_path / "run", *TINY, "-q")
    spectile(*order)
    for path in (tmp_path / "run" / "report.html", tmp_path / "run" / "model.safetensors"):
        path.unlink()
    (folder / "red" / "0.png").rename(folder / "red" / "new.png")
    assert "--overwrite" in refused(*order, "--resume")
