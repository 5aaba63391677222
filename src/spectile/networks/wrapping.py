"""A network around another one, whose weights keep their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from torch import Tensor, nn

INNER = "network."


class Around(nn.Module):
    """A module with a `network` in it: in a state_dict the weights of that keep their own names.

    Names that begin with one of `beside` are those of the module's own parts.
    """

    beside: ClassVar[tuple[str, ...]] = ()
    network: nn.Module

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # PyTorch's have no types.
        self.register_state_dict_post_hook(_put_side_by_side)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_take_apart)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_name_as_given)  # type: ignore[no-untyped-call]

    @property
    def bands(self) -> Any:
        """Those of the network, where it says them."""
        return self.network.bands

    @property
    def window(self) -> Any:
        """The network's window in pixels, where it says it."""
        return self.network.window

    @property
    def num_features(self) -> Any:
        """Features that come into the network's last layer, where it says them."""
        return self.network.num_features

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """PyTorch's; the network may have its own, for memory formats."""
        for part in self.children():
            part.to(*args, **kwargs)
        return self


def named_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Its modules by the names that its author knows: what stands around it adds none."""
    prefix, inner = "", network
    while isinstance(inner, Around):
        prefix, inner = f"{prefix}{INNER}", inner.network
    for name, module in network.named_modules():
        yield f"{name}.".removeprefix(prefix).removesuffix("."), module


def outputs_of(network: nn.Module, *windows: Tensor) -> Any:
    """All that a network gives for windows, which may be more than logits.

    That is what its method ``outputs`` gives, where it has one: layers may be called so as well.
    """
    has_outputs = callable(getattr(type(network), "outputs", None))
    return network.outputs(*windows) if has_outputs else network(*windows)  # type: ignore[operator]


def _put_side_by_side(
    module: Around, state_dict: dict[str, Any], prefix: str, _metadata: object
) -> None:
    weights = _popped(state_dict, prefix)
    state_dict.update({prefix + key.removeprefix(INNER): value for key, value in weights.items()})


def _take_apart(module: Around, state_dict: dict[str, Any], prefix: str, *_others: object) -> None:
    for key, value in _popped(state_dict, prefix).items():
        own = key.startswith(module.beside)
        state_dict[prefix + key if own else prefix + INNER + key] = value


def _name_as_given(module: Around, incompatible: Any) -> None:
    for keys in (incompatible.missing_keys, incompatible.unexpected_keys):
        keys[:] = [key.removeprefix(INNER) for key in keys]


def _popped(state_dict: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The weights whose names begin with `prefix`, taken out, by the rest of their names."""
    keys = [key for key in state_dict if key.startswith(prefix)]
    return {key.removeprefix(prefix): state_dict.pop(key) for key in keys}
