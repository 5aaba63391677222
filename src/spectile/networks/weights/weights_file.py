"""The tensors in a file of weights, whatever a training program keeps around them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spectile.errors import InputError

WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net_state_dict", "net"),
    *("network_state_dict", "network", "module", "weights", "params", "encoder", "backbone"),
)
"""Under what training programs keep a network's weights, beside their own state; the first wins."""
BESIDES = re.compile(r"(optim|lr_|sched|scaler|amp|loops|callbacks|hparams|hyper|ema|rng)", re.I)
"""How the names of other things begin that hold tensors too."""
MODEL_FILE, PARALLEL = "network.", "module."
"""What names begin with in Spectile's files, and in those of a network on several GPUs."""
_CLASS = re.compile(r"GLOBAL ([\w.]+)")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by their names, without wrappers; runs no code from it.

    Raises InputError if there is no such file, or none with tensors by names.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path} to take weights from: give another one.")
    weights = _unwrapped(_loaded(path), path)
    # A model file has tensors besides the network's.
    inside = [key for key in weights if key.startswith(MODEL_FILE)]
    if inside:
        return {key.removeprefix(MODEL_FILE): weights[key] for key in inside}
    if all(key.startswith(PARALLEL) for key in weights):
        return {key.removeprefix(PARALLEL): value for key, value in weights.items()}
    return weights


def _loaded(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        # Of a damaged pickle or archive, whatever it breaks first.
        *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    ) as error:
        other = _CLASS.search(str(error))
        if other is not None:
            raise InputError(
                f"{path} holds objects of {other[1]} besides weights, and reading them would run "
                "code of the file: give one with the weights alone, written by "
                "torch.save(network.state_dict(), path)."
            ) from error
        raise not_weights(path) from error


def _unwrapped(found: object, path: Path) -> dict[str, Tensor]:
    """The mapping of names to tensors that `found` is, or holds."""
    while isinstance(found, Mapping):
        inner = {key: value for key, value in found.items() if isinstance(value, Mapping)}
        known = next((name for name in WRAPPERS if name in inner), None)
        if known is not None:
            found = inner[known]
            continue
        tensors = {
            key: value
            for key, value in found.items()
            if isinstance(key, str) and isinstance(value, Tensor)
        }
        if tensors:
            return tensors
        holders = [key for key, value in inner.items() if _has_tensors(value)]
        holders = [key for key in holders if not BESIDES.match(str(key))] or holders
        if len(holders) > 1:
            listed = ", ".join(str(key) for key in holders)
            raise InputError(
                f"{path} holds several sets of weights ({listed}): save the one to start from by "
                "itself."
            )
        if not holders:
            break
        found = inner[holders[0]]
    raise not_weights(path)


def _has_tensors(found: Mapping[object, object]) -> bool:
    return any(
        (isinstance(value, Tensor) and isinstance(key, str))
        or (isinstance(value, Mapping) and _has_tensors(value))
        for key, value in found.items()
    )


def not_weights(path: Path) -> InputError:
    """What to raise for a file that can't be read, or is something else."""
    return InputError(
        f"{path} can't be read as weights: give a .safetensors, .pt or .pth file that holds "
        "nothing but tensors, such as torch.save(network.state_dict(), path) writes."
    )
