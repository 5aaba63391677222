"""Images decoded once: checked, hashed, and kept in memory as far as it reaches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.looks import UPRIGHT, look_at
from spectile.data.images.resizing import resize_image, resize_mask, size_of_shorter
from spectile.data.images.sources import ImageFiles, ImageSource, MaskSource
from spectile.data.readers.pixel_types import stored_type
from spectile.data.readers.unreadable import UnreadableImageError
from spectile.errors import InputError
from spectile.files.threads import in_threads
from spectile.progress import Progress
from spectile.ranges import GigabytesOrNone, check

ImageArray = NDArray[Any]
MaskArray = NDArray[np.uint16]

RUN_BYTES, RUN_IMAGES = 1 << 22, 64
"""What a thread decodes in one go: of small images many, for starting it takes as long as one."""


@dataclass(frozen=True, eq=False)
class ImageStore:
    """Decoded images by number; make one with :func:`load_images`.

    ``store[i]`` is an image (bands, H, W), or with masks a pair of it and a mask (H, W) of class
    indices from 1, 0 where unlabelled; what didn't fit into memory is decoded again. Don't write
    into them.
    """

    names: tuple[str, ...] = field(repr=False)
    bands: int
    """Of every image; 0 if there is none."""
    shapes: NDArray[np.int64] = field(repr=False)
    """Height and width of each image as handed out, shape (N, 2)."""
    hashes: tuple[bytes, ...] = field(repr=False)
    """Of type, shape and pixels as decoded, before any resizing."""
    kept: NDArray[np.int64] = field(repr=False)
    """Positions, in the indices asked for, of the images that could be read; shape (N,)."""
    bad: tuple[tuple[str, str], ...]
    """Name and reason of each that couldn't."""
    counts: NDArray[np.int64] | None = field(repr=False)
    """Pixels of each class in each mask as decoded, where the image has data; shape (N, K).

    None without masks.
    """
    unseen: NDArray[np.int64] = field(repr=False)
    """Labelled pixels of each image that have no data in any band; shape (N,)."""
    mask_hashes: tuple[bytes, ...] = field(repr=False)
    """Of the masks' class indices as decoded; empty bytes without masks."""
    pixel_types: tuple[str | None, ...] = field(repr=False)
    """What each image was stored in, such as "uint8"; None where that can't be told any more."""
    reader: PairReader = field(repr=False)
    held: tuple[tuple[ImageArray, MaskArray | None] | None, ...] = field(repr=False)
    """What is in memory, None for an image that is decoded when it is asked for."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Any:
        image, mask = self._both(index)
        return image if mask is None else (image, mask)

    @property
    def in_memory(self) -> int:
        """How many of the images are held in memory."""
        return sum(held is not None for held in self.held)

    @property
    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each class in all masks, shape (K,); ValueError where there are no masks."""
        if self.counts is None:
            raise ValueError(NO_MASKS)
        pixels: NDArray[np.int64] = self.counts.sum(axis=0)
        return pixels

    def image(self, index: int) -> ImageArray:
        """The image (bands, H, W) alone."""
        return self._both(index)[0]

    def pair(self, index: int) -> tuple[ImageArray, MaskArray]:
        """Image (bands, H, W) and mask (H, W); ValueError where there are no masks."""
        image, mask = self._both(index)
        if mask is None:
            raise ValueError(NO_MASKS)
        return image, mask

    def part(self, positions: Sequence[int] | NDArray[np.intp]) -> ImageStore:
        """The images at some positions of this store, which shares its memory; none of the bad."""
        chosen = np.asarray(positions, dtype=np.intp)
        return replace(
            self,
            names=tuple(self.names[i] for i in chosen),
            shapes=self.shapes[chosen],
            hashes=tuple(self.hashes[i] for i in chosen),
            kept=self.kept[chosen],
            bad=(),
            counts=None if self.counts is None else self.counts[chosen],
            unseen=self.unseen[chosen],
            mask_hashes=tuple(self.mask_hashes[i] for i in chosen),
            pixel_types=tuple(self.pixel_types[i] for i in chosen),
            held=tuple(self.held[i] for i in chosen),
        )

    def _both(self, index: int) -> tuple[ImageArray, MaskArray | None]:
        held = self.held[index]
        if held is not None:
            return held
        decoded = self.reader.read(int(self.kept[index]))
        return decoded.image, decoded.mask


