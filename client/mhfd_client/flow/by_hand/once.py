"""Asked once: what must not be made twice at Globus is not, whether the answer is lost or the command is killed.

Neither Flows nor Timers has a key that would make a request repeatable. So an intent with a key of ours is in a file of
this user's before the request, which is not repeated; what is made carries the key. Without an answer it is looked for,
and the same command, typed again, looks first. Knows neither runs nor timers.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from mhfd_client.errors import FlowError, FlowRefused, FlowsUnreachable, LoginError
from mhfd_client.flow.service import Start
from mhfd_client.kept import kept
from mhfd_client.settings import places

LAG_S: Final = 60.0
"""So far behind a list at Globus may be: what is in none until then was never made."""
_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that was asked for, or is about to be. `at`: seconds since 1970."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class Made:
    """There is one. `found`: an earlier command, which got no answer, had it made."""

    id: str
    key: str
    found: bool


@dataclass(frozen=True, slots=True)
class Once:
    """How something is asked for, and how it is found.

    Args:
        kind: What it is called: `run`.
        ask: Makes one that carries the key, by one request. FlowRefused, or LoginError, when nothing was made.
        find: The one that carries the key, if it is listed.
        say: Told what takes long.
    """

    kind: str
    ask: Callable[[str], Start]
    find: Callable[[str], str | None]
    say: Callable[[str], None]
    clock: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep

    def made(self, what: object) -> Made:
        """One of what is described by this JSON. FlowError."""
        name = f"{self.kind} {_digest(what)}"
        with _kept() as intents:
            earlier = intents.get(name)
        if earlier is not None:
            self.say(f"an earlier command asked for the same {self.kind} and got no answer: it is looked for first")
            if found := self._found(earlier):
                self._forget(name)
                return Made(found, earlier.key, found=True)
        intent = Intent(uuid.uuid4().hex if earlier is None else earlier.key, self.clock())
        with _kept() as intents:
            intents[name] = intent
        try:
            answer = self.ask(intent.key)
        except (FlowRefused, LoginError):
            self._forget(name)  # nothing was made
            raise
        if answer.wait_s is not None:
            self._forget(name)
            raise FlowsUnreachable(f"{answer.why}: no {self.kind} was made; try again in {answer.wait_s:.0f} s")
        made = answer.run or self._after_silence(intent, answer.why)
        self._forget(name)
        return Made(made, intent.key, found=False)

    def _after_silence(self, intent: Intent, why: str) -> str:
        self.say(f"{why}: whether there is a {self.kind} is looked for, for a minute")
        again = f"the same command again looks for the {self.kind} first, and makes one only if there is none"
        try:
            found = self._found(intent)
        except FlowError as e:
            raise FlowsUnreachable(f"{why}, and then: {e}; {again}") from None
        if found is None:
            raise FlowsUnreachable(f"{why}, and no {self.kind} is listed; {again}")
        return found

    def _found(self, intent: Intent) -> str | None:
        """What carries its key; None when a list that is up to date has none."""
        while True:
            found = self.find(intent.key)
            left = intent.at + LAG_S - self.clock()
            if found is not None or left <= 0:
                return found
            self.wait(min(left, LAG_S / _LOOKS))

    def _forget(self, name: str) -> None:
        with _kept() as intents:
            intents.pop(name, None)


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _kept() -> AbstractContextManager[dict[str, Intent]]:
    """What this user asked for and has no answer to, to be changed in place."""
    path = places.state_home() / "intents.json"
    return kept(path, dict, _read, _plain, without="a start whose answer is lost could be repeated by hand")


def _read(plain: Any) -> dict[str, Intent]:
    return {str(name): Intent(str(one["key"]), float(one["at"])) for name, one in plain.items()}


def _plain(intents: dict[str, Intent]) -> dict[str, Any]:
    return {name: {"key": one.key, "at": one.at} for name, one in intents.items()}
