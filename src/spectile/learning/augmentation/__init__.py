"""Images changed at random while fitting: batches (N, C, H, W) of any number of bands.

One family a file. Images are normalised, so nothing is 0, but for colours. All chance comes from
`generator`, or from PyTorch's global one: seed it and a step is repeated to the bit.
"""

from spectile.learning.augmentation.colour import jitter_colours
from spectile.learning.augmentation.crops import Filling, random_crop
from spectile.learning.augmentation.erasing import erase_rectangles
from spectile.learning.augmentation.flips import flip_horizontally, turn_and_flip
from spectile.learning.augmentation.mixing import cutmix, mixup
from spectile.learning.augmentation.spectral_shift import shift_spectra, within_class_directions
from spectile.learning.augmentation.with_masks import (
    flip_with_mask,
    random_scale_crop,
    turn_with_mask,
)

__all__ = [
    "Filling",
    "cutmix",
    "erase_rectangles",
    "flip_horizontally",
    "flip_with_mask",
    "jitter_colours",
    "mixup",
    "random_crop",
    "random_scale_crop",
    "shift_spectra",
    "turn_and_flip",
    "turn_with_mask",
    "within_class_directions",
]
