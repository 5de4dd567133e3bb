"""Who listens on a port of this machine, as far as this user may know: the processes that are his own.

Asked of the kernel, not of the port: whoever listens there may be anybody, and is told no token.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENS: Final = "0A"


def serves_a_page(port: int) -> int | None:
    """The process of this user's that listens there and is a watch, or serves a page; None where none is known to."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for process in _PROC.glob("[0-9]*") if sockets else ():
        with suppress(OSError):  # another user's, or it ended meanwhile
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if _is_ours(words) and any(str(one.readlink()) in sockets for one in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _listening(port: int) -> Iterator[str]:
    """Inodes of the sockets, from the kernel's table. None where there is no such table (not Linux)."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}") and fields[3] == _LISTENS:
                    yield fields[9]


def _is_ours(words: list[str]) -> bool:
    programs = {Path(word).name for word in words[:2]}
    return "mhfd_client.page" in words or ("mhfd" in programs and not {"watch", "page", "demo"}.isdisjoint(words))
