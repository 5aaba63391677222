"""Nothing of the user's is written over or removed, whatever it is called and wherever it lies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from tests.cli.conftest import QUICK as SMALL
from tests.cli.conftest import Field, spectile

import spectile as package
from spectile.errors import InputError

QUICK = (*SMALL, "--spectral-branch", "0", "--split", "random")
Contents = dict[str, bytes]


def contents(folder: Path) -> Contents:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests work on copies."""
    out = tmp_path_factory.mktemp("made") / "run"
    spectile("train", "scene", field.scene, field.labels, "--out", out, *QUICK)
    return out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def here(tmp_path: Path, field: Field, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a user with a scene and labels, and the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(field.scene, folder / "scene.tif")
    shutil.copy(field.labels, folder / "labels.tif")
    monkeypatch.chdir(folder)
    before = contents(folder)
    yield folder
    after = contents(folder)
    assert {name: after[name] for name in before} == before


def train(out: object, *more: object, scene: str = "scene.tif", code: int = 2) -> str:
    options = map(str, (*QUICK, "--overwrite", *more))
    return spectile("train", "scene", scene, "labels.tif", "--out", str(out), *options, code=code)


def test_a_folder_that_is_no_run_stays(here: Path) -> None:
    Path("config.yaml").write_text("something: else")
    assert "holds no run" in train(".")
    assert "holds no run" in train(here, "--resume")
    assert "holds no run" in train(Path("..") / here.name)
    before = contents(here)
    Path("config.yaml").unlink()
    shutil.copy("labels.tif", "map.tif")
    assert "holds no run" in train(here)
    assert before["labels.tif"] == Path("map.tif").read_bytes()


def test_only_what_a_run_writes_is_replaced(here: Path, run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    before = contents(run)
    message = train(run)
    assert "holds notes.txt, which no run wrote: move it" in message
    assert contents(run) == before
    (run / "notes.txt").unlink()
    (run / "checkpoints" / "thesis.ckpt.bak").write_text("mine")
    assert "checkpoints/thesis.ckpt.bak" in train(run)
    (run / "checkpoints" / "thesis.ckpt.bak").unlink()
    (run / ".DS_Store").write_text("")
    train(run, code=0)
    assert (run / ".DS_Store").exists()


def test_a_run_of_an_earlier_version_is_known_by_its_configuration(here: Path, run: Path) -> None:
    (run / ".spectile-run").unlink()
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text("# with my remarks\n" + config)
    assert "config.yaml isn't of one" in train(run)
    (run / "config.yaml").write_text(config)
    train(run, code=0)
    assert json.loads((run / ".spectile-run").read_text())["task"] == "scene"


def test_an_input_in_the_run_directory_stays(here: Path, run: Path) -> None:
    shutil.copy("scene.tif", run / "map_probabilities.tif")
    scene = str(run / "map_probabilities.tif")
    before = contents(run)
    assert "read by this very run" in train(run, scene=scene)
    Path("link.tif").symlink_to(scene)
    assert "read by this very run" in train(run, scene="link.tif")
    split = ("--split", "file", "--split-file", run / "split.tif")
    assert "read by this very run" in train(run, *split)
    order = ("train", "scene", "--config", run / "config.yaml", "--out", run, "--overwrite")
    assert "read by this very run" in spectile(*order, code=2)
    assert contents(run) == before


@pytest.mark.parametrize("name", ["checkpoints", "map.tif", "repeat-2", ".spectile-lock"])
def test_links_are_not_followed(here: Path, run: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "elsewhere"
    if name in ("checkpoints", "repeat-2"):
        shutil.copytree(run / "checkpoints", target)
        shutil.rmtree(run / name, ignore_errors=True)
    else:
        target.write_text("mine")
        (run / name).unlink(missing_ok=True)
    (run / "report.html").unlink()
    (run / name).symlink_to(target)
    before = contents(tmp_path)
    for more in ((), ("--resume", "--epochs", "2")):
        assert "is a link" in train(run, *more)
    assert contents(tmp_path) == before


def test_a_run_directory_that_is_a_link_is_refused(here: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run)
    before = contents(run)
    assert "is a link" in train(tmp_path / "link")
    assert contents(run) == before


def test_what_is_refused_leaves_no_directory(here: Path) -> None:
    train(Path("new/runs/a"), "--window", "99")
    assert not Path("new").exists()


def test_images_don_t_hold_their_run(here: Path) -> None:
    for name in ("red", "green"):
        Path("images", name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), name).save(f"images/{name}/{number}.png")
    order = ("train", "classify", "--images", "images", "--out", "images/run", "--epochs", "1")
    assert f"lies in {here / 'images'}" in spectile(*order, "-q", code=2)
    assert not Path("images/run").exists()


def mapped(run: Path, scene: str, out: object, *more: str, code: int = 2) -> str:
    order = ("map", run / "model.safetensors", scene, str(out), "--overwrite", "--quiet")
    return spectile(*order, *more, code=code)


def test_a_map_is_never_written_over_an_input(here: Path, run: Path) -> None:
    Path("soft.tif").symlink_to("scene.tif")
    os.link("scene.tif", "hard.tif")
    for out in ("scene.tif", "../project/scene.tif", here / "scene.tif", "hard.tif"):
        assert "read by this very command" in mapped(run, "scene.tif", out)
    assert "is a link" in mapped(run, "scene.tif", "soft.tif")
    assert "read by this very command" in mapped(run, "soft.tif", "scene.tif")
    model = shutil.copy(run / "model.safetensors", "model.tif")
    order = ("map", model, "scene.tif", "model.tif", "--overwrite", "-q")
    assert "read by this very command" in spectile(*order, code=2)
    mask = shutil.copy("labels.tif", "year_entropy.tif")
    assert "read by" in mapped(run, "scene.tif", "year.tif", "--mask", str(mask))
    with pytest.raises(InputError, match="read by this very command"):
        package.load(run / "model.safetensors").map("scene.tif", "scene.tif", overwrite=True)


@pytest.mark.parametrize("end", ["_probabilities.tif", "_entropy.tif", ".tif", ".qml", ".tif.ovr"])
def test_a_map_replaces_maps_alone(here: Path, run: Path, end: str) -> None:
    mapped(run, "scene.tif", "year.tif", "--probabilities", "--entropy", code=0)
    mapped(run, "scene.tif", "year.tif", "--probabilities", code=0)
    assert not Path("year_entropy.tif").exists()
    shutil.copy("scene.tif", f"year{end}")
    before = contents(here)
    assert f"year{end} isn't from an earlier command" in mapped(run, "scene.tif", "year.tif")
    assert contents(here) == before


def test_the_style_that_a_user_made_stays(here: Path, run: Path) -> None:
    mapped(run, "scene.tif", "year.tif", code=0)
    style = Path("year.qml").read_text()
    Path("year.qml").write_text(style.replace('opacity="1"', 'opacity="0.5"'))
    assert "year.qml isn't from" in mapped(run, "scene.tif", "year.tif")
    Path("year.qml").write_text(style)
    mapped(run, "scene.tif", "year.tif", code=0)


def test_the_folder_of_an_unfinished_map_is_ours_or_left_alone(here: Path, run: Path) -> None:
    part = Path(".year.tif.part")
    part.mkdir()
    (part / "thesis.txt").write_text("mine")
    assert "thesis.txt isn't from an unfinished map" in mapped(run, "scene.tif", "year.tif")
    part.rename("elsewhere")
    part.symlink_to("elsewhere")
    assert "no folder of an unfinished map" in mapped(run, "scene.tif", "year.tif", "--resume")
    part.unlink()
    part.mkdir()
    (part / "reserve").symlink_to("../elsewhere/thesis.txt")
    assert "reserve isn't from an unfinished map" in mapped(run, "scene.tif", "year.tif")
    assert Path("elsewhere/thesis.txt").read_text() == "mine"


def test_a_finished_map_is_told_and_kept(here: Path, run: Path) -> None:
    order = ("map", run / "model.safetensors", "scene.tif", "year.tif", "--resume", "-q")
    spectile(*order)
    before = contents(here)
    assert spectile(*order) == "Map: year.tif is finished already.\n"
    assert "year_entropy.tif" not in contents(here)
    assert "exists" in spectile(*order, "--entropy", code=2)
    assert "exists" in spectile(*order, "--window", "0", "0", "20", "20", code=2)
    shutil.copy("scene.tif", "other.tif")
    other = ("map", run / "model.safetensors", "scene.tif", "other.tif", "--resume", "-q")
    assert "other.tif exists" in spectile(*other, code=2)
    assert {name: contents(here)[name] for name in before} == before


def test_scores_and_pictures_replace_their_kind_alone(here: Path, run: Path) -> None:
    evaluate = ("evaluate", run / "model.safetensors", "scene.tif", "labels.tif", "-q")
    info = ("info", "scene.tif")
    for order, name, option in ((evaluate, "a.json", "--out"), (info, "a.png", "--quicklook")):
        spectile(*order, option, name)
        assert "exists" in spectile(*order, option, name, code=2)
        spectile(*order, option, name, "--overwrite")
        for foreign, words in (
            ("scene.tif", "is no name for"),
            (str(shutil.copy("labels.tif", f"my{name}")), "isn't from an earlier command"),
        ):
            assert words in spectile(*order, option, foreign, "--overwrite", code=2)


def test_a_model_replaces_models_alone(here: Path, run: Path) -> None:
    model = package.load(run / "model.safetensors")
    model.save("model.safetensors")
    model.save("model.safetensors")
    with pytest.raises(InputError, match="isn't from an earlier command"):
        model.save("scene.tif")
    Path("link.safetensors").symlink_to("scene.tif")
    with pytest.raises(InputError, match="is a link"):
        model.save("link.safetensors")


def test_a_demo_is_not_written_among_other_things(here: Path) -> None:
    Path("report.html").write_text("mine")
    assert "holds no run" in spectile("demo", "--out", ".", "--overwrite", code=2)
    assert Path("report.html").read_text() == "mine"


def test_a_run_that_nobody_has_begun_begins_with_resume(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    message = spectile("train", "scene", "--out", out, "--resume", code=2)
    assert "holds no run to go on with: name a scene and its labels" in message
    (out / ".config.yaml.spectile-abcdefgh").mkdir(parents=True)  # as left by kills
    (out / ".spectile-run").write_text("{")
    (out / ".spectile-lock").write_text("1 elsewhere")
    order = ("train", "scene", "scene.tif", "labels.tif", "--out", out, *QUICK)
    for more in ((), ("--resume",), ("--overwrite",)):
        assert "larger than" in spectile(*order, *more, "--window", "99", code=2)
    spectile(*order)
    assert not [path for path in out.iterdir() if path.name.startswith(".config")]
    before = contents(out)
    told = spectile("train", "scene", "--out", out, "--resume")
    assert told == f"Report: {out / 'report.html'}; the run is finished already.\n"
    other = spectile("train", "scene", "--out", out, "--resume", "--epochs", "3", code=2)
    assert "other settings (recipe)" in other
    assert contents(out) == before
    wrong = ("train", "classify", "--images", ".", "--out", out, "--resume")
    assert "holds a run of train scene" in spectile(*wrong, code=2)


@pytest.mark.parametrize(
    ("left", "marked"), [(b"", True), (b"hardware:\n  accelerator: auto\n  dev", False)]
)
def test_a_broken_beginning_is_begun_anew(
    here: Path, tmp_path: Path, left: bytes, marked: bool
) -> None:
    out = tmp_path / "new"
    out.mkdir()
    (out / "config.yaml").write_bytes(left)
    if marked:
        (out / ".spectile-run").write_bytes(b"")
    order = ("train", "scene", "scene.tif", "labels.tif", "--out", out, *QUICK)
    spectile(*order, "--resume")
    assert (out / "report.html").exists()


@pytest.mark.parametrize(
    "done",
    [
        {".spectile-run"},
        {".spectile-run", "config.yaml", "split.tif", "checkpoints"},
        {".spectile-run", "config.yaml", "split.tif", "checkpoints", "history.csv"},
    ],
)
def test_a_run_goes_on_from_wherever_it_was_killed(run: Path, made: Path, done: set[str]) -> None:
    for path in run.iterdir():
        if path.name not in done:
            path.unlink() if path.is_file() else shutil.rmtree(path)
    (run / ".map.tif.part" / "making").mkdir(parents=True)
    (run / ".map.tif.part" / "making" / "map.tif.ovr.tmp").write_bytes(b"GDAL's")
    spectile("train", "scene", "--out", run, "--resume", "--quiet")
    assert (run / "map.tif").read_bytes() == (made / "map.tif").read_bytes()
    assert not (run / ".map.tif.part").exists()


@pytest.mark.parametrize("damaged", ["history.csv", "model.safetensors", "split.tif", "map.tif"])
def test_what_a_kill_damaged_is_made_again(run: Path, made: Path, damaged: str) -> None:
    (run / "report.html").unlink()
    (run / "config.yaml").write_bytes(b"")  # the mark has it as well
    whole = (run / damaged).read_bytes()
    (run / damaged).write_bytes(whole[: len(whole) // 2])
    spectile("train", "scene", "--out", run, "--resume", "--quiet")
    for name in ("map.tif", "split.tif", "config.yaml"):
        assert (run / name).read_bytes() == (made / name).read_bytes()
    with rasterio.open(run / "map.tif") as raster:
        assert np.count_nonzero(raster.read(1))


def test_of_two_starts_one_wins(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    order = ("train", "scene", "scene.tif", "labels.tif", "--out", out, *QUICK, "--seed")
    first = subprocess.Popen(
        [sys.executable, "-m", "spectile", *map(str, order), "1"], stdout=subprocess.DEVNULL
    )
    lock = out / ".spectile-lock"
    while not (lock.exists() and lock.read_bytes()):  # held, and says by whom
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)  # or it might have ended
    try:
        for more in ((), ("--overwrite",), ("--resume",)):
            message = spectile(*order, "2", *more, code=2)
            assert f"is being written by process {first.pid}:" in message
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 0
    assert package.load(out / "model.safetensors").provenance["seed"] == 1
    assert not (out / ".spectile-lock").exists()
