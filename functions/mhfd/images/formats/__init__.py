"""The bytes of a file -> `StoredImage`: one module a format. What a header claims is checked before memory is taken."""

from collections.abc import Callable
from dataclasses import replace

from mhfd.images import grey
from mhfd.images.flaw import NotOurs, several
from mhfd.images.formats import bmp, jpeg, kinds, mrc, plugins, png, segments
from mhfd.images.formats.stored import StoredImage
from mhfd.images.source import OpenFile, Source
from mhfd.limits import Limits

_HEAD = 512
_READERS = {"bmp": bmp.read, "jpeg": jpeg.read, "mrc": mrc.read, "png": png.read, "tiff": segments.read}


def read(file: Source, where: str | OpenFile, beside: Callable[[str], bytes], *, limits: Limits) -> StoredImage:
    """The image in a file, by what the file is; a `Flaw` where it is none that is read.

    A reader that is installed beside ours is asked where none of ours takes it, or it is a stack.
    """
    name = where.path if isinstance(where, OpenFile) else where
    try:
        kind = kinds.recognise(file.read(0, _HEAD).tobytes(), name)
    except NotOurs:
        if (foreign := plugins.read(file, where, beside, limits=limits)) is not None:
            return foreign
        raise
    stored = _READERS[kind](file, limits=limits)
    if stored.images == 1:
        return stored
    return plugins.read(file, where, beside, limits=limits) or _refused(stored)


def _refused(stack: StoredImage) -> StoredImage:
    """What its header says is known still; its pixels are not read."""

    def decode() -> grey.Plane:
        raise several(stack.images)

    return replace(stack, decode=decode, about={**stack.about, "images": stack.images})
