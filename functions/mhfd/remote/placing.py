"""Report files -> a folder below one of the administrator's folders.

Each is written under a temporary name in that folder and then put in place: a reader sees the old one or the new one,
whole. Nothing is ever written through a link. This module must not know what a report is.
"""

import contextlib
import os
import secrets
from typing import Final

from mhfd.contract.request import Code
from mhfd.remote.refusal import Refusal, problem

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def put(folder: int, name: str, data: bytes) -> None:
    """A file of that name with these bytes in an open folder, in place of any file or link of that name."""
    temporary = f".{name}.{secrets.token_hex(8)}.tmp"
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o644, dir_fd=folder), "wb") as file:
            file.write(data)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as e:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        why = f"the report could not be written: {e.strerror or e}"
        raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk or correct the folder's rights")) from None
