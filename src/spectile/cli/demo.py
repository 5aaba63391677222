"""`spectile demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import Overwrite, Quiet, Resume, Seed, Threads


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the two runs.")] = Path("runs/demo"),
    seed: Seed = 0,
    threads: Threads = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train on Indian Pines without leakage and as papers do, and show both side by side."""
    from spectile.cli.bars import pixels_bar
    from spectile.cli.printing import print_baseline, print_scores
    from spectile.runs.demo import is_demo_finished, run_demo

    if resume and is_demo_finished(out, seed):
        print(f"Report: {out / 'report.html'}; the demo is finished already.")
        return
    with pixels_bar("mapping", quiet=quiet) as progress:
        report, records = run_demo(
            out,
            overwrite=overwrite,
            resume=resume,
            quiet=quiet,
            seed=seed,
            threads=threads,
            progress=progress,
        )
    for record in records:
        print_scores(record.metrics, record.extra_notes)
        print_baseline(record.metrics)
    print(f"Report: {report}")
