"""The demo: Indian Pines, once without leakage and once as the literature does."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from spectile.data.datasets.known import indian_pines
from spectile.errors import InputError
from spectile.progress import Progress
from spectile.reports.scene_report import RunRecord, write_report
from spectile.runs.directory import held, refuse_obstacles, refuse_strangers, write_mark
from spectile.runs.finished import is_finished
from spectile.runs.lifecycle import run
from spectile.runs.run_files import demo_contents, holds_anything
from spectile.tasks.config import HardwareConfig
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.files import REPORT
from spectile.tasks.scene.task import SceneTask

SplitKind = Literal["blocks", "random"]
KINDS: tuple[SplitKind, ...] = ("blocks", "random")


def run_demo(
    directory: str | Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Path, list[RunRecord]]:
    """Train under both splits; gives the report that shows both, and the two runs."""
    directory = Path(directory)
    with held(directory, demo_contents()):
        _begin(directory, overwrite=overwrite, resume=resume)
        finished = []
        for kind in KINDS:
            finished.append(
                run(
                    SceneTask(),
                    _config(kind, seed, threads),
                    directory / kind,
                    overwrite=overwrite,
                    resume=resume,
                    quiet=quiet,
                    progress=progress,
                )
            )
        write_report(directory / REPORT, finished, heading=finished[0].heading)
    return directory / REPORT, finished


def is_demo_finished(directory: Path, seed: int) -> bool:
    """Whether both runs and their report are there; InputError for runs of another seed."""
    report = directory / REPORT
    return report.is_file() and all(
        is_finished(SceneTask(), _config(kind, seed, None), directory / kind) for kind in KINDS
    )


def _config(kind: SplitKind, seed: int, threads: int | None) -> SceneConfig:
    return SceneConfig(
        scene="indian-pines",
        split=SplitConfig(kind=kind),
        hardware=HardwareConfig(threads=threads),
        seed=seed,
    )


def _begin(directory: Path, *, overwrite: bool, resume: bool) -> None:
    """Make the directory of the demo; raises InputError unless it may be."""
    indian_pines()  # without its package nothing is touched
    refuse_obstacles(directory, demo_contents())
    if holds_anything(directory) and not resume:
        if not overwrite:
            raise InputError(
                f"{directory} holds a demo: add --resume to go on with it, --overwrite to replace "
                "it, or choose another --out."
            )
        refuse_strangers(directory, demo_contents())
    (directory / REPORT).unlink(missing_ok=True)
    write_mark(directory, {"task": "demo"})
