"""A model's card says what it is, for people and for catalogues."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rasterio.crs import CRS
from tests.cli.conftest import spectile
from tests.export.models import of_images, of_windows
from tests.mapping.small_segmenter import segment_model

from spectile.api.model import Model
from spectile.export.card import write_card

STRUCTURE = {
    "required": ["shape", "dim_order", "data_type"],
    "properties": {
        "shape": {"items": {"type": "integer", "minimum": -1}, "minItems": 1},
        "dim_order": {"items": {"pattern": "^[a-z-_]+$"}, "uniqueItems": True},
        "data_type": {"enum": ["float32"]},
    },
}
SCHEMA: dict[str, Any] = {
    "required": ["type", "stac_version", "stac_extensions", "id", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "stac_version": {"pattern": r"^1\.[1-9]"},
        "stac_extensions": {
            "contains": {"const": "https://stac-extensions.github.io/mlm/v1.5.0/schema.json"}
        },
        "links": {"type": "array"},
        "properties": {
            "required": [
                *("datetime", "mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input"),
                *("mlm:output", "mlm:framework", "bands"),
            ],
            "properties": {
                "datetime": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "mlm:name": {"pattern": "^[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]$"},
                "mlm:tasks": {
                    "items": {"enum": ["semantic-segmentation", "scene-classification"]},
                    "minItems": 1,
                },
                "mlm:hyperparameters": {"minProperties": 1},
                "mlm:total_parameters": {"type": "integer"},
                "mlm:input": {
                    "minItems": 1,
                    "items": {
                        "required": ["name", "bands", "input"],
                        "properties": {"input": STRUCTURE},
                    },
                },
                "mlm:output": {
                    "minItems": 1,
                    "items": {
                        "required": ["name", "tasks", "result"],
                        "properties": {
                            "result": STRUCTURE,
                            "classification:classes": {
                                "minItems": 1,
                                "items": {
                                    "required": ["value", "name"],
                                    "properties": {
                                        "value": {"type": "integer"},
                                        "name": {"pattern": "^[0-9A-Za-z-_]+$"},
                                        "color_hint": {"pattern": "^[0-9A-F]{6}$"},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
        "assets": {
            "required": ["model"],
            "properties": {
                "model": {
                    "required": ["href", "roles", "mlm:artifact_type"],
                    "properties": {"roles": {"contains": {"const": "mlm:model"}}},
                }
            },
        },
    },
    "if": {"properties": {"geometry": {"type": "object"}}},
    "then": {"required": ["bbox"]},
    "else": {"not": {"required": ["bbox"]}},
}
"""What STAC 1.1 and the MLM extension 1.5 require, in our own words."""

PROVENANCE = {
    "scene": {"crs": CRS.from_epsg(32633).to_wkt(), "bounds": [4e5, 5e6, 4.1e5, 5.1e6]},
    "scores": {"overall_accuracy": 0.8123},
    "split": {
        "kind": "blocks",
        "train_pixels": 7,
        "test_pixels": 5,
        "verdict": "No test window shares a pixel with a training window.",
        "untested_classes": ["open water"],
    },
    "versions": {"spectile": "0.1.0", "torch": "2.13.0+cpu"},
    "training_data_sha256": "05f62e58" * 8,
    "seed": 4,
}


def finished() -> Model:
    return replace(of_windows(), provenance=PROVENANCE)


@pytest.mark.parametrize("build", [finished, of_windows, of_images, segment_model])
def test_the_item_holds_what_the_extension_requires(build: Any, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").touch()
    model = build()
    _, item = write_card(model, tmp_path / "m.safetensors")
    document = json.loads(item.read_text())
    jsonschema.validate(document, SCHEMA)
    told = document["properties"]
    assert len(told["mlm:input"][0]["bands"]) == len(told["bands"]) == model.scene_bands


def test_the_page_says_how_far_to_trust_the_model(tmp_path: Path) -> None:
    finished().save(tmp_path / "model.safetensors")
    printed = spectile("card", tmp_path / "model.safetensors", "--licence", "CC-BY-4.0")
    assert "model.md" in printed
    page = (tmp_path / "model.md").read_text()
    for said in (
        *("0.8123", "No test window shares a pixel", "CC-BY-4.0", "7 train, 5 test"),
        *("| 14 | open water | no |", "05f62e58", "remembers no training spectra"),
    ):
        assert said in page
    document = json.loads((tmp_path / "model.json").read_text())
    west, south, east, north = document["bbox"]
    assert 13 < west < east < 15
    assert 45 < south < north < 47
    assert document["properties"]["license"] == "CC-BY-4.0"
    assert "exists" in spectile("card", tmp_path / "model.safetensors", code=2)
    spectile("card", tmp_path / "model.safetensors", "--overwrite")
    (tmp_path / "model.md").write_text("mine")
    said = spectile("card", tmp_path / "model.safetensors", "--overwrite", code=2)
    assert "isn't from an earlier command" in said
    assert (tmp_path / "model.md").read_text() == "mine"