NO_MASKS = "these images were loaded without masks"


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image as the store takes it."""

    image: ImageArray
    mask: MaskArray | None
    digest: bytes
    class_pixels: NDArray[np.int64] | None
    unseen: int
    mask_digest: bytes
    pixel_type: str | None


@dataclass(frozen=True, eq=False)
class PairReader:
    """Decodes images, and their masks if there are any, at the size that is wanted."""

    images: ImageSource
    masks: MaskSource | None
    indices: NDArray[np.int64]
    shorter: int | None

    def name(self, position: int) -> str:
        """What messages call the image at a position of the indices."""
        return self.images.name(int(self.indices[position]))

    def read(self, position: int) -> Decoded:
        """The image at a position of the indices.

        Raises UnreadableImageError where it or its mask is damaged, and InputError for a mask of
        another size or with numbers that the legend lacks.
        """
        index = int(self.indices[position])
        image = self.images.read(index)
        digest, kind = _digest(image), stored_type(image)
        mask = counts = None
        mask_digest, unseen = b"", 0
        if self.masks is not None:
            mask = self.masks.read(index)
            if mask.shape != image.shape[1:]:
                raise self._sizes_differ(index, mask.shape, image.shape[1:])
            mask_digest = _digest(mask)
            seen = mask if image.dtype.kind != "f" else mask[~np.isnan(image).all(axis=0)]
            counts = np.bincount(seen.ravel(), minlength=self.masks.classes + 1)[1:]
            unseen = int(np.count_nonzero(mask) - counts.sum())
        if self.shorter is not None:
            size = size_of_shorter((image.shape[1], image.shape[2]), self.shorter)
            image = resize_image(image, size)
            mask = resize_mask(mask, size) if mask is not None else None
        return Decoded(image, mask, digest, counts, unseen, mask_digest, kind)

    def _sizes_differ(
        self, index: int, mask: tuple[int, ...], image: tuple[int, ...]
    ) -> InputError:
        told, wanted = "", "give masks of the images' size."
        if isinstance(self.images, ImageFiles):
            orientation = look_at(self.images.paths[index]).orientation
            if orientation != UPRIGHT:
                told = f", turned as its EXIF orientation ({orientation}) says"
                wanted = "turn the mask as well, or save the image turned or without that tag."
        return InputError(
            f"{self.masks.name(index) if self.masks else ''} is a mask of {_size(mask)} pixels, "
            f"and its image {self.images.name(index)} has {_size(image)}{told}: {wanted}"
        )

    def attempt(self, position: int) -> Decoded | UnreadableImageError:
        """The image, or why it can't be read."""
        try:
            return self.read(position)
        except UnreadableImageError as error:
            return error

    def run(self, positions: Sequence[int]) -> list[Decoded | UnreadableImageError]:
        """Several images, one after the other."""
        return [self.attempt(position) for position in positions]


def load_images(
    images: ImageSource,
    indices: Sequence[int] | NDArray[np.int64],
    *,
    memory: float,
    shorter: int | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
    masks: MaskSource | None = None,
) -> ImageStore:
    """Decode the images at `indices`, a thread a CPU, and keep what fits into `memory` GB.

    That is at the same time the check of all files. The pixels stay in the dtype they were
    decoded in. With `shorter` each is resized so that its shorter side has that many pixels.
    With `masks` each image comes with its own. `progress` is called with how many are done.

    Raises InputError, naming the image, for one that can't be read unless `skip_bad`, for one
    with another number of bands than the first, and for a mask that doesn't fit. Where none can be
    read the store is empty.
    """
    check("memory", memory, GigabytesOrNone)
    reader = PairReader(images, masks, np.asarray(indices, dtype=np.int64), shorter)
    found = _Found(memory * 1e9)
    for position, decoded in enumerate(_decoded(reader)):
        if progress is not None:
            progress(position + 1, len(reader.indices))
        if isinstance(decoded, UnreadableImageError):
            found.bad.append(_left_out(decoded, skip_bad))
        else:
            found.add(position, decoded, reader)
    return found.store(reader)


