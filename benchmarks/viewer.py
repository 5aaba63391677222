"""How long the viewer takes to open and pan a scene of 20,000 x 20,000 pixels and 200 bands.

The files are sparse: 160 GB of zeros that take no space, read block by block as any others. Each is
opened in a process of its own, whose memory counts.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, BANDS = 20_000, 200
FORMS = {
    "envi": "ENVI, band by band",
    "tiles": "GeoTIFF, tiles, band by band",
    "pixels": "pixel by pixel",
}


def write(folder: Path, form: str) -> Path:
    import rasterio
    from rasterio.transform import from_origin

    if form == "envi":
        data = folder / "large.img"
        with data.open("wb") as file:
            file.truncate(SIZE * SIZE * BANDS * 2)
        data.with_suffix(".hdr").write_text(
            f"ENVI\nsamples = {SIZE}\nlines = {SIZE}\nbands = {BANDS}\ndata type = 12\n"
            "interleave = bsq\nbyte order = 0\nheader offset = 0\n"
        )
        return data.with_suffix(".hdr")
    path = folder / "large.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIZE,
        height=SIZE,
        count=BANDS,
        dtype="uint16",
        crs="EPSG:32633",
        transform=from_origin(4e5, 5.8e6, 10, 10),
        tiled=True,
        blockxsize=256,
        blockysize=256,
        interleave="band" if form == "tiles" else "pixel",
        bigtiff="yes",
        sparse_ok=True,
        compress="deflate",
    ):
        pass
    return path


def measure(path: Path) -> dict[str, float]:
    began, processor = time.perf_counter(), time.process_time()
    from bokeh.document import Document

    from spectile.viewing.material import open_material
    from spectile.viewing.page.document import Exhibit, build

    imported = time.perf_counter()
    page = build(Document(), Exhibit(open_material(path)))
    opened, worked = time.perf_counter(), time.process_time()
    page.frame.screen.data = {"width": [1000], "height": [700], "ratio": [1]}  # as a browser does
    pans = []
    for zoom in (4, 20):
        for place in range(5):
            width = SIZE / zoom
            start = time.perf_counter()
            page.frame.x.update(start=place * width / 3, end=place * width / 3 + width)
            page.frame.y.update(start=width, end=0)
            page.pane.refresh()
            pans.append(time.perf_counter() - start)
    page.spectra.pin(12_345, 6_789)
    page.pane.set_picture(page.pane.picture.preset("components"), (2, 98))
    return {
        "import_seconds": imported - began,
        "open_seconds": opened - imported,
        "processor_seconds_until_open": worked - processor,
        "longest_pan_seconds": max(pans),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]))))
        return
    for form, said in FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder), form)
            ran = subprocess.run(
                [sys.executable, __file__, str(path)], check=True, capture_output=True, text=True
            )
            print(f"{said}: {ran.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
