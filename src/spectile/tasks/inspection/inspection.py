"""Everything that can be seen of a network at work, on one page and in one JSON file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spectile.errors import InputError
from spectile.files import check_name, check_output, not_writable
from spectile.inspecting.band_occlusion import band_groups, occluded
from spectile.inspecting.gate_maps import GateMaps, gate_maps
from spectile.inspecting.grad_cam import grad_cam
from spectile.inspecting.selective_kernels import kernel_differences
from spectile.inspecting.spatial_attention import place_weights
from spectile.inspecting.squeeze_excitation import BlockGates, channel_gates, telling_channels
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, WindowTask
from spectile.progress import Progress
from spectile.reports.inspection_report import (
    NUMBERS,
    PAGE,
    Inspection,
    ShownInput,
    is_numbers,
    write_inspection,
)
from spectile.reports.page import is_page
from spectile.tasks.inspection.material import Material, open_for_inspection

OCCLUDED = 20
"""Samples of each class whose bands are hidden: each runs once for every group of bands."""
MAPPED_CHANNELS = 5
"""Gates that are mapped over a scene, besides the mean of all."""
COUNT = 50
"""Samples of each class, as in Hu et al., section 7.2."""


def inspect_model(
    model: Model,
    data: Any,
    out: str | Path,
    *,
    labels: str | None = None,
    column: str | None = None,
    count: int = COUNT,
    seed: int = 0,
    bands_last: bool | None = None,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
    progress: Progress | None = None,
) -> tuple[Path, Inspection]:
    """Watch `model` on `data` and write page and numbers into the folder `out`; gives the page.

    See :func:`open_for_inspection` for `data`, `labels` and `count`. Raises InputError for data
    that doesn't fit, and where the files are there already, unless `overwrite`.
    """
    folder = check_folder(out, overwrite=overwrite, inputs=inputs)
    material = open_for_inspection(
        model, data, labels=labels, column=column, bands_last=bands_last, count=count, seed=seed
    )
    found = inspection_of(model, material, progress)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    return write_inspection(folder, found), found


def check_folder(out: str | Path, *, overwrite: bool, inputs: Iterable[str | Path]) -> Path:
    """The folder; InputError unless page and numbers may be written into it."""
    folder = Path(out)
    check_name(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: choose another folder for the page.")
    inputs = list(inputs)
    for name, ours in ((PAGE, is_page), (NUMBERS, is_numbers)):
        check_output(folder / name, ours=ours, overwrite=overwrite, inputs=inputs)
    return folder


def inspection_of(model: Model, material: Material, progress: Progress | None = None) -> Inspection:
    """What is found in `model` on `material`."""
    network, samples = model.network, material.samples
    gates = channel_gates(network, samples)
    components = _components(material)
    bands = model.preprocessing.bands
    groups = band_groups(bands, model.wavelengths)
    cams = _cams(model, components, material)
    layer, maps = cams if cams is not None else (None, None)
    return Inspection(
        network=model.name,
        task=model.task,
        source=material.source,
        legend=model.legend,
        classes=samples.classes,
        labelled=material.labelled,
        notes=material.notes,
        gates=gates,
        maps=_gate_maps(model, material, gates),
        kernels=kernel_differences(network, samples),
        places=place_weights(network, components) if _alike(material) else (),
        shown=[
            ShownInput(
                shown.name,
                int(samples.classes[shown.place]),
                shown.picture,
                None if maps is None else maps[place],
            )
            for place, shown in enumerate(material.shown)
        ],
        occlusion=occluded(network, samples.few_of_each(OCCLUDED), groups, progress=progress),
        cam_layer=layer,
    )


def _alike(material: Material) -> bool:
    return len({material.samples.centred[shown.place].shape for shown in material.shown}) == 1


def _components(material: Material) -> Tensor:
    """The shown samples (n, components, h, w); the first alone where sizes differ."""
    samples = material.samples
    shown = [samples.centred[one.place] for one in material.shown]
    return samples.components(torch.stack(shown if _alike(material) else shown[:1]))


def _cams(model: Model, components: Tensor, material: Material) -> Any:
    """Grad-CAM of the shown images, for the classes that they have."""
    if not isinstance(model.trained_for, ImageTask) or not _alike(material):
        return None
    places = [shown.place for shown in material.shown]
    classes = torch.from_numpy(material.samples.classes[places])
    return grad_cam(model.network, components, classes)


def _gate_maps(model: Model, material: Material, gates: list[BlockGates]) -> GateMaps | None:
    """The gates of the last block, over the scene."""
    if material.scene is None or not gates or not isinstance(model.trained_for, WindowTask):
        return None
    block = gates[-1]
    channels = telling_channels(block, material.samples.classes, MAPPED_CHANNELS)
    return gate_maps(model, material.scene, block.name, channels)
