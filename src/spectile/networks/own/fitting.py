"""Which layout of windows a network takes, found by trying, and where its logits are."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from spectile.errors import InputError, first_line
from spectile.networks.map_channels import evaluating
from spectile.networks.own.adapted import AdaptedNetwork, Single, leaves
from spectile.networks.own.layouts import Layout, candidates

COUNT = 2
"""Windows to try a network on: a mistaken squeeze or view shows with more than one."""
MOST_BANDS = 512
"""Up to which the number of bands is looked for that a network takes."""
LARGEST = 4096
"""Beyond which a layer's number of inputs isn't one of bands."""
USUAL = Layout(("NBHW",))


@dataclass(frozen=True)
class Trial:
    """What came out of a network in one layout."""

    layout: Layout
    place: int | None = None
    """Of the logits among its outputs, None where there are none."""
    outputs: int = 1
    """How many tensors it gives."""
    bare: bool = True
    """Whether it gives a tensor, and not a list of one."""
    single: Single = "taken"
    """What comes of a window alone."""
    steady: bool = True
    """Whether those are the numbers that it has beside another."""
    fault: str = ""
    """What is wrong with what it gave, and what to do."""
    error: str = ""
    """What it said when it failed."""
    layers: int = 0
    """How many of its parts were done by then."""


def tried(
    network: nn.Module, layout: str | None, *, bands: int, classes: int, window: int
) -> list[Trial]:
    """One trial of each layout that a network may mean, or of the one that is said."""
    layouts = [Layout.of(layout)] if layout else _possible(network)
    trials = []
    for trial in _trials(network, layouts, (COUNT, bands, window, window), classes):
        trials.append(trial)
        if trial.layout == USUAL and trial.place is not None:
            break  # what it takes besides can't be meant
    return trials


def adapted(network: nn.Module, trials: Sequence[Trial]) -> nn.Module | None:
    """The network as the others are, by the first trial that gave logits; None without one."""
    good = [trial for trial in trials if trial.place is not None]
    if not good:
        return None
    first, *others = good
    if first.layout == USUAL and first.bare and first.single == "taken" and first.steady:
        return network
    assert first.place is not None
    network = AdaptedNetwork(network, first.layout, first.place, first.single)
    network.also = tuple(str(trial.layout) for trial in others)
    network.several = first.outputs > 1
    network.steady = first.steady
    return network


def bands_taken(
    networks: Iterable[nn.Module], layout: str | None, *, classes: int, window: int
) -> int | None:
    """The number of bands with which one of `networks` gives logits; None if none is found.

    Numbers that its layers have for inputs are tried first. Where no `layout` is said, spectra
    alone aren't tried: a layer on flattened windows would take one as long.
    """
    for network in networks:
        of_windows = (one for one in _possible(network) if one.holds_windows)
        numbers: list[int] = list(dict.fromkeys([*_numbers_in(network), *range(1, MOST_BANDS + 1)]))
        for one in [Layout.of(layout)] if layout else of_windows:
            for bands in numbers:
                shape = (COUNT, bands, window, window)
                if next(_trials(network, [one], shape, classes)).place is not None:
                    return bands
    return None


def first_weight(network: nn.Module) -> Tensor:
    """The first weight of real numbers, whose type and device its input has to have."""
    return next((w for w in network.parameters() if w.is_floating_point()), torch.empty(0))


def _trials(
    network: nn.Module, layouts: Iterable[Layout], shape: tuple[int, ...], classes: int
) -> Iterator[Trial]:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0), device="cpu")
    windows = drawn.to(first_weight(network))
    for layout in layouts:
        done: list[nn.Module] = []
        try:
            # Dropout left on must not move the chance of a fit.
            with torch.random.fork_rng(devices=[]), evaluating(network), _noted_in(done):
                # A copy: a network may write into its input.
                found = network(*layout.arranged(windows.clone()))
        except InputError:
            raise
        except Exception as error:  # foreign code may raise anything
            yield Trial(layout, error=first_line(error), layers=len(done))
            continue
        trial = _judged(layout, leaves(found), classes, shape[-1])
        if trial.place is not None:
            logits = leaves(found)[trial.place]
            trial = replace(trial, bare=isinstance(found, Tensor))
            trial = _with_one(network, trial, windows, logits)
        yield trial


def _with_one(network: nn.Module, trial: Trial, windows: Tensor, logits: Tensor) -> Trial:
    """The trial, with what comes of its first window alone, of which there are `logits` in two."""
    expected = logits[0]
    if expected.is_meta:
        return trial
    try:
        with torch.random.fork_rng(devices=[]), evaluating(network):
            torch.rand(1)  # from here on chance is another one
            found = leaves(network(*trial.layout.arranged(windows[:1].clone())))[trial.place or 0]
        same = found.numel() == len(expected) and bool(
            torch.allclose(found.flatten(), expected, rtol=1e-3, atol=1e-4)
        )
    except Exception:  # foreign code may raise anything
        return replace(trial, single="twice")
    if found.shape == (1, *expected.shape):
        return replace(trial, steady=same)
    return replace(trial, single="squeezed" if same else "twice", steady=same)


@contextmanager
def _noted_in(done: list[nn.Module]) -> Iterator[None]:
    """Add each module to `done` as it comes to its end."""
    hook = register_module_forward_hook(lambda module, _inputs, _outputs: done.append(module))
    try:
        yield
    finally:
        hook.remove()


def _judged(layout: Layout, outputs: list[Any], classes: int, window: int) -> Trial:
    faults = [_fault(output, classes, window) for output in outputs]
    place = next((place for place, fault in enumerate(faults) if not fault), None)
    if place is not None or len(faults) == 1:
        return Trial(layout, place, len(outputs), fault="" if place is not None else faults[0])
    sizes = ", ".join(
        str(tuple(o.shape)) if isinstance(o, Tensor) else type(o).__name__ for o in outputs
    )
    fault = f"gave {sizes or 'nothing'}: return the logits first"
    return Trial(layout, None, len(outputs), fault=fault)


def _possible(network: nn.Module) -> tuple[Layout, ...]:
    """Layouts for the number of tensors that its forward needs."""
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):
        return candidates(1)
    needed = [p for p in parameters if p.default is p.empty and p.kind in _BY_PLACE]
    return candidates(2 if len(needed) == 2 else 1)


_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _numbers_in(network: nn.Module) -> Iterator[int]:
    """Inputs that its layers have, which may be bands, in their order."""
    names = ("in_channels", "in_features", "num_features", "input_size")
    told = (getattr(layer, name, None) for layer in network.modules() for name in names)
    return (number for number in told if isinstance(number, int) and 1 < number <= LARGEST)


def _fault(found: object, classes: int, window: int) -> str:
    """What is wrong with what came out, and what to do; empty if nothing is."""
    if not isinstance(found, Tensor):
        return f"gave a {type(found).__name__}: return one tensor"
    shape = tuple(found.shape)
    if shape == (COUNT, classes, window, window):
        return f"gave {shape}, a class for every pixel: keep the pixel in the middle alone"
    if len(shape) == 2 and shape[0] == COUNT:
        if shape[1] != classes:
            return f"gave {shape}: end it in as many logits as there are classes, {classes}"
        return _fault_of_numbers(found)
    return f"gave {shape}: pool or flatten its maps before the last layer"


def _fault_of_numbers(found: Tensor) -> str:
    if found.is_meta:
        return ""
    if not found.is_floating_point():
        return f"gave {found.dtype}: leave the choice of a class (argmax) out"
    sums = found.float().sum(1)
    if found.shape[1] > 1 and bool((found >= 0).all() and torch.allclose(sums, sums.new_ones(()))):
        return "gave probabilities: leave the softmax at its end out"
    return ""
