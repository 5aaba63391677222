"""The demo: Indian Pines, once without leakage and once as the literature does."""

from __future__ import annotations

from pathlib import Path

from spectile.mapping.scene_map import Progress
from spectile.runs.config import HardwareConfig, SceneConfig, SplitConfig
from spectile.runs.directory import CONFIG, REPORT
from spectile.runs.report import write_run_report
from spectile.runs.scene_run import train_scene
from spectile.scenes.known import indian_pines
from spectile.scoring.report import RunRecord


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
    scene, _ = indian_pines()
    finished = []
    for kind in ("blocks", "random"):
        config = SceneConfig(
            scene="indian-pines",
            split=SplitConfig(kind=kind),
            hardware=HardwareConfig(threads=threads),
            seed=seed,
        )
        folder = directory / kind
        finished.append(
            train_scene(
                config,
                folder,
                overwrite=overwrite,
                resume=resume and (folder / CONFIG).exists(),
                quiet=quiet,
                progress=progress,
            )
        )
    write_run_report(directory / REPORT, finished, scene)
    return directory / REPORT, finished
