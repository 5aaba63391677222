"""Bad input: one sentence, exit code 2, nothing half-written."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
from rasterio.transform import from_origin
from safetensors.torch import load_file, save_file
from tests.cli.conftest import QUICK, Field, spectile, write_tif


def envi(folder: Path) -> Path:
    path = folder / "cube.hdr"
    with rasterio.open(
        folder / "cube.img", "w", driver="ENVI", count=4, height=20, width=30, dtype="int16"
    ) as raster:
        raster.write(np.ones((4, 20, 30), np.int16))
    return path


def missing(folder: Path, field: Field) -> Path:
    return folder / "nowhere.tif"


def text_named_tif(folder: Path, field: Field) -> Path:
    path = folder / "notes.tif"
    path.write_text("These are my notes on the scene.\n")
    return path


def cut_tif(folder: Path, field: Field) -> Path:
    path = folder / "cut.tif"
    path.write_bytes(field.scene.read_bytes()[: field.scene.stat().st_size // 2])
    return path


def cut_mat(folder: Path, field: Field) -> Path:
    path = folder / "cut.mat"
    scipy.io.savemat(path, {"cube": np.random.default_rng(0).random((20, 30, 12))})
    path.write_bytes(path.read_bytes()[:5000])
    return path


def cut_mat73(folder: Path, field: Field) -> Path:
    path = folder / "cut73.mat"
    with h5py.File(path, "w") as file:
        file["cube"] = np.random.default_rng(0).random((12, 30, 20))
    path.write_bytes(path.read_bytes()[:5000])
    return path


def short_envi(folder: Path, field: Field) -> Path:
    path = envi(folder)
    data = path.with_suffix(".img")
    data.write_bytes(data.read_bytes()[:-100])
    return path


def lonely_header(folder: Path, field: Field) -> Path:
    path = envi(folder)
    path.with_suffix(".img").unlink()
    return path


def two_arrays(folder: Path, field: Field) -> Path:
    path = folder / "two.mat"
    scipy.io.savemat(path, {"first": np.ones((9, 9, 3)), "second": np.ones((9, 9, 4))})
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "nowhere.tif"),
        (text_named_tif, "notes.tif"),
        (cut_tif, "cut.tif"),
        (cut_mat, "cut.mat"),
        (cut_mat73, "cut73.mat"),
        (short_envi, "cube"),
        (lonely_header, "cube.hdr"),
        (two_arrays, "first"),
    ],
)
def test_scenes_that_cannot_be_read(
    make: Callable[[Path, Field], Path], words: str, field: Field, tmp_path: Path
) -> None:
    scene = make(tmp_path, field)
    before = sorted(tmp_path.iterdir())
    message = spectile(
        "train", "scene", scene, field.labels, "--out", tmp_path / "run", *QUICK, code=2
    )
    assert words in message
    assert sorted(tmp_path.iterdir()) == before


def unlabelled(folder: Path) -> Path:
    return write_tif(folder / "labels.tif", np.zeros((1, 64, 72), np.uint8))


def one_class(folder: Path) -> Path:
    return write_tif(folder / "labels.tif", np.full((1, 64, 72), 4, np.uint8))


def another_size(folder: Path) -> Path:
    np.save(folder / "labels.npy", np.ones((60, 72), np.uint8))
    return folder / "labels.npy"


def elsewhere(folder: Path) -> Path:
    place = from_origin(7e5, 5.1e6, 30, 30)
    return write_tif(folder / "labels.tif", np.ones((1, 64, 72), np.uint8), transform=place)


@pytest.mark.parametrize(
    ("make", "words"),
    [(unlabelled, "label"), (one_class, "two"), (another_size, "60"), (elsewhere, "outside")],
)
def test_labels_that_cannot_be_used(
    make: Callable[[Path], Path], words: str, field: Field, tmp_path: Path
) -> None:
    labels = make(tmp_path)
    message = spectile(
        "train", "scene", field.scene, labels, "--out", tmp_path / "run", *QUICK, code=2
    )
    assert words in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", "8"), "odd"),
        (("--window", "65"), "larger than"),
        (("--window", "7"), "from 9 on"),
        (("--bands", "2,11"), "1-10"),
        (("--bands", "three"), "can't be understood"),
        (("--network", "hybridsn-sx"), "did you mean hybridsn-se"),
        (("--attention", "cbma"), "did you mean 'cbam'"),
        (("--network", "hybridsn-se", "--attention", "cbam"), "no place for --attention"),
        (("--mixup", "0.2"), "--no-regions"),
        (("--recipe", "slow"), "best, paper, svm or lda"),
        (("--split", "circles"), "--split is 'circles'"),
        (("--split", "file"), "--split-file"),
        (("--accelerator", "abacus"), "abacus"),
        (("--epochs", "0"), "--epochs is 0"),
        (("--batch", "0"), "--batch is 0"),
        (("--learning-rate", "-1"), "--learning-rate is -1"),
        (("--train", "1.5"), "train"),
        (("--guard", "-1"), "guard"),
        (("--memory", "0.0001"), "allow a memory of at least"),
    ],
)
def test_options_that_cannot_be_used(
    options: tuple[str, ...], words: str, field: Field, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    message = spectile(
        "train", "scene", field.scene, field.labels, "--out", out, *QUICK, *options, code=2
    )
    assert words in message
    assert not out.exists()


def test_a_class_of_one_pixel_is_kept_in_training_and_named(field: Field, tmp_path: Path) -> None:
    with rasterio.open(field.labels) as raster:
        values = raster.read()
    values[0, 3, 3] = 77
    labels = write_tif(tmp_path / "labels.tif", values, nodata=0)
    out = tmp_path / "run"
    spectile("train", "scene", field.scene, labels, "--out", out, *QUICK, "--split", "random")
    with rasterio.open(out / "split.tif") as raster:
        assert raster.read(1)[3, 3] == 1
    assert "class 77" in (out / "metrics.json").read_text()


def test_dead_bands_are_left_out_and_named(field: Field, tmp_path: Path) -> None:
    with rasterio.open(field.scene) as raster:
        pixels = raster.read().astype(np.float32)
    pixels[2] = np.nan
    pixels[5] = 12
    pixels[7, :, :30] = np.inf
    scene = write_tif(tmp_path / "scene.tif", pixels)
    out = tmp_path / "run"
    spectile("train", "scene", scene, field.labels, "--out", out, *QUICK, "--split", "random")
    report = (out / "report.html").read_text()
    assert "No labelled pixel has data in band 3" in report
    assert "One and the same value fills band 6" in report
    assert "labelled pixels hold no data" in report
    with rasterio.open(out / "map.tif") as mapped:
        empty = mapped.read(1) == 0
    assert empty[:, :30].all()
    assert not empty[:, 30:].any()


def test_no_pixel_with_data_in_all_bands(field: Field, tmp_path: Path) -> None:
    with rasterio.open(field.scene) as raster:
        pixels = raster.read()
    pixels[2, :, :40] = -9999
    pixels[3, :, 40:] = -9999
    scene = write_tif(tmp_path / "scene.tif", pixels, nodata=-9999)
    out = tmp_path / "run"
    message = spectile("train", "scene", scene, field.labels, "--out", out, *QUICK, code=2)
    assert "--bands" in message
    assert not out.exists()


@pytest.fixture(scope="session")
def model(field: Field) -> Path:
    out = field.folder / "runs" / "model"
    spectile(
        *("train", "scene", field.scene, field.labels, "--out", out, *QUICK), "--split", "random"
    )
    return out / "model.safetensors"


def test_a_scene_with_other_bands_is_not_mapped(model: Path, field: Field, tmp_path: Path) -> None:
    with rasterio.open(field.scene) as raster:
        other = write_tif(tmp_path / "other.tif", raster.read()[:8])
    message = spectile("map", model, other, tmp_path / "map.tif", "--quiet", code=2)
    assert "has 8 bands, but the model was trained on 10" in message
    assert list(tmp_path.iterdir()) == [other]


def cut(model: Path, path: Path) -> None:
    path.write_bytes(model.read_bytes()[:-1000])


def foreign(model: Path, path: Path) -> None:
    save_file(load_file(model), path, {"spectile": "{}"})


@pytest.mark.parametrize("damage", [cut, foreign])
def test_a_damaged_model_is_refused(
    damage: Callable[[Path, Path], None], model: Path, field: Field, tmp_path: Path
) -> None:
    damaged = tmp_path / "model.safetensors"
    damage(model, damaged)
    message = spectile("map", damaged, field.scene, tmp_path / "map.tif", "--quiet", code=2)
    assert "model.safetensors" in message
    assert list(tmp_path.iterdir()) == [damaged]


def test_existing_output_stays_without_overwrite(model: Path, field: Field, tmp_path: Path) -> None:
    kept = tmp_path / "map.tif"
    kept.write_bytes(b"mine")
    assert "--overwrite" in spectile("map", model, field.scene, kept, "--quiet", code=2)
    assert "--overwrite" in spectile(
        "train", "scene", field.scene, field.labels, "--out", model.parent, *QUICK, code=2
    )
    foreign_folder = tmp_path / "papers"
    foreign_folder.mkdir()
    (foreign_folder / "thesis.tex").write_text("mine")
    for extra in ((), ("--overwrite",)):
        spectile(
            *("train", "scene", field.scene, field.labels, "--out", foreign_folder, *QUICK),
            *extra,
            code=2,
        )
    assert kept.read_bytes() == b"mine"
    assert [path.name for path in foreign_folder.iterdir()] == ["thesis.tex"]


def test_a_place_that_cannot_be_written(field: Field, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    message = spectile("train", "scene", field.scene, field.labels, "--out", out, *QUICK, code=2)
    assert "file" in message


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    model: Path, field: Field, tmp_path: Path
) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    out = tmp_path / "map.tif"
    done = subprocess.run(
        [sys.executable, "-m", "spectile", "map", model, field.scene, out, "--quiet"],
        preexec_fn=small_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "can't be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
