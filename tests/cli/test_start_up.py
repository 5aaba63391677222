"""Help comes at once: no command imports what another one needs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["torch", "lightning", "rasterio", "matplotlib", "numpy"])
def test_help_imports_nothing_heavy(heavy: str) -> None:
    code = (
        "import sys; sys.argv = ['spectile', '--help']\n"
        "from spectile.cli import main\n"
        "try: main()\n"
        f"except SystemExit: assert '{heavy}' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
