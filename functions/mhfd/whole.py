"""Files that are whole, or as they were before: whenever the process or the power dies, and whoever writes them too."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

PART: Final = ".part"
"""How the name ends under which a file is written: what a killed writer leaves is called so."""


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """What is written here is at `path`, and on the disk, once the block ends; where that fails nothing has changed.

    Each writer has a part of its own: of two at a time one is the last, and none half. OSError.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """The same, of what is known already; its folder is made, `private`: for its owner alone. OSError."""
    path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    with whole(path) as file:
        file.write(data)
