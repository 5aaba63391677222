"""Broken packages that only Lightning and torchmetrics care for are as good as absent."""

import os
import subprocess
import sys
from pathlib import Path

FIT = """
import sys, spectile
{before}
from spectile.training.fit import Hardware
Hardware("cpu").check()
print(sys.modules.get("torchvision"))
"""
BROKEN = 'raise RuntimeError("operator torchvision::nms does not exist")\n'


def put(folder: Path, name: str, text: str) -> None:
    """A package as pip installs it."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)
    for part in ("ops", "models", "transforms"):
        (folder / name / f"{part}.py").write_text("def __getattr__(name): return None\n")
    described = folder / f"{name}-0.30.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.30\n")


def printed(folder: Path, before: str = "") -> str:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", FIT.format(before=before)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_fit_goes_without_a_torchvision_of_another_pytorch(tmp_path: Path) -> None:
    for name in ("torchvision", "torchaudio", "torchtext"):
        put(tmp_path, name, BROKEN)
    absent = (
        "import importlib.metadata, importlib.util, torchmetrics\n"
        "assert importlib.util.find_spec('torchvision') is None\n"
        "try: importlib.metadata.version('torchvision')\n"
        "except importlib.metadata.PackageNotFoundError: pass\n"
        "else: raise AssertionError\n"
        "assert importlib.metadata.version('torchmetrics')\n"
        "assert 'torchaudio' not in sys.modules\n"
    )
    assert printed(tmp_path, absent) == "None"


def test_a_torchvision_that_works_is_left_alone_until_it_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "torchvision", "")
    quiet = "import spectile.model.model; assert 'torchvision' not in sys.modules"
    assert "torchvision/__init__.py" in printed(tmp_path, quiet)
