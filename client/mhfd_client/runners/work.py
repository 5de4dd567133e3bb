"""What a registered function is asked, and what is heard of it: below a runner nothing else tells one from another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mhfd
from mhfd.contract.focus_report import Provenance
from mhfd.contract.request import Code, Problem
from mhfd.contract.work import WorkAnswer

AT_FAULT: Final = {
    Code.BAD_REQUEST,
    Code.OLD_STATION,
    Code.NO_MHFD,
    Code.REFUSED_PATH,
    Code.REFUSED_WRITE,
    Code.NO_FUNCTION,
    Code.NO_EXTRA,
    Code.NOT_ALLOWED,
    Code.WRONG_KEY,
    Code.TOO_DEAR,
}
"""Why work is not done, however often it is asked for."""


@dataclass(frozen=True, slots=True)
class Work:
    """One question to a registered function, by its arguments.

    The function is asked again with the same arguments until what it says is an end: whoever asks need not know
    whether it was one task or twenty, and a lost answer is no reason to begin twice.
    """

    id: int
    key: str
    function: str
    request: Mapping[str, Any]
    read: Callable[[Any], WorkAnswer]
    """What came back, taken apart. ValueError: it is no answer."""


@dataclass(frozen=True, slots=True)
class Going:
    """Work is under way: how far it is, as it was last heard."""

    token: str
    id: int
    answer: WorkAnswer
    at_ns: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Work has come to its end, whichever: done, cancelled, failed."""

    token: str
    id: int
    answer: WorkAnswer
    at_ns: int


def undone(key: str, why: str, code: str | None) -> WorkAnswer:
    """The answer to work that came back from a runner: it has no state, because nobody knows one."""
    mended = "correct that first: asking again changes nothing"
    remedy = mended if code in AT_FAULT else "ask again with the same key: it goes on"
    return WorkAnswer(
        ok=False,
        errors=(Problem(code=code or "undone", why=why, remedy=remedy),),
        key=key,
        provenance=Provenance(version=mhfd.__version__, backend="none", device="none", threads=0),
    )
