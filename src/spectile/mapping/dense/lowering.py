"""From a network's graph to steps on shared tensors, operation by operation.

A rule says what becomes of an operation; where it has no answer that every window can share, the
operation is left to each window of its own, and all that follows from it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn

from spectile.mapping.dense.kernels.pointwise import Pointwise
from spectile.mapping.dense.layout import Layout
from spectile.mapping.dense.plan import Plan, PlanRow
from spectile.mapping.dense.values import Gated, Joined, Own, Shared, Step, Value

TAKES_JOINED = {"cat", "addmm", "mm"}
"""Besides the elementwise operations."""

Result = Value | tuple[Value | None, ...] | None
Rule = Callable[..., Result]


@dataclass
class Program:
    """What a dense network does: shared steps, then perhaps a tail for every window of its own."""

    steps: list[Step]
    result: Value
    own_nodes: list[fx.Node]
    """Operations that every window computes for itself, in order."""
    inputs: dict[fx.Node, Shared | Gated]
    """What those take from the shared part."""
    output: fx.Node
    plan: Plan


@dataclass
class Lowering:
    """The state while a graph is gone through."""

    steps: list[Step] = field(default_factory=list)
    values: dict[fx.Node, Any] = field(default_factory=dict)
    slots: int = 1

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
        self.steps.append(Step(kernel, tuple(inputs), self.slots, layout.sizes, fresh))
        self.slots += 1
        return Shared(self.slots - 1, layout, positive)

    def maker(self, value: Shared) -> Step | None:
        """The step that made `value`, None for the network's input."""
        return next((step for step in self.steps if step.output == value.slot), None)


def lower(graph: fx.Graph, rules: dict[str, Rule], bands: int, window: tuple[int, int]) -> Program:
    """Apply `rules` to every operation of `graph`; raises NotShareableError as they do."""
    build = Lowering()
    rows: list[PlanRow] = []
    own: list[fx.Node] = []
    output = next(iter(reversed(graph.nodes))).args[0]
    assert isinstance(output, fx.Node)
    for node in graph.nodes:
        if node.op == "placeholder":
            build.values[node] = Shared(0, Layout.of_input(bands, window))
        elif node.op == "call_function":
            before = len(build.steps)
            result = _apply(build, node, rules)
            build.values[node] = Own() if result is None else result
            made = build.steps[before:]
            for step in made:
                step.layer = node.meta["layer"]
            rows += PlanRow.of(node, build.values[node], [step.kernel for step in made])
    _write_in_place(build, output)
    inputs: dict[fx.Node, Shared | Gated] = {}
    if isinstance(build.values[output], Own):
        _gather(output, build, own, inputs)
    return Program(build.steps, build.values[output], own, inputs, output, Plan(tuple(rows)))


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
    name = node.target.overloadpacket.__name__  # type: ignore[union-attr]
    rule = rules.get(name) or rules["pointwise"]
    joined = any(isinstance(build.values[n], Joined) for n in node.all_input_nodes)
    if joined and name not in TAKES_JOINED and rule is not rules["pointwise"]:
        return None
    return rule(build, node, *arguments[0], **arguments[1])


def _gather(
    node: fx.Node, build: Lowering, own: list[fx.Node], inputs: dict[fx.Node, Shared | Gated]
) -> None:
    """Collect what leads to `node` from the last shared tensors on, each operation once."""
    waiting = [node]
    wanted = set()
    while waiting:
        node = waiting.pop()
        value = build.values[node]
        if isinstance(value, Shared | Gated):
            inputs[node] = value
        elif node not in wanted:
            wanted.add(node)
            waiting += node.all_input_nodes
    own += [node for node in build.values if node in wanted]


def _write_in_place(build: Lowering, output: fx.Node) -> None:
    """Let elementwise steps write over an input that nothing else reads: memory is what costs."""
    readers: dict[int, int] = {}
    for step in build.steps:
        for value in step.inputs:
            readers[value.slot] = readers.get(value.slot, 0) + 1
    for value in build.values.values():
        # What is read window by window later is read once more.
        if isinstance(value, Gated):
            for features, gate in value.terms:
                for read in (features, gate):
                    if read:
                        readers[read.slot] = readers.get(read.slot, 0) + 1
    fresh = {step.output for step in build.steps if step.fresh}
    tail = _tail_slots(build, output)
    for step in build.steps:
        if isinstance(step.kernel, Pointwise) and step.inputs:
            slot = step.inputs[0].slot
            if slot in fresh and readers[slot] == 1 and slot not in tail:
                step.kernel.overwrite()


def _tail_slots(build: Lowering, output: fx.Node) -> set[int]:
    if not isinstance(build.values[output], Own):
        return set()
    inputs: dict[fx.Node, Shared | Gated] = {}
    _gather(output, build, [], inputs)
    return {value.slot for value in inputs.values() if isinstance(value, Shared)}


def tensors_among(arguments: Any) -> list[Any]:
    """The values and constants in an operation's arguments, in order."""
    found: list[Any] = []

    def collect(argument: Any) -> Any:
        if isinstance(argument, Shared | Gated | Joined | Tensor):
            found.append(argument)
        return argument

    fx.node.map_aggregate(arguments, collect)
    return found
