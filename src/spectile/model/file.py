"""The model file: network, preprocessing, classes and where they come from, in one safe file.

A safetensors file whose tensors are the network's weights, the reducer and the guide of smoothing,
and whose metadata hold one JSON document, a :class:`~spectile.model.header.Header`. Nothing in it
is run when it is read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from spectile import networks
from spectile.data.labels.legend import Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.errors import InputError, first_line
from spectile.files import check_output, write_aside
from spectile.model.build import (
    NetworkSource,
    answers,
    check_answers,
    check_task,
    check_users_network,
    check_weights,
    from_catalogue,
    from_user,
)
from spectile.model.fingerprint import layout_sha256
from spectile.model.header import (
    FORMAT,
    METADATA_KEY,
    Header,
    SmoothingNumbers,
    is_model_file,
    read_reducer,
    read_smoothing,
    read_tensors,
)
from spectile.model.known_of_training import ApplicabilityInFile, StatisticsInFile, tensors_of
from spectile.model.model import Model

NETWORK_PREFIX = "network."


def save(model: Model, path: str | Path, network: NetworkSource | None = None) -> None:
    """Write the model file, whole or not at all, in the place of an earlier one if any.

    `network` is what will bring back one that isn't the catalogue's, such as one with attention
    inserted: an nn.Module of the same layers, or a function of bands, classes and window that
    builds it. It isn't stored, only tried; :func:`load` asks for it again. Raises InputError where
    something else stands at `path`, and for a network that couldn't be brought back.
    """
    own = model.own_network or network is not None or model.name not in networks.names()
    weights = model.network.state_dict()
    _check_way_back(model, weights, network, own=own)
    header = _header(model, weights, own=own)
    tensors = {
        # Copied: a network may have one weight under two names, and the file can't.
        NETWORK_PREFIX + key: value.detach().cpu().contiguous().clone()
        for key, value in weights.items()
    }
    tensors["reducer.mean"] = torch.from_numpy(model.preprocessing.reducer.mean)
    tensors["reducer.matrix"] = torch.from_numpy(model.preprocessing.reducer.matrix)
    for name in ("darkest", "offset"):
        if (told := getattr(model.preprocessing.reducer, name)) is not None:
            tensors[f"reducer.{name}"] = torch.from_numpy(told)
    if model.smoothing is not None:
        tensors["guide.matrix"] = torch.from_numpy(model.smoothing.guide.matrix)
        tensors["guide.offset"] = torch.from_numpy(model.smoothing.guide.offset)
    tensors |= tensors_of(model.applicability)
    check_output(path, ours=is_model_file, overwrite=True)
    with write_aside(path) as aside:
        try:
            save_file(tensors, aside, {METADATA_KEY: _told(header)})
        except SafetensorError as error:
            # The library wraps the system's error; the file was the only thing to write.
            raise OSError(str(error)) from error


def _check_way_back(
    model: Model, weights: Mapping[str, Tensor], network: NetworkSource | None, *, own: bool
) -> None:
    """Raise InputError for weights that :func:`load` could put into no network."""
    bands, classes = model.preprocessing.reducer.components, len(model.legend)
    if network is not None:
        built = from_user(network, model.options, model.trained_for, bands=bands, classes=classes)
        check_weights(built, weights, model.name)
    elif not own:
        named = from_catalogue(model.name, model.options, bands=bands, classes=classes)
        if named.state_dict().keys() != weights.keys():
            raise InputError(
                f"the network has other layers than {model.name} with its options: save it with "
                "network=, a module or a function that builds it, or save its state_dict instead."
            )


def _header(model: Model, weights: Mapping[str, Tensor], *, own: bool) -> Header:
    return Header(
        format=FORMAT,
        task=model.trained_for,
        network=model.name,
        own_network=own,
        options=dict(model.options),
        fingerprint=layout_sha256(weights),
        answers=_answers(model) if own else None,
        padding=model.preprocessing.padding,
        reducer=model.preprocessing.reducer.name,
        scene_bands=model.scene_bands,
        bands=model.preprocessing.bands,
        wavelengths=None if model.wavelengths is None else tuple(model.wavelengths.tolist()),
        physical=model.physical,
        medians=None if model.medians is None else tuple(model.medians.tolist()),
        smoothing=None
        if model.smoothing is None
        else SmoothingNumbers(radius=model.smoothing.radius, epsilon=model.smoothing.epsilon),
        applicability=ApplicabilityInFile.of(model.applicability),
        scene_statistics=StatisticsInFile.of(model.scene_statistics),
        temperature=model.temperature,
        legend=model.legend.to_dicts(),
        provenance=dict(model.provenance),
    )


def _told(header: Header) -> str:
    """The description without what it says nothing by: earlier programs read it as well."""
    unknown = ("answers", "applicability", "scene_statistics", "smoothing")
    silent = {name for name in unknown if getattr(header, name) is None}
    silent |= {"temperature"} if header.temperature == 1 else set()
    return header.model_dump_json(exclude=silent)


def _answers(model: Model) -> list[list[float]] | None:
    network, bands = copy.deepcopy(model.network).cpu(), model.preprocessing.reducer.components
    return answers(network, bands, model.trained_for.probe_edge)


def load(path: str | Path, network: NetworkSource | None = None) -> Model:
    """Read a model file; no code in it is run.

    A network that isn't in the catalogue has to be given: `network` says where its code lies
    ("mynets.py:SSRN"), or is an nn.Module of the same layers, of which a copy gets the weights, or
    a class or function of bands, classes and window (an edge in pixels) that builds one. Raises
    InputError if the file is none of a model, is damaged, is too new, or if the network isn't the
    one that was saved: its weights have other names or shapes, or it computes something else.
    """
    header, weights, reducer, known = _contents(path)
    if network is not None:
        built = _users_network(network, header, weights, reducer.components)
    else:
        built = _catalogue_network(path, header, weights, reducer.components)
    return Model(
        name=header.network,
        options=header.options,
        network=built,
        trained_for=header.task,
        preprocessing=Preprocessing(header.bands, reducer, header.padding),
        legend=Legend.from_dicts(header.legend),
        scene_bands=header.scene_bands,
        wavelengths=None if header.wavelengths is None else np.array(header.wavelengths),
        provenance=header.provenance,
        physical=header.physical,
        medians=None if header.medians is None else np.array(header.medians),
        temperature=header.temperature,
        own_network=network is not None,
        **known,
    )


def check_file(path: str | Path) -> None:
    """Raise InputError unless a model file can be loaded, by whoever has its network's code."""
    header, weights, reducer, _ = _contents(path)
    if not header.own_network:
        _catalogue_network(path, header, weights, reducer.components)


