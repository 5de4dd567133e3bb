"""A work begun: all that a person can have got wrong is said, and what is asked is kept, before it is asked.

Begun again with the same key and the same request, it is the same work. `follow` asks for it.
"""

import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from mhfd import shim
from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer
from mhfd.errors import UsageError
from mhfd_client.compute.reach import endpoint_of
from mhfd_client.errors import ComputeRefused, WorkUnknown
from mhfd_client.works.asked import asked, function_named
from mhfd_client.works.following import Say, follow
from mhfd_client.works.kept_work import KeptWork, Via

FOLDER: Final = "mhfd-works"
"""In the first folder that the endpoint may write, where none is named: it has the folders of all works."""


def begin(
    function: str,
    request: object,
    *,
    endpoint: str | UUID | None,
    key: str | None = None,
    into: str | None = None,
    via: Via = "compute",
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    say: Say = lambda _: None,
) -> KeptWork:
    """The work, kept and not asked for yet; of a key that is known, the one that it is. UsageError, ComputeError.

    Args:
        function: Of those that mhfd registers; with `via="flow"` also a flow, which asks several.
        request: The function's own fields.
        endpoint: Where; with a flow nothing for the settings' own.
        key: Of the work; nothing: a new one.
        into: A folder of the endpoint's for the work's own; nothing: in the first that it may write.
        via: `compute`: the endpoint sees what the request names. `flow`: runs of a flow bring it there.
        options: What is chosen of the endpoint's configuration, as `{"purpose": "train"}`.
        settings: With a flow: what differs from the user's settings, by dotted names.
        say: Told in words what is being waited for.
    """
    name, into, own = asked(function_named(function, via), request, key=key, into=into)
    chosen, way = dict(options or {}), _way(via, function, name, own, endpoint, into, options or {}, settings or {})
    where = endpoint_of(way.get("compute.endpoint", endpoint))
    if (known := _known(name)) is not None:
        mine = {"function": function, "endpoint": where, "via": via, "into": into or known.into, "options": chosen}
        differ = [one for one, value in mine.items() if getattr(known, one) != value]
        if _to_do(known.request) != _to_do(own):
            differ.append("request")
        if not differ:
            return known
        if known.state != "refused":
            raise UsageError(
                f"key: {name} is that of another work ({', '.join(differ)} differ; `mhfd work show {name}`); leave the "
                "key out, or choose another"
            )
    if into is None and via == "compute" and function not in shim.AT_ONCE:
        into = f"{_writable(where, function, chosen, say)}/{FOLDER}"
    return KeptWork.new(name, function, where, own, via=via, into=into, options=chosen, settings=way)


def _way(
    via: str,
    function: str,
    key: str,
    own: Mapping[str, Any],
    endpoint: str | UUID | None,
    into: str | None,
    options: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings that it is carried by: none where the endpoint is asked directly. UsageError."""
    if via == "compute":
        if endpoint is None:
            raise UsageError("endpoint: must be given; `mhfd endpoint check NAME` shows its id where it runs")
        if settings:
            raise UsageError("settings: belong to via='flow'; leave them out")
        return {}
    if via != "flow":
        raise UsageError(f"via: {via!r} is neither compute nor flow")
    if into is not None:
        raise UsageError("into: a flow makes the work's folder itself; leave it out")
    from mhfd_client.works.by_flow import chosen

    given = dict(settings)
    if endpoint is not None:
        given["compute.endpoint"] = str(endpoint_of(endpoint))
    if options:
        given["flow.user_endpoint_config"] = dict(options)
    return chosen(function, key, own, given)


def _to_do(request: Mapping[str, Any]) -> dict[str, Any]:
    """What of it says what is to be done: it may be asked for in longer turns."""
    return {name: value for name, value in request.items() if name != "turn_s"}


def _known(key: str) -> KeptWork | None:
    try:
        return KeptWork.named(key)
    except WorkUnknown:
        return None


def _writable(endpoint: UUID, function: str, options: Mapping[str, Any], say: Say) -> str:
    """The first folder that the function may write there, as the endpoint says it."""
    say(f"asking endpoint {endpoint} for a folder that {function} may write")
    answer = _examined(endpoint, {"functions": True}, options, say)
    if any(error.code == Code.BAD_REQUEST for error in answer.errors):  # an older one
        answer = _examined(endpoint, {}, options, say)
    seen = answer.result or {}
    usable = [PurePosixPath(root["path"]) for root in seen.get("roots") or [] if _is_written(root)]
    own = [one.get("write_roots") or [] for one in seen.get("functions") or [] if one.get("name") == function]
    mine = map(PurePosixPath, own[0]) if own else usable
    for folder in mine:
        if any(folder.is_relative_to(root) for root in usable):
            return str(folder)
    why = "; ".join(error.why for error in answer.errors) or f"none of its folders can be written by {function}"
    raise ComputeRefused(f"endpoint {endpoint} names no folder to work in ({why}); name one by `into` (--into FOLDER)")


def _is_written(root: Mapping[str, Any]) -> bool:
    return root.get("use") == "write" and bool(root.get("usable"))


def _examined(endpoint: UUID, request: Mapping[str, Any], options: Mapping[str, Any], say: Say) -> WorkAnswer:
    question = KeptWork.new(uuid.uuid4().hex, "mhfd_examine", endpoint, request, options=options, keep=False)
    with closing(follow(question, say=say)) as heard:
        *_, end = heard
    return end.answer
