"""A network as a graph of what it computes: torch.fx, one node an elementary operation.

The network runs once, on one window, and every ATen operation that depends on the window is noted
with the layer that asked for it. Functional and module forms look alike here, shapes are numbers,
and whatever depends on weights alone has become a constant.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from spectile.compat.torch import (
    DispatchMode,
    argument_names,
    is_mutable,
    same_overload,
    tree_leaves,
    without_onednn,
)
from spectile.errors import InputError
from spectile.mapping.dense.refusal import NotShareableError, unfitting
from spectile.mapping.dense.shared_memory import Reference, SharedMemory, without_later_changes
from spectile.networks.wrapping import named_modules

_READS_VALUES = {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "item"}
"""Operations whose result Python goes on with: control flow that depends on the data."""
_CONSTANT = {"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
"""Operations that take from a tensor its shape alone."""
_SAME_NUMBERS = {"detach", "alias", "clone", "lift_fresh", "contiguous", "detach_", "lift"}
_OVERWRITES = {"copy_", "fill_", "zero_"}
"""Operations after which nothing is left of what a tensor held."""
_SQUEEZES = {
    torch.ops.aten.squeeze.default: torch.ops.aten.squeeze.dims,
    torch.ops.aten.squeeze_.default: torch.ops.aten.squeeze_.dims,
}
_TO_COPY = torch.ops.aten._to_copy.default


def record(module: nn.Module, window: tuple[int, int], bands: int) -> fx.Graph:
    """The graph of `module` in evaluation mode on windows (1, bands, h, w).

    Each node has `meta["value"]`, what it gave for a window of random numbers, and `meta["layer"]`,
    the name of the layer that it belongs to. Raises NotShareableError for a network whose course
    depends on the data, on other windows of the batch or on chance.
    """
    x = random_input(module, (1, bands, *window), seed=0)
    recorder = _Recorder(x)
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        evaluation_mode(module),
        _naming(module, recorder.layers),
        _elementary_attention(),
        _elementary_recurrence(module),
        _ForOneWindow(),
        recorder,
    ):
        try:
            result = module(x)
        except InputError:
            raise
        except Exception as error:  # whatever an unfitting shape leads to
            raise unfitting(module, window, bands, error) from error
    if not isinstance(result, Tensor) or recorder.node(result) is None:
        raise NotShareableError(
            f"{type(module).__name__} gives no tensor of logits that depends on its window: "
            "return the logits (N, classes) alone."
        )
    if result.numel() != result.shape[-1]:
        sizes = ", ".join(map(str, result.shape[1:]))
        raise NotShareableError(
            f"{type(module).__name__} gives (N, {sizes}) for windows of {window[0]} x {window[1]} "
            "pixels and not the logits (N, classes): give the window that it was made for."
        )
    recorder.graph.output(recorder.node(result))
    recorder.graph.eliminate_dead_code()
    return recorder.graph


def random_input(module: nn.Module, shape: tuple[int, ...], seed: int) -> Tensor:
    """Random numbers of the type of a module's weights, and on their device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(typical_weight(module))


def typical_weight(module: nn.Module) -> Tensor:
    """A weight of the type that most of a module's numbers have: that of the windows it takes.

    A lone parameter in double precision, such as a list of wavelengths, says nothing of them.
    """
    weights = [weight for weight in module.parameters() if weight.is_floating_point()]
    numbers = Counter[torch.dtype]()
    for weight in weights:
        numbers[weight.dtype] += weight.numel()
    return max(weights, key=lambda weight: numbers[weight.dtype], default=torch.empty(0))


def operation_of(node: fx.Node) -> str:
    """The name of a node's ATen operation, or "getitem" for one of several results."""
    name: str = getattr(node.target, "overloadpacket", node.target).__name__  # type: ignore[union-attr]
    return name


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape that a node's tensor has in the network."""
    return tuple(node.meta["value"].shape)


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


