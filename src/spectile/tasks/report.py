"""What a run shows of itself: its record, thinned out to a picture's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectile.data.quicklook import quicklook
from spectile.data.scene import Scene
from spectile.reports.scene_report import RunRecord, write_report
from spectile.runs.config import SceneConfig
from spectile.tasks.scene.preparation import Prepared
from spectile.tasks.scores import read_map

PICTURE = 1200
"""Longest edge of a picture in the report, in pixels."""

TITLES = {
    "blocks": "Blocks, apart from each other",
    "random": "Random pixels, as in the literature",
    "file": "Split from file",
}


def record(
    scene: Scene,
    prepared: Prepared,
    config: SceneConfig,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    map_path: Path,
    notes: tuple[str, ...],
) -> RunRecord:
    """A finished run for the report."""
    step = max(1, -(-max(scene.height, scene.width) // PICTURE))
    return RunRecord(
        title=TITLES[prepared.split.kind],
        config=config.as_dict(),
        metrics=metrics,
        history=history,
        legend=prepared.labels.legend,
        quicklook=quicklook(scene, max_size=PICTURE),
        labels=prepared.labels.classes[::step, ::step],
        split=prepared.split.assignment[::step, ::step],
        prediction=read_map(map_path, prepared.labels.legend, step),
        extra_notes=notes,
    )


def write_run_report(path: Path, records: Sequence[RunRecord], scene: Scene) -> None:
    """Write the report of one run, or of several side by side."""
    write_report(path, records, heading=Path(scene.source).name)
