"""Labels, legends, configurations, images and models with damage: they open or raise InputError."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio import Affine
from tests.mapping.small_model import small_model

from spectile.data.images import read_image
from spectile.data.labels.labels import open_labels
from spectile.data.labels.legend import read_legend
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.model.file import load
from spectile.tasks.config import read_config
from spectile.tasks.entries.scene import SceneConfig

LIKE = scene_from_array(
    np.ones((3, 20, 20)), crs="EPSG:32633", transform=Affine(1, 0, 0, 0, -1, 20)
)
READERS: dict[str, Callable[[Path], Any]] = {
    "labels.geojson": lambda path: open_labels(path, like=LIKE),
    "labels.gpkg": lambda path: open_labels(path, like=LIKE),
    "points.csv": lambda path: open_labels(path, like=LIKE),
    "legend.csv": read_legend,
    "config.yaml": lambda path: read_config(path, SceneConfig),
    "image.png": read_image,
    "model.safetensors": load,
}
INSERTS = (b"9" * 400, b"[" * 5000, b"{" * 5000, b"nan", b"1e999", b"\0\0\0", b"\xff\xff\xff\x7f")


def write(path: Path) -> None:
    if path.stem == "labels":
        squares = [shapely.box(1, 1, 8, 8), shapely.box(9, 9, 18, 18)]
        geopandas.GeoDataFrame({"class": [1, 2]}, geometry=squares, crs=LIKE.crs).to_file(path)
    elif path.name == "points.csv":
        path.write_text("row,col,class\n" + "\n".join(f"{i},{i},{i % 2 + 1}" for i in range(15)))
    elif path.name == "legend.csv":
        path.write_text("value,name,color\n1,wheat,#ff0000\n2,oats,#00ff00\n")
    elif path.name == "config.yaml":
        SceneConfig(scene="scene.tif", labels="labels.tif").write(path)
    elif path.name == "image.png":
        Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(path)
    else:
        small_model().save(path)


def mutated(content: bytes, rng: random.Random) -> bytes:
    kind, place, changed = rng.randrange(4), rng.randrange(len(content)), bytearray(content)
    if kind == 0:
        changed[place] = rng.randrange(256)
    elif kind == 1:
        del changed[place:]
    elif kind == 2:
        lines = content.split(b"\n")
        rng.shuffle(lines)
        return b"\n".join(lines)
    else:
        changed[place:place] = rng.choice(INSERTS)
    return bytes(changed)


@pytest.mark.parametrize("name", READERS)
def test_damage(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, rng = tmp_path / name, random.Random(0)
    write(path)
    READERS[name](path)
    content = path.read_bytes()
    for _ in range(40):
        path.write_bytes(mutated(content, rng))
        said = ""
        try:
            READERS[name](path)
        except InputError as error:
            said = str(error)
        assert "\n" not in said
    assert capfd.readouterr().err == ""
