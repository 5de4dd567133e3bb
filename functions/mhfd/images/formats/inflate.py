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


def exactly(data: NDArray[np.uint8], needed: int) -> NDArray[np.uint8]:
    """The `needed` bytes that the data inflate to; a `Flaw` if they are not as many, or don't agree with their sum."""
    import imagecodecs

    # Several times as fast as Python's, which tells what is wrong.
    if imagecodecs.ZLIBNG.available:
        try:
            decode: Any = imagecodecs.zlibng_decode
            out: NDArray[Any] = decode(data, out=np.empty(needed, np.uint8))
        except Exception:  # codecs raise what they like
            return _step_by_step(data, needed)
        if len(out) == needed and int.from_bytes(data[-4:].tobytes(), "big") == zlib.adler32(out.data):
            return out
    return _step_by_step(data, needed)


def stored(raw: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write the same as a stream that is not compressed into `out`, which has `stored_size` bytes."""
    whole = len(raw) // _BLOCK
    rest = len(raw) - whole * _BLOCK
    out[:2] = 0x78, 0x01
    blocks = out[2 : 2 + whole * _STORED_BLOCK].reshape(whole, _STORED_BLOCK)
    blocks[:, :5] = 0, 0xFF, 0xFF, 0, 0
    blocks[:, 5:] = raw[: whole * _BLOCK].reshape(whole, _BLOCK)
    last = out[2 + whole * _STORED_BLOCK :]
    last[:5] = np.frombuffer(b"\1" + rest.to_bytes(2, "little") + (rest ^ 0xFFFF).to_bytes(2, "little"), np.uint8)
    last[5 : 5 + rest] = raw[whole * _BLOCK :]
    last[5 + rest :] = np.frombuffer(zlib.adler32(raw.data).to_bytes(4, "big"), np.uint8)


def stored_size(needed: int) -> int:
    """Bytes of a stream that is not compressed."""
    return 2 + needed // _BLOCK * _STORED_BLOCK + 5 + needed % _BLOCK + 4


def _step_by_step(data: NDArray[np.uint8], needed: int) -> NDArray[np.uint8]:
    out, done = np.empty(needed, np.uint8), 0
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
    return out


def _too_many() -> Flaw:
    return unreadable("the PNG's data are more than its rows need; export it again")


def _too_few() -> Flaw:
    return unreadable("the PNG does not decode: its data are fewer than its rows need; copy or export it again")
