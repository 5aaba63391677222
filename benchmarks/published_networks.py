"""What was published: networks of other projects, and the settings that their authors train with.

Settings are those of the projects' training scripts at the commits that docs/results.md names.
`changed` are the sentences that the table owes its readers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from published_classes import classes_in, project_folder

Scaling = Literal["scene range", "band range", "pca", "standardise"]
Build = Callable[[SimpleNamespace, int, int], nn.Module]


@dataclass(frozen=True)
class Training:
    """How the authors fit."""

    epochs: int
    batch: int
    learning_rate: float
    optimizer: Literal["adam", "sgd", "adagrad"] = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Literal["constant", "step", "plateau"] = "constant"
    period: float = 1.0
    """Of a step, or the patience of a plateau, as a share of all epochs."""
    gamma: float = 1.0
    """What the rate is multiplied by then."""
    keeps: Literal["last", "best"] = "last"
    """Which epoch's weights are kept; the best by validation, at a low rate where it goes down."""
    patience: int | None = None
    """Epochs without a better one before the authors stop."""


@dataclass(frozen=True)
class Published:
    """A network as it was published."""

    name: str
    paper: str
    project: str
    file: str
    build: Build
    window: int
    training: Training
    scaling: Scaling
    components: int | None = None
    layout: Literal["N1BHW", "N1HWB", "NBHW"] = "N1BHW"
    changed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)

    @property
    def keeps(self) -> Literal["last", "best"]:
        return self.training.keeps

    def settings(self, epochs: int) -> dict[str, Any]:
        """The settings of `spectile.train` for a fit of so many epochs."""
        training = self.training
        period = max(1, round(training.period * epochs))
        return {
            "recipe": "paper",
            "layout": self.layout,
            "window": self.window,
            "reducer": self.scaling if "range" not in self.scaling else "none",
            "components": self.components,
            "batch": training.batch,
            "optimizer": training.optimizer,
            "learning_rate": training.learning_rate,
            "momentum": training.momentum if training.optimizer == "sgd" else None,
            "weight_decay": training.weight_decay,
            "schedule": training.schedule,
            "schedule_step": period if training.schedule == "step" else None,
            "schedule_patience": period if training.schedule == "plateau" else None,
            "schedule_factor": None if training.schedule == "constant" else training.gamma,
            "patience": training.patience,
            "padding": "reflect" if "range" in self.scaling else "zero",
        }

    def place(self, folder: Path) -> Path | None:
        """The file with the class; None where the project isn't in `folder`."""
        project = project_folder(folder, self.project)
        return None if project is None else project / self.file

    def builder(self, folder: Path) -> Callable[[int, int, int], nn.Module]:
        """What builds the network from bands, classes and window."""
        place, project = self.place(folder), project_folder(folder, self.project)
        assert place is not None
        assert project is not None
        beside = [project / name for name in self.beside]
        names = classes_in(place, beside=beside, constants=self.constants)

        def build(bands: int, classes: int, window: int) -> nn.Module:
            assert window == self.window
            return self.build(names, bands, classes)

        build.__name__ = build.__qualname__ = self.name
        return build


class GroupedBands(nn.Module):
    """SpectralFormer's input: each band's window beside those of its neighbours, (N, B, 3 h w)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Any:
        flat = x.flatten(2)
        before = torch.cat([flat[:, -1:], flat[:, :-1]], 1)
        after = torch.cat([flat[:, 1:], flat[:, :1]], 1)
        return self.network(torch.cat([before, flat, after], 2))


class WithHead(nn.Module):
    """morphFormer with its last layer, which it has and doesn't use."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Any:
        return self.network.out3(self.network(x.flatten(2)))


DEEPHYPERX = "nshaud/DeepHyperX"
DOUBLE_BRANCH = "lironui/Double-Branch-Dual-Attention-Mechanism-Network"

# Of DeepHyperX: factor 0.1 after a quarter of the epochs without a better validation score.
_PLATEAU: dict[str, Any] = {"schedule": "plateau", "period": 0.25, "gamma": 0.1, "keeps": "best"}
_DOUBLE = Training(epochs=200, batch=16, learning_rate=5e-4, keeps="best", patience=20)
_NO_COSINE = (
    "the script makes its cosine schedule anew in every epoch; under the PyTorch 1.3 that it names "
    "the rate stays what it is, and so it does here"
)


