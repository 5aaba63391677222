"""Of NumPy: what pickled arrays name as their maker. The same in NumPy 2.0 and later."""

from __future__ import annotations

import numpy as np

make_pickled_array = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
"""Makes the empty array that a pickle then fills; CIFAR's batches are such pickles."""
