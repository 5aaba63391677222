"""How many test images occur among the training images, and what that means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spectile.data.splits.overlap import percent


@dataclass(frozen=True)
class ImageOverlap:
    """What a network has seen of the test images while it was trained, copy for copy."""

    test_images: int
    seen: int
    """Test images that are training or validation images too, to the last decoded pixel."""

    @property
    def overlap(self) -> float:
        """The share of test images that are also training or validation images."""
        return self.seen / self.test_images if self.test_images else 0.0

    @property
    def verdict(self) -> str:
        """One sentence on how far to trust a score on these test images."""
        if not self.test_images:
            return "There is no test image: nothing is known about images that weren't seen."
        if not self.seen:
            return "No test image occurs among the training images."
        share = (
            f"{self.seen} of {self.test_images} test images ({percent(self.overlap)}) are also "
            "training images"
        )
        if self.overlap >= 0.5:
            return f"{share}: this score measures memory, not generalisation."
        if self.overlap >= 0.1:
            return f"{share}: this score is part memory, part generalisation."
        return f"{share}: this score is slightly flattered."


def measure_image_overlap(train: Iterable[bytes], test: Iterable[bytes]) -> ImageOverlap:
    """Compare hashes of decoded images, as :class:`ImageStore` has them.

    `train` includes those of the validation images, which choose the checkpoint. Copies that were
    resized or compressed anew are not found.
    """
    known, tested = set(train), list(test)
    return ImageOverlap(len(tested), sum(image in known for image in tested))
