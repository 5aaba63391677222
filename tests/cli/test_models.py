"""`spectile models`: what networks cost and what dense mapping saves."""

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


@pytest.mark.parametrize("name", [[], ["resnet-18"]])
def test_a_plan_of_what_has_no_window(name: list[str]) -> None:
    done = run.invoke(app, ["models", *name, "--plan"])
    assert "name hybridsn or hybridsn-se" in str(done.exception)
