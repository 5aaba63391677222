"""Published networks on Indian Pines, as papers test them and without overlap: the honest table.

    python benchmarks/published.py FOLDER [--seeds 5] [--workers 2] [--show]

FOLDER holds the projects, checked out as owner+name or name (docs/results.md lists them); their
classes are imported, no file is changed. Every method is trained, validated and tested on the same
pixels: a random tenth of each class, and blocks with the guard that the largest window of the table
needs, with as many pixels of each class to learn from. Settings are the published ones, but fits
are bounded: the epochs of a network are those that fit into --budget seconds of a processor, by its
own seconds a step, measured first; its schedule is scaled to them. Each run is kept as a small JSON
file; runs of other settings are made again, and a stopped call goes on. Seeds come one after the
other, so that a stopped table has all of its rows. --show prints the table as Markdown; --quick
takes a small simulated scene.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

from published_jobs import Bench, Job
from published_methods import METHODS, Method
from published_runs import make
from published_speed import measure
from published_table import table

KEPT = Path(__file__).with_name("published_runs")
"""Runs that took hours, kept with the project so that the table can grow."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="checked-out projects")
    parser.add_argument("--out", type=Path, default=KEPT, help="the folder of finished runs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, a thread each")
    parser.add_argument("--budget", type=float, default=240.0, help="seconds of a fit, at most")
    parser.add_argument("--networks", help="names with commas between; all where left out")
    parser.add_argument("--splits", default="random,blocks")
    parser.add_argument("--quick", action="store_true", help="a small simulated scene")
    parser.add_argument("--show", action="store_true", help="make no runs, show those there are")
    given = parser.parse_args()
    bench = Bench(given.folder, given.out, given.budget, given.quick)
    methods = chosen(given.networks, bench)
    if not given.show:
        due = list(jobs(bench, methods, given.splits.split(","), given.seeds))
        print(f"runs to make: {len(due)}", flush=True)
        if due:
            with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
                for said in pool.imap_unordered(make, due):
                    print(said, flush=True)
    text = table(bench, METHODS, given.splits.split(","), given.seeds)
    print(text)


def chosen(names: str | None, bench: Bench) -> list[Method]:
    """The methods asked for whose projects are there; the others are told."""
    known = {method.name: method for method in METHODS}
    wanted = names.split(",") if names else list(known)
    if strange := set(wanted) - set(known):
        raise SystemExit(f"there is no {sorted(strange)[0]}: choose among {', '.join(known)}.")
    found = []
    for name in wanted:
        if known[name].there(bench.folder):
            found.append(known[name])
        else:
            print(f"{name} is left out: {bench.folder} has no {known[name].project}")
    return found


def jobs(bench: Bench, methods: list[Method], splits: list[str], seeds: int) -> Iterator[Job]:
    """The runs that are missing, or were made with other settings."""
    for method in methods:
        measure(bench, method)
    for seed in range(seeds):
        for split in splits:
            for method in methods:
                job = Job(bench, method.name, split, seed)
                if not job.done():
                    yield job


if __name__ == "__main__":
    main()
