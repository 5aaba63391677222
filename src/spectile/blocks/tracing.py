"""Whether a program follows a network to record it, instead of computing with it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import Proxy


def followed(x: Tensor) -> bool:
    """Whether ``torch.fx`` or ``torch.jit.trace`` records what happens to `x`.

    Then its sizes are no numbers to decide on, and a check of them would end in the record.
    """
    return isinstance(x, Proxy) or bool(torch._C._get_tracing_state())
