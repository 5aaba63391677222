"""The model file: network, preprocessing, classes and where they come from, in one safe file.

A safetensors file whose tensors are the network's weights and the reducer, and whose metadata hold
one JSON document, a :class:`~spectile.model.header.Header`. Nothing in it is run when it is read.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from spectile import networks
from spectile.data.image_bands import image_bands
from spectile.data.labels.legend import Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.files import check_output, write_aside
from spectile.model.header import (
    FORMAT,
    METADATA_KEY,
    Header,
    Task,
    is_model_file,
    read_reducer,
    read_tensors,
)

if TYPE_CHECKING:
    import xarray as xr

    from spectile.data.readers.as_scene import Image
    from spectile.mapping.in_memory import MapArrays, MapOptions
    from spectile.mapping.scene_map import MapSummary, Method, Progress

NETWORK_PREFIX = "network."
PROBE_EDGE = 64
"""Of an image to try a network on, in pixels, where it takes images of any size."""
WAVELENGTH_TOLERANCE = 0.5
"""A band matches if its centre is off by less than this share of the gap to its neighbour."""


@dataclass(frozen=True)
class Model:
    """A network with all that it needs to map a scene."""

    name: str
    """The network's name in the catalogue."""
    options: Mapping[str, Any]
    """The arguments it was created with, besides bands and classes."""
    network: nn.Module
    window: int
    """Edge of the square that decides a pixel, in pixels; odd. Of a segment model the edge of the
    training crops, any positive number; of a classify model without meaning."""
    preprocessing: Preprocessing
    legend: Legend
    scene_bands: int
    """How many bands the training scene had, unused ones included."""
    wavelengths: NDArray[np.float64] | None
    """Centres of the used bands in nanometres, where the training scene told them."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Split, scores, versions, seed and hashes of the training data."""
    task: Task = "scene"
    """What the network was trained for."""
    image_edge: int | None = None
    """Classify: edge in pixels of the images that the network was trained on; None for any."""
    mask_values: tuple[int, ...] | None = None
    """Segment: the classes' numbers in the training masks, where they differ from the legend's."""
    physical: bool = False
    """Whether it was fitted on what a scene's numbers stand for, scale applied, or on numbers."""
    medians: NDArray[np.float64] | None = None
    """Of the used bands in training; None where nobody noted them."""

    def values_of(self, scene: Scene) -> Scene:
        """`scene` read as the training scene was: scaled, or by models of old in its numbers."""
        return scene if self.physical or scene.unscaled is None else scene.unscaled

    def for_scene(self, scene: Scene) -> Preprocessing:
        """The preprocessing with its bands looked up in `scene`.

        Bands are matched by wavelength where both sides tell them, else by their number. Raises
        InputError that says what differs.
        """
        bands = self.preprocessing.bands
        if self.wavelengths is not None and scene.wavelengths is not None:
            bands = _match_wavelengths(scene, self.wavelengths, bands)
        elif scene.bands != self.scene_bands:
            raise InputError(
                f"{scene.source} has {scene.bands} bands, but the model was trained on "
                f"{self.scene_bands}: give a scene of the same sensor and product."
            )
        if self.task == "scene" and min(scene.height, scene.width) < self.window:
            raise InputError(
                f"{scene.source} is {scene.height} x {scene.width} pixels, smaller than the "
                f"model's window of {self.window}: train with a smaller --window."
            )
        return Preprocessing(bands, self.preprocessing.reducer, self.preprocessing.padding)

    def as_trained(self, scene: Scene) -> Scene:
        """`scene` read as the images were that a segmentation model was trained on.

        Palettes become colours, an alpha channel says what is missing; see
        :func:`spectile.data.image_bands.image_bands`. Other models take scenes as they are.
        """
        return image_bands(scene, self.scene_bands) if self.task == "segment" else scene

    @overload
    def map(
        self,
        scene: Image | xr.DataArray,
        path: str | Path,
        *,
        probabilities: bool = False,
        entropy: bool = False,
        overwrite: bool = False,
        **options: Unpack[MapOptions],
    ) -> MapSummary: ...
    @overload
    def map(
        self,
        scene: Image,
        *,
        probabilities: Literal[False] = False,
        entropy: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> NDArray[np.uint8 | np.uint16]: ...
    @overload
    def map(
        self,
        scene: Image,
        *,
        probabilities: bool = False,
        entropy: bool = False,
        **options: Unpack[MapOptions],
    ) -> MapArrays: ...
    @overload
    def map(
        self,
        scene: xr.DataArray,
        *,
        probabilities: Literal[False] = False,
        entropy: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> xr.DataArray: ...
    @overload
    def map(
        self,
        scene: xr.DataArray,
        *,
        probabilities: bool = False,
        entropy: bool = False,
        **options: Unpack[MapOptions],
    ) -> xr.Dataset: ...
    def map(
        self,
        scene: Image | xr.DataArray,
        path: str | Path | None = None,
        *,
        bands_last: bool | None = None,
        method: Method = "dense",
        memory: float = 1.0,
        probabilities: bool = False,
        entropy: bool = False,
        overwrite: bool = False,
        device: str | torch.device = "cpu",
        progress: Progress | None = None,
    ) -> MapSummary | NDArray[np.uint8 | np.uint16] | MapArrays | xr.DataArray | xr.Dataset:
        """The class map of `scene`: a path, a Scene, a NumPy array or an xarray.DataArray.

        With `path` it is written there as a GeoTIFF, by :func:`spectile.mapping.map_scene`, and a
        MapSummary says how. Without, it comes back as an array (H, W) of the legend's values, 0
        where there are no data; with `probabilities` or `entropy` as a MapArrays of all three. A
        DataArray gives a DataArray with its coordinates, or a Dataset of the three.

        The bands of a NumPy array are its first or last axis, whichever is as long as the model
        has bands; `bands_last` says which where both are. Warns where the values can't be of the
        quantity that the model was trained on. `memory` in GB bounds the work, besides
        the arrays. Raises InputError where the scene doesn't fit the model, and for a model that
        classifies whole images.
        """
        # The one step up: in a notebook a model is what one has at hand.
        from spectile.data.readers.as_scene import as_scene
        from spectile.data.readers.xarray import is_data_array
        from spectile.mapping.in_memory import map_arrays
        from spectile.mapping.likeness import unlike_training
        from spectile.mapping.output.data_array import map_dataset
        from spectile.mapping.scene_map import map_scene

        opened = self.as_trained(as_scene(scene, self.scene_bands, bands_last))
        if self.task != "classify" and (doubt := unlike_training(self, opened)):
            warnings.warn(doubt, stacklevel=2)
        if path is not None:
            return map_scene(
                self,
                opened,
                path,
                method=method,
                memory=memory,
                probabilities=probabilities,
                entropy=entropy,
                overwrite=overwrite,
                device=device,
                progress=progress,
            )
        arrays = map_arrays(
            self,
            opened,
            method=method,
            memory=memory,
            probabilities=probabilities,
            entropy=entropy,
            device=device,
            progress=progress,
        )
        if is_data_array(scene):
            dataset = map_dataset(arrays, scene, self.legend)
            return dataset if probabilities or entropy else dataset["classes"]
        return arrays if probabilities or entropy else arrays.classes

    def save(self, path: str | Path) -> None:
        """Write the model file, whole or not at all, in the place of an earlier one if any.

        Raises InputError where something else stands there, and for a network that is not the
        catalogue's any more, such as one with attention inserted: its name and options could not
        bring it back.
        """
        with _without_numbers():
            named = networks.create(
                self.name,
                bands=self.preprocessing.reducer.components,
                classes=len(self.legend),
                **self.options,
            )
        if named.state_dict().keys() != self.network.state_dict().keys():
            raise InputError(
                f"the network has other layers than {self.name} with its options: "
                "save its state_dict instead."
            )
        header = Header(
            format=FORMAT,
            task=self.task,
            network=self.name,
            options=dict(self.options),
            window=self.window,
            image_edge=self.image_edge,
            mask_values=self.mask_values,
            padding=self.preprocessing.padding,
            reducer=self.preprocessing.reducer.name,
            scene_bands=self.scene_bands,
            bands=self.preprocessing.bands,
            wavelengths=None if self.wavelengths is None else tuple(self.wavelengths.tolist()),
            physical=self.physical,
            medians=None if self.medians is None else tuple(self.medians.tolist()),
            legend=self.legend.to_dicts(),
            provenance=dict(self.provenance),
        )
        tensors = {
            NETWORK_PREFIX + key: value.detach().cpu().contiguous()
            for key, value in self.network.state_dict().items()
        }
        tensors["reducer.mean"] = torch.from_numpy(self.preprocessing.reducer.mean)
        tensors["reducer.matrix"] = torch.from_numpy(self.preprocessing.reducer.matrix)
        check_output(path, ours=is_model_file, overwrite=True)
        with write_aside(path) as aside:
            try:
                save_file(tensors, aside, {METADATA_KEY: header.model_dump_json()})
            except SafetensorError as error:
                # The library wraps the system's error; the file was the only thing to write.
                raise OSError(str(error)) from error


def load(path: str | Path) -> Model:
    """Read a model file; raises InputError if it is not one, is damaged, or is too new."""
    tensors, header = read_tensors(Path(path))
    reducer = read_reducer(path, header, tensors)
    weights = {
        key.removeprefix(NETWORK_PREFIX): value
        for key, value in tensors.items()
        if key.startswith(NETWORK_PREFIX)
    }
    legend = Legend.from_dicts(header.legend)
    try:
        # A header that lies about sizes allocates nothing.
        with _without_numbers():
            network = networks.create(
                header.network,
                bands=reducer.components,
                classes=len(legend),
                **header.options,
            )
        network.load_state_dict(weights, assign=True)
        _check_task(network.eval(), header, reducer.components)
    except (InputError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path} holds weights that don't fit its own description ({first_line}): "
            "it is damaged or was changed by hand; copy or train it anew."
        ) from error
    return Model(
        name=header.network,
        options=header.options,
        network=network,
        window=header.window,
        preprocessing=Preprocessing(header.bands, reducer, header.padding),
        legend=legend,
        scene_bands=header.scene_bands,
        wavelengths=None if header.wavelengths is None else np.array(header.wavelengths),
        provenance=header.provenance,
        task=header.task,
        image_edge=header.image_edge,
        mask_values=header.mask_values,
        physical=header.physical,
        medians=None if header.medians is None else np.array(header.medians),
    )


def sha256(*arrays: NDArray[Any]) -> str:
    """A fingerprint of arrays: dtype, shape and content."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@contextmanager
def _without_numbers() -> Iterator[None]:
    """What is built meanwhile has shapes alone."""
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leaves out initial numbers: on the meta device they import PyTorch's compiler, 1 s."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.normal_ or getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def _check_task(network: nn.Module, header: Header, components: int) -> None:
    """Raise InputError, or what PyTorch raises, unless a network fits its task.

    A window network is left to mapping, which follows it layer by layer.
    """
    window = getattr(network, "window", header.window)
    if window != header.window:
        raise InputError(f"the network's window isn't {header.window}")
    if header.task == "scene":
        return
    edge = getattr(network, "window", PROBE_EDGE)
    # Not on the meta device, where batch normalisation imports PyTorch's compiler: 1 s.
    image = torch.zeros(1, components, edge, edge, dtype=next(network.parameters()).dtype)
    with torch.inference_mode():
        found = network(image).shape
    pixels = (edge, edge) if header.task == "segment" else ()
    if found != (1, len(header.legend), *pixels):
        what = "pixels" if pixels else "images"
        raise InputError(f"{header.network} doesn't classify {what}")


def _match_wavelengths(
    scene: Scene, wanted: NDArray[np.float64], bands: tuple[int, ...]
) -> tuple[int, ...]:
    assert scene.wavelengths is not None
    gaps = np.abs(np.diff(np.unique(wanted)))
    tolerance = WAVELENGTH_TOLERANCE * float(np.median(gaps)) if len(gaps) else 1.0
    same_place = max(bands) < scene.bands and bool(
        np.all(np.abs(scene.wavelengths[list(bands)] - wanted) < tolerance)
    )
    if same_place:
        # Overlapping detectors repeat wavelengths: a band that fits where it was is the band.
        return bands
    # Bands without a wavelength are nobody's neighbours.
    distance = np.nan_to_num(np.abs(scene.wavelengths[None, :] - wanted[:, None]), nan=np.inf)
    nearest = distance.argmin(axis=1)
    off = distance[np.arange(len(wanted)), nearest] >= tolerance
    if off.all():
        raise InputError(
            f"{scene.source} has bands from {np.nanmin(scene.wavelengths):.6g} to "
            f"{np.nanmax(scene.wavelengths):.6g} nm and the model from {wanted.min():.6g} to "
            f"{wanted.max():.6g} nm, none at the same place: check the unit of the wavelengths in "
            "the file, or give a scene of the same sensor and product."
        )
    if off.any():
        first = float(wanted[off][0])
        raise InputError(
            f"{scene.source} lacks {int(off.sum())} of the model's {len(wanted)} bands, the first "
            f"at {first:.1f} nm: give a scene of the same sensor and product."
        )
    return tuple(int(band) for band in nearest)