@dataclass(eq=False)
class _Found:
    """What becomes the store, image by image."""

    budget: float
    """Bytes that may still be held."""
    kept: list[int] = field(default_factory=list)
    held: list[tuple[ImageArray, MaskArray | None] | None] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    counts: list[NDArray[np.int64]] = field(default_factory=list)
    unseen: list[int] = field(default_factory=list)
    mask_hashes: list[bytes] = field(default_factory=list)
    pixel_types: list[str | None] = field(default_factory=list)

    def add(self, position: int, decoded: Decoded, reader: PairReader) -> None:
        """Take an image; InputError if it has other bands than the first."""
        image, mask = decoded.image, decoded.mask
        if self.shapes and len(image) != self.shapes[0][0]:
            _raise_bands(reader, (self.kept[0], self.shapes[0][0]), (position, len(image)))
        self.kept.append(position)
        self.shapes.append(image.shape)
        self.hashes.append(decoded.digest)
        self.mask_hashes.append(decoded.mask_digest)
        self.unseen.append(decoded.unseen)
        self.pixel_types.append(decoded.pixel_type)
        if decoded.class_pixels is not None:
            self.counts.append(decoded.class_pixels)
        self.budget -= image.nbytes + (0 if mask is None else mask.nbytes)
        self.held.append((image, mask) if self.budget >= 0 else None)

    def store(self, reader: PairReader) -> ImageStore:
        """The store of all images that were added."""
        masks = reader.masks
        return ImageStore(
            names=tuple(reader.name(position) for position in self.kept),
            bands=self.shapes[0][0] if self.shapes else 0,
            shapes=np.array(self.shapes, dtype=np.int64).reshape(-1, 3)[:, 1:],
            hashes=tuple(self.hashes),
            kept=np.array(self.kept, dtype=np.int64),
            bad=tuple(self.bad),
            counts=None
            if masks is None
            else np.array(self.counts, dtype=np.int64).reshape(-1, masks.classes),
            unseen=np.array(self.unseen, dtype=np.int64),
            mask_hashes=tuple(self.mask_hashes),
            pixel_types=tuple(self.pixel_types),
            reader=reader,
            held=tuple(self.held),
        )


def _left_out(error: UnreadableImageError, skip_bad: bool) -> tuple[str, str]:
    """Name and reason of an image that can't be read; InputError unless it may be skipped."""
    if skip_bad:
        return error.source, error.reason
    raise InputError(
        f"{error.source} can't be read as an image ({error.reason}): mend it, or add --skip-bad "
        "to leave such files out."
    ) from error


def _decoded(reader: PairReader) -> Iterator[Decoded | UnreadableImageError]:
    """All images in their order."""
    positions = range(len(reader.indices))
    run = 1
    for position in positions[:1]:
        first = reader.attempt(position)
        if isinstance(first, Decoded):
            run = int(np.clip(RUN_BYTES // max(1, first.image.nbytes), 1, RUN_IMAGES))
        yield first
    rest = positions[1:]
    runs = (rest[start : start + run] for start in range(0, len(rest), run))
    for decoded in in_threads(reader.run, runs):
        yield from decoded


def _raise_bands(reader: PairReader, one: tuple[int, int], other: tuple[int, int]) -> None:
    """`one` and `other` are position and bands of two images that differ."""
    bands = f"{one[1]} band{'s' * (one[1] != 1)}"
    raise InputError(
        f"{reader.name(one[0])} has {bands} and {reader.name(other[0])} has {other[1]}: all images "
        "need the same bands, so convert those that differ or take them out."
    )


def _digest(image: ImageArray) -> bytes:
    # Most processors have instructions for SHA-256: three times as fast as BLAKE2.
    digest = hashlib.sha256(f"{image.dtype.str}{image.shape}".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
