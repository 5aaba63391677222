"""Spectra are bent along one direction alone, by one deviation on average."""

import torch

from spectile.training.augmentation import bend_spectra


def test_spectra_move_along_the_bend_alone() -> None:
    torch.manual_seed(0)
    images, bend = torch.randn(400, 3, 9, 9), torch.tensor([0.3, 0.0, -0.4])
    moved = bend_spectra(images, bend) - images
    along = torch.einsum("nchw,c->nhw", moved, bend) / bend.square().sum()
    torch.testing.assert_close(moved, along[:, None] * bend[:, None, None], atol=1e-5, rtol=1e-4)
    assert 0.7 < float(along.std()) < 1.1
    # Within an image they differ, and less than from image to image.
    assert 0.05 < float(along.std((1, 2)).mean()) < 0.5
