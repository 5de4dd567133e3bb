"""How the readers say what is wrong with a file: raised inside `mhfd.images`, never outside of it.

`load` turns a `Flaw` into a finding. It must not be used for wrong arguments: those are `UsageError`.
"""

from typing import Final

from mhfd.contract.focus_report import Finding
from mhfd.contract.request import Code

_ZEROS: Final = 32
"""Compressed data do not end in this many zeros; a file whose room was taken before it was written does."""


class Flaw(Exception):
    """A file cannot be scored: the finding, and one readable clause that says what is wrong and what to do."""

    def __init__(self, finding: Finding, detail: str, code: Code | None = None) -> None:
        super().__init__(finding, detail, code)
        self.finding = finding
        self.detail = detail
        self.code = code
        """Why it was not even looked at; None: it was."""


class NotOurs(Flaw):
    """The flaw of a file that none of our readers takes: another may be installed."""


def unreadable(detail: str) -> Flaw:
    """The flaw of a file that will never be read as it is."""
    return Flaw(Finding.UNREADABLE, detail)


def unavailable(detail: str) -> Flaw:
    """The flaw of a file that cannot be opened, or is none: nothing is said of what is in it."""
    return Flaw(Finding.UNREADABLE, detail, Code.UNAVAILABLE)


def not_ours(detail: str) -> Flaw:
    """The flaw of a file of a format that is not read."""
    return NotOurs(Finding.UNREADABLE, detail)


def incomplete(detail: str) -> Flaw:
    """The flaw of a file that is not all there, perhaps not yet."""
    return Flaw(Finding.INCOMPLETE, detail)


def several(images: int, where: str = "") -> Flaw:
    """The flaw of a file with several images: none of them stands for all."""
    return unreadable(f"a stack of {images} images{where and f' {where}'}: save each as a file of its own")


def truncated(size: int, end: int) -> Flaw:
    """The flaw of a file that ends before what its header tells of does."""
    return incomplete(f"truncated: the file has {size} of {end} bytes; wait, or copy it again")


def damaged(what: str, data: bytes | memoryview) -> Flaw:
    """The flaw of compressed data that do not decode: not written yet, or broken."""
    if not any(data[-_ZEROS:]):
        return incomplete(f"{what}: its data end in zeros, not written yet; wait, or copy it again")
    return unreadable(f"{what}; copy or export it again")
