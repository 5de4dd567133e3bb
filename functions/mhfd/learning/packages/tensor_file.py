"""The test tensors of a package, as NumPy keeps them.

Read by hand and strictly: `numpy.load` takes what it finds for a pickle or an archive where it is none of its own.
"""

import ast
import io
import re
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import PackageRefused

_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER: Final = r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': (\(%s\)), \} *\n"
_TABLE: Final = re.compile(_HEADER % r"\d{1,9}, \d{1,9}")
_BLOCK: Final = re.compile(_HEADER % r"\d{1,9}, \d{1,9}, \d{1,9}, \d{1,9}")


def tensor_bytes(values: NDArray[np.float32]) -> bytes:
    """The file of an array of float32."""
    held = io.BytesIO()
    np.lib.format.write_array(held, np.ascontiguousarray(values, np.float32), version=(1, 0), allow_pickle=False)
    return held.getvalue()


def tensor_of(data: bytes, name: str, *, columns: int, most_rows: int) -> NDArray[np.float32]:
    """The table in a file; PackageRefused when there is anything else in it."""
    (rows, wide), start = _shape(data, name, _TABLE, "a table")
    if not 1 <= rows <= most_rows or wide != columns:
        raise PackageRefused(f"{name}: is {rows} x {wide}, and not 1 to {most_rows} rows of {columns}")
    return _values(data, name, start, (rows, wide))


def images_of(data: bytes, name: str, *, channels: int, multiple: int, most_rows: int) -> NDArray[np.float32]:
    """The images in a file, (rows, channels, height, width); PackageRefused when there is anything else in it."""
    shape, start = _shape(data, name, _BLOCK, "images")
    rows, deep, *sides = shape
    if not 1 <= rows <= most_rows or deep != channels or any(not side or side % multiple for side in sides):
        raise PackageRefused(
            f"{name}: is {_size(shape)}, and not 1 to {most_rows} images of {channels} channels, their sides multiples "
            f"of {multiple}"
        )
    return _values(data, name, start, shape)


def maps_of(data: bytes, name: str, *, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The maps in a file, of just this shape; PackageRefused when there is anything else in it."""
    found, start = _shape(data, name, _BLOCK, "maps")
    if found != shape:
        raise PackageRefused(f"{name}: is {_size(found)}, and the maps of its test are {_size(shape)}")
    return _values(data, name, start, found)


def _shape(data: bytes, name: str, form: re.Pattern[str], what: str) -> tuple[tuple[int, ...], int]:
    """What the header says, and where the numbers begin."""
    start = len(_MAGIC) + 2
    if not data.startswith(_MAGIC) or len(data) < start:
        raise PackageRefused(f"{name}: is no tensor of NumPy's version 1.0")
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    header = form.fullmatch(data[start:end].decode("latin-1"))
    if header is None:
        raise PackageRefused(f"{name}: its header is not that of {what}")
    descr, order, shape = header.groups()
    if descr != "<f4" or order != "False":
        raise PackageRefused(f"{name}: holds numbers of {descr!r} in order {order}, and not float32 by rows")
    return ast.literal_eval(shape), end


def _values(data: bytes, name: str, start: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if len(data) - start != prod(shape) * 4:
        raise PackageRefused(f"{name}: has {len(data) - start} bytes for {_size(shape)} numbers")
    values = np.frombuffer(data, "<f4", offset=start).reshape(shape)
    if not np.isfinite(values).all():
        raise PackageRefused(f"{name}: has a number that is none (NaN or infinite)")
    return values


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
