"""Grad-CAM: which places of an image speak for a class.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017, section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.networks.map_channels import evaluating


def grad_cam(
    network: nn.Module, images: Tensor, classes: Tensor
) -> tuple[str, NDArray[np.float32]] | None:
    """For images (n, C, H, W) and a class index each: the layer that was looked at, and the maps.

    The maps (n, h, w) are those of the last layer that still has several rows and columns, 0 to 1:
    the sum of its channels, weighed by the mean gradient of the class's logit, where that is
    positive, divided by its largest. None for a network that has no such layer.
    """
    last: dict[str, Tensor] = {}

    def hook(name: str) -> Any:
        def after(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
                last.clear()
                last[name] = output

        return after

    handles = [
        part.register_forward_hook(hook(name)) for name, part in network.named_modules() if name
    ]
    try:
        with evaluating(network), torch.enable_grad():
            logits = network(images.clone().requires_grad_())
            if not last or logits.ndim != 2:
                return None
            (name, maps), *_ = last.items()
            chosen = logits.gather(1, classes[:, None]).sum()
            (slopes,) = torch.autograd.grad(chosen, maps)
    finally:
        for handle in handles:
            handle.remove()
    speaking = (maps.detach() * slopes.mean((2, 3), keepdim=True)).sum(1).relu()
    largest = speaking.amax((1, 2), keepdim=True)
    shares: NDArray[np.float32] = (speaking / largest.clamp(min=1e-12)).float().numpy()
    return name, shares
