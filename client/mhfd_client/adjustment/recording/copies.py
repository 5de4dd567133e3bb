"""Copies of the images that moves are recorded with, by their sha256: a watched folder changes, what was seen does not.

Bounded: so many images, so many bytes. What does not fit is not copied, and that is said; it opens no image.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mhfd.errors import UsageError
from mhfd_client.adjustment import places
from mhfd_client.files import make_folder, named, shown

MOST_IMAGES: Final = 4000
"""Of one state folder."""
MOST_BYTES: Final = 8 << 30
"""Of all of them."""
MOST_OF_ONE: Final = 1 << 30
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CopiedImage:
    """Which bytes they were, and whether a copy of them is kept."""

    sha256: str
    bytes: int
    kept: bool
    why: str | None = None
    """Why none is."""


def copied(state_dir: Path, image: Path) -> CopiedImage:
    """Keep a copy. UsageError where there is no such file; StateError where the state folder cannot be written."""
    folder = places.kept_images(state_dir)
    make_folder(folder)
    part = folder / f".{os.getpid()}-{threading.get_ident()}.part"
    try:
        with image.open("rb") as given:
            why = _too_much(os.fstat(given.fileno()).st_size, folder)
            digest, length = _through(given, image, None if why else part)
    except OSError as error:
        raise _unreadable(image, error) from None
    try:
        if (there := copy_of(state_dir, digest)) is None and why is None:
            with named(folder):
                part.replace(folder / f"{digest}{image.suffix.lower()}")
    finally:
        part.unlink(missing_ok=True)
    kept = there is not None or why is None
    return CopiedImage(digest, length, kept, None if kept else why)


def copy_of(state_dir: Path, sha256: str) -> Path | None:
    """Where the copy of an image lies, if there is one."""
    return next(iter(sorted(places.kept_images(state_dir).glob(f"{sha256}*"))), None)


def _through(given: IO[bytes], image: Path, copy: Path | None) -> tuple[str, int]:
    """Sha256 and length of what is read; it is on the disk when this returns."""
    digest, length = hashlib.sha256(), 0
    to = Path(os.devnull) if copy is None else copy
    with named(to):
        written = to.open("wb")
    with written:
        while block := _read(given, image):
            digest.update(block)
            length += len(block)
            with named(to):
                written.write(block)
        with named(to):
            written.flush()
            if copy is not None:
                os.fsync(written.fileno())
    return digest.hexdigest(), length


def _read(given: IO[bytes], image: Path) -> bytes:
    try:
        return given.read(_BLOCK)
    except OSError as error:
        raise _unreadable(image, error) from None


def _unreadable(image: Path, error: OSError) -> UsageError:
    return UsageError(f"{shown(image)}: cannot be read: {error.strerror}; name an image that is there")


def _too_much(size: int, folder: Path) -> str | None:
    with named(folder):
        sizes = [entry.stat().st_size for entry in os.scandir(folder) if not entry.name.startswith(".")]
    if size > MOST_OF_ONE:
        return f"it is larger than {MOST_OF_ONE >> 30} GiB"
    if len(sizes) >= MOST_IMAGES:
        return f"{MOST_IMAGES:,} images are kept already"
    if sum(sizes) + size > MOST_BYTES:
        return f"{MOST_BYTES >> 30} GiB of images are kept already"
    return None
