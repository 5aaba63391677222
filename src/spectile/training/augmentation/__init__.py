"""Images changed at random while fitting: batches (N, C, H, W) of any number of bands.

One family a file. Images are normalised, so nothing is 0, but for colours. All chance comes from
`generator`, or from PyTorch's global one: seed it and a step is repeated to the bit.
"""

from spectile.training.augmentation.colour import jitter_colours
from spectile.training.augmentation.crops import Filling, random_crop
from spectile.training.augmentation.erasing import erase_rectangles
from spectile.training.augmentation.flips import flip_horizontally, rotate_and_flip
from spectile.training.augmentation.light import bend_of, bend_spectra
from spectile.training.augmentation.mixing import cutmix, mixup
from spectile.training.augmentation.spectral import augment_spectra, within_class_directions
from spectile.training.augmentation.with_instances import (
    flip_with_objects,
    rotate_with_objects,
    scale_crop_with_objects,
)
from spectile.training.augmentation.with_masks import (
    flip_with_mask,
    random_scale_crop,
    rotate_with_mask,
)

__all__ = [
    "Filling",
    "augment_spectra",
    "bend_of",
    "bend_spectra",
    "cutmix",
    "erase_rectangles",
    "flip_horizontally",
    "flip_with_mask",
    "flip_with_objects",
    "jitter_colours",
    "mixup",
    "random_crop",
    "random_scale_crop",
    "rotate_and_flip",
    "rotate_with_mask",
    "rotate_with_objects",
    "scale_crop_with_objects",
    "within_class_directions",
]
