"""A map that was killed goes on to the very bytes of one that wasn't."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from tests.mapping.small_model import BANDS, small_model

from spectile.data.mask import Mask
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.output.unfinished import UnfinishedMap, part_folder
from spectile.mapping.output.writer import MapWriter
from spectile.mapping.scene_map import map_scene
from spectile.mapping.window_mapper import WindowMapper

HEIGHT, WIDTH = 70, 90
EVERYTHING: dict[str, Any] = {"probabilities": True, "entropy": True}


@pytest.fixture(autouse=True)
def _nine_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectile.mapping.tiles.EDGES", (32, 16, 8))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    pixels = np.random.default_rng(1).normal(0, 1, (HEIGHT, WIDTH, BANDS)).astype(np.float32)
    np.save(tmp_path / "scene.npy", pixels)
    return open_scene(tmp_path / "scene.npy")


@pytest.fixture(autouse=True)
def tiles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at the scene before its tiles are read, whose reads are counted."""
    monkeypatch.setattr("spectile.mapping.window_mapper.LOOKED_AT", ())


class Counted:
    """A reader that counts how often it is asked."""

    def __init__(self, scene: Scene) -> None:
        self.reader, self.windows = scene.reader, []
        self.block = scene.reader.block

    def read(self, window: Window, bands: Any) -> Any:
        self.windows.append(window)
        return self.reader.read(window, bands)

    def close(self) -> None:
        self.reader.close()


def contents(folder: Path) -> dict[str, bytes]:
    names = [path for path in folder.iterdir() if path.suffix != ".npy"]
    return {path.name: path.read_bytes() for path in names if path.is_file()}


KILLED = """
    import os, signal, sys
    from tests.mapping.small_model import small_model
    from spectile.mapping import scene_map, tiles
    from spectile.mapping.output import geotiff, writer
    from spectile.data.readers.open import open_scene

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    tiles.EDGES = (32, 16, 8)
    when = sys.argv[2]
    progress = None
    if when.isdigit():
        progress = lambda done, total: die() if done > int(when) else None
    elif when == "half a GeoTIFF":
        geotiff.check_copy = die
    elif when == "moving":
        replace = writer.Path.replace
        def counted(path, target):
            replace(path, target)
            if path.parent.name == "complete":
                die()
        writer.Path.replace = counted
    scene_map.map_scene(
        small_model(), open_scene("scene.npy"), sys.argv[1], probabilities=True, entropy=True,
        progress=progress, overwrite=True, resume=True,
    )
"""


