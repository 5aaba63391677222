"""Looking at scenes, maps and labels in a browser: what is shown, and the page that shows it."""

from __future__ import annotations

from importlib.util import find_spec

from spectile.errors import InputError


def needs_bokeh() -> None:
    """Raise InputError unless the package that draws the page is installed."""
    if find_spec("bokeh") is None:
        raise InputError(
            "the viewer needs the package bokeh: install it with pip install 'spectile[view]'."
        )
