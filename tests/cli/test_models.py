"""`spectile models`: what networks cost and what dense mapping saves."""

import json

import pytest
from typer.testing import CliRunner

from spectile.cli.app import app

run = CliRunner()


def test_the_plan_of_a_window_network() -> None:
    done = run.invoke(app, ["models", "hybridsn-se", "--plan", "--window", "11", "--bands", "13"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["layer", "way", "patch", "by", "patch", "dense"]
    assert any(line.startswith("classifier.1") and "gated" in line for line in lines)
    assert lines[-1].startswith("Multiply-adds a pixel;")


@pytest.mark.parametrize("name", ["se-resnet-18", "mobilenet-v3-small"])
def test_the_plan_of_a_network_of_images_says_why_there_is_none(name: str) -> None:
    done = run.invoke(app, ["models", name, "--plan", "--window", "9", "--bands", "4"])
    assert done.exit_code == 0
    assert "can't be mapped densely, but is mapped patch by patch" in done.stdout
    assert "layer stem.conv pads its window in space" in done.stdout


def test_a_plan_of_what_has_no_window() -> None:
    done = run.invoke(app, ["models", "deeplab-v3-plus", "--plan"])
    assert "classifies every pixel" in str(done.exception)
    assert "such as hybridsn" in str(run.invoke(app, ["models", "--plan"]).exception)


def test_networks_stand_under_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("hybridsn", "resnet-18", "deeplab-v3-plus")
    monkeypatch.setattr("spectile.networks.names", lambda: few)
    done = run.invoke(app, ["models", "--size", "64"])
    first = [line.split(" ")[0].rstrip(":") for line in done.stdout.splitlines()]
    assert first[2:9] == ["of", "hybridsn", "", "of", "resnet-18", "", "of"]
    rows = json.loads(run.invoke(app, ["models", "--size", "64", "--json"]).stdout)
    assert [row["takes"] for row in rows[:3]] == ["windows", "images", "pixels"]
