"""Starting from weights in a file, of timm, torchvision or Spectile: see :func:`start_from`.

What a new task changes stays fresh, as it was created: the last layer for other classes, a stem
with another kernel, attention that the file lacks. All else has to fit, or nothing is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks.insertion import CHILD
from spectile.networks.instances.blendmask import BlendMask
from spectile.networks.registry import describe
from spectile.networks.segmenters.deeplab_v3_plus import DeepLabV3Plus
from spectile.networks.weights.adapt_bands import STEM, adapt_bands
from spectile.networks.weights.convert import COUNTER, DIALECTS, HEAD, SHOWN, convert, size
from spectile.networks.weights.prefixes import without_prefix
from spectile.networks.weights.weights_file import read_weights

WeightsSource = Literal["timm", "torchvision", "spectile"]

BACKBONE = "backbone."
WHOLE = {DeepLabV3Plus: ("decoder.", "pyramid."), BlendMask: ("bottom.", "top.")}
"""Networks on a backbone, and how names begin that only weights of all of one have."""
ATTENTION = ("attention", CHILD)
"""What a module that attends is called, wherever it stands."""
HEADS = re.compile(r"(aux_)?(fc|head|heads|classifier|last_linear|proj\w*|pred\w*)\.")
"""What the layers on a network's features are called, in whatever program."""

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Loaded:
    """What became of a network's weights."""

    notes: tuple[str, ...]
    """Sentences that say what was loaded, adapted and left fresh."""
    fresh: frozenset[str]
    """Names of the network's weights that the file didn't give."""


def start_from(
    network: nn.Module,
    path: str | Path,
    *,
    name: str,
    bands: int,
    source: WeightsSource | None = None,
    backbone: str | None = None,
) -> Loaded:
    """Give `network`, the catalogue's `name` for `bands` bands, the weights of a file.

    The file is a .safetensors, .pt or .pth with a state dict, also one under "state_dict", "model"
    and the like, or a model file of Spectile; names may stand under a prefix such as "encoder.".
    `source` says whose names the layers have; None stands for
    Spectile's. A DeepLabv3+ or BlendMask takes weights of its `backbone`, resnet-50 if that is
    None, or those of a whole one of Spectile.

    Raises InputError, and leaves the network as it was, for a file without weights and for weights
    of another network, naming the first layers that don't fit.
    """
    weights: State = read_weights(path)
    target, notes = network, []
    if isinstance(network, tuple(WHOLE)):
        name = backbone or describe(name).options["backbone"].default
        foreign = source not in (None, "spectile")
        if foreign or not is_whole(weights, WHOLE[type(network)]):
            target = cast(nn.Module, network.backbone)
            notes = ["Fresh: all but the backbone."]
    expected = target.state_dict()
    weights, prefixed = with_own_names(weights, source, name, path, expected)
    if not weights.keys() & expected.keys():
        raise InputError(
            f"No layer of {name} is in {path}: choose the network that its weights are of, or say "
            "with --weights-from timm or torchvision where they come from."
        )
    weights, adapted = with_bands(weights, expected, bands)
    left = left_out(weights, expected, last_layers(target))
    taken = {key: tensor for key, tensor in weights.items() if key not in left.unused}
    differences = shape_differences(
        taken, {k: v for k, v in expected.items() if k not in left.fresh}
    )
    if differences:
        more = len(differences) - SHOWN
        raise InputError(
            f"{path} has weights of another network than {name}, or of other options: "
            f"{'; '.join(differences[:SHOWN])}{f'; and {more} more' if more > 0 else ''}."
        )
    target.load_state_dict(taken, strict=False)
    layers = {key.rpartition(".")[0] for key in taken}
    first = f"Weights of {len(layers)} layers from {path}."
    given = taken.keys() if target is network else {BACKBONE + key for key in taken}
    fresh = network.state_dict().keys() - given
    return Loaded((first, *prefixed, *adapted, *left.notes, *notes), frozenset(fresh))


