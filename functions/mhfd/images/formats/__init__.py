"""The bytes of a file -> `StoredImage`: one module a format. What a header claims is checked before memory is taken."""

from dataclasses import replace

from mhfd.images import grey
from mhfd.images.flaw import several
from mhfd.images.formats import bmp, jpeg, kinds, mrc, png, segments
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import Source

_HEAD = 512
_READERS = {"bmp": bmp.read, "jpeg": jpeg.read, "mrc": mrc.read, "png": png.read, "tiff": segments.read}


def read(file: Source, name: str, *, max_pixels: int) -> StoredImage:
    """The image in a file, by what the file is; a `Flaw` where it is none that is read."""
    stored = _READERS[kinds.recognise(file.read(0, _HEAD).tobytes(), name)](file, max_pixels=max_pixels)
    return stored if stored.images == 1 else _refused(stored)


def _refused(stack: StoredImage) -> StoredImage:
    """What its header says is known still; its pixels are not read."""

    def decode() -> grey.Plane:
        raise several(stack.images)

    return replace(stack, decode=decode, about={**stack.about, "images": stack.images})
