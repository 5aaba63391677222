"""A model's card: what it was trained on, how far to trust it, and how to run it.

Two files beside the model: a page for people in Markdown, and a STAC Item with the Machine Learning
Model extension 1.5 (https://github.com/stac-extensions/mlm) for catalogues.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rasterio.warp import transform_bounds

from spectile.compat.rasterio import GDAL_ERRORS
from spectile.files import check_output, write_aside
from spectile.model.model import Model

MLM = "https://stac-extensions.github.io/mlm/v1.5.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
STAC_VERSION = "1.1.0"
TASKS = {
    "scene": "semantic-segmentation",
    "segment": "semantic-segmentation",
    "classify": "scene-classification",
    "instances": "instance-segmentation",
}
UNKNOWN = "not stated"
SIDES = "train", "validation", "test"
MARK = "<!-- Written by spectile card. -->"
SCORES = {
    "overall_accuracy": "Overall accuracy",
    "average_accuracy": "Average accuracy",
    "kappa": "Cohen's kappa",
    "mean_iou": "Mean IoU",
}


def card_files(model: Path) -> tuple[Path, Path]:
    """The page and the STAC Item beside a model file."""
    return model.with_suffix(".md"), model.with_suffix(".json")


def write_card(
    model: Model,
    path: Path,
    *,
    licence: str | None = None,
    overwrite: bool = True,
) -> tuple[Path, Path]:
    """Write both files of the card of `model`, whose file is `path`; both are checked before.

    `licence` is that of the data that it was trained on. Raises InputError where something else
    stands there, or with `overwrite` off anything does.
    """
    page, item = card_files(path)
    check_output(page, ours=_is_our_page, overwrite=overwrite, inputs=[path])
    check_output(item, ours=_is_our_item, overwrite=overwrite, inputs=[path])
    created = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    document = stac_item(model, path.name, created, licence)
    with write_aside(page) as aside:
        aside.write_text(markdown(model, path.name, licence), encoding="utf-8")
    with write_aside(item) as aside:
        aside.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    return page, item


def stac_item(
    model: Model, file: str, created: datetime, licence: str | None = None
) -> dict[str, Any]:
    """A STAC Item with the MLM extension; its place is that of the training scene, if known."""
    bounds = _degrees(model.provenance.get("scene") or {})
    when = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    place: dict[str, Any] = {"geometry": None}
    if bounds is not None:
        left, bottom, right, top = bounds
        ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
        place = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(bounds)}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [MLM, CLASSIFICATION],
        "id": f"{_plain_name(model.name)}-{_hash(model)}",
        **place,
        "properties": {
            "datetime": when,
            "created": when,
            "title": f"{model.name}, trained by Spectile for the task {model.task}",
            **({"license": licence} if licence else {}),
            **_mlm(model),
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{file}",
                "type": "application/vnd.safetensors",
                "title": "Weights, preprocessing and legend: spectile map, spectile predict",
                "roles": ["mlm:model", "mlm:weights"],
                "mlm:artifact_type": "safetensors.torch.save_file",
            },
            "card": {
                "href": f"./{Path(file).with_suffix('.md')}",
                "type": "text/markdown",
                "roles": ["metadata"],
            },
        },
    }


def _mlm(model: Model) -> dict[str, Any]:
    windows = model.task == "scene"
    edge = model.window if windows else model.image_edge or -1
    task = TASKS.get(model.task, "classification")
    pixels = model.task == "segment"
    order = ["batch", "class", *(["height", "width"] if pixels else [])]
    names = _band_names(model)
    classes = [
        {
            "value": entry["value"],
            "name": _class_name(entry["name"]),
            "title": entry["name"],
            "color_hint": entry["color"].lstrip("#").upper(),
        }
        for entry in model.legend.to_dicts()
    ]
    provenance = model.provenance
    numbers = {
        "seed": provenance.get("seed"),
        "epochs": provenance.get("epochs"),
        "window": model.window if windows else None,
        "reducer": model.preprocessing.reducer.name,
        **{key: value for key, value in model.options.items() if key != "window"},
    }
    return {
        "mlm:name": _plain_name(model.name),
        "mlm:architecture": model.name,
        "mlm:tasks": [task],
        "mlm:framework": "PyTorch",
        **_version(provenance.get("versions") or {}),
        "mlm:total_parameters": sum(weight.numel() for weight in model.network.parameters()),
        "mlm:pretrained": True,
        "mlm:pretrained_source": None,
        "mlm:accelerator": "amd64",
        "mlm:accelerator_constrained": False,
        "mlm:hyperparameters": {key: value for key, value in numbers.items() if value is not None},
        "mlm:input": [
            {
                "name": "all bands of the scene, in its own units",
                "bands": names,
                "input": {
                    "shape": [-1, model.scene_bands, edge, edge],
                    "dim_order": ["batch", "bands", "height", "width"],
                    "data_type": "float32",
                },
                "description": "Bands are chosen, missing values filled and components made by "
                "what the model file says; spectile export puts that into the graph.",
                "pre_processing_function": None,
            }
        ],
        "mlm:output": [
            {
                "name": "probabilities",
                "tasks": [task],
                "result": {
                    "shape": [-1, len(classes), *([-1, -1] if pixels else [])],
                    "dim_order": order,
                    "data_type": "float32",
                },
                "classification:classes": classes,
                "post_processing_function": None,
            }
        ],
        "bands": _bands(model, names),
        "spectile:scores": provenance.get("scores"),
        "spectile:overlap": (provenance.get("split") or {}).get("verdict"),
    }


def markdown(model: Model, file: str, licence: str | None = None) -> str:
    """The page for people."""
    lines = [
        *(MARK, f"# {model.name}: a model for `{model.task}`", ""),
        f"File: `{file}`. Written and run by Spectile; `spectile export` takes it elsewhere.",
        *("", "## How far to trust it", "", *_trust(model.provenance)),
        *("", "## Where it applies", ""),
        f"Data with the same {model.scene_bands} bands, {_range(model)}.",
        _applicability(model),
        *("", "## What it was trained on", "", *_training(model, licence), ""),
    ]
    return "\n".join(lines)


def _trust(provenance: Mapping[str, Any]) -> list[str]:
    split: Mapping[str, Any] = provenance.get("split") or {}
    scores: Mapping[str, Any] = provenance.get("scores") or {}
    lines = ["No score is known: the file is not that of a finished run."]
    if scores:
        lines = ["| score on test data | |", "|---|---|"]
        lines += [f"| {SCORES.get(key, key)} | {value:.4f} |" for key, value in scores.items()]
    lines += ["", split.get("verdict") or "Overlap with the training data: not known."]
    lines += [f"- {note}" for note in split.get("notes") or []]
    if note := (provenance.get("calibration") or {}).get("note"):
        lines += ["", note]
    return lines


def _training(model: Model, licence: str | None) -> list[str]:
    provenance = model.provenance
    split: Mapping[str, Any] = provenance.get("split") or {}
    lines = [_counts(split), f"Data SHA-256: `{provenance.get('training_data_sha256', UNKNOWN)}`."]
    lines += [f"Licence of the data: {licence or UNKNOWN}."]
    lines += ["", "| value | class | tested |", "|---|---|---|"]
    untested = set(split.get("untested_classes") or ())
    for entry in model.legend.to_dicts():
        tested = "no" if entry["name"] in untested else "yes" if split else "not known"
        lines += [f"| {entry['value']} | {_cell(entry['name'])} | {tested} |"]
    versions = ", ".join(f"{k} {v}" for k, v in (provenance.get("versions") or {}).items())
    seed = provenance.get("seed", UNKNOWN)
    return [*lines, "", f"Trained with {versions or UNKNOWN}; seed {seed}."]


def _applicability(model: Model) -> str:
    known = model.applicability
    if known is None:
        return "It remembers no training spectra: what it doesn't know, nobody is told."
    return (
        "It remembers training spectra: `spectile map` warns of scenes unlike them, and "
        "`--layers applicability` shows where. Of its own training scene "
        f"{100 * known.outside_in_training:.1f}% lie outside."
    )


def _counts(split: Mapping[str, Any]) -> str:
    numbers = [(side, split.get(f"{side}_pixels", split.get(f"{side}_images"))) for side in SIDES]
    told = ", ".join(f"{count} {side}" for side, count in numbers if count is not None)
    unit = "images" if "train_images" in split else "labelled pixels"
    return f"{unit.capitalize()}: {told or UNKNOWN}; split: {split.get('kind', UNKNOWN)}."


def _range(model: Model) -> str:
    if model.wavelengths is None:
        return "whose wavelengths nobody told"
    low, high = model.wavelengths.min(), model.wavelengths.max()
    return f"of which {len(model.wavelengths)} from {low:.0f} to {high:.0f} nm are used"


def _band_names(model: Model) -> list[str]:
    return [f"band-{number + 1}" for number in range(model.scene_bands)]


def _bands(model: Model, names: list[str]) -> list[dict[str, Any]]:
    """STAC's bands, with the centre in micrometres where it is known."""
    centres: dict[int, float] = {}
    if model.wavelengths is not None:
        centres = dict(zip(model.preprocessing.bands, model.wavelengths.tolist(), strict=True))
    return [
        {"name": name}
        | ({"eo:center_wavelength": centres[place] / 1000} if place in centres else {})
        for place, name in enumerate(names)
    ]


def _version(versions: Mapping[str, str]) -> dict[str, str]:
    return {"mlm:framework_version": versions["torch"]} if "torch" in versions else {}


def _degrees(place: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of where a scene lies."""
    if not place:
        return None
    try:
        west, south, east, north = transform_bounds(place["crs"], "EPSG:4326", *place["bounds"])
    except GDAL_ERRORS:
        return None
    inside = -180 <= west < east <= 180 and -90 <= south < north <= 90
    return (west, south, east, north) if inside else None


def _hash(model: Model) -> str:
    return str(model.provenance.get("training_data_sha256") or "unknown")[:12]


def _plain_name(name: str) -> str:
    """Letters, digits, points and dashes, a letter first, as the extension asks for."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.")
    return plain if re.match(r"[A-Za-z].+", plain) else f"network-{plain}"


def _class_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "class"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _is_our_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _is_our_item(path: Path) -> bool:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return "spectile:overlap" in document["properties"]
    except (ValueError, KeyError, TypeError, OSError):
        return False
