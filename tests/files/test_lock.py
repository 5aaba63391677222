"""One process at a time, and none after its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spectile.errors import InputError
from spectile.files import Lock, lock

HOLD = """
import sys, time
from pathlib import Path
from spectile.files import Lock
held = Lock(Path(sys.argv[1]), "map.tif")
print("held", flush=True)
time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_hears_who_is_first_until_that_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    process = holder(path)
    with pytest.raises(InputError, match=rf"map\.tif is being written by process {process.pid}:"):
        Lock(path, "map.tif")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Lock(path, "map.tif"):
        assert path.read_text().split()[0] == str(os.getpid())
    assert not path.exists()


def test_a_fork_that_outlives_its_parent_holds_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    held = Lock(tmp_path / "lock", "map.tif")
    child = os.fork()
    if child == 0:
        os.read(reader, 1)
        os._exit(0)
    held.release()
    Lock(tmp_path / "lock", "map.tif").release()
    os.write(writer, b"!")
    os.waitpid(child, 0)


def test_where_there_are_no_locks_the_process_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    path = tmp_path / "lock"
    first = Lock(path, "map.tif")
    with pytest.raises(InputError, match=f"process {os.getpid()}:"):
        Lock(path, "map.tif")
    first.release()
    process = holder(path)
    with pytest.raises(InputError, match=f"process {process.pid}:"):
        Lock(path, "map.tif")
    process.kill()
    process.wait()
    Lock(path, "map.tif").release()
    path.write_text("1 elsewhere\n")
    with pytest.raises(InputError, match="process 1 on elsewhere"):
        Lock(path, "map.tif")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "lock").symlink_to("thesis")
    with pytest.raises(InputError, match="lock is a link"):
        Lock(tmp_path / "lock", "map.tif")
    assert (tmp_path / "thesis").read_text() == "mine"