def _deep(name: str, paper: str, build: Build, window: int, training: Training) -> Published:
    """A network of DeepHyperX."""
    changed = (
        "the rate goes down where the validation loss rests, in the script where its accuracy does",
        "the epoch with the lowest validation loss is kept, in the script the last",
    )
    return Published(
        name=name,
        paper=paper,
        project=DEEPHYPERX,
        file="models.py",
        build=build,
        window=window,
        training=training,
        scaling="scene range",
        changed=changed,
    )


def _double(name: str, paper: str, kind: str, window: int) -> Published:
    """A network of the project that compares DBDA with others."""

    def build(names: SimpleNamespace, bands: int, classes: int) -> nn.Module:
        network: nn.Module = getattr(names, kind)(bands, classes)
        return network

    return Published(
        name=name,
        paper=paper,
        project=DOUBLE_BRANCH,
        file="global_module/network.py",
        build=build,
        window=window,
        training=_DOUBLE,
        scaling="standardise",
        layout="N1HWB",
        changed=(_NO_COSINE,),
        beside=("DBDA",),
    )


NETWORKS = (
    _deep(
        "hamida",
        "Hamida et al. 2018",
        lambda names, bands, classes: names.HamidaEtAl(bands, classes, patch_size=5),
        5,
        Training(100, 100, 0.01, "sgd", weight_decay=5e-4, **_PLATEAU),
    ),
    _deep(
        "li",
        "Li et al. 2017",
        lambda names, bands, classes: names.LiEtAl(bands, classes, n_planes=16, patch_size=5),
        5,
        Training(200, 100, 0.01, "sgd", momentum=0.9, weight_decay=5e-4, **_PLATEAU),
    ),
    _deep(
        "he",
        "He et al. 2017",
        lambda names, bands, classes: names.HeEtAl(bands, classes, patch_size=7),
        7,
        Training(100, 40, 0.01, "adagrad", weight_decay=0.01, **_PLATEAU),
    ),
    _double("ssrn", "SSRN, Zhong et al. 2018", "SSRN_network", 7),
    _double("fdssc", "FDSSC, Wang et al. 2018", "FDSSC_network", 7),
    _double("dbma", "DBMA, Ma et al. 2019", "DBMA_network", 9),
    _double("dbda", "DBDA, Li et al. 2020", "DBDA_network_MISH", 9),
    Published(
        name="a2s2k",
        paper="A2S2K-ResNet, Roy et al. 2021",
        project="suvojit-0x55aa/A2S2K-ResNet",
        file="A2S2KResNet/A2S2KResNet.py",
        build=lambda names, bands, classes: names.S3KAIResNet(bands, classes, 2),
        window=7,
        training=Training(200, 16, 1e-3, keeps="best", patience=20),
        scaling="pca",
        components=200,
        layout="N1HWB",
        changed=(_NO_COSINE,),
        constants={"PARAM_KERNEL_SIZE": 24},
    ),
    Published(
        name="ssftt",
        paper="SSFTT, Sun et al. 2022",
        project="zgr6010/HSI_SSFTT",
        file="cls_SSFTT_IP/SSFTTnet.py",
        build=lambda names, bands, classes: names.SSFTTnet(num_classes=classes),
        window=13,
        training=Training(100, 64, 1e-3),
        scaling="pca",
        components=30,
    ),
    Published(
        name="spectralformer",
        paper="SpectralFormer, Hong et al. 2022",
        project="danfenghong/IEEE_TGRS_SpectralFormer",
        file="vit_pytorch.py",
        build=lambda names, bands, classes: GroupedBands(
            names.ViT(
                image_size=7,
                near_band=3,
                num_patches=bands,
                num_classes=classes,
                dim=64,
                depth=5,
                heads=4,
                mlp_dim=8,
                dropout=0.1,
                emb_dropout=0.1,
                mode="CAF",
            )
        ),
        window=7,
        training=Training(300, 64, 5e-4, weight_decay=5e-3, schedule="step", period=0.1, gamma=0.9),
        scaling="band range",
        layout="NBHW",
    ),
    Published(
        name="morphformer",
        paper="morphFormer, Roy et al. 2023",
        project="mhaut/morphFormer",
        file="model.py",
        build=lambda names, bands, classes: WithHead(names.CNN(16, bands, classes, True)),
        window=11,
        training=Training(
            500, 64, 5e-4, weight_decay=5e-3, schedule="step", period=0.1, gamma=0.9, keeps="best"
        ),
        scaling="band range",
        layout="NBHW",
        changed=(
            "its forward ends before its last layer, which is applied here",
            "the script keeps the weights with the best test accuracy; here validation chooses",
            "its data come scaled, by what is not said; here each band to 0 to 1",
        ),
        constants={"patchsize": 11},
    ),
)
