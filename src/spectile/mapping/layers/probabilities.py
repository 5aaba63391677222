"""How probable each class is: the softmax of the network's logits, tempered."""

from __future__ import annotations

from spectile.mapping.layers.layer import Layer

LAYER = Layer(
    name="probabilities",
    description="probability of the class",
    compute=lambda pixels: pixels.probabilities,
    bands=lambda legend: legend.names,
)
