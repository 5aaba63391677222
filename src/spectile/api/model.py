"""A trained model as users have it: it maps scenes and predicts images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.mask import as_mask
from spectile.data.readers.as_scene import SceneSource, as_scene
from spectile.data.readers.xarray import is_data_array
from spectile.data.region import as_region
from spectile.errors import InputError, in_python
from spectile.mapping.alignment import aligned
from spectile.mapping.array_map import MapArrays, map_arrays
from spectile.mapping.compute import Compute, Method, Precision
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.likeness import doubts_about
from spectile.mapping.output.data_array import map_dataset
from spectile.mapping.scene_map import MapSummary, map_scene
from spectile.model import file
from spectile.model.build import NetworkSource
from spectile.model.model import Model as ModelData
from spectile.model.trained_task import InstanceTask
from spectile.progress import Progress

if TYPE_CHECKING:
    import xarray as xr
    from geopandas import GeoDataFrame
    from rasterio.windows import Window

    from spectile.api.prediction import Images, PredictedClasses
    from spectile.mapping.cluster import Cluster


class MapOptions(TypedDict, total=False):
    """Options of :meth:`Model.map` that have no part in what it returns."""

    region: Window | Sequence[int] | None
    mask: Any
    smooth: int | None
    align: bool
    method: Method
    precision: Precision
    memory: float
    device: str | torch.device
    keep_going: bool
    bands_last: bool | None
    progress: Progress | None


@dataclass(frozen=True)
class Model(ModelData):
    """A network with its preprocessing and classes, which maps scenes or predicts images."""

    @classmethod
    def of(cls, model: ModelData) -> Model:
        """The same model, with `map` and `predict`."""
        return cls(**{part.name: getattr(model, part.name) for part in fields(model)})

    @overload
    def map(
        self,
        scene: SceneSource | xr.DataArray,
        path: str | Path,
        *,
        layers: str | Iterable[str] = (),
        probabilities: bool = False,
        entropy: bool = False,
        score: float | None = None,
        resume: bool = False,
        overwrite: bool = False,
        cluster: Cluster | None = None,
        **options: Unpack[MapOptions],
    ) -> MapSummary: ...
    @overload
    def map(
        self,
        scene: SceneSource,
        *,
        layers: tuple[()] = (),
        probabilities: Literal[False] = False,
        entropy: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> NDArray[np.uint8 | np.uint16]: ...
    @overload
    def map(
        self,
        scene: SceneSource,
        *,
        layers: str | Iterable[str] = (),
        probabilities: bool = False,
        entropy: bool = False,
        **options: Unpack[MapOptions],
    ) -> MapArrays: ...
    @overload
    def map(
        self,
        scene: xr.DataArray,
        *,
        layers: tuple[()] = (),
        probabilities: Literal[False] = False,
        entropy: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> xr.DataArray: ...
    @overload
    def map(
        self,
        scene: xr.DataArray,
        *,
        layers: str | Iterable[str] = (),
        probabilities: bool = False,
        entropy: bool = False,
        **options: Unpack[MapOptions],
    ) -> xr.Dataset: ...
    def map(
        self,
        scene: SceneSource | xr.DataArray,
        path: str | Path | None = None,
        *,
        layers: str | Iterable[str] = (),
        region: Window | Sequence[int] | None = None,
        mask: Any = None,
        smooth: int | None = None,
        align: bool = False,
        method: Method = "dense",
        precision: Precision = "float32",
        memory: float = 1.0,
        device: str | torch.device = "cpu",
        keep_going: bool = False,
        resume: bool = False,
        overwrite: bool = False,
        cluster: Cluster | None = None,
        bands_last: bool | None = None,
        probabilities: bool = False,
        entropy: bool = False,
        score: float | None = None,
        progress: Progress | None = None,
    ) -> MapSummary | NDArray[np.uint8 | np.uint16] | MapArrays | xr.DataArray | xr.Dataset:
        """The class map of `scene`: a path, a Scene, a NumPy array or an xarray.DataArray.

        With `path` it is written there as a GeoTIFF, by :func:`spectile.mapping.map_scene`, and a
        MapSummary says how; `resume`, `overwrite` and `cluster` are for such maps. Without, it
        comes back as an array (H, W) of the legend's values, 0 where there are no data; with
        `layers`, such as ("probabilities", "entropy"), as a MapArrays of the classes and these. A
        DataArray gives a DataArray with its coordinates, or a Dataset of classes and layers.

        A model of objects maps to a GeoPackage of polygons, by
        :func:`spectile.mapping.instances.object_map.map_objects`: those of at least `score`, with
        the layer "numbers" a raster of their numbers beside it. Without a path use :meth:`objects`.

        `region` is a part of the scene in pixels: first column, first row, width, height. `mask`
        picks pixels: a path, an array (H, W), a DataArray or a GeoDataFrame of polygons. In place
        of the model's own, `smooth` is the radius in pixels in which probabilities are smoothed
        along edges of the scene; 0 is for not at all. `align` brings each band of the whole scene
        to the training scene's mean and deviation, for scenes under other light with about the same
        mix of classes. The bands of a NumPy array are its first or last axis, whichever is as long
        as the model has bands; `bands_last` says which where both are. `memory` in GB bounds the
        work, besides the arrays; a `precision` other than float32 gives up digits for speed; with
        `keep_going` pixels around a damaged part of the file have no data. `probabilities=True` and
        `entropy=True` are the older way to name these layers.

        Warns where the values can't be of the quantity that the model was trained on, and where
        much of the scene is unlike the training pixels. Raises InputError where the scene doesn't
        fit the model, for a model that classifies whole images, and for one that can't smooth.
        """
        model = self.smoothed(smooth)
        opened = self.as_trained(as_scene(scene, self.scene_bands, bands_last))
        if align:
            model = aligned(model, opened)
        if self.task != "classify" and (doubt := doubts_about(model, opened)):
            warnings.warn(in_python(doubt), stacklevel=2)
        numbers = False
        if isinstance(self.trained_for, InstanceTask):
            if path is None:
                raise InputError(
                    "the model finds objects: use its method objects, or give a path to map to."
                )
            # Polygons need packages that start slowly.
            from spectile.mapping.instances.object_map import map_objects, with_numbers

            numbers = with_numbers(layers, method, probabilities=probabilities, entropy=entropy)
            layers, probabilities, entropy = (), False, False
        elif score is not None:
            raise InputError("the model finds no objects, which alone have a score.")
        wanted = asked_for(layers, probabilities=probabilities, entropy=entropy)
        part = None if region is None else as_region(region, opened)
        picked = None if mask is None else as_mask(mask, like=opened)
        if path is not None and isinstance(self.trained_for, InstanceTask):
            return map_objects(
                model,
                opened,
                path,
                numbers=numbers,
                score=score,
                precision=precision,
                memory=memory,
                region=part,
                mask=picked,
                keep_going=keep_going,
                resume=resume,
                overwrite=overwrite,
                device=device,
                cluster=cluster,
                progress=progress,
            )
        if path is not None:
            return map_scene(
                model,
                opened,
                path,
                layers=[layer.name for layer in wanted],
                method=method,
                precision=precision,
                memory=memory,
                region=part,
                mask=picked,
                keep_going=keep_going,
                resume=resume,
                overwrite=overwrite,
                device=device,
                cluster=cluster,
                progress=progress,
            )
        if resume or cluster is not None:
            raise InputError(
                f"{'resume' if resume else 'cluster'} is for maps on disk: give a path to write to."
            )
        arrays = map_arrays(
            model,
            opened,
            wanted,
            compute=Compute(method, precision, memory, device),
            region=part,
            mask=picked,
            keep_going=keep_going,
            progress=progress,
        )
        alone = len(wanted) == 1
        if is_data_array(scene):
            dataset = map_dataset(arrays, scene, self.legend, part)
            return dataset["classes"] if alone else dataset
        return arrays.classes if alone else arrays

    def objects(
        self,
        scene: SceneSource | xr.DataArray,
        *,
        score: float | None = None,
        region: Window | Sequence[int] | None = None,
        mask: Any = None,
        precision: Precision = "float32",
        memory: float = 1.0,
        device: str | torch.device = "cpu",
        keep_going: bool = False,
        bands_last: bool | None = None,
        progress: Progress | None = None,
    ) -> GeoDataFrame:
        """The objects of `scene`, each once and whole, as :meth:`map` writes them.

        A geopandas.GeoDataFrame of multipolygons in the scene's coordinates, or in columns and rows
        where it has none, with their number, class, score, pixels and, on Earth, area_m2. The
        arguments are those of :meth:`map`. Raises InputError for a model that finds no objects.
        """
        from spectile.mapping.instances.object_map import objects_frame

        opened = self.as_trained(as_scene(scene, self.scene_bands, bands_last))
        if doubt := doubts_about(self, opened):
            warnings.warn(in_python(doubt), stacklevel=2)
        return objects_frame(
            self,
            opened,
            score=score,
            compute=Compute("dense", precision, memory, device),
            region=None if region is None else as_region(region, opened),
            mask=None if mask is None else as_mask(mask, like=opened),
            keep_going=keep_going,
            progress=progress,
        )

    def predict(
        self,
        images: Images,
        *,
        bands_last: bool | None = None,
        memory: float = 1.0,
        device: str = "cpu",
    ) -> PredictedClasses | NDArray[np.integer] | list[NDArray[np.integer]]:
        """The classes of images, or of all their pixels, by a model of whole images or of pixels.

        `images` is a path, a folder, an array (H, W, bands) or (bands, H, W), or a list of such.
        A classify model gives a PredictedClasses with a row an image. A segment model gives for
        each image an array (H, W) of the legend's values, 0 where there are no data; a list of
        them for a list or a folder. `bands_last` says where the bands of arrays and .npy files
        are: the axis that is as long as the model has bands if left out. `memory` is in GB.

        Raises InputError for images that can't be read or have other bands than the model's, and
        for a model that maps scenes.
        """
        from spectile.api.prediction import predict

        return predict(self, images, bands_last=bands_last, memory=memory, device=device)

    def inspect(
        self,
        data: Any,
        out: str | Path,
        *,
        labels: str | None = None,
        column: str | None = None,
        samples: int = 50,
        seed: int = 0,
        bands_last: bool | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """What goes on inside the network: gates, selective kernels, places, bands that matter.

        Writes `inspection.html` and `inspection.json` into the folder `out`, and returns what the
        latter holds; docs/attention.md explains it. `data` is a scene (a path, a Scene, an array
        or a DataArray), with `labels` (a path, vectors with a `column`) where there are some, a
        folder of images, or the directory of a run, whose test side is taken. At most `samples` of
        each class are looked at, drawn from `seed`. `progress` is called with samples done and all.

        Raises InputError for data that doesn't fit the model, and where the files are there
        already unless `overwrite`.
        """
        from spectile.tasks.inspection.inspection import inspect_model

        _, found = inspect_model(
            self,
            data,
            out,
            labels=labels,
            column=column,
            count=samples,
            seed=seed,
            bands_last=bands_last,
            overwrite=overwrite,
            inputs=[data] if isinstance(data, str | Path) else [],
            progress=progress,
        )
        return found.as_dict()


def load(path: str | Path, network: NetworkSource | None = None) -> Model:
    """Read a model file: see :func:`spectile.model.file.load`."""
    return Model.of(file.load(path, network))
