"""The viewer as it is used: the command, and a real browser without a window."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import geopandas
import numpy as np
import pytest
import rasterio
from tests.viewing.conftest import HOSTILE, Trained

from spectile.data.labels.labels import open_labels
from spectile.data.readers.open import open_scene

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"
)
PATIENCE = 30_000
"""Milliseconds to wait for what should come at once: machines that test are busy."""
PLACE = """([x, y]) => {
  const plot = [...Bokeh.documents[0]._all_models.values()].find(
    (one) => one.type == "Figure" && one.css_classes.includes("pane"))
  const view = Bokeh.index.find_one(plot)
  const box = view.canvas_view.el.getBoundingClientRect()
  return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}"""
"""Where a column and a row lie on the screen."""
SEEN = """([key]) => {
  const image = [...Bokeh.documents[0]._all_models.values()].find(
    (one) => one.name == `layer ${key}`)
  return [image.visible, image.data_source.data.image.length, image.glyph.global_alpha.value]
}"""


def start(*arguments: str, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The command, and the address that it printed."""
    command = [sys.executable, "-m", "spectile", "view", *arguments, "--no-browser"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@dataclass
class Session:
    """A page in a browser."""

    page: Any
    labels: Path
    process: subprocess.Popen[str]
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def at(self, row: float, column: float) -> tuple[float, float]:
        x, y = self.page.evaluate(PLACE, [column, row])
        return x, y

    def click(self, row: float, column: float, **how: Any) -> None:
        self.page.mouse.click(*self.at(row, column), **how)
        self.page.wait_for_timeout(320)  # or two would be a double click

    def text(self, words: str) -> Any:
        """What shows these words; the picture that isn't seen has controls of its own."""
        found = self.page.get_by_text(words).locator("visible=true").first
        found.wait_for(timeout=PATIENCE)
        return found

    def switch(self, layer: str) -> Any:
        """The box that shows a layer or hides it."""
        return self.page.locator("label:visible").filter(has_text=layer).locator("input").first


@pytest.fixture(scope="module")
def session(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("browser")
    labels = folder / "drawn.gpkg"
    process, address = start(str(trained.run), "--labels", str(labels), folder=folder)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1300, "height": 900})
            found = Session(page, labels, process)
            page.on("request", lambda request: found.asked.append(request.url))
            page.on("websocket", lambda socket: found.asked.append(socket.url))
            page.on("pageerror", lambda error: found.errors.append(str(error)))
            page.goto(address)
            page.locator(".pane").first.wait_for(timeout=PATIENCE)
            page.wait_for_function(f"() => ({SEEN})(['map'])[1] == 1", timeout=PATIENCE)
            page.wait_for_timeout(300)  # until the scene fills the frame
            yield found
            browser.close()
    finally:
        process.kill()
        process.wait()


@needs_browser
def test_under_the_cursor(session: Session, trained: Trained) -> None:
    row, column = 30, 40
    session.page.mouse.move(*session.at(row + 0.5, column + 0.5))
    session.text(f"row {row + 1}, column {column + 1}")
    with rasterio.open(trained.run / "map_probabilities.tif") as raster:
        most = raster.read()[:, row, column].max()
    session.text(f"{100 * most:.0f}%")


@needs_browser
def test_a_click_pins_the_spectrum_of_the_file(session: Session, trained: Trained) -> None:
    session.click(12.5, 20.5)
    session.text("row 13, column 21")
    with session.page.expect_download(timeout=PATIENCE) as saved:
        session.page.get_by_role("button", name="Download CSV").click()
    table = list(csv.reader(io.StringIO(Path(saved.value.path()).read_text())))
    expected = open_scene(str(trained.scene)).read()[:, 12, 20]
    np.testing.assert_array_equal([float(line[3]) for line in table[1:]], expected)


@needs_browser
def test_layers_are_switched(session: Session) -> None:
    assert session.page.evaluate(SEEN, ["entropy"])[:2] == [False, 0]
    session.switch("Entropy").check()
    session.page.wait_for_function(f"() => ({SEEN})(['entropy'])[1] == 1", timeout=PATIENCE)
    session.switch("Map").uncheck()
    session.page.wait_for_function(f"() => !({SEEN})(['map'])[0]", timeout=PATIENCE)
    session.switch("Map").check()


@needs_browser
def test_names_are_text(session: Session) -> None:
    assert session.text("<b>bold</b> $$x^2$$").is_visible()
    assert session.page.locator("b", has_text="bold").count() == 0
    assert HOSTILE in session.page.get_by_role("option").all_text_contents()


@needs_browser
def test_drawn_labels_are_saved_read_and_trained_on(session: Session, trained: Trained) -> None:
    page = session.page
    corners = ((4, 5), (4, 28), (24, 28), (24, 5)), ((25, 32), (25, 58), (46, 58), (46, 32))
    for place, name in enumerate(("wet", "dry")):
        page.get_by_role("button", name="New class").click()
        session.text(f"class {place + 1}")
        page.get_by_placeholder("name of a class").fill(name)
        page.keyboard.press("Enter")
        session.text(name)
        page.get_by_role("button", name="Draw").click()
        for corner in corners[place]:
            session.click(*corner)
        page.keyboard.press("Enter")
        session.text(f"{place + 1} polygon")
    drawn = geopandas.read_file(session.labels)
    assert drawn["class"].tolist() == ["wet", "dry"]
    assert drawn.crs == rasterio.crs.CRS.from_epsg(32633)
    scene = open_scene(str(trained.scene))
    classes = open_labels(session.labels, like=scene).classes
    assert abs(int((classes == 1).sum()) - 20 * 23) < 45  # the clicks are whole points of a screen
    page.get_by_label("Recipe").select_option("lda")
    page.get_by_role("button", name="Train on these labels").click()
    done = page.get_by_text("Trained in")
    done.or_(page.locator(".warn:visible")).first.wait_for(timeout=20 * PATIENCE)
    assert done.is_visible()
    with rasterio.open(session.labels.parent / "drawn_run" / "map.tif") as raster:
        assert raster.shape == (48, 60)
    page.wait_for_function(f"() => ({SEEN})(['map'])[1] == 1", timeout=PATIENCE)
    page.get_by_role("button", name="Look").click()
    page.mouse.move(*session.at(10.5, 10.5))
    session.text("wet")


@needs_browser
def test_two_pictures_share_what_is_seen(session: Session) -> None:
    session.page.get_by_role("button", name="Side by side").click()
    session.page.wait_for_timeout(400)
    assert session.page.locator(".pane:visible").count() == 2
    session.page.get_by_role("button", name="One picture").click()


@needs_browser
def test_no_request_leaves_the_machine(session: Session) -> None:
    hosts = {
        host
        for url, host in ((url, urlsplit(url).hostname) for url in session.asked)
        if not url.startswith(("data:", "blob:"))
    }
    assert hosts == {"127.0.0.1"}
    assert session.errors == []


@needs_browser
def test_control_c_ends_it(session: Session) -> None:
    os.kill(session.process.pid, signal.SIGINT)
    assert session.process.wait(60) == 0
    assert not session.labels.with_name(".drawn.gpkg.lock").exists()
