"""Of SciPy: where a netCDF-3 file is mapped, and its attributes. The same in SciPy 1.13 and later.

SciPy reads from the header where each array begins, but keeps the mapped array alone. Its place
in the file, by which windows are read without the map, is told from the address of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def address_of_map(file: Any) -> int:
    """Where in memory an open ``netcdf_file`` (``mmap=True``) begins."""
    return int(np.frombuffer(file._mm, np.uint8).ctypes.data)


def attributes_of(variable: Any) -> Mapping[str, Any]:
    """The attributes of a ``netcdf_variable``, which as Python's are mixed with its class's."""
    attributes: Mapping[str, Any] = variable._attributes
    return attributes
