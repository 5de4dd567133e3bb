"""JPEG -> one 2-D array, as a file of its own; and what a JPEG inside of a TIFF is checked by.

The codec allocates what the frame's header says, passes over all of it for each scan, and fills up what is missing with
grey, without a word. So the markers are walked first: size, scans, and whether it has its end.
"""

import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from mhfd.images import bounds, grey
from mhfd.images.flaw import damaged, incomplete, unreadable
from mhfd.images.formats import codecs
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source
from mhfd.limits import Limits

MOST_SCANS: Final = 32
"""A progressive image has about ten; each costs a pass over all pixels, however few bytes it has."""
_HEAD: Final = 1 << 20
_LONG_HEAD: Final = 64 << 20
"""Bytes that are looked at for the frame's header, where profiles and previews before it are long."""
_PIXELS_A_BYTE: Final = 512
"""A block of 8 x 8 pixels needs at least one bit."""
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_OTHER_FRAMES: Final = {0xC3: "lossless", **dict.fromkeys((0xC5, 0xC6, 0xC7), "hierarchical")} | dict.fromkeys(
    (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF), "arithmetically coded"
)
_SCAN, _END = 0xDA, 0xD9
_MOST_MARKERS: Final = 4096
_ALONE: Final = (0x01, *range(0xD0, 0xD9))
"""Markers without a length."""
_NEXT: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In the data of a scan 0xff is followed by 0 or by the number of a restart; all else ends it."""
_FILLED: Final = re.compile(rb"\xff+[^\xff]")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the markers of a JPEG tell."""

    height: int
    width: int
    samples: int
    bits: int
    kind: str
    """`sequential`, `progressive`, or another that is not read."""
    scans: int
    ended: bool
    """Its last marker is there."""


def read(file: Source, *, limits: Limits) -> StoredImage:
    """A JPEG of 8 bits: grey or colour."""
    frame, _ = _walk(file.read(0, _HEAD).data)
    # What is behind that is no image of this size: nothing of it is read.
    most = _LONG_HEAD if frame is None else _HEAD + codecs.most_stored(frame.height * frame.width * frame.samples)
    stream = file.read(0, most).data
    frame, reached = _walk(stream)
    if frame is None and reached + 1 < len(stream):
        raise damaged("the JPEG's header makes no sense", stream)
    if frame is None:
        raise incomplete(f"the JPEG ends within its header, after {len(stream)} bytes; copy it again")
    if frame.kind not in ("sequential", "progressive"):
        raise unreadable(f"{frame.kind} JPEG is not read; export it again, or as TIFF")
    if frame.bits != 8 or frame.samples not in (1, 3):
        raise unreadable(f"JPEG of {frame.samples} samples of {frame.bits} bits is not read; export grey, or TIFF")
    if not frame.height or not frame.width:
        raise unreadable(f"the JPEG claims {frame.height} x {frame.width} pixels; export it again")
    bounds.hold(frame.height, frame.width, limits, whole=f"a JPEG is decoded whole; {bounds.BY_ROWS}")
    if not frame.ended:
        raise incomplete(f"truncated: the JPEG goes on after its {len(stream)} bytes; copy it again")
    if (flaw := excess(frame, len(stream))) is not None:
        raise unreadable(f"the JPEG {flaw}; export it again")
    about: dict[str, str | float | int] = {"compression": "jpeg"}
    if frame.samples > 1:
        about["samples"] = frame.samples
    return StoredImage("JPEG", frame.height, frame.width, lambda: _decode(stream, frame), dtype="uint8", about=about)


def _decode(stream: memoryview, frame: Frame) -> grey.Plane:
    import imagecodecs

    decode: Any = imagecodecs.jpeg8_decode
    try:
        samples: NDArray[Any] = decode(stream)
    except MemoryError:  # of this process, not of the file
        raise
    except Exception as e:  # codecs raise what they like; whatever it is, these bytes do not decode
        raise damaged("the JPEG does not decode", stream) from e
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.shape != (frame.height, frame.width, frame.samples) or samples.dtype != "u1":
        raise unreadable("the JPEG decodes to another size than its header tells; export it again")
    return grey.from_colour(samples) if frame.samples == 3 else grey.first(samples)


def excess(frame: Frame, length: int) -> str | None:
    """What it claims that so many bytes cannot hold, or that would take for ever; None: nothing."""
    if frame.height * frame.width > _PIXELS_A_BYTE * length:
        return f"claims {frame.height} x {frame.width} pixels in {length} bytes"
    return f"has {frame.scans} scans, more than {MOST_SCANS}" if frame.scans > MOST_SCANS else None


def frame_of(stream: bytes | memoryview) -> Frame | None:
    """What the markers tell; None where there is no frame's header among them."""
    return _walk(stream)[0]


def _walk(stream: bytes | memoryview) -> tuple[Frame | None, int]:
    """What the markers tell, and how far they go."""
    at, scans, ended = 2, 0, False
    found: tuple[int, int, int, int, str] | None = None
    for _ in range(_MOST_MARKERS):
        following = _NEXT.search(stream, at) if scans else _FILLED.match(stream, at)
        if following is None:
            break
        marker, at = stream[following.end() - 1], following.end()
        if ended := marker == _END or scans > MOST_SCANS:
            break
        if marker in _ALONE:
            continue
        if (kind := _kind(marker)) is not None and found is None:
            if at + 8 > len(stream):
                return None, len(stream)
            bits, high, wide, samples = struct.unpack_from(">xxBHHB", stream, at)
            found = high, wide, samples, bits, kind
        at += max(int.from_bytes(stream[at : at + 2], "big"), 2)
        scans += marker == _SCAN
    return None if found is None else Frame(*found, scans, ended), at


def _kind(marker: int) -> str | None:
    if marker in _SEQUENTIAL:
        return "sequential"
    return "progressive" if marker == _PROGRESSIVE else _OTHER_FRAMES.get(marker)