class _Recorder(DispatchMode):
    """Notes every operation on tensors that come from the input."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.layers: list[str] = []
        self._memory = SharedMemory(self._emit)
        self._note(x, self.graph.placeholder("x"))

    def node(self, tensor: Tensor) -> fx.Node | None:
        """The node that gives `tensor`, None for a constant."""
        return self._memory.node(tensor)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _SQUEEZES:
            # On a batch of one it would drop the batch's axis, on others not.
            sizes = args[0].shape
            args = (args[0], [axis for axis in range(1, len(sizes)) if sizes[axis] == 1])
            func = _SQUEEZES[func]
        name = func.overloadpacket.__name__
        given = _tensors_in((args, kwargs))
        if name in _CONSTANT or all(self.node(tensor) is None for tensor in given):
            return self._of_constants(func, args, kwargs)
        # Weights made in inference mode bring composite operations, dropout among them, as such.
        with self:
            elementary = func.decompose(*args, **kwargs)
        if elementary is not NotImplemented:
            return elementary
        self._refuse(func, name, args)
        if "out" in kwargs:
            raise self._refusal("writes into a tensor that it is given as out=")
        if torch.Tag.inplace_view in func.tags:
            return self._reshape(func, name, args)
        if is_mutable(func) and name not in _SAME_NUMBERS:
            return self._change(func, name, args, kwargs)
        reads = fx.node.map_aggregate((args, kwargs), self._reference)
        out = func(*args, **kwargs)
        self._memory.note_views(func, args, out)
        if name in _SAME_NUMBERS:
            self._note(out, reads[0][0])
            return out
        self._note_all(out, self.graph.call_function(func, *reads))
        return out

    def _of_constants(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operation on weights and what is made of them."""
        if torch.Tag.inplace_view in func.tags:
            return self._reshape(func, func.overloadpacket.__name__, args)
        if is_mutable(func) and args and isinstance(args[0], Tensor):
            without_later_changes(self.graph, args[0])
        out = func(*args, **kwargs)
        self._memory.note_views(func, args, out)
        return out

    def _change(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operation that writes into its first argument, as one that gives a new tensor."""
        changed, rest = args[0], args[1:]
        if not changed.numel():
            return func(*args, **kwargs)
        if self.node(changed) is None:
            without_later_changes(self.graph, changed)
        before = self._memory.before_change(changed)
        reads = fx.node.map_aggregate((rest, kwargs), self._reference)
        out = func(*args, **kwargs)
        now: Reference
        if name in _OVERWRITES and not any(isinstance(a, fx.Node) for a in reads[0]):
            now = changed.clone()
        elif name == "copy_":
            now = self._copied(rest[0], reads[0][0], changed)
        elif name == "index_put_" and _is_mask(changed, *rest):
            mask, value = reads[0][0][0], reads[0][1]
            now = self._emit(torch.ops.aten.where.self, (mask, value, before[0]), changed)
        else:
            now = self._emit(_functional(func, name), (before[0], *reads[0]), changed, reads[1])
        if not self._memory.changed(changed, now, before):
            raise self._refusal("writes into a part of a tensor that no slice gives")
        return out

    def _reshape(self, func: Any, name: str, args: tuple[Any, ...]) -> Any:
        """An operation that gives its first argument another shape."""
        old = self._memory.stand_in(args[0])
        for known in self.graph.nodes:
            if known.meta.get("value") is args[0]:
                known.meta["value"] = old
        node = self.node(old)
        out = func(*args)
        turns = name == "transpose_"
        operation = torch.ops.aten.transpose.int if turns else _functional(func, name)
        self._memory.note_views(operation, (old, *args[1:]), out)
        if node is not None:
            self._note(out, self._emit(operation, (node, *args[1:]), out))
        return out

    def _copied(self, source: Tensor, node: fx.Node, into: Tensor) -> fx.Node:
        """What `into` holds when `source` was written into it."""
        if source.dtype != into.dtype:
            node = self._emit(_TO_COPY, (node,), source, {"dtype": into.dtype})
        if source.shape != into.shape:
            node = self._emit(torch.ops.aten.expand.default, (node, list(into.shape)), into)
        return node

    def _refuse(self, func: Any, name: str, args: tuple[Any, ...]) -> None:
        if name in _READS_VALUES:
            raise self._refusal("decides by its data what to compute")
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise self._refusal("draws random numbers")
        if name in ("native_batch_norm", "_native_batch_norm_legit") and _trains(func, args):
            raise self._refusal("takes its statistics over the batch or the window")

    def _refusal(self, what: str) -> NotShareableError:
        return NotShareableError.of(self._layer, what)

    def _emit(
        self,
        func: Any,
        args: tuple[Any, ...],
        value: Tensor,
        kwargs: dict[str, Any] | None = None,
    ) -> fx.Node:
        """A node that stands for no call of its own."""
        node = self.graph.call_function(func, args, kwargs)
        node.meta.update(value=value, layer=self._layer)
        return node

    def _note_all(self, out: Any, node: fx.Node) -> None:
        if isinstance(out, Tensor):
            self._note(out, node)
            return
        node.meta.update(value=out, layer=self._layer)
        for place, part in enumerate(out):
            if isinstance(part, Tensor):
                chosen = self.graph.call_function(operator.getitem, (node, place))
                self._note(part, chosen)

    def _note(self, tensor: Tensor, node: fx.Node) -> None:
        if "value" not in node.meta:
            node.meta.update(value=tensor, layer=self._layer)
        self._memory.note(tensor, node)

    def _reference(self, argument: Any) -> Any:
        return (self.node(argument) or argument) if isinstance(argument, Tensor) else argument

    @property
    def _layer(self) -> str:
        return self.layers[-1] if self.layers else ""


@contextmanager
def _elementary_attention() -> Iterator[None]:
    """Attention as matrix products and a softmax, not as one operation."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _elementary_recurrence(module: nn.Module) -> Iterator[None]:
    """LSTMs as matrix products and gates, not as one operation of oneDNN's."""
    if not any(isinstance(part, nn.LSTM) for part in module.modules()):
        yield
        return
    with without_onednn():
        yield


class _ForOneWindow(TorchFunctionMode):
    """Functions that PyTorch composes of operations on the batch, as ones on a window alone."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.pad and "circular" in (kwargs.get("mode"), *args[2:3]):
            given = dict(zip(("input", "pad"), args, strict=False), **kwargs)
            return _in_a_circle(given["input"], given["pad"])
        if func is F.instance_norm and kwargs.get("use_input_stats", True) and len(args) == 1:
            weight, bias, epsilon = (kwargs.get(name) for name in ("weight", "bias", "eps"))
            return F.group_norm(args[0], args[0].shape[1], weight, bias, epsilon or 1e-5)
        return func(*args, **kwargs)


def _in_a_circle(x: Tensor, padding: Sequence[int]) -> Tensor:
    """Padding as a choice of places; PyTorch writes it into an empty tensor."""
    for place, (before, after) in enumerate(zip(padding[::2], padding[1::2], strict=True)):
        if before or after:
            size = x.shape[-1 - place]
            places = torch.arange(-before, size + after, device=x.device) % size
            x = x.index_select(x.ndim - 1 - place, places)
    return x


@contextmanager
def _naming(module: nn.Module, layers: list[str]) -> Iterator[None]:
    """Keep the name of the layer at work at the end of `layers`."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: layers.append(name)

    def leave(*_: Any) -> None:
        layers.pop()

    with ExitStack() as hooks:
        for name, part in named_modules(module):
            hooks.callback(part.register_forward_pre_hook(enter(name)).remove)
            hooks.callback(part.register_forward_hook(leave).remove)
        yield


def _functional(func: Any, name: str) -> Any:
    """The operation that gives a new tensor where `func` changes its first argument."""
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    overload = same_overload(packet, func)
    if overload is None:
        raise NotShareableError.of("", f"uses {name}, which writes into a tensor in place")
    return overload


def _is_mask(
    into: Tensor, where: Sequence[Tensor | None], value: Tensor, accumulate: bool = False
) -> bool:
    """Whether one number is put wherever a mask is true."""
    mask = where[0]
    if mask is None or len(where) > 1 or accumulate or value.numel() > 1:
        return False
    return mask.dtype == torch.bool and mask.shape == into.shape


def _trains(func: Any, args: tuple[Any, ...]) -> bool:
    return bool(args[argument_names(func).index("training")])


def _tensors_in(arguments: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]
