"""What libraries don't promise to keep is still there, and still means what we take it for.

These fail first, and by name, where a new version of a library moves or changes something: mend
the module in spectile/compat then, or bound the version in pyproject.toml.
"""

import logging
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import typer
from rasterio.errors import RasterioError
from torch import nn

import spectile
from spectile.compat import torch as of_torch
from spectile.compat.numpy import make_pickled_array
from spectile.compat.rasterio import GDAL_ERRORS
from spectile.compat.scipy import address_of_map, attributes_of
from spectile.compat.typer import USAGE_ERROR


def test_rasterio_raises_gdal_errors_that_are_none_of_its_public_ones(tmp_path: Path) -> None:
    own = [error for error in GDAL_ERRORS if not issubclass(error, RasterioError)]
    assert [error.__name__ for error in own] == ["CPLE_BaseError"]
    with rasterio.Env(), pytest.raises(GDAL_ERRORS):
        rasterio.open(tmp_path / "absent.tif")
    from rasterio import _err

    raised = {kind for kind in _err.exception_map.values() if not issubclass(kind, RasterioError)}
    assert raised
    assert all(issubclass(kind, GDAL_ERRORS) for kind in raised)


def test_typers_usage_errors_have_one_base() -> None:
    assert USAGE_ERROR.__name__ == "UsageError"
    assert issubclass(typer.BadParameter, USAGE_ERROR)
    app = typer.Typer(add_completion=False)

    @app.command()
    def count(number: int) -> None: ...

    for arguments in (["many"], ["--nothing"], []):
        with pytest.raises(USAGE_ERROR):
            app(arguments, standalone_mode=False)


def test_scipy_maps_a_netcdf_file_from_its_first_byte(tmp_path: Path) -> None:
    from scipy.io import netcdf_file

    values = np.arange(6, dtype=">i2")
    with netcdf_file(tmp_path / "a.nc", "w") as made:
        made.createDimension("x", 6)
        made.createVariable("v", ">i2", ("x",))[:] = values
        made.variables["v"].units = "m"
    with netcdf_file(tmp_path / "a.nc", "r", mmap=True) as file:
        variable = file.variables["v"]
        at = variable.data.ctypes.data - address_of_map(file)
        assert attributes_of(variable) == {"units": b"m"}
        del variable
    assert (tmp_path / "a.nc").read_bytes()[at : at + 12] == values.tobytes()


def test_numpys_pickles_name_the_maker_that_we_allow() -> None:
    pickled = pickle.dumps(np.zeros(2, np.uint8), protocol=2)
    assert b"_reconstruct" in pickled
    assert isinstance(make_pickled_array(np.ndarray, (0,), b"b"), np.ndarray)
    assert np.zeros(0).__reduce__()[0] is make_pickled_array


@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d])
def test_pytorchs_convolutions_have_one_base(layer: type[nn.Module]) -> None:
    assert issubclass(layer, of_torch.AnyConvolution)
    assert not issubclass(nn.Linear, of_torch.AnyConvolution)


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm]
)
def test_pytorchs_batch_normalisations_have_one_base(layer: type[nn.Module]) -> None:
    assert issubclass(layer, of_torch.AnyBatchNorm)
    assert not issubclass(nn.LayerNorm, of_torch.AnyBatchNorm)


def test_batch_normalisation_checks_its_input_where_ours_can_step_in() -> None:
    with pytest.raises(ValueError, match="4D"):
        nn.BatchNorm2d(3)._check_input_dim(torch.zeros(2, 3))


