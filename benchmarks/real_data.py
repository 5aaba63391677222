"""Where the benchmarks' real images lie: in a folder `shared/data` beside the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def needed(*parts: str) -> Path:
    """A file or folder of the data; ends the benchmark with a sentence where it isn't there."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        print(f"skipped: {path} is not there")
        sys.exit(0)
    return path
