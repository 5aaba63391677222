"""A file is there whole or not at all, and what a kill leaves goes with the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spectile.errors import InputError
from spectile.files import aside, write_aside

KILLED = """
import os, signal, sys
from spectile.files import write_aside
with write_aside(sys.argv[1]) as aside:
    aside.write_text("half")
    aside.with_name(aside.name + ".aux.xml").write_text("")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_kill_leaves_goes_when_the_folder_is_next_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "_swept", set())
    users = tmp_path / ".notes.spectile-abcdefgh"
    users.mkdir()
    (users / "thesis.txt").write_text("mine")
    path = tmp_path / "scores.json"
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    with write_aside(tmp_path / "other.json") as new:
        new.write_text("whole")
    assert names(tmp_path) == [users.name, "other.json"]
    assert (users / "thesis.txt").read_text() == "mine"


def test_what_another_process_is_writing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_aside(tmp_path / "a.json") as slow:
        slow.write_text("a")
        monkeypatch.setattr(aside, "_swept", set())
        with write_aside(tmp_path / "b.json") as quick:
            quick.write_text("b")
        assert slow.read_text() == "a"
    assert names(tmp_path) == ["a.json", "b.json"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("before")

    def fail() -> None:
        with write_aside(path) as new:
            new.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == ["scores.json"]
    assert path.read_text() == "before"


def test_links_are_refused_and_long_names_are_not(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "scores.json").symlink_to("thesis")
    with pytest.raises(InputError, match="is a link"), write_aside(tmp_path / "scores.json"):
        pass
    assert (tmp_path / "thesis").read_text() == "mine"
    longest = tmp_path / ("湿" * 83 + ".json")
    with write_aside(longest) as new:
        new.write_text("whole")
    assert longest.read_text() == "whole"


def test_what_is_written_is_as_readable_as_other_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with write_aside(tmp_path / "result") as aside:
        aside.touch(mode=0o600)
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode
