"""What a recipe says of a fit on images reaches the fit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spectile.tasks.config import HardwareConfig
from spectile.tasks.images import start
from spectile.training.image_recipes import ClassifyRecipe, ImageRecipe, SegmentRecipe
from spectile.training.instance_recipes import InstanceRecipe


@pytest.mark.parametrize("kind", [ClassifyRecipe, SegmentRecipe, InstanceRecipe])
def test_epochs_patience_and_clip(kind: type[ImageRecipe], monkeypatch: Any) -> None:
    said: dict[str, Any] = {}
    monkeypatch.setattr(start, "fit", lambda *_, **given: said.update(given))
    recipe = kind(epochs=7, patience=3, clip=2.5)
    config: Any = SimpleNamespace(
        recipe=recipe, seed=0, hardware=HardwareConfig(), tensorboard=False
    )
    work: Any = SimpleNamespace(folder=Path("run"), resume=False, quiet=True)
    nothing: Any = []
    begun = start.Start(config, nothing, {}, nothing, frozenset(), ())
    begun.fit(nothing, nothing, nothing, work, validation_batch=1, workers=0)
    assert (said["epochs"], said["patience"], said["clip"]) == (7, 3, 2.5)
