"""Muon: steps whose kernels are orthogonalised, so that no direction of a layer lags behind.

Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024,
kellerjordan.github.io/posts/muon; kernels are flattened to (outputs, inputs), as there, which
torch.optim.Muon refuses. A step is as large as one of Adam's, 0.2 a weight: Liu and others, "Muon
is Scalable for LLM Training", 2025, arXiv:2502.16982, section 2.2.

Deviation: Linears take Adam's steps, as biases do (Kingma and Ba, ICLR 2015, arXiv:1412.6980). The
first Linear of HybridSN has 18,496 inputs and a thousand windows to learn from; with all of its
directions driven alike the network tells fewer test pixels right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration that brings singular values near 1, from Jordan's post."""
SIZE = 0.2
"""Root mean square of a step of Adam."""
MOMENTUM = 0.95
BETAS = (0.9, 0.999)


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum on a network's convolutions, Adam on its other weights.

    The rates are `lr` and `lr_of_others`; weight decay is decoupled. The first group of parameters
    are the kernels.
    """

    def __init__(
        self, network: nn.Module, lr: float, *, lr_of_others: float, weight_decay: float = 0.0
    ) -> None:
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        kernels = [weight for weight in weights if weight.ndim > 2]
        others = [weight for weight in weights if weight.ndim <= 2]
        groups = [
            {"params": kernels, "lr": lr, "kernels": True},
            {"params": others, "lr": lr_of_others, "kernels": False},
        ]
        super().__init__(groups, {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            change_of = self._orthogonal if group["kernels"] else self._adam
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(change_of(weight, weight.grad), alpha=-group["lr"])
        return loss

    def _orthogonal(self, weight: nn.Parameter, gradient: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
        mean: Tensor = state["mean"].lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(mean, MOMENTUM).flatten(1)
        change: Tensor = orthogonalised(ahead) * (SIZE * max(ahead.shape) ** 0.5)
        return change.reshape(weight.shape)

    def _adam(self, weight: nn.Parameter, gradient: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["steps"] = 0
            state["mean"], state["square"] = torch.zeros_like(weight), torch.zeros_like(weight)
        state["steps"] += 1
        mean = state["mean"].lerp_(gradient, 1 - BETAS[0]) / (1 - BETAS[0] ** state["steps"])
        square = state["square"].lerp_(gradient**2, 1 - BETAS[1]) / (1 - BETAS[1] ** state["steps"])
        change: Tensor = mean / (square.sqrt() + 1e-8)
        return change


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix (M, N) with its singular values brought near 1, but for the very smallest.

    Each round multiplies by a polynomial of X X', so that all rounds run on that small square, and
    the matrix itself, often a hundred times as wide as high, is met at their start and end.
    """
    a, b, c = QUINTIC
    high = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if high else matrix
    x = x / (x.norm() + 1e-7)
    gram = x @ x.t()
    identity = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    product = identity
    for _ in range(ROUNDS):
        factor = a * identity + b * gram + c * gram @ gram
        product = factor @ product
        gram = factor @ gram @ factor
    result: Tensor = product @ x
    return result.t() if high else result
