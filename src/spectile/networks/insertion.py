"""Attention blocks put into networks that stand already, without changing what they give at first.

A block is inserted as x + alpha (block(x) - x) with alpha zero: the network's outputs stay the same
to the last bit, and alpha learns from the first step on. The idea of a residual that starts at zero
is De and Smith's SkipInit, NeurIPS 2020, arXiv:2002.10444.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from spectile.blocks.attention import attention
from spectile.errors import InputError
from spectile.networks.map_channels import evaluating, map_channels

CHILD = "inserted_attention"

Where = str | Callable[[str, nn.Module], bool]


class StartsAsIdentity(nn.Module):
    """x + alpha (block(x) - x), alpha 0 at the start; maps (N, C, H, W) to the same."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.alpha * (self.block(x) - x)
        return x + change.to(x.dtype)


def insert_attention(
    module: nn.Module,
    block: str | Callable[[int], nn.Module],
    *,
    where: Where,
    example: Tensor | None = None,
) -> nn.Module:
    """Put an attention block behind the modules that `where` picks; gives back `module`, changed.

    `block` is a name of :data:`spectile.blocks.ATTENTION` or what builds a block for a number of
    channels. `where` is a pattern for names of `module.named_modules()`, whose * also spans dots
    ("layer*.conv2"), or a function of name and module that says yes or no. Picked modules that give
    no map (N, C, H, W) are left alone; :func:`attention_places` says where blocks went.

    The channels are read off one evaluation run on `example`, an input of the network; without it
    on zeros of a guessed shape. The names of the weights that were there stay the same. Make the
    optimiser afterwards: it has to know the new weights.

    Raises InputError for an unknown block, if nothing is picked or nothing picked gives a map, if a
    block is there already, and if the network can't be run or the block doesn't fit.
    """
    picked = _picked(module, where)
    channels = map_channels(module, picked, example)
    places = {name: picked[name] for name in picked if name in channels}
    if not places:
        raise InputError(
            f"{', '.join(list(picked)[:3])} give no maps (N, C, H, W) to attend to: "
            "pick modules that do, such as convolutions or whole stages."
        )
    build = _builder(block)
    gates = {name: _gate(build, channels[name], name) for name in places}
    for name, host in places.items():
        _attach(host, gates[name], like=module)
    return module


def attention_places(module: nn.Module) -> tuple[str, ...]:
    """The names of the modules of `module` that carry an inserted attention block."""
    suffix = "." + CHILD
    return tuple(
        name.removesuffix(suffix) for name, _ in module.named_modules() if name.endswith(suffix)
    )


def _picked(module: nn.Module, where: Where) -> dict[str, nn.Module]:
    """The modules below `module` that `where` picks, by name, each once."""
    names: dict[str, nn.Module] = {}
    picked: dict[str, nn.Module] = {}
    for name, child in module.named_modules(remove_duplicate=False):
        if not name or CHILD in name.split("."):
            continue
        names[name] = child
        chosen = fnmatchcase(name, where) if isinstance(where, str) else where(name, child)
        if chosen and all(child is not other for other in picked.values()):
            picked[name] = child
    if not picked:
        nearest = difflib.get_close_matches(str(where), names, n=1, cutoff=0.4)
        hint = f"did you mean {nearest[0]!r}?" if nearest else "see module.named_modules()."
        raise InputError(f"No module of {type(module).__name__} is picked by {where!r}: {hint}")
    for name, child in picked.items():
        if hasattr(child, CHILD):
            raise InputError(f"{name} already carries an inserted attention block: pick others.")
        if _runs_children_itself(child):
            raise InputError(
                f"{name} runs its children in a way of its own, so that nothing can be added to "
                "them: pick modules inside it."
            )
    return picked


def _runs_children_itself(host: nn.Module) -> bool:
    """Whether `host` is a container whose forward may call any child that it finds."""
    if isinstance(host, nn.Sequential):
        return type(host).forward is not nn.Sequential.forward
    containers = (nn.ModuleList, nn.ModuleDict)
    return isinstance(host, containers) and type(host).forward is not nn.Module.forward


def _builder(block: str | Callable[[int], nn.Module]) -> Callable[[int], nn.Module]:
    if not isinstance(block, str):
        return block
    try:
        return attention(block)
    except ValueError as error:
        raise InputError(str(error)) from None


def _gate(build: Callable[[int], nn.Module], channels: int, name: str) -> nn.Module:
    """A block for `channels` that starts as the identity."""
    try:
        block = build(channels)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    probe = torch.randn(2, channels, 7, 5, generator=torch.Generator().manual_seed(0))
    with evaluating(block):
        y = block(probe)
    if y.shape != probe.shape:
        raise InputError(
            f"{type(block).__name__} turns {tuple(probe.shape)} into {tuple(y.shape)}: "
            "an attention block has to keep the shape."
        )
    # Behind alpha a block that is the identity already would never learn: no gradient for either.
    return block if torch.equal(y, probe) else StartsAsIdentity(block)


def _attach(host: nn.Module, gate: nn.Module, like: nn.Module) -> None:
    """Make `gate` the last thing that `host` does; its weights lie where those of `like` do."""
    weights = (p for p in (*host.parameters(), *like.parameters()) if p.is_floating_point())
    weight = next(weights, None)
    if weight is not None:
        gate.to(device=weight.device, dtype=weight.dtype)
    gate.train(host.training)
    host.add_module(CHILD, gate)
    if not isinstance(host, nn.Sequential):
        host.register_forward_hook(_attend)


def _attend(host: nn.Module, args: tuple[object, ...], output: Tensor) -> Tensor:
    attended: Tensor = host.get_submodule(CHILD)(output)
    return attended
