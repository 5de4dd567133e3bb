"""The way in for long functions: the fields of a request in, those of a `WorkAnswer` out."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar

from mhfd.contract.request import Problem
from mhfd.contract.work import WorkAnswer, WorkRequest
from mhfd.remote.ledger import Ledger
from mhfd.remote.long.asked import AskedWork, LongVerb, WorkSeen
from mhfd.remote.long.claims import Claims, LeaseTimes
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.machine import HostMachine
from mhfd.remote.long.turn import LongFailure, LongWork
from mhfd.remote.refusal import read
from mhfd.remote.roots import Roots
from mhfd.remote.task import Verb, perform
from mhfd.site import Site

__all__ = ["LongFailure", "LongVerb", "LongWork", "answer", "folder_name"]

R = TypeVar("R", bound=WorkRequest)

MACHINE: Final = HostMachine()
TIMES: Final = LeaseTimes()


def answer(verb: LongVerb[R], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What became of one request, after a turn if it was its turn."""
    key = fields.get("key")
    seen = WorkSeen(key if isinstance(key, str) else None, time.time_ns())

    def work(request: R, site: Site, ledger: Ledger) -> WorkAnswer:
        named = f"{request.into.rstrip('/')}/{folder_name(request.key)}"
        with WorkDisk.opened(Roots.of(site, "write"), named) as disk:
            claims = Claims(disk, MACHINE, TIMES)
            try:
                return AskedWork(verb, request, site, ledger, disk, named, seen, claims, MACHINE).answer()
            finally:
                ledger.works(request.key, seen.state, seen.taken_up, seen.progress)

    def turned_away(found: list[Problem], request: R | None) -> WorkAnswer:
        seen.state = None
        if request is None:
            seen.key = None  # whatever that was
        return seen.answer(errors=tuple(found))

    return perform(Verb(verb.name, partial(read, verb.request), work, turned_away), fields)


def folder_name(key: str) -> str:
    """Where the work of that key is kept, in its `into`."""
    return f"mhfd-work-{key}"