def test_a_dispatch_mode_sees_operations_and_imports_no_compiler() -> None:
    # In a process of its own: any other test may have imported the compiler.
    code = """
import sys, torch
from spectile.compat.torch import DispatchMode
seen = []
class Mode(DispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        seen.append(str(func))
        return func(*args, **(kwargs or {}))
with Mode():
    torch.zeros(2).add_(1)
print(seen, "torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['aten.zeros.default', 'aten.add_.Tensor'] False"


def test_leaves_of_nested_arguments() -> None:
    assert of_torch.tree_leaves(((1, [2]), {"a": 3})) == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated")
def test_tracing_is_noticed() -> None:
    noticed = []

    def function(x: torch.Tensor) -> torch.Tensor:
        noticed.append(of_torch.is_recording())
        return x + 1

    torch.jit.trace(function, torch.zeros(1), check_trace=False)
    assert noticed == [True]
    assert not of_torch.is_recording()


def test_pytorch_knows_the_units_of_the_cpu() -> None:
    assert callable(torch.cpu._is_amx_tile_supported)
    assert of_torch.multiplies_bf16() in (False, True)
    assert isinstance(torch.cpu.get_capabilities()["cpu_name"], str)


@pytest.mark.parametrize(
    ("tiles", "name", "vectors", "pays"),
    [
        (True, "Intel Xeon", True, True),
        (False, "Intel Xeon", True, False),
        (False, "AMD EPYC 9R14", True, True),
        (False, "AMD EPYC 7763", False, False),
    ],
)
def test_bf16_is_for_processors_on_which_it_is_faster(
    tiles: bool, name: str, vectors: bool, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"cpu_name": name, "avx512_bf16": vectors}
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: said)
    assert of_torch.multiplies_bf16() is pays


def test_onednn_multiplies_by_matrices_in_its_own_order() -> None:
    rows, matrix, bias, total = (torch.randn(size) for size in ((9, 5), (7, 5), (7,), (9, 7)))
    packed = of_torch.packed(matrix)
    assert packed is not None
    found = of_torch.packed_product(rows, packed, bias=bias, total=total)
    assert torch.allclose(found, rows @ matrix.t() + bias + total, atol=1e-5)
    assert of_torch.packed(matrix.double()) is None


def test_views_share_a_storage_and_copies_dont() -> None:
    x = torch.zeros(4)
    number = of_torch.storage_number(x.untyped_storage())
    assert number == of_torch.storage_number(x[1:].untyped_storage())
    assert number != of_torch.storage_number(x.clone().untyped_storage())


def test_tensors_move_towards_others_at_once() -> None:
    averaged, current = [torch.zeros(2), torch.ones(3)], [torch.ones(2), torch.ones(3)]
    of_torch.lerp_all(averaged, current, 0.25)
    assert averaged[0].tolist() == [0.25, 0.25]
    assert averaged[1].tolist() == [1, 1, 1]


def test_operations_tell_their_arguments_and_whether_they_write() -> None:
    aten = torch.ops.aten
    assert of_torch.is_mutable(aten.add_.Tensor)
    assert not of_torch.is_mutable(aten.add.Tensor)
    assert of_torch.argument_names(aten.add.Tensor) == ["self", "other", "alpha"]
    assert of_torch.same_overload(aten.add, aten.add_.Tensor) is aten.add.Tensor
    assert of_torch.same_overload(aten.relu, aten.add_.Tensor) is None


def test_without_onednn_an_lstm_is_products_and_gates() -> None:
    class Names(of_torch.DispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            self.seen.add(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    lstm = nn.LSTM(1, 2)
    with torch.no_grad(), of_torch.without_onednn(), Names() as names:
        lstm(torch.zeros(3, 1, 1))
    assert {"addmm", "tanh"} <= names.seen
    assert not any("mkldnn" in name for name in names.seen)


def test_all_private_names_of_libraries_stand_in_compat() -> None:
    root = Path(spectile.__file__).parent
    private = re.compile(
        r"^\s*(?:from (?:torch|lightning|torchmetrics|rasterio|scipy|numpy|h5py|typer|sklearn)"
        r"[\w.]*(?:\._\w+| import .*\b_[a-zA-Z])"
        r"|.*\b(?:torch|np|rasterio|scipy|L)(?:\.\w+)*\._(?!_)\w)",
        re.MULTILINE,
    )
    found = {
        f"{path.relative_to(root)}: {match[0].strip()}"
        for path in root.rglob("*.py")
        if path.parent.name != "compat"
        for match in private.finditer(path.read_text())
    }
    # Names of operations in PyTorch's records, which PyTorch gives as they are.
    assert all("torch.ops.aten._" in line for line in found), found


def test_pytorchs_onnx_exporter_speaks_by_the_loggers_that_are_silenced() -> None:
    from importlib.util import find_spec

    from spectile.compat.onnx import quiet_exporter

    assert find_spec("torch.onnx._internal.exporter._registration")
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    with quiet_exporter():
        assert not logger.isEnabledFor(logging.WARNING)
    assert logger.isEnabledFor(logging.WARNING)


def test_openvino_tells_its_makers_nothing() -> None:
    code = (
        "import sys\n"
        "from spectile.export.packages import needed\n"
        "print(needed('openvino').__name__, 'openvino_telemetry.main' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino", "False"]
