"""Folders and pairs of images for classification and segmentation. No torch."""

from spectile.data.images.band_samples import live_bands as live_bands
from spectile.data.images.band_samples import sample_pixels as sample_pixels
from spectile.data.images.classification import image_set_of as image_set_of
from spectile.data.images.classification import open_image_set as open_image_set
from spectile.data.images.image_set import ImageSet as ImageSet
from spectile.data.images.pair_set import PairSet as PairSet
from spectile.data.images.pairs import open_pair_set as open_pair_set
from spectile.data.images.scene_tiles import tiles_of as tiles_of
from spectile.data.images.sources import ImageArrays as ImageArrays
from spectile.data.images.sources import ImageFiles as ImageFiles
from spectile.data.images.sources import ImageSource as ImageSource
from spectile.data.images.sources import MaskSource as MaskSource
from spectile.data.images.store import ImageStore as ImageStore
from spectile.data.images.store import load_images as load_images
from spectile.data.readers.pictures import read_image as read_image
from spectile.data.readers.registry import image_suffixes as image_suffixes
from spectile.data.readers.unreadable import UnreadableImageError as UnreadableImageError
from spectile.data.splits.image_overlap import ImageOverlap as ImageOverlap
from spectile.data.splits.image_overlap import measure_image_overlap as measure_image_overlap
