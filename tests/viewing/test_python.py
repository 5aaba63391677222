from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bokeh.io
import numpy as np
import pytest
from bokeh.document import Document
from tests.viewing.conftest import Trained

import spectile
from spectile.errors import InputError


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Callable[[Document], Any]]:
    """What a notebook is asked to show below its cells."""
    found: list[Callable[[Document], Any]] = []
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(bokeh.io, "output_notebook", lambda *_, **__: None)
    monkeypatch.setattr(bokeh.io, "show", lambda app, **_: found.append(app))
    monkeypatch.chdir(tmp_path)
    return found


def test_the_same_page_in_a_notebook(
    trained: Trained, shown: list[Callable[[Document], Any]], tmp_path: Path
) -> None:
    run = spectile.open_run(trained.run)
    run.view()
    spectile.open_scene(trained.scene).view(run)
    spectile.view(np.ones((5, 6, 3)), labels=tmp_path / "mine.gpkg")
    names = []
    for app in shown:
        document = Document()
        app(document)
        names.append(document.title)
        assert "below-cell" in document.roots[0].css_classes
    assert names == ["run · Spectile", "scene.img · Spectile", "array · Spectile"]
    assert list(tmp_path.glob("*")) == []  # nothing was drawn


def test_without_bokeh_it_says_what_to_install(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectile.viewing.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"spectile\[view\]"):
        spectile.open_scene(trained.scene).view()
