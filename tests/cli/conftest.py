"""A georeferenced scene of three crops with labels, and the command line to use on them."""

from __future__ import annotations

import io
import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from spectile.cli import main
from spectile.data.datasets.simulated import simulate

VALUES = np.array([0, 1, 10, 14], np.uint8)  # a user's own class numbers
QUICK = (
    *("--baselines", "none", "--window", "9", "--components", "5", "--epochs", "2"),
    *("--self-training", "0", "--smooth", "0", "--quiet"),
)


@dataclass(frozen=True)
class Field:
    """Files of one small scene."""

    folder: Path
    scene: Path
    labels: Path


def write_tif(path: Path, bands: NDArray[np.generic], **profile: object) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        **{"crs": "EPSG:32633", "transform": from_origin(4e5, 5.8e6, 30, 30), **profile},
    ) as raster:
        raster.write(bands)
    return path


@pytest.fixture(scope="session")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    folder = tmp_path_factory.mktemp("field")
    pixels, classes = simulate(64, 72, 10, 3, seed=3)
    sparse = np.random.default_rng(0).random(classes.shape) < 0.2
    return Field(
        folder,
        write_tif(folder / "scene.tif", (pixels * 10_000).astype(np.int16), nodata=-9999),
        write_tif(folder / "labels.tif", VALUES[classes * sparse][None], nodata=0),
    )


def spectile(*arguments: str | Path, code: int = 0) -> str:
    """Run the command; gives what it printed. Errors must be one sentence on one line.

    Runs in this process, for most of a short command's time goes into importing PyTorch.
    """
    printed, errors = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Dataset has no geotransform")
        with (
            patch.object(sys, "argv", ["spectile", *map(str, arguments)]),
            redirect_stdout(printed),
            redirect_stderr(errors),
            pytest.raises(SystemExit) as ended,
        ):
            main()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert (ended.value.code or 0) == code, errors.getvalue()
    if code == 2:
        message = errors.getvalue().strip()
        assert message.startswith("spectile: ")
        assert "\n" not in message
        assert len(message) < 400
        return message
    return printed.getvalue()
