"""Folders of small pictures with classes and masks, as users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

TINY = ("--network", "mobilenet-v1", "--option", "width=0.25", "--epochs", "1", "--batch", "4")
SMALL_DEEPLAB = (
    *("--backbone", "mobilenet-v2", "--option", "backbone_width=0.25"),
    *("--epochs", "1", "--batch", "2", "--crop", "32"),
)


def class_folders(folder: Path, *, images: int = 10, edge: int = 24) -> Path:
    """Red, green and blue pictures in folders of these names."""
    chance = np.random.default_rng(0)
    for band, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = chance.integers(0, 120, (edge, edge, 3), np.uint8)
            pixels[..., band] += 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def masked_pictures(folder: Path, *, images: int = 10, edge: int = 48) -> tuple[Path, Path]:
    """Pictures with a dark (0) and a bright half (1), masks that say so, 255 between."""
    chance = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(images):
        border = int(chance.integers(10, edge - 10))
        pixels = chance.integers(0, 80, (edge, edge, 3), np.uint8)
        pixels[:, border:] += 150
        mask = np.zeros((edge, edge), np.uint8)
        mask[:, border:], mask[:, border] = 1, 255
        Image.fromarray(pixels).save(folder / "images" / f"{number:02}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:02}.png")
    return folder / "images", folder / "masks"
