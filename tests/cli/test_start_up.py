"""Help comes at once: no command imports what another one needs."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from tests.cli.conftest import spectile

HEAVY = ("torch", "lightning", "rasterio", "matplotlib", "numpy", "yaml", "rich.table")


@pytest.mark.parametrize("words", [(), ("train", "scene"), ("train", "segment"), ("map",)], ids=str)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.argv = ['spectile', *{words}, '--help']\n"
        "from spectile.cli import main\n"
        "try: main()\n"
        f"except SystemExit: assert not {{*{HEAVY}}} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: spectile" in done.stdout


@pytest.mark.parametrize(
    "words", [("map", "absent", "s.tif", "m.tif"), ("predict", "absent", "image.png")]
)
def test_what_fits_networks_is_not_loaded_to_use_one(words: tuple[str, ...]) -> None:
    """It would take longer than mapping a small scene."""
    code = (
        f"import sys; sys.argv = ['spectile', *{words}]\n"
        "from spectile.cli import main\n"
        "try: main()\n"
        "except SystemExit:\n"
        "    fits = {'lightning', 'torchmetrics', 'matplotlib', 'geopandas'}\n"
        "    assert not fits & set(sys.modules), fits & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "absent" in done.stderr  # it came as far as opening the model


def test_help_has_groups_and_defaults_of_recipes() -> None:
    text = " ".join(spectile("train", "scene", "--help").split())
    headings = ("What matters most", "Data", "Network", "Training", "Split", "Mapping", "Hardware")
    places = [text.index(f" {heading}: ") for heading in headings]
    assert places == sorted(places)
    assert "[9; paper: 25; svm: 1; lda: 1]" in text
    assert "--turns" not in text


def test_the_version_is_said() -> None:
    assert spectile("--version") == f"spectile {version('spectile')}\n"


def test_mistyped_commands_are_told_the_nearest() -> None:
    assert "did you mean 'scene'" in spectile("train", "scen", code=2).lower()
