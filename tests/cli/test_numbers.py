"""Numbers that no option can have are refused by their range, before any file is looked at."""

import os
from pathlib import Path

import pytest
from tests.cli.conftest import QUICK, Field, spectile

TRAIN = ("train", "scene", "nowhere.tif", "nowhere.tif", "--out", "run")
CLASSIFY = ("train", "classify", "--images", "nowhere", "--out", "run")
SEGMENT = ("train", "segment", "--images", "nowhere", "--out", "run")
MAP = ("map", "nowhere.safetensors", "nowhere.tif", "map.tif")
SHARES = ("--train", "--validation", "--label-smoothing", "--spectral-branch", "--whitening")
REALS = ("--memory", "--learning-rate", "--spectral-augmentation", "--mixup", *SHARES)
WHOLE = ("--seed", "--threads", "--devices", "--epochs", "--batch", "--window", "--guard")


@pytest.mark.parametrize(
    "arguments",
    [
        *((*TRAIN, option, value) for option in REALS for value in ("inf", "nan", "-1", "1e300")),
        *((*TRAIN, option, value) for option in WHOLE for value in ("-1", str(10**20))),
        *((*TRAIN, option, "0") for option in ("--components", "--repeats", "--patience")),
        *((*CLASSIFY, option, "nan") for option in ("--weight-decay", "--averaging", "--jitter")),
        *((*CLASSIFY, option, "-1") for option in ("--size", "--shift", "--workers")),
        *((*SEGMENT, *more) for more in (("--scales", "2", "1"), ("--ignore", "-1"))),
        *((*MAP, option, "inf") for option in ("--memory", "--workers", "--threads")),
        (*MAP, "--memory", "0"),
        ("models", "mobilenet-v2", "--width", "inf"),
        ("models", "mobilenet-v2", "--size", str(10**12)),
        ("demo", "--seed", "-3"),
    ],
)
def test_numbers_out_of_range(arguments: tuple[str, ...]) -> None:
    message = spectile(*arguments, code=2)
    option = next(part for part in reversed(arguments) if part.startswith("--"))
    assert option.strip("-").replace("-", "_") in message.replace("-", "_")
    assert "nowhere" not in message
    assert not Path("run").exists()


@pytest.mark.parametrize("option", ["--devices", "--threads"])
def test_more_than_there_are_cores(option: str) -> None:
    cores = len(os.sched_getaffinity(0))
    message = spectile(*TRAIN, option, cores + 1, "--accelerator", "cpu", code=2)
    assert f"more than the {cores} cores" in message
    assert f"more than the {cores} cores" in spectile(*MAP, "--workers", cores + 1, code=2)


def test_what_the_parser_refuses_is_one_sentence() -> None:
    assert "see spectile map --help" in spectile(*MAP, "--memory", "much", code=2)
    assert "--frequency" in spectile(*MAP, "--frequency", "9", code=2)
    assert "frobnicate" in spectile("frobnicate", code=2)


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        (("info", "nowhere.tif", "--quicklook", "quick.tif"), ".png"),
        (("info", "nowhere.tif", "--quicklook", "quick"), ".jpg"),
        (("map", "nowhere.safetensors", "nowhere.tif", "map.png"), ".tif"),
        (("evaluate", "nowhere.safetensors", "nowhere.tif", "l.tif", "--out", "a.csv"), ".json"),
    ],
)
def test_names_of_formats_that_are_not_written(arguments: tuple[str, ...], ending: str) -> None:
    assert f"{ending}" in (message := spectile(*arguments, code=2))
    assert "nowhere" not in message


def test_a_fit_that_diverges_leaves_no_model(field: Field, tmp_path: Path) -> None:
    run = ("train", "scene", field.scene, field.labels, "--out", tmp_path / "run", *QUICK)
    message = spectile(*run, "--split", "random", "--learning-rate", "100", code=2)
    assert "lower the learning rate" in message
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert not (tmp_path / "run" / "report.html").exists()
