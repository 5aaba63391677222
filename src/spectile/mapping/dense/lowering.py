"""From a network's graph to steps on shared tensors, operation by operation.

A rule says what becomes of an operation; where it has no answer that every window can share, the
operation is left to each window of its own, and all that follows from it. What has a border can be
shared only if a later operation drops that; else it is left to each window as well.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn

from spectile.compat.torch import tree_leaves
from spectile.mapping.dense import costs
from spectile.mapping.dense.kernels.pointwise import Pointwise
from spectile.mapping.dense.layout import Layout
from spectile.mapping.dense.plan import Plan, PlanRow
from spectile.mapping.dense.recording import operation_of
from spectile.mapping.dense.shared_tensors import (
    DenseStep,
    Gated,
    Joined,
    Own,
    Shared,
    Value,
    slots_of,
)

TAKES_JOINED = {"cat", "addmm", "mm"}
"""Besides the elementwise operations."""

Result = Value | tuple[Value | None, ...] | None
Rule = Callable[..., Result]


@dataclass
class Program:
    """What a dense network does: shared steps, then perhaps a tail for every window of its own."""

    steps: list[DenseStep]
    result: Value
    own_nodes: list[fx.Node]
    """Operations that every window computes for itself, in order."""
    inputs: dict[fx.Node, Shared | Gated]
    """What those take from the shared part."""
    output: fx.Node
    plan: Plan
    reason: tuple[str, str] | None = None
    """The layer that the first of these belongs to, and what it does that can't be shared."""


@dataclass
class Lowering:
    """The state while a graph is gone through."""

    steps: list[DenseStep] = field(default_factory=list)
    values: dict[fx.Node, Any] = field(default_factory=dict)
    reasons: dict[fx.Node, str] = field(default_factory=dict)
    """What an operation does that its rule has no answer to, where the rule says so."""

    def emit(
        self,
        kernel: nn.Module,
        inputs: Sequence[Shared],
        layout: Layout,
        *,
        positive: bool = False,
        fresh: bool = True,
    ) -> Shared:
        """Add a step and give what comes out of it."""
        slot = 1 + len(self.steps)  # 0 is the network's input
        self.steps.append(DenseStep(kernel, tuple(inputs), slot, layout.sizes, fresh))
        return Shared(slot, layout, positive)

    def maker(self, value: Shared) -> DenseStep | None:
        """The step that made `value`, None for the network's input."""
        return self.steps[value.slot - 1] if value.slot else None


def lower(graph: fx.Graph, rules: dict[str, Rule], bands: int, window: tuple[int, int]) -> Program:
    """Apply `rules` to every operation of `graph`; raises NotShareableError as they do."""
    build = Lowering()
    made: dict[fx.Node, list[DenseStep]] = {}
    output = next(iter(reversed(graph.nodes))).args[0]
    assert isinstance(output, fx.Node)
    for node in graph.nodes:
        if node.op == "placeholder":
            build.values[node] = Shared(0, Layout.of_input(bands, window))
        elif node.op == "call_function":
            before = len(build.steps)
            found = _apply(build, node, rules)
            build.values[node] = Own() if found is None else found
            made[node] = build.steps[before:]
            for step in made[node]:
                step.layer = node.meta["layer"]
    result: Value = build.values[output]
    own: list[fx.Node] = []
    inputs: dict[fx.Node, Shared | Gated] = {}
    if not isinstance(result, Shared) or result.layout.in_space:
        result, (own, inputs) = Own(), _tail(build, output)
    build.steps = _used(build.steps, [result, *inputs.values()])
    _write_in_place(build, inputs.values())
    reason = _reason(build, own[0]) if own else None
    patches = costs.of_operations(graph.nodes)
    alone = costs.of_operations(own)
    cuts = costs.of_cuts(node.meta["value"] for node in inputs)
    after = costs.of_steps(build.steps, bands) + cuts + alone
    plan = Plan(tuple(_rows(build, made, set(own))), patches, after, alone)
    return Program(build.steps, result, own, inputs, output, plan, reason)


def _used(steps: Sequence[DenseStep], results: Iterable[Value]) -> list[DenseStep]:
    """The steps that lead to `results`, in order."""
    wanted = {slot for value in results for slot in slots_of(value)}
    used = []
    for step in reversed(steps):
        if step.output in wanted:
            wanted |= {value.slot for value in step.inputs}
            used.append(step)
    return used[::-1]


def _rows(
    build: Lowering, made: dict[fx.Node, list[DenseStep]], own: set[fx.Node]
) -> Iterator[PlanRow]:
    """What the plan says of each operation."""
    used = {step.output for step in build.steps}
    for node, steps in made.items():
        kernels = [step.kernel for step in steps if step.output in used]
        if node in own or kernels:
            yield from PlanRow.of(node, Own() if node in own else build.values[node], kernels)


def _reason(build: Lowering, first: fx.Node) -> tuple[str, str]:
    """Why windows have the operation `first` to themselves."""
    general = f"does {operation_of(first)} on each window's own numbers"
    return first.meta["layer"], build.reasons.get(first, general)


def _apply(build: Lowering, node: fx.Node, rules: dict[str, Rule]) -> Result:
    if node.target is operator.getitem:
        several, place = node.args
        assert isinstance(several, fx.Node)
        assert isinstance(place, int)
        whole = build.values[several]
        return whole[place] if isinstance(whole, tuple) else None
    arguments = fx.node.map_arg((node.args, node.kwargs), lambda n: build.values[n])
    if any(isinstance(build.values[n], Own | tuple) for n in node.all_input_nodes):
        return None
    name = operation_of(node)
    rule = rules.get(name) or rules["pointwise"]
    joined = any(isinstance(build.values[n], Joined) for n in node.all_input_nodes)
    if joined and name not in TAKES_JOINED and rule is not rules["pointwise"]:
        return None
    return rule(build, node, *arguments[0], **arguments[1])


def _tail(build: Lowering, output: fx.Node) -> tuple[list[fx.Node], dict[fx.Node, Shared | Gated]]:
    """The operations from the last shared tensors to `output`, in order, and those tensors."""
    inputs: dict[fx.Node, Shared | Gated] = {}
    waiting = [output]
    wanted = set()
    while waiting:
        node = waiting.pop()
        value = build.values[node]
        if isinstance(value, Shared | Gated) and value.layout.is_whole():
            inputs[node] = value
        elif node not in wanted:
            wanted.add(node)
            waiting += node.all_input_nodes
    return [node for node in build.values if node in wanted], inputs


def _write_in_place(build: Lowering, kept: Iterable[Value]) -> None:
    """Let elementwise steps write over an input that nothing else reads: memory is what costs.

    Windows read the `kept` values later.
    """
    readers = Counter(value.slot for step in build.steps for value in step.inputs)
    gated = [value for value in build.values.values() if isinstance(value, Gated)]
    late = {slot for value in (*kept, *gated) for slot in slots_of(value)}
    fresh = {step.output for step in build.steps if step.fresh} - late
    for step in build.steps:
        if isinstance(step.kernel, Pointwise) and step.inputs:
            slot = step.inputs[0].slot
            if slot in fresh and readers[slot] == 1:
                step.kernel.overwrite()


def tensors_among(arguments: Any) -> list[Any]:
    """The values and constants in an operation's arguments, in order."""
    kinds = Shared | Gated | Joined | Tensor
    return [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, kinds)]


def per_axis(numbers: Sequence[int], axes: int) -> list[int]:
    """A number for each axis; ATen also takes one for all."""
    return list(numbers) * axes if len(numbers) == 1 else list(numbers)
