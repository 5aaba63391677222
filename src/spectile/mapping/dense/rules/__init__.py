"""Which rule answers for which ATen operation."""

from __future__ import annotations

from functools import partial

from spectile.mapping.dense.lowering import Rule
from spectile.mapping.dense.rules import (
    along_bands,
    elementwise,
    normalising,
    pooling,
    products,
    rearranging,
    sliding,
)

RULES: dict[str, Rule] = {
    "pointwise": elementwise.pointwise,
    # Numbers moved about
    "view": rearranging.reshape,
    "_unsafe_view": rearranging.reshape,
    "reshape": rearranging.reshape,
    "squeeze": rearranging.reshape,
    "unsqueeze": rearranging.reshape,
    "expand": rearranging.expand,
    "permute": rearranging.permute,
    "transpose": rearranging.transpose,
    "t": rearranging.transpose,
    "slice": rearranging.slice_,
    "select": rearranging.select,
    "unbind": rearranging.unbind,
    "split": rearranging.split,
    "split_with_sizes": rearranging.split,
    "unsafe_split": rearranging.split,
    "unsafe_split_with_sizes": rearranging.split,
    "cat": rearranging.cat,
    "stack": rearranging.stack,
    # Along the spectrum
    "constant_pad_nd": along_bands.pad,
    **{f"reflection_pad{n}d": along_bands.pad_reflected for n in (1, 2, 3)},
    **{f"replication_pad{n}d": along_bands.pad_replicated for n in (1, 2, 3)},
    "index": along_bands.index,
    "index_select": along_bands.index_select,
    "slice_scatter": along_bands.slice_scatter,
    "select_scatter": along_bands.select_scatter,
    "repeat": along_bands.repeat,
    "roll": along_bands.roll,
    "unfold": along_bands.unfold,
    **dict.fromkeys(along_bands.OPERATIONS, along_bands.along),
    # Weights
    "convolution": sliding.convolution,
    "addmm": products.addmm,
    "mm": products.mm,
    "bmm": products.bmm,
    "native_batch_norm": normalising.batch_norm,
    "_native_batch_norm_legit_no_training": normalising.batch_norm,
    "native_layer_norm": normalising.layer_norm,
    # Means and maxima
    "mean": partial(pooling.reduction, how="mean"),
    "sum": partial(pooling.reduction, how="sum"),
    "amax": partial(pooling.reduction, how="maximum"),
    "amin": partial(pooling.reduction, how="minimum"),
    "max": partial(pooling.with_places, how="maximum"),
    "min": partial(pooling.with_places, how="minimum"),
    "max_pool2d_with_indices": pooling.max_pool,
    "max_pool3d_with_indices": pooling.max_pool,
    "avg_pool1d": pooling.avg_pool,
    "avg_pool2d": pooling.avg_pool,
    "avg_pool3d": pooling.avg_pool,
    "_adaptive_avg_pool2d": pooling.adaptive_avg_pool,
    "_adaptive_avg_pool3d": pooling.adaptive_avg_pool,
    "adaptive_max_pool2d": pooling.adaptive_max_pool,
    "adaptive_max_pool3d": pooling.adaptive_max_pool,
}
