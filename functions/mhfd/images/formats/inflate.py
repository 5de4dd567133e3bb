"""The compressed pixels of a PNG -> exactly the bytes that its rows need, in bounded memory and time.

Also back again, without compression: what libpng is given cannot inflate. It knows nothing of PNG's chunks.
"""

import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.images.flaw import Flaw, unreadable
from mhfd.images.formats import codecs

_STEP: Final = 1 << 20
_BLOCK: Final = 65_535
"""Bytes of one stored block, at most."""
_STORED_BLOCK: Final = 5 + _BLOCK


def must_fit(stored: int, needed: int) -> None:
    """Raise the `Flaw` of data that are so long or so short that they need not be inflated."""
    if stored > codecs.most_stored(needed):
        raise _too_many()
    if codecs.too_short(stored, needed, "deflate"):
        raise _too_few()


def exactly(data: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Fill `out` with what the data inflate to; a `Flaw` if that is not as much, or does not agree with its sum."""
    import imagecodecs

    # Several times as fast as Python's, which tells what is wrong.
    if imagecodecs.ZLIBNG.available:
        try:
            decode: Any = imagecodecs.zlibng_decode
            whole = len(decode(data, out=out)) == len(out)
        except Exception:  # codecs raise what they like
            whole = False
        if whole and int.from_bytes(data[-4:].tobytes(), "big") == zlib.adler32(out.data):
            return
    _step_by_step(data, out)


def stored(out: NDArray[np.uint8], needed: int) -> None:
    """Make a stream that is not compressed of the last `needed` bytes of `out`, in place; it has `stored_size`."""
    whole, rest = divmod(needed, _BLOCK)
    begin = len(out) - needed
    check = zlib.adler32(out[begin:].data).to_bytes(4, "big")
    out[:2] = 0x78, 0x01
    for i in range(whole + 1):
        # Each block moves towards the beginning, by less than the one before it: none is overwritten.
        size = _BLOCK if i < whole else rest
        at, raw = 2 + i * _STORED_BLOCK, begin + i * _BLOCK
        out[at + 5 : at + 5 + size] = out[raw : raw + size]
        last = (i == whole).to_bytes(1)
        head = last + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
        out[at : at + 5] = np.frombuffer(head, np.uint8)
    out[-4:] = np.frombuffer(check, np.uint8)


def stored_size(needed: int) -> int:
    """Bytes of a stream that is not compressed."""
    return 2 + needed // _BLOCK * _STORED_BLOCK + 5 + needed % _BLOCK + 4


def _step_by_step(data: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    needed, done = len(out), 0
    decoder = zlib.decompressobj()
    try:
        for at in range(0, len(data), _STEP):
            more = data[at : at + _STEP].tobytes()
            while more and not decoder.eof:
                got = decoder.decompress(more, _STEP)
                if done + len(got) > needed:
                    raise _too_many()
                out[done : done + len(got)] = np.frombuffer(got, np.uint8)
                done += len(got)
                more = decoder.unconsumed_tail
            if decoder.eof and (more or decoder.unused_data or at + _STEP < len(data)):
                raise _too_many()
    except zlib.error as e:
        what = "pixels do not agree with their checksum" if "data check" in str(e) else "pixels do not decode"
        raise unreadable(f"the PNG's {what}; copy or export it again") from e
    if not decoder.eof or done < needed:
        raise _too_few()


def _too_many() -> Flaw:
    return unreadable("the PNG's data are more than its rows need; export it again")


def _too_few() -> Flaw:
    return unreadable("the PNG does not decode: its data are fewer than its rows need; copy or export it again")
