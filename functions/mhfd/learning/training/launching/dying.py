"""What a training's workers said before they died -> why, for a person. Reads text, starts nothing."""

import re
import signal
from dataclasses import dataclass
from typing import Final

from mhfd.learning.training.told import TrainingStopped

_MOST: Final = 400
"""Characters of what a worker said."""
_CODE: Final = re.compile(r"^\s*exitcode\s*:\s*(-?\d+)", re.MULTILINE)
_ROOT: Final = "Root Cause"
_ALL: Final = "Failures:"
_OF_A_RANK: Final = re.compile(r"^\[rank\d+\]:\s?")
_ERROR: Final = re.compile(
    r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failed|Refused)\b.*|^\w+: .*error.*", re.I
)
_OF_TORCHRUN: Final = re.compile(r"^[IWE]\d{4} ")
_FOLLOWS: Final = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "ChildFailedError")
"""What the others say when one has died."""
_SILENT: Final = re.compile(r"timed out", re.IGNORECASE)
"""And when one does not answer."""
_FROM_OUTSIDE: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Death:
    """How a start of the workers ended."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    said: str
    """The last that says why."""

    @property
    def from_outside(self) -> bool:
        """Whether somebody ended it, perhaps the system for want of memory: else it will do the same again."""
        return -self.code in _FROM_OUTSIDE

    @property
    def why(self) -> str:
        """In words."""
        said = f": {self.said}" if self.said else ""
        if self.code == -signal.SIGKILL:
            return f"a worker was killed (signal 9), by a person or by the system because memory ran out{said}"
        if self.code < 0:
            return f"a worker was ended by signal {-self.code} ({_name(-self.code)}){said}"
        return f"a worker ended with exit code {self.code}{said}"

    def stopped(self, *, log: str, steps: int) -> TrainingStopped:
        """When there is no going on."""
        when = "before its first step" if not steps else "again and again"
        remedy = f"see {log}; what was saved before is there, and the same training goes on from it"
        if self.code == -signal.SIGKILL:
            remedy = f"take fewer workers or a smaller batch if memory is short; {remedy}"
        return TrainingStopped(code="worker_died", why=f"{self.why} ({when})", remedy=remedy)


def death_of(code: int, errors: str) -> Death:
    """What is known of it.

    Args:
        code: The exit code of the guard: 128 and a signal, where torchrun itself was ended by one.
        errors: The end of the error stream.
    """
    root, said = errors.rfind(_ROOT), _said(errors)
    if found := _CODE.findall(errors, root) if root >= 0 else []:
        code = int(found[0])
        if not said:  # of two that died between two looks torchrun takes either for the first: this one only noticed
            others = map(int, _CODE.findall(errors, max(errors.rfind(_ALL, 0, root), 0), root))
            code = next((one for one in (code, *others) if one < 0 and one != -signal.SIGTERM), code)
    elif code > 128:
        code = 128 - code
    return Death(code, said)


def _said(errors: str) -> str:
    own = []
    for line in errors.splitlines():
        if _OF_TORCHRUN.match(line) and "failed (exitcode" in line:
            break  # what follows is torchrun's
        if not _OF_TORCHRUN.match(line) and line.strip():
            own.append(_OF_A_RANK.sub("", line).rstrip())
    own = [line for line in own if not any(word in line for word in _FOLLOWS)]
    telling = [line for line in own if _ERROR.match(line)]
    silent = [line for line in telling if _SILENT.search(line)]
    if telling and len(silent) == len(telling):
        return f"another one did not answer in time ({telling[-1].strip()[:_MOST]})"
    others = [line for line in telling if line not in silent]
    plain = [line for line in own if not line.startswith((" ", "Traceback"))]
    return " ".join((others or plain)[-1:])[:_MOST]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
