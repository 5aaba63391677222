"""Training on drawn labels: `spectile train scene` as a process that is followed from outside."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from spectile.errors import InputError
from spectile.tasks.files import CHECKPOINTS, MAP, MODEL, REPORT

STEPS = ("preparing", "fitting", "mapping", "testing", "done")


class TrainingJob:
    """A run under way."""

    def __init__(self, scene: str, labels: Path, recipe: str, options: Sequence[str] = ()) -> None:
        """Starts at once, in a new folder beside the labels; nothing there is replaced."""
        self.directory = _free_folder(labels)
        self.arguments = [
            *("train", "scene", scene, str(labels), "--column", "class"),
            *("--recipe", recipe, *options, "--out", str(self.directory)),
        ]
        self._started = time.monotonic()
        # A file and no pipe: nobody has to read it in time.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "spectile", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise InputError(f"training can't be started ({error}): run {self.command}") from error

    @property
    def command(self) -> str:
        """The same for a terminal."""
        return shlex.join(["spectile", *self.arguments])

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started

    @property
    def ended(self) -> bool:
        """Whether it is over, well or not."""
        return self._process.poll() is not None

    @property
    def step(self) -> int:
        """How far it is, as an index into STEPS, by the files that are there."""
        folder = self.directory
        for step, name in ((4, REPORT), (3, MAP), (2, MODEL), (1, CHECKPOINTS)):
            if (folder / name).exists():
                return step
        return 0

    @property
    def failure(self) -> str | None:
        """What it said as it failed; None while it runs, and where it was well."""
        if not self.ended or self._process.returncode == 0:
            return None
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"it ended with {self._process.returncode}"
        return last.removeprefix("spectile: ")

    def stop(self) -> None:
        """End it; what it has written goes on with `--resume`."""
        if not self.ended:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()


def _free_folder(labels: Path) -> Path:
    names = (f"{labels.stem}_run", *(f"{labels.stem}_run-{n}" for n in range(2, 10_000)))
    return next(path for name in names if not (path := labels.with_name(name)).exists())
