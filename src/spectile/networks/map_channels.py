"""Which modules of a network give maps, and with how many channels: found by running it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from spectile.errors import InputError, first_line

PROBE_SIDES = (64, 224, 320)


def map_channels(
    module: nn.Module, picked: Mapping[str, nn.Module], example: Tensor | None = None
) -> dict[str, int]:
    """The channels of those modules among `picked`, parts of `module`, that give (N, C, H, W).

    `module` runs once, in evaluation mode, on `example` or, without one, on zeros of a guessed
    shape; where that fails, what convolutions and normalisations say of themselves has to do.

    Raises InputError if there is no way to tell, or if a module gives maps of several widths.
    """
    failure: Exception | None = None
    for attempt in _guesses(module) if example is None else (example,):
        try:
            return _observed_channels(module, picked, attempt)
        except InputError:
            raise
        except Exception as error:  # foreign code may raise anything
            failure = error
    declared = {name: _declared_channels(child) for name, child in picked.items()}
    if example is None and all(declared.values()):
        return {name: channels for name, channels in declared.items() if channels}
    given = "a guessed input" if example is None else "the example"
    reason = f" ({first_line(failure)})" if failure else ""
    raise InputError(
        f"{type(module).__name__} can't be run on {given}{reason}: "
        "give one that it takes as example=."
    )


def _declared_channels(module: nn.Module) -> int | None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return module.out_channels
    return module.num_features if isinstance(module, nn.BatchNorm2d) else None


def _guesses(module: nn.Module) -> Iterator[Tensor]:
    """Inputs that `module` may take: networks here say their bands, others their first layer's."""
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    bands = getattr(module, "bands", first.in_channels if first else None)
    if not isinstance(bands, int):
        return
    window = getattr(module, "window", None)
    for side in (window,) if isinstance(window, int) else PROBE_SIDES:
        yield torch.zeros(1, bands, side, side)


def _observed_channels(
    module: nn.Module, picked: Mapping[str, nn.Module], example: Tensor
) -> dict[str, int]:
    """The channels of the maps that the picked modules give when `module` runs on `example`."""
    seen: dict[str, set[int | None]] = {name: set() for name in picked}

    def remember(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _args: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 4:
                seen[name].add(output.size(1))
            else:
                seen[name].add(None)

        return hook

    handles = [child.register_forward_hook(remember(name)) for name, child in picked.items()]
    weight = next((p for p in module.parameters() if p.is_floating_point()), example)
    try:
        with evaluating(module):
            module(example.to(device=weight.device, dtype=weight.dtype))
    finally:
        for handle in handles:
            handle.remove()
    for name, widths in seen.items():
        if len(widths) > 1:
            raise InputError(
                f"{name} is used in several places with different channels: pick modules that "
                "give one kind of map."
            )
    widths_by_name = {name: next(iter(widths), None) for name, widths in seen.items()}
    return {name: width for name, width in widths_by_name.items() if width is not None}


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation without gradients; every part is then as it was."""
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, was in training.items():
            part.training = was
