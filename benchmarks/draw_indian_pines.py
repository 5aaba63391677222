"""Draw docs/indian_pines.png, the README's picture, from a finished demo.

python benchmarks/draw_indian_pines.py runs/demo docs/indian_pines.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spectile.data.datasets.known import indian_pines
from spectile.data.quicklook import quicklook
from spectile.mapping.output.split_raster import SPLIT_LEGEND
from spectile.mapping.styles.picture import class_colors
from spectile.tasks.scores import read_map


def main(demo: Path, out: Path) -> None:
    scene, labels = indian_pines()
    split = read_map(demo / "blocks" / "split.tif", SPLIT_LEGEND)
    panels = [
        ("scene", quicklook(scene)),
        ("labels", class_colors(labels.classes, labels.legend)),
        ("blue: train, orange: validation, green: test", class_colors(split, SPLIT_LEGEND)),
    ]
    for kind, words in (("blocks", "no overlap"), ("random", "windows overlap")):
        accuracy = json.loads((demo / kind / "metrics.json").read_text())["overall_accuracy"]
        mapped = class_colors(read_map(demo / kind / "map.tif", labels.legend), labels.legend)
        panels.append((f"{kind}, {words}: {accuracy:.1%}", mapped))
    figure = Figure(figsize=(12.5, 2.8), dpi=120, layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(np.asarray(picture), interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    figure.savefig(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
