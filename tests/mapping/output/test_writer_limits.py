"""The map writer on a full disk and on a large map, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


FULL_DISK = """
    import resource, sys
    import numpy as np
    from rasterio.windows import Window
    from spectile.errors import InputError
    from spectile.mapping.output.writer import MapWriter
    from spectile.data.labels.legend import Category, Legend

    def limit(size):
        if size:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    path, first, later = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    legend = Legend(tuple(Category(k, f"class {k}", (k, k, k)) for k in range(1, 5)))
    classes = np.random.default_rng(0).integers(0, 5, (700, 700))
    limit(first)
    try:
        with MapWriter(
            path, height=700, width=700, legend=legend, crs=None, transform=None, overwrite=True
        ) as writer:
            writer.write(Window(0, 0, 700, 700), {"classes": classes})
            limit(later)
        print("written")
    except InputError as error:
        print(error)
"""


def on_a_full_disk(path, *, first=0, later=0):
    """What is said when files may only have `first` bytes, and `later` once the pixels are in."""
    script = textwrap.dedent(FULL_DISK)
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(first), str(later)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_full_disk_is_told_and_nothing_stays_half_written(tmp_path):
    path = tmp_path / "map.tif"
    assert on_a_full_disk(path) == "written\n"
    before = contents(tmp_path)
    size = len(before["map.tif"])
    # At the start; while GDAL writes; and at GDAL's last write, whose failure it doesn't report.
    for limits in ({"first": 10_000}, {"later": size // 2}, {"later": size - 1}):
        assert "map.tif can't be written" in on_a_full_disk(path, **limits)
        assert contents(tmp_path) == before


MEMORY = r"""
    import re, sys
    from pathlib import Path
    from spectile.mapping.output.writer import MapWriter
    from spectile.data.labels.legend import Category, Legend

    def peak():  # ru_maxrss would begin with that of the process that runs the tests
        return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1e3

    legend = Legend((Category(1, "class", (1, 2, 3)),))
    before = peak()
    with MapWriter(
        sys.argv[1], height=16000, width=16000, legend=legend, crs=None, transform=None
    ):
        pass
    print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs its peak memory")
def test_memory_does_not_grow_with_the_map(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), str(tmp_path / "map.tif")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 200, "MB for a map of 256 MB"
