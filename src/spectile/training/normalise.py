"""Images as networks take them: the reducer of the model file, on tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from spectile.data.preprocessing.components import Preprocessing


class Normalise(nn.Module):
    """Images (..., bands, H, W) of any dtype to components (..., components, H, W) in float32.

    The same affine map as :meth:`spectile.data.preprocessing.reducers.Reducer.apply`, missing data
    (NaN) being 0 in all components; on the device where it lies.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        reducer = preprocessing.reducer
        self.bands = preprocessing.bands
        self.register_buffer("mean", torch.from_numpy(reducer.mean).float(), persistent=False)
        self.register_buffer("matrix", torch.from_numpy(reducer.matrix).float(), persistent=False)
        self.diagonal = bool(
            reducer.bands == reducer.components
            and np.count_nonzero(reducer.matrix - np.diag(np.diag(reducer.matrix))) == 0
        )

    def forward(self, images: Tensor) -> Tensor:
        bands = images.shape[-3]
        if self.bands != tuple(range(bands)):
            images = images[..., list(self.bands), :, :]
        holes = images.is_floating_point() and bool((~images.isfinite()).any())
        lost = ~images.isfinite().all(-3, keepdim=True) if holes else None
        # In float32 the mean has to go first: digital numbers in the thousands leave few digits.
        centred = images.float() - self.mean[:, None, None]
        if self.diagonal:
            components = centred.mul_(self.matrix.diagonal()[:, None, None])
        else:
            if lost is not None:
                centred = centred.masked_fill(lost, 0)
            components = torch.einsum("...bhw,bc->...chw", centred, self.matrix)
        return components if lost is None else components.masked_fill_(lost, 0)
