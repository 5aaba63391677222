"""Writes format1.safetensors; run with the last version that wrote format 1 (commit 1b072a7)."""

from pathlib import Path

import numpy as np
import torch
from spectile.scenes.components import Preprocessing
from spectile.scenes.legend import Category, Legend
from spectile.scenes.reducers import fit_reducer

from spectile import networks
from spectile.model import Model

torch.manual_seed(0)
network = networks.create("mobilenet-v1", bands=2, classes=2, width=0.05).eval()
with torch.inference_mode():
    logits = network(torch.linspace(-1, 1, 162).reshape(1, 2, 9, 9))[0]
spectra = np.random.default_rng(0).normal(1000, 100, (50, 3))
Model(
    name="mobilenet-v1",
    options={"width": 0.05},
    network=network,
    window=9,
    preprocessing=Preprocessing((0, 1, 3), fit_reducer("pca", spectra, components=2), "reflect"),
    legend=Legend((Category(3, "Äcker <&>", (1, 2, 3)), Category(14, "water", (0, 0, 250)))),
    scene_bands=4,
    wavelengths=np.array([450.0, 500.0, 600.0]),
    provenance={"logits": logits.tolist()},
    physical=True,
    medians=np.array([990.0, 1000.0, 1010.0]),
).save(Path(__file__).with_suffix(".safetensors"))
