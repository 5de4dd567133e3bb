"""The test tensors of a package, as NumPy keeps them.

Read by hand and strictly: `numpy.load` takes what it finds for a pickle or an archive where it is none of its own.
"""

import ast
import io
import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import PackageRefused

_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER: Final = re.compile(
    r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': (\(\d{1,9}, \d{1,9}\)), \} *\n"
)


def tensor_bytes(values: NDArray[np.float32]) -> bytes:
    """The file of a table of float32."""
    held = io.BytesIO()
    np.lib.format.write_array(held, np.ascontiguousarray(values, np.float32), version=(1, 0), allow_pickle=False)
    return held.getvalue()


def tensor_of(data: bytes, name: str, *, columns: int, most_rows: int) -> NDArray[np.float32]:
    """The table in a file; PackageRefused when there is anything else in it."""
    start = len(_MAGIC) + 2
    if not data.startswith(_MAGIC) or len(data) < start:
        raise PackageRefused(f"{name}: is no tensor of NumPy's version 1.0")
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(data[start:end].decode("latin-1"))
    if header is None:
        raise PackageRefused(f"{name}: its header is not that of a table")
    descr, order, shape = header.groups()
    if descr != "<f4" or order != "False":
        raise PackageRefused(f"{name}: holds numbers of {descr!r} in order {order}, and not float32 by rows")
    rows, wide = ast.literal_eval(shape)
    if not 1 <= rows <= most_rows or wide != columns:
        raise PackageRefused(f"{name}: is {rows} x {wide}, and not 1 to {most_rows} rows of {columns}")
    if len(data) - end != rows * wide * 4:
        raise PackageRefused(f"{name}: has {len(data) - end} bytes for {rows} x {wide} numbers")
    values = np.frombuffer(data, "<f4", offset=end).reshape(rows, wide)
    if not np.isfinite(values).all():
        raise PackageRefused(f"{name}: has a number that is none (NaN or infinite)")
    return values
