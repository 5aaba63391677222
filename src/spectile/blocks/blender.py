"""Blender: the mask of an object out of bases of the whole image and attention of its own.

Chen, Sun, Tian, Shen, Huang and Yan, "BlendMask: Top-Down Meets Bottom-Up for Instance
Segmentation", CVPR 2020, section 3.3, equations 2 to 5; for comparison the plain sum of Bolya,
Zhou, Xiao and Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019, section 3.3.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def blend(bases: Tensor, attention: Tensor) -> Tensor:
    """Bases in P boxes (P, K, R, R) and attention (P, K, M, M) to logits of masks (P, R, R).

    Attention is enlarged bilinearly; in each cell its softmax over the bases weighs them.
    """
    enlarged = F.interpolate(attention, bases.shape[2:], mode="bilinear", align_corners=False)
    return (enlarged.softmax(1) * bases).sum(1)


def weighted_sum(bases: Tensor, coefficients: Tensor) -> Tensor:
    """Bases in P boxes (P, K, R, R), each times one number, (P, K, 1, 1), from -1 to 1: (P, R, R).

    The numbers come through tanh, so that bases can be taken away.
    """
    return (coefficients.tanh() * bases).sum(1)
