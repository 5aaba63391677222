"""Whether a program follows a network to record it, instead of computing with it."""

from __future__ import annotations

from torch import Tensor
from torch.fx import Proxy

from spectile.compat.torch import is_recording


def followed(x: Tensor) -> bool:
    """Whether ``torch.fx`` or ``torch.jit.trace`` records what happens to `x`.

    Then its sizes are no numbers to decide on, and a check of them would end in the record.
    """
    return isinstance(x, Proxy) or is_recording()
