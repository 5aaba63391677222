"""Of typer: what it raises for options. The same in typer 0.15, on click, and 0.29, on its own."""

from __future__ import annotations

import typer

USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for options that it can't make sense of; it has no public name there."""