def head_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The weights to fit first while the others rest: of what stands on a network's features.

    That is a classification network's classifier, and all but the backbone of one that stands on
    one. Raises InputError for a network that has neither.
    """
    if isinstance(network, tuple(WHOLE)):
        named = network.named_parameters()
        return [weight for key, weight in named if not key.startswith(BACKBONE)]
    classifier = getattr(network, "classifier", None)
    if not isinstance(classifier, nn.Module):
        raise InputError(
            f"{type(network).__name__} has no classifier to fit first: take one of the catalogue."
        )
    return list(classifier.parameters())


def with_own_names(
    weights: State, source: WeightsSource | None, name: str, path: str | Path, expected: State
) -> tuple[State, list[str]]:
    """`weights` by the names of the layers here, and what was taken off or left out."""
    if source is None or source == "spectile":
        return without_prefix(weights, lambda names: len(expected.keys() & set(names)), path)
    dialect = DIALECTS.get((source, name))
    if dialect is None:
        renamed: State = convert(weights, source=source, network=name)  # which says what there is
        return renamed, []
    kept, notes = without_prefix(
        weights,
        lambda names: len(expected.keys() & set(dialect.names(names).values())),
        path,
        standing_for="features." if source == "torchvision" and "mobilenet" in name else "",
    )
    known = dialect.names(kept.keys())
    heads = sorted(key for key in kept if key not in known and HEADS.match(key))
    if heads:
        parts = dict.fromkeys(key.partition(".")[0] for key in heads)
        notes.append(f"Unused: {', '.join(parts)}, which is another head than {name}'s.")
    body = {key: value for key, value in kept.items() if key not in heads}
    try:
        return convert(body, source=source, network=name), notes
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def with_bands(weights: State, expected: State, bands: int) -> tuple[State, list[str]]:
    """`weights` whose first convolution takes `bands` bands, and what to say of it."""
    stems = [key for key in expected if f".{key}".endswith(f".{STEM}") and key in weights]
    old = weights[stems[0]] if stems else None
    if old is None or old.dim() != 4 or old.shape[1] == bands:
        return weights, []
    if old.shape[2:] != expected[stems[0]].shape[2:]:
        return weights, []
    return adapt_bands(weights, bands), [
        f"First convolution: {bands} bands made of the kernels of {old.shape[1]}."
    ]


@dataclass(frozen=True)
class Left:
    """Layers that differ, as they may."""

    fresh: frozenset[str] = frozenset()
    """Names in the network that stay as they are."""
    unused: frozenset[str] = frozenset()
    """Names in the file that the network has no use for."""
    notes: tuple[str, ...] = ()


def is_whole(weights: Iterable[str], parts: tuple[str, ...]) -> bool:
    """Whether weights by these names are of more than a backbone."""
    beginnings = tuple(f".{before}{part}" for before in ("", "module.", "model.") for part in parts)
    return any(f".{key}".startswith(beginnings) for key in weights)


def left_out(weights: State, expected: State, last: Sequence[str]) -> Left:
    """What of `expected` is not taken from `weights`, and the other way round."""
    parts = (
        stem_left_out(weights, expected),
        attention_left_out(weights, expected),
        head_left_out(weights, expected),
        *(classes_left_out(weights, expected, layer) for layer in last),
    )
    return Left(
        frozenset().union(*(part.fresh for part in parts)),
        frozenset().union(*(part.unused for part in parts)),
        tuple(note for part in parts for note in part.notes),
    )


def stem_left_out(weights: State, expected: State) -> Left:
    """The stem, if its kernel is of another size; its normalisation is of no use to another one."""
    for key in expected:
        if not f".{key}".endswith(f".{STEM}") or key not in weights:
            continue
        here, there = expected[key].shape[2:], weights[key].shape[2:]
        if here != there:
            stem = key.removesuffix("conv.weight")
            note = (
                f"Fresh: {stem.removesuffix('.')} ({size(here)} pixels instead of {size(there)})."
            )
            return Left(beginning(expected, stem), beginning(weights, stem), (note,))
    return Left()


def attention_left_out(weights: State, expected: State) -> Left:
    """Attention that one side lacks, or that is of another kind or size, place by place."""
    here, there = attention_shapes(expected), attention_shapes(weights)
    fresh = [place for place in here if here[place] != there.get(place)]
    unused = [place for place in there if there[place] != here.get(place)]
    notes = []
    if fresh:
        notes.append(f"Fresh: attention in {len(fresh)} places, which the file lacks.")
    if unused:
        notes.append(f"Unused: the file's own attention in {len(unused)} places.")
    return Left(
        frozenset().union(*(beginning(expected, place) for place in fresh)),
        frozenset().union(*(beginning(weights, place) for place in unused)),
        tuple(notes),
    )


def attention_shapes(state: State) -> dict[str, dict[str, torch.Size]]:
    """Names and shapes of the weights of each attention block, by how its names begin."""
    places: dict[str, dict[str, torch.Size]] = {}
    for key, tensor in state.items():
        parts = key.split(".")
        found = [number for number, part in enumerate(parts) if part in ATTENTION]
        if found and not key.endswith(COUNTER):
            place = ".".join(parts[: found[0] + 1]) + "."
            places.setdefault(place, {})[key] = tensor.shape
    return places


def head_left_out(weights: State, expected: State) -> Left:
    """Layers behind the features, where one side is for features alone."""
    fresh: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    notes = []
    for part in HEAD:
        here, there = beginning(expected, part), beginning(weights, part)
        if here and not there:
            fresh |= here
            notes.append(f"Fresh: {part.removesuffix('.')}, which the file lacks.")
        elif there and not here:
            unused |= there
    return Left(fresh, unused, tuple(notes))


def classes_left_out(weights: State, expected: State, last: str) -> Left:
    """The last layer, called `last`, if it is for another number of classes."""
    key = f"{last}.weight"
    if key not in expected:
        return Left()
    layer, classes = beginning(expected, f"{last}."), len(expected[key])
    if key not in weights:
        headless = not beginning(weights, last.partition(".")[0] + ".")
        return Left() if headless else Left(layer, notes=(f"Fresh: {last}, which the file lacks.",))
    found = weights[key]
    if found.shape[1:] != expected[key].shape[1:] or len(found) == classes:
        return Left()
    note = f"Fresh: {last} ({classes} classes instead of {len(found)})."
    return Left(layer, beginning(weights, f"{last}."), (note,))


def last_layers(network: nn.Module) -> tuple[str, ...]:
    """What the layers are called that give logits of classes."""
    if isinstance(network, DeepLabV3Plus):
        return ("decoder.classifier",)
    if isinstance(network, BlendMask):
        return ("head.classify", f"semantic.{len(network.semantic) - 1}")
    classifier = getattr(network, "classifier", None)
    if isinstance(classifier, nn.Sequential):
        return (f"classifier.{len(classifier) - 1}",)
    return ("classifier",) if isinstance(classifier, nn.Linear) else ()


def beginning(state: Iterable[str], prefix: str) -> frozenset[str]:
    """The names in `state` that begin with `prefix`."""
    return frozenset(key for key in state if key.startswith(prefix))


def shape_differences(taken: State, expected: State) -> list[str]:
    """What `taken` lacks of `expected`, has in another shape or has besides."""
    differences = []
    for key, tensor in expected.items():
        if key not in taken:
            if not key.endswith(COUNTER):
                differences.append(f"{key} is missing")
        elif taken[key].shape != tensor.shape:
            differences.append(f"{key} is {size(taken[key].shape)}, not {size(tensor.shape)}")
    return differences + [f"{key} is unknown" for key in taken if key not in expected]
