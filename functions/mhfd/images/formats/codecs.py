"""What is compressed -> exactly the bytes that it must give, in memory that was measured before.

Every codec gets a buffer of a full segment and writes no further, whatever the data say. It must not trust what comes
back: it is measured. The tests hold each codec to that with data that inflate a thousand times over.
"""

import lzma
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.flaw import damaged

Array = NDArray[Any]

STORED_MORE: Final = 16 << 10
_MOST_TIMES: Final = {"lzw": 4096, "deflate": 1040, "packbits": 128, "lzma": 1 << 16, "zstd": 1 << 16, "jpeg": 2048}
"""How often its own length a method's data can give at most."""
_LZMA_MEMORY: Final = 128 << 20
"""The strongest preset needs 65 MiB; a header may claim 4 GiB."""
_STEP: Final = 1 << 20
_ROWS_AT_ONCE: Final = 1 << 20
"""Bytes whose floating-point predictor is undone at a time."""


def most_stored(needed: int) -> int:
    """Bytes beyond which nothing is read of what decodes to `needed`: no method's data are longer than twice that."""
    return 2 * needed + STORED_MORE


def too_short(stored: int, needed: int, method: str) -> bool:
    """Whether data of this length can never give what is needed, so that no memory need be taken for it."""
    return stored * _MOST_TIMES[method] < needed


def unpack(raw: NDArray[np.uint8], method: str, *, full: int, needed: int, name: str) -> NDArray[np.uint8]:
    """The first `needed` bytes; a full segment, which the last strip may be filled up to, has `full`."""
    import imagecodecs

    if too_short(len(raw), needed, method):
        raise damaged(f"{name} cannot hold {needed} bytes in {len(raw)} ({method})", raw.data)
    try:
        if method == "lzma":
            out = _lzma(raw, full)
        else:
            out = getattr(imagecodecs, f"{method}_decode")(raw, out=np.empty(full, np.uint8))
    except MemoryError:  # of this process, not of the file
        raise
    except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
        raise damaged(f"{name} does not decode ({method})", raw.data) from e
    if len(out) < needed:
        raise damaged(f"{name} decodes to {len(out)} of {needed} bytes ({method})", raw.data)
    return np.asarray(out[:needed], np.uint8)


def undo_differences(block: Array) -> None:
    """Each sample of a row was stored as its difference to the one before: in place, in native byte order."""
    np.cumsum(block, axis=1, dtype=block.dtype, out=block)


def undo_float_differences(flat: NDArray[np.uint8], shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Array:
    """Differences between the bytes of a row, whose most significant bytes come first, then the next ones, ...

    In place, some rows at a time.
    """
    rows, columns, samples = shape
    size = dtype.itemsize
    lines = flat.reshape(rows, columns * size * samples)
    step = max(1, _ROWS_AT_ONCE // max(1, lines.shape[1]))
    for top in range(0, rows, step):
        some = lines[top : top + step]
        summed = np.cumsum(some.reshape(len(some), columns * size, samples), axis=1, dtype=np.uint8)
        together = summed.reshape(len(some), size, columns * samples).transpose(0, 2, 1)
        some[...] = together.reshape(some.shape)
    return flat.view(dtype.newbyteorder(">")).reshape(shape)


def _lzma(raw: NDArray[np.uint8], full: int) -> NDArray[np.uint8]:
    """In steps, for the decoder gathers what it gives before it gives it."""
    out, done, fed = np.empty(full, np.uint8), 0, 0
    decoder = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    while done < full and not decoder.eof:
        more = b""
        if decoder.needs_input:
            more = raw[fed : fed + _STEP].tobytes()
            fed += len(more)
            if not more:
                break
        got = decoder.decompress(more, max_length=min(_STEP, full - done))
        out[done : done + len(got)] = np.frombuffer(got, np.uint8)
        done += len(got)
    return out[:done]
