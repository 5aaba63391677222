"""Two images made one, with a share of both classes: mixup and CutMix.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
arXiv:1710.09412; Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
Localizable Features", ICCV 2019, arXiv:1905.04899. As in the code of both, one share is drawn for
the whole batch, and an image's partner is another of the same batch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spectile.errors import InputError


def mixup(
    images: Tensor,
    classes: Tensor,
    *,
    count: int,
    alpha: float = 0.2,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Weighted means of images (N, C, H, W) and of their classes (N,), out of `count`.

    Gives images (N, C, H, W) and targets (N, count), which add up to 1. The weight is drawn from
    the distribution Beta(alpha, alpha). Raises InputError for an alpha of 0 or less.
    """
    share = drawn_share(alpha, generator)
    partner = drawn_partner(images, generator)
    mixed = torch.lerp(images[partner], images, share)
    return mixed, mixed_targets(classes, partner, share, count)


def cutmix(
    images: Tensor,
    classes: Tensor,
    *,
    count: int,
    alpha: float = 1.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W), each with a rectangle of another one, and their classes (N,).

    Gives images (N, C, H, W) and targets (N, count) by the share of pixels of each of the two. The
    share that stays is drawn from Beta(alpha, alpha); the rectangle has the image's proportions and
    its centre anywhere, so that it may be cut at the border. Raises InputError for an alpha of 0 or
    less.
    """
    share = drawn_share(alpha, generator)
    partner = drawn_partner(images, generator)
    height, width = images.shape[2:]
    edge = (1 - share) ** 0.5
    centre = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    top, bottom = stretch(centre[0], edge, height)
    left, right = stretch(centre[1], edge, width)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
    stays = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, mixed_targets(classes, partner, stays, count)


def drawn_share(alpha: float, generator: torch.Generator | None) -> float:
    """A number of 0 to 1 from Beta(alpha, alpha)."""
    if not alpha > 0:
        raise InputError(f"Images can't be mixed with an alpha of {alpha}: choose one above 0.")
    # PyTorch's own Beta takes no generator.
    seed = int(torch.randint(2**62, (), generator=generator))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


def drawn_partner(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """Which image (N,) each one is mixed with."""
    return torch.randperm(len(images), generator=generator).to(images.device)


def stretch(centre: float, share: float, whole: int) -> tuple[int, int]:
    """The places of `share` of `whole` around `centre`, a number of 0 to 1, cut at the ends."""
    length = int(share * whole)
    first = int(centre * whole) - length // 2
    return max(0, first), min(whole, first + length)


def mixed_targets(classes: Tensor, partner: Tensor, share: float, count: int) -> Tensor:
    """Targets (N, count): `share` of an image's own class, the rest of its partner's."""
    own = F.one_hot(classes, count).to(torch.get_default_dtype())
    return torch.lerp(own[partner], own, share)
