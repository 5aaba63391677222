"""A network as a graph of what it computes: torch.fx, one node an elementary operation.

The network runs once, on one window, and every ATen operation that depends on the window is noted
with the layer that asked for it. Functional and module forms look alike here, shapes are numbers,
and whatever depends on weights alone has become a constant.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
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
)
from spectile.errors import InputError
from spectile.mapping.dense.refusal import NotShareableError, unfitting

_READS_VALUES = {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "item"}
"""Operations whose result Python goes on with: control flow that depends on the data."""
_CONSTANT = {"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
"""Operations that take from a tensor its shape alone."""
_SAME_NUMBERS = {"detach", "alias", "clone", "lift_fresh", "contiguous", "detach_", "lift"}


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
        _CircularPadding(),
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
        # By identity; the tensors are kept, so that no other one gets the same id.
        self._nodes: dict[int, fx.Node] = {}
        self._tensors: list[Tensor] = []
        self._overwritten: set[int] = set()
        self._note(x, self.graph.placeholder("x"))

    def node(self, tensor: Tensor) -> fx.Node | None:
        """The node that gave `tensor`, None for a constant."""
        return self._nodes.get(id(tensor))

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        given = _tensors_in((args, kwargs))
        name = func.overloadpacket.__name__
        if any(id(t) not in self._nodes and _storage(t) in self._overwritten for t in given):
            raise self._refusal("uses a tensor that was changed through a view of it")
        if name in _CONSTANT or not any(id(tensor) in self._nodes for tensor in given):
            return func(*args, **kwargs)
        # Weights made in inference mode bring composite operations, dropout among them, as such.
        with self:
            elementary = func.decompose(*args, **kwargs)
        if elementary is not NotImplemented:
            return elementary
        self._refuse(func, name, args)
        if func is torch.ops.aten.squeeze.default:
            # On a batch of one it would drop the batch's axis, on others not.
            sizes = args[0].shape
            args = (args[0], [axis for axis in range(1, len(sizes)) if sizes[axis] == 1])
            func = torch.ops.aten.squeeze.dims
        reads = args
        if is_mutable(func):
            reads = self._before_change(args)
        out = func(*args, **kwargs)
        if name in _SAME_NUMBERS:
            self._note(out, self._nodes[id(given[0])])
            return out
        node = self.graph.call_function(
            _functional(func, name), *fx.node.map_aggregate((reads, kwargs), self._reference)
        )
        self._note_all(out, node)
        return out

    def _before_change(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of an operation that writes into its first, as they were.

        Other tensors in the same memory change with it, and their nodes would be wrong.
        """
        changed = args[0]
        storage = _storage(changed)
        for tensor in self._tensors:
            if tensor is not changed and _storage(tensor) == storage:
                self._nodes.pop(id(tensor), None)
        self._overwritten.add(storage)
        return args if id(changed) in self._nodes else (changed.clone(), *args[1:])

    def _refuse(self, func: Any, name: str, args: tuple[Any, ...]) -> None:
        if name in _READS_VALUES:
            raise self._refusal("decides by its data what to compute")
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise self._refusal("draws random numbers")
        if name in ("native_batch_norm", "_native_batch_norm_legit") and _trains(func, args):
            raise self._refusal("takes its statistics over the batch or the window")

    def _refusal(self, what: str) -> NotShareableError:
        return NotShareableError.of(self._layer, what)

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
        self._nodes[id(tensor)] = node
        self._tensors.append(tensor)

    def _reference(self, argument: Any) -> Any:
        return self._nodes.get(id(argument), argument) if isinstance(argument, Tensor) else argument

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


class _CircularPadding(TorchFunctionMode):
    """Padding in a circle as a choice of places; PyTorch writes it into an empty tensor."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.pad or "circular" not in (kwargs.get("mode"), *args[2:3]):
            return func(*args, **kwargs)
        given = dict(zip(("input", "pad"), args, strict=False), **kwargs)
        x, padding = given["input"], given["pad"]
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
        for name, part in module.named_modules():
            hooks.callback(part.register_forward_pre_hook(enter(name)).remove)
            hooks.callback(part.register_forward_hook(leave).remove)
        yield


def _functional(func: Any, name: str) -> Any:
    """The operation that gives a new tensor where `func` changes its first argument."""
    if not is_mutable(func):
        return func
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    overload = same_overload(packet, func)
    if overload is None:
        raise NotShareableError.of("", f"uses {name}, which writes into a tensor in place")
    return overload


def _trains(func: Any, args: tuple[Any, ...]) -> bool:
    return bool(args[argument_names(func).index("training")])


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors_in(arguments: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]
