"""What an endpoint answered, as a `WorkAnswer`: of a function that works in turns, and of one that answers at once."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from mhfd import shim
from mhfd.contract.focus_report import Provenance
from mhfd.contract.work import WorkAnswer, WorkState
from mhfd_client.runners.answers import understood
from mhfd_client.runners.versions import UPGRADE_HERE


def reader_of(function: str, key: str) -> Callable[[Any], WorkAnswer]:
    """What takes its answers apart; ValueError: it is none."""
    in_turns = function not in shim.AT_ONCE
    return lambda plain: _in_turns(plain, key) if in_turns else _at_once(plain, key)


def _in_turns(plain: Any, key: str) -> WorkAnswer:
    answer = _read(plain)
    if answer.key not in (None, key):
        raise ValueError(f"the endpoint answered for another work ({answer.key})")
    return answer


def _at_once(plain: Any, key: str) -> WorkAnswer:
    """Its answer is its result, unless it was not taken."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("ok"), bool):
        raise ValueError(f"the endpoint answered with {type(plain).__name__}, which is no answer")
    versions = plain.get("versions")
    there = versions.get("mhfd", "unknown") if isinstance(versions, Mapping) else "unknown"
    nobody = Provenance(version=str(there), backend="none", device="none", threads=0).model_dump()
    wrong = [error for error in plain.get("errors") or [] if isinstance(error, Mapping)]
    taken = bool(plain["ok"]) or any(error.get("index") is not None for error in wrong)
    return _read(
        {
            "ok": plain["ok"],
            "errors": plain.get("errors") or [],
            "notes": plain.get("notes") or [],
            "key": key,
            "state": WorkState.DONE if taken else None,
            "result": dict(plain) if taken else None,
            "provenance": plain.get("provenance") or nobody,
            "began_ns": plain.get("began_ns"),
            "ended_ns": plain.get("ended_ns"),
        }
    )


def _read(plain: Any) -> WorkAnswer:
    try:
        return understood(WorkAnswer, plain)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "it"
        raise ValueError(
            f"the answer is not one that this mhfd understands: {where}: {wrong['msg']}; {UPGRADE_HERE}"
        ) from None