def _contents(
    path: str | Path,
) -> tuple[Header, dict[str, Tensor], Reducer, dict[str, Any]]:
    """Description, weights of the network, reducer, and parts of the model by their names.

    Raises InputError unless they fit one another.
    """
    tensors, header = read_tensors(Path(path))
    reducer = read_reducer(path, header, tensors)
    smoothing = read_smoothing(path, header, tensors, reducer.components)
    weights = {
        key.removeprefix(NETWORK_PREFIX): value
        for key, value in tensors.items()
        if key.startswith(NETWORK_PREFIX)
    }
    if header.fingerprint not in (None, layout_sha256(weights)):
        raise InputError(
            f"{path} holds weights that don't fit its own description (others than were saved): "
            "it is damaged or was changed by hand; copy or train it anew."
        )
    told = header.applicability
    statistics = header.scene_statistics
    return (
        header,
        weights,
        reducer,
        {
            "smoothing": smoothing,
            "applicability": None if told is None else told.read(path, tensors, reducer.components),
            "scene_statistics": None if statistics is None else statistics.read(),
        },
    )


def _catalogue_network(
    path: str | Path, header: Header, weights: dict[str, Tensor], bands: int
) -> nn.Module:
    """The network that the description names; InputError unless the weights are its own."""
    sizes = {"bands": bands, "classes": len(header.legend)}
    if header.own_network:
        raise InputError(
            f"{path} holds the weights of {header.network}, a network of one's own, and not its "
            f"code: give that by --network, as in mynets.py:{header.network.rpartition('.')[2]}."
        )
    try:
        network = from_catalogue(header.network, header.options, **sizes)
        network.load_state_dict(weights, assign=True)
        check_task(network.eval(), header.task, header.network, **sizes)
    except (InputError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError(
            f"{path} holds weights that don't fit its own description ({first_line(error)}): "
            "it is damaged or was changed by hand; copy or train it anew."
        ) from error
    return network


def _users_network(
    source: NetworkSource, header: Header, weights: dict[str, Tensor], bands: int
) -> nn.Module:
    """The user's network with the weights of the file; InputError unless they are its own."""
    sizes = {"bands": bands, "classes": len(header.legend)}
    network = from_user(source, header.options, header.task, **sizes)
    check_weights(network, weights, header.network)
    network.load_state_dict(weights, assign=True)
    check_users_network(network.eval(), header.task, **sizes)
    check_answers(network, header.answers, header.network, bands, header.task.probe_edge)
    return network
