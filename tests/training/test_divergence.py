"""A fit whose numbers leave what can be counted with stops, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.conftest import CLASSES, COMPONENTS, WINDOW

from spectile import networks
from spectile.errors import InputError
from spectile.reports.wording import notes_on_loss
from spectile.training.learners.window_classifier import fit_windows
from spectile.training.recipes import Recipe
from spectile.training.regions.fit_spectral_branch import fit_spectral_branch
from spectile.training.regions.labelled_windows import LabelledWindows


def test_a_loss_that_is_no_number_ends_the_fit(
    windows: tuple[LabelledWindows, LabelledWindows], tmp_path: Path
) -> None:
    train, validation = windows
    network = networks.create("hybridsn-2d", bands=COMPONENTS, classes=CLASSES, window=WINDOW)
    with torch.no_grad():  # one step too far: the next loss is nan
        network.classifier[-1].weight.fill_(3e38)
    with pytest.raises(InputError, match=r"(train|validation) loss became .* lower the learning"):
        fit_windows(
            *(network, train, validation),
            Recipe(window=WINDOW, epochs=3),
            classes=CLASSES,
            seed=0,
            checkpoints=tmp_path,
            quiet=True,
        )
    assert not list(tmp_path.glob("best*"))


def test_a_spectral_branch_of_extreme_values() -> None:
    spectra = torch.full((40, 3), 3e38)
    with pytest.raises(InputError, match="spectral branch"):
        fit_spectral_branch(
            torch.nn.Linear(3, 2), spectra, torch.arange(40) % 2, weights=None, seed=0
        )


def test_a_loss_that_rose_is_told() -> None:
    def told(*losses: float, guessing: float | None = None) -> str:
        return " ".join(notes_on_loss([{"train_loss": loss} for loss in losses], guessing))

    assert "rose: 9 at the end, 1 at first" in told(1, 0.5, 9)
    assert "0.1 in between" in told(1, 0.1, 0.9)
    assert told(1, 0.5, 0.55) == told() == told(0.3, guessing=0.69) == ""
    assert "guessing alone has 0.69" in told(7, guessing=0.69)
