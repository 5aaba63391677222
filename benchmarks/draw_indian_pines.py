"""Draw docs/indian_pines.png and docs/trust.png, the pictures of the docs, from a finished demo.

python benchmarks/draw_indian_pines.py runs/demo docs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectile.data.datasets.known import indian_pines
from spectile.data.quicklook import quicklook
from spectile.mapping.output.split_raster import SPLIT_LEGEND
from spectile.mapping.styles.picture import class_colors
from spectile.model.file import load
from spectile.reports.figures import ERROR_COLORS, error_codes
from spectile.tasks.scene.inside_outside import sides_of_applicability
from spectile.tasks.scores import read_map

Panel = tuple[str, Any]


def main(demo: Path, out: Path) -> None:
    scene, labels = indian_pines()
    split = read_map(demo / "blocks" / "split.tif", SPLIT_LEGEND)
    known = ("labels", class_colors(labels.classes, labels.legend))
    panels: list[Panel] = [
        ("scene", quicklook(scene)),
        known,
        ("blue: train, orange: validation, green: test", class_colors(split, SPLIT_LEGEND)),
    ]
    for kind, words in (("blocks", "no overlap"), ("random", "windows overlap")):
        accuracy = json.loads((demo / kind / "metrics.json").read_text())["overall_accuracy"]
        mapped = read_map(demo / kind / "map.tif", labels.legend)
        panels.append((f"{kind}, {words}: {accuracy:.1%}", class_colors(mapped, labels.legend)))
    draw(panels, out / "indian_pines.png")
    mapped = read_map(demo / "blocks" / "map.tif", labels.legend)
    sides = sides_of_applicability(load(demo / "blocks" / "model.safetensors"), scene)
    trust: list[Panel] = [
        known,
        ("map", class_colors(mapped, labels.legend)),
        ("test pixels, right and wrong", painted(error_codes(labels.classes, split, mapped))),
        ("unlike all that was trained on", painted(sides)),
    ]
    draw(trust, out / "trust.png")


def painted(codes: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Blue where codes (H, W) are 1, orange where 2, else white."""
    assert codes is not None
    colors: NDArray[np.uint8] = np.array([(255, 255, 255), *ERROR_COLORS], np.uint8)[codes]
    return colors


def draw(panels: list[Panel], path: Path) -> None:
    """Pictures with their titles, side by side."""
    figure = Figure(figsize=(2.5 * len(panels), 2.8), dpi=120, layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(np.asarray(picture), interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    figure.savefig(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