def killed(folder: Path, when: object) -> None:
    """Begin to map `folder`/scene.npy to map.tif and be killed at some moment."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), "map.tif", str(when)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path.cwd())])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_killed_map_goes_on_to_the_same_bytes(tmp_path: Path, scene: Scene) -> None:
    (tmp_path / "whole").mkdir()
    map_scene(small_model(), scene, tmp_path / "whole/map.tif", **EVERYTHING)
    killed(tmp_path, 3000)
    assert not (tmp_path / "map.tif").exists()
    journal = part_folder(tmp_path / "map.tif") / "journal"
    kept = len(journal.read_text().splitlines())
    assert 3 <= kept < 9
    reader = Counted(scene)
    reports: list[tuple[int, int]] = []
    resumed = replace(scene, reader=reader)
    map_scene(
        *(small_model(), resumed, tmp_path / "map.tif"),
        **EVERYTHING,
        resume=True,
        progress=lambda *report: reports.append(report),
    )
    assert len(reader.windows) == 9 - kept
    assert reports[0][0] >= kept * 690
    assert reports[-1] == (HEIGHT * WIDTH, HEIGHT * WIDTH)
    assert contents(tmp_path) == contents(tmp_path / "whole")
    assert not part_folder(tmp_path / "map.tif").exists()


@pytest.mark.parametrize("when", ["half a GeoTIFF", "moving"])
def test_a_kill_while_the_files_are_finished(tmp_path: Path, scene: Scene, when: str) -> None:
    (tmp_path / "whole").mkdir()
    map_scene(small_model(), scene, tmp_path / "whole/map.tif", **EVERYTHING)
    map_scene(small_model(), scene, tmp_path / "map.tif")
    form = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 35, "width": 45}
    with rasterio.open(tmp_path / "map.tif.ovr", "w", **form):
        pass
    killed(tmp_path, when)
    killed(tmp_path, when)
    assert part_folder(tmp_path / "map.tif").exists()
    reader = Counted(scene)
    overwrite = when != "moving"  # there all was agreed on before the first file moved
    map_scene(
        *(small_model(), replace(scene, reader=reader), tmp_path / "map.tif"),
        **EVERYTHING,
        resume=True,
        overwrite=overwrite,
    )
    assert not reader.windows
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_a_torn_line_of_the_journal_is_no_tile(tmp_path: Path, scene: Scene) -> None:
    killed(tmp_path, 3000)
    journal = part_folder(tmp_path / "map.tif") / "journal"
    whole = journal.read_text()
    journal.write_text(whole + "30 46 3")
    reader = Counted(scene)
    map_scene(
        *(small_model(), replace(scene, reader=reader), tmp_path / "map.tif"),
        **EVERYTHING,
        resume=True,
    )
    assert len(reader.windows) == 9 - whole.count("\n")


def test_a_torn_line_is_not_joined_to_the_next(tmp_path: Path) -> None:
    unfinished = UnfinishedMap(tmp_path / "map.tif")
    unfinished.add(Window(0, 0, 30, 24))
    with (unfinished.folder / "journal").open("a") as journal:
        journal.write("3")
    assert unfinished.finished() == [Window(0, 0, 30, 24)]
    unfinished.add(Window(0, 24, 30, 23))
    assert unfinished.finished() == [Window(0, 0, 30, 24), Window(0, 24, 30, 23)]
    unfinished.remove()


def interrupted(scene: Scene, path: Path, tiles: int = 2, **options: Any) -> None:
    def progress(done: int, total: int) -> None:
        if done >= tiles * 600:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_scene(small_model(), scene, path, progress=progress, **options)


def test_what_was_finished_stays_and_taken_space_goes(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    interrupted(scene, path)
    assert sorted(contents(part_folder(path))) == ["classes.bil", "job.json", "journal"]
    map_scene(small_model(), scene, path, resume=True)
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_nothing_stays_where_nothing_was_finished(tmp_path: Path, scene: Scene) -> None:
    class Broken(Counted):
        def read(self, window: Window, bands: Any) -> Any:
            raise OSError("no route to host")

    with pytest.raises(InputError, match="no route to host"):
        map_scene(small_model(), replace(scene, reader=Broken(scene)), tmp_path / "map.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["scene.npy"]


def test_what_is_not_resumed_is_mapped_anew(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    interrupted(scene, path, probabilities=True)
    reader = Counted(scene)
    map_scene(small_model(), replace(scene, reader=reader), path)
    assert len(reader.windows) == 9
    assert sorted(contents(tmp_path)) == ["map.qml", "map.tif", "map.tif.aux.xml"]


def test_resuming_without_anything_to_go_on_with_maps(tmp_path: Path, scene: Scene) -> None:
    map_scene(small_model(), scene, tmp_path / "map.tif", resume=True)
    assert (tmp_path / "map.tif").exists()


LEFT = Mask("left.tif", lambda window: np.ones((window.height, window.width), np.bool_))
RIGHT = Mask("right.tif", lambda window: np.eye(window.height, window.width, dtype=np.bool_))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"probabilities": False}, "begun with other layers"),
        ({"region": Window(0, 0, 60, 60)}, "begun with another region"),
        ({"mask": RIGHT}, "begun with another mask"),
        ({"mask": None}, "begun with another mask"),
        ({"method": "patches"}, "begun with another method"),
    ],
)
def test_other_settings_are_refused(
    tmp_path: Path, scene: Scene, options: dict[str, Any], words: str
) -> None:
    path = tmp_path / "map.tif"
    begun = {"probabilities": True, "mask": LEFT}
    interrupted(scene, path, **begun)
    before = contents(part_folder(path))
    with pytest.raises(InputError, match=words):
        map_scene(small_model(), scene, path, resume=True, **{**begun, **options})
    assert contents(part_folder(path)) == before


def test_another_model_is_refused(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    interrupted(scene, path)
    with pytest.raises(InputError, match="begun with another model"):
        map_scene(small_model((3, 15)), scene, path, resume=True)
    model = small_model()
    map_scene(replace(model, provenance={"scores": 1}), scene, path, resume=True)


def test_a_scene_that_changed_is_refused(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    interrupted(scene, path)
    stored = np.load(tmp_path / "scene.npy")
    stored[0, 0, 0] += 1
    np.save(tmp_path / "scene.npy", stored)
    os.utime(tmp_path / "scene.npy", ns=(1, 1))
    with pytest.raises(InputError, match=r"scene\.npy has changed since .*map\.tif was begun"):
        map_scene(small_model(), scene, path, resume=True)
    np.save(tmp_path / "other.npy", stored)
    other = open_scene(tmp_path / "other.npy")
    with pytest.raises(InputError, match="begun with another scene"):
        map_scene(small_model(), other, path, resume=True)


def test_another_memory_goes_on_in_the_same_tiles_if_they_fit(tmp_path: Path, scene: Scene) -> None:
    classifier = WindowMapper(small_model(), scene)
    (tmp_path / "whole").mkdir()
    little = classifier.gigabytes(16)
    map_scene(small_model(), scene, tmp_path / "whole/map.tif", memory=little)
    interrupted(scene, tmp_path / "map.tif", tiles=1, memory=little)
    less = classifier.gigabytes(8)
    with pytest.raises(InputError, match=r"tiles of up to 16 pixels .* least 0\.1 GB"):
        map_scene(small_model(), scene, tmp_path / "map.tif", memory=less, resume=True)
    map_scene(small_model(), scene, tmp_path / "map.tif", memory=2, resume=True)
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_two_processes_keep_off_one_map(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    held = UnfinishedMap(path)
    for resume in (False, True):
        with pytest.raises(
            InputError, match=rf"map\.tif is being written by process {os.getpid()}:"
        ):
            map_scene(small_model(), scene, path, resume=resume)
    held.remove()
    map_scene(small_model(), scene, path)


def test_a_disk_that_fills_up_at_the_end_costs_no_tile(
    tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.tif"

    def full(self: MapWriter) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(MapWriter, "_finish", full)
        with pytest.raises(
            InputError, match=r"no space left .* is kept for resume=True\."
        ) as refused:
            map_scene(small_model(), scene, path)
    assert "\n" not in str(refused.value)
    assert "reserve" not in contents(part_folder(path))
    reader = Counted(scene)
    map_scene(*(small_model(), replace(scene, reader=reader), path), resume=True)
    assert not reader.windows


def test_a_job_that_cannot_be_read_is_begun_anew(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "map.tif"
    interrupted(scene, path)
    job = part_folder(path) / "job.json"
    assert json.loads(job.read_text())["tile"] == 32
    job.write_text(job.read_text()[:40])
    map_scene(small_model(), scene, path, resume=True)
    assert path.exists()
