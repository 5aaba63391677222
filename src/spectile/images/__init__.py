"""Folders and pairs of images for classification and segmentation. No torch."""

from spectile.images.band_samples import live_bands as live_bands
from spectile.images.band_samples import sample_pixels as sample_pixels
from spectile.images.classification import open_image_set as open_image_set
from spectile.images.decoding import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from spectile.images.decoding import read_image as read_image
from spectile.images.image_set import ImageSet as ImageSet
from spectile.images.overlap import ImageOverlap as ImageOverlap
from spectile.images.overlap import measure_image_overlap as measure_image_overlap
from spectile.images.pair_set import PairSet as PairSet
from spectile.images.pairs import open_pair_set as open_pair_set
from spectile.images.scene_tiles import tiles_of as tiles_of
from spectile.images.sources import ImageArrays as ImageArrays
from spectile.images.sources import ImageFiles as ImageFiles
from spectile.images.sources import ImageSource as ImageSource
from spectile.images.sources import MaskSource as MaskSource
from spectile.images.store import ImageStore as ImageStore
from spectile.images.store import load_images as load_images
from spectile.images.unreadable import UnreadableImageError as UnreadableImageError
