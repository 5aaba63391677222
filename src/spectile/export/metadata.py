"""What an exported graph says of itself: what goes in, what comes out, and how far to trust it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from spectile.export.graph import GraphOptions, ModelGraph
from spectile.model.model import Model

FROM_TRAINING = ("scores", "split", "calibration", "training_data_sha256")
"""Of the model file's provenance."""
INPUTS = {
    "windows": "windows of the scene (batch, bands, window, window); the pixel in the middle, "
    "row and column window // 2, is classified",
    "tile": "a piece of the scene (1, bands, height, width)",
    "images": "images (batch, bands, height, width)",
    "pixels": "images (batch, bands, height, width)",
}
OUTPUTS = {
    "windows": "probabilities (batch, classes), all 0 where the pixel holds no data",
    "tile": "probabilities (1, classes, height, width), all 0 where a pixel holds no data",
    "images": "probabilities (batch, classes)",
    "pixels": "probabilities (batch, classes, height, width), all 0 where a pixel holds no data",
}
BORDERS = {
    "pad": "beyond its border a tile is continued as the model's scenes are: of overlapping tiles "
    "keep what lies window // 2 pixels inside",
    "cut": "only pixels whose whole window lies in the tile have probabilities: there are "
    "window - 1 rows and columns less",
}


def metadata_of(model: Model, graph: ModelGraph, options: GraphOptions) -> dict[str, Any]:
    """Plain values by their names; None is for what isn't known or doesn't apply."""
    provenance = model.provenance
    takes, split = graph.takes, provenance.get("split") or {}
    return {
        "task": model.task,
        "network": model.name,
        "options": dict(model.options),
        "input": INPUTS[takes],
        "output": OUTPUTS[takes],
        "border": BORDERS[graph.border] if takes == "tile" else None,
        "values": "as Spectile reads them: where the file names a scale and an offset, applied"
        if model.physical or model.task != "scene"
        else "the numbers of the file, no scale applied",
        "missing": "NaN and infinite" + ("" if options.nodata is None else f", {options.nodata:g}"),
        "input_is_multiplied_by": graph.scale,
        "scene_bands": model.scene_bands,
        "bands": list(model.preprocessing.bands),
        "wavelengths": None if model.wavelengths is None else model.wavelengths.tolist(),
        "window": model.window if takes in ("windows", "tile") else None,
        "trained_edge": model.window if takes in ("images", "pixels") else None,
        "class_names": {str(place): name for place, name in enumerate(model.legend.names)},
        "legend": model.legend.to_dicts(),
        "mask_values": None if model.mask_values is None else list(model.mask_values),
        "temperature": model.temperature,
        "not_in_the_graph": _left_out(model),
        "overlap": split.get("verdict"),
        **{key: provenance.get(key) for key in FROM_TRAINING},
        "trained_with": provenance.get("versions"),
        "versions": {name: version(name) for name in ("spectile", "torch")},
    }


def _left_out(model: Model) -> str | None:
    """What of the model's maps the graph doesn't do."""
    if model.smooth:
        return (
            f"smoothing: spectile map smooths probabilities within {model.smooth} pixels along "
            "edges of the scene, this graph doesn't"
        )
    if model.task == "segment":
        return (
            f"blending: spectile map blends overlapping windows of {model.window} pixels, this "
            "graph takes each image as a whole"
        )
    if model.image_edge is not None:
        return f"resizing: spectile predict brings images to {model.image_edge} pixels first"
    return None
