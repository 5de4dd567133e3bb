"""How text of strangers is written on a terminal, and where what is written goes."""

import os
from collections.abc import Mapping
from typing import Final

_ERRORS: Final = 2


def printable(text: str) -> str:
    """Control characters and undecodable bytes, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def in_table(text: str) -> str:
    """In one line, and no formula to a spreadsheet."""
    text = printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def into_journal(env: Mapping[str, str], stream: int = _ERRORS) -> bool:
    """Whether this stream is the journal of systemd, which others read and which is kept for months.

    systemd says which file that is (JOURNAL_STREAM, systemd.exec(5)). A shell that a service started has the variable
    too, but not the stream: there a person reads.
    """
    try:
        found = os.fstat(stream)
    except OSError:  # closed
        return False
    return env.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
