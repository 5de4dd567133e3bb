"""What a person may ask for: of which function, with what. What is wrong with it is said before anything is asked.

The fields that a function has of its own are the endpoint's to judge: its mhfd may be newer than ours.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from mhfd import shim
from mhfd.contract.work import WorkRequest
from mhfd.errors import UsageError
from mhfd_client.flow.run_words import long_flow

MOST_BYTES: Final = 5_000_000
"""Of a request. The service takes 10 MB at once, and escapes what it takes."""
_OURS: Final = ("cancel", "client", "schema_version")


def function_named(name: str, via: str = "compute") -> str:
    """The function, if there is one of that name; by a flow also a flow's name. UsageError."""
    if name not in shim.FUNCTIONS and not (via == "flow" and long_flow(name)):
        raise UsageError(f"function: {name!r} is none of mhfd's; there are: {', '.join(sorted(shim.FUNCTIONS))}")
    return name


def asked(
    function: str, request: object, *, key: str | None = None, into: str | None = None
) -> tuple[str, str | None, dict[str, Any]]:
    """The work's key, its folder if that is known, and the function's own fields, as JSON has them. UsageError.

    Args:
        function: Which one.
        request: Its fields; `key`, `into` and `turn_s` may stand in them.
        key: Of the work; nothing: a new one.
        into: A folder of the endpoint's, in which the work has its own.
    """
    own = _plain(request)
    for name in _OURS:
        if name in own:
            raise UsageError(f"request: {name} is mhfd's own to say; leave it out (`mhfd work cancel KEY` ends a work)")
    if function in shim.AT_ONCE:
        if into is not None:
            raise UsageError(f"into: {function} answers at once and keeps nothing; leave it out")
        return _key(key), None, own
    key, into = _one("key", own, key), _one("into", own, into)
    if into is not None and not into.startswith("/"):
        raise UsageError(f"into: {into!r} is no folder of an endpoint: write it whole, from / on")
    key = _key(key)
    _checked({"key": key, "into": into or "/"} | {name: own[name] for name in ("turn_s",) if name in own})
    return key, into, own


def _key(key: str | None) -> str:
    made = uuid.uuid4().hex if key is None else key
    _checked({"key": made, "into": "/"})
    return made


def _one(name: str, own: dict[str, Any], given: str | None) -> str | None:
    """What is said of it, be it in the request or beside it."""
    there = own.pop(name, None)
    if there is not None and not isinstance(there, str):
        raise UsageError(f"request: {name} = {there!r} is no text; write it in quotes")
    if given is not None and there is not None and given != there:
        raise UsageError(f"{name}: is {given!r}, and {there!r} in the request; say it once")
    return given if given is not None else there


def _checked(fields: Mapping[str, Any]) -> None:
    try:
        WorkRequest.model_validate(dict(fields))
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(map(str, wrong["loc"]))
        told = "at most 64 letters, digits, dots, dashes and underscores" if name == "key" else wrong["msg"]
        raise UsageError(f"{name} = {fields.get(name)!r}: cannot be; {told}") from None


def _plain(request: object) -> dict[str, Any]:
    if not isinstance(request, Mapping):
        kind = {list: "a list", tuple: "a list", str: "a text", type(None): "null"}.get(type(request), "a value")
        raise UsageError(f'request: is {kind}, not an object of fields; write {{"folder": "/data/run"}} or the like')
    try:
        text = json.dumps(dict(request), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"request: holds what JSON has no form for: {error}") from None
    if len(text) > MOST_BYTES:
        raise UsageError(
            f"request: has {len(text) / 1e6:.1f} MB of JSON, above the {MOST_BYTES / 1e6:.0f} MB that may go to the "
            "service at once; put large things into a file that the endpoint sees, and name that"
        )
    plain: dict[str, Any] = json.loads(text)
    return plain
