"""The functions that the service knows of us: registered once, found again, and told apart when their code differs.

A registered function cannot be changed, and registering it again gives another id: an administrator who allows only
certain functions would be asked anew each time. So ids are kept in a file of this user's, by service, identity, name
and source; what the file says is checked against the service before it is used. Whatever is not ours to know (whether
an endpoint is online, who may log in) is the service layer's.
"""

import inspect
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import mhfd
from mhfd import shim
from mhfd.site import FREE
from mhfd_client.compute.service import as_source
from mhfd_client.compute.translated import translated
from mhfd_client.errors import FunctionNotAllowed, FunctionObsolete, FunctionUnknown
from mhfd_client.globus.identity import who_of
from mhfd_client.kept import kept
from mhfd_client.settings import places

NAMES: Final = tuple(shim.FUNCTIONS)
"""`mhfd_focus` scores, and `mhfd_examine` is what `mhfd doctor` asks."""

_DESCRIBED: Final = re.compile(r"mhfd (?P<version>\S+): \w+, source (?P<digest>[0-9a-f]{16})")
_ALONE: Final = "endpoint "
_LOOKED_AT: Final = 20  # of an endpoint's allowed functions: each costs a request, and the service counts them


class FunctionState(StrEnum):
    """What became of a function that was registered."""

    CURRENT = "current"
    OBSOLETE = "obsolete"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Function:
    """One registration: whose, where, of which code, and for whom."""

    name: str
    id: UUID
    digest: str
    version: str
    service: str
    identity: str
    shared: str = "private"
    """`private`, `public`, `group UUID`, or `endpoint UUID`: it runs there alone."""
    registered: float = 0.0
    """Seconds since 1970."""
    state: FunctionState = FunctionState.CURRENT

    def as_json(self) -> dict[str, Any]:
        """For the file and for programs."""
        return asdict(self) | {"id": str(self.id)}


def source_of(name: str) -> Callable[..., Any]:
    """The function of that name, as this version of mhfd has it."""
    if name not in shim.FUNCTIONS:
        raise FunctionUnknown(f"function: {name!r} is none of ours; there are: {', '.join(NAMES)}")
    return shim.FUNCTIONS[name]


def digest_of(name: str) -> str:
    """A short hash of the source that travels."""
    return shim.digest(source_of(name))[:16]


def ensure(client: Any, name: str) -> UUID:
    """The id of our function at the service: the known one as long as the service knows it too, else a new one."""
    return register(client, name).id


def register(
    client: Any, name: str, *, group: UUID | None = None, public: bool = False, endpoint: UUID | None = None
) -> Function:
    """As `ensure`, with whom it is shared: that cannot be changed later either, so that each choice has its own id.

    Without a choice any registration will do, the newest first, but for those that run on one endpoint alone.

    Args:
        client: The service.
        name: Of the function.
        group: Its members may run it too.
        public: Everybody may.
        endpoint: Of high assurance; it runs nowhere else, and is shared with nobody.
    """
    service, identity = client.web_service_address, _identity(client)
    shared = f"group {group}" if group is not None else "public" if public else None
    if endpoint is not None:
        shared = f"{_ALONE}{endpoint}"
    wanted = (name, digest_of(name), service, identity)
    with _kept() as entries:
        for entry in reversed(entries):
            ours = (entry.name, entry.digest, entry.service, entry.identity) == wanted
            fits = entry.shared == shared if shared else not entry.shared.startswith(_ALONE)
            if not ours or not fits:
                continue
            if _state(client, entry) == FunctionState.CURRENT:
                return entry
            entries.remove(entry)
        client.fx_serializer = as_source()
        made = _asked(
            client.register_function,
            source_of(name),
            description=f"mhfd {mhfd.__version__}: {name}, source {digest_of(name)}",
            public=public,
            group=None if group is None else str(group),
            ha_endpoint_id=None if endpoint is None else str(endpoint),
        )
        entry = Function(
            name=name,
            id=UUID(made),
            digest=digest_of(name),
            version=mhfd.__version__,
            service=service,
            identity=identity,
            shared=shared or "private",
            registered=time.time(),
        )
        entries.append(entry)
    return entry


def known(client: Any) -> list[Function]:
    """Every registration of this user's at this service, the oldest first, and what became of it."""
    service, identity = client.web_service_address, _identity(client)
    with _kept() as entries:
        mine = [entry for entry in entries if (entry.service, entry.identity) == (service, identity)]
    return [replace(entry, state=_state(client, entry)) for entry in mine]


def find(client: Any, name: str, *, endpoint: UUID, pinned: UUID | None = None) -> UUID:
    """The id to call on an endpoint.

    `pinned` is the one that the settings name. Without it, an endpoint that allows only certain functions is asked
    which, and ours is looked for among them: a user of a facility's function need not know its id.
    """
    if pinned is not None:
        _checked(client, name, pinned)
        return pinned
    allowed = _allowed(client, endpoint)
    if allowed is None:
        return ensure(client, name)
    others: list[str] = []
    for candidate in _likely_first(name, allowed):
        document = _document(client, candidate)
        if document is None or document.get("function_name") != name:
            continue
        if _same_code(document, name):
            return candidate
        others.append(f"{candidate} of mhfd {_version(document)}")
    mine = ensure(client, name)
    if mine in allowed:
        return mine
    if others:
        raise FunctionObsolete(
            f"endpoint {endpoint} allows {name} only with other code than this mhfd's ({mhfd.__version__}): "
            f"{', '.join(others)}. "
            f"Ask its administrator to run: {pin_line({name: mine})}; or install the mhfd that it has"
        )
    raise FunctionNotAllowed(
        f"endpoint {endpoint} allows only the functions on its list, and {name} is not on it. Ask its administrator to "
        f"run: {pin_line({name: mine})}"
    )


def pin_line(functions: dict[str, UUID]) -> str:
    """What the administrator types to allow these."""
    return "mhfd endpoint pin NAME " + " ".join(
        f"{id_}" if name in FREE else f"{name}={id_}" for name, id_ in functions.items()
    )


def _checked(client: Any, name: str, pinned: UUID) -> None:
    document = _document(client, pinned)
    if document is None:
        raise FunctionUnknown(
            f"function {pinned} ({name}) is not known to {client.web_service_address}, or not shared with you: ask "
            "whoever gave you the id, or leave it out and `mhfd function register`"
        )
    if document.get("function_name") != name:
        raise FunctionUnknown(f"function {pinned} is {document.get('function_name')!r}, not {name}: correct the id")
    if not _same_code(document, name):
        raise FunctionObsolete(
            f"function {pinned} ({name}) is of mhfd {_version(document)} and its code differs from this mhfd's "
            f"({mhfd.__version__}): run `mhfd function register`, then ask the endpoint's administrator to pin the id "
            "that it prints"
        )


def _state(client: Any, entry: Function) -> FunctionState:
    document = _document(client, entry.id)
    if document is None:
        return FunctionState.GONE
    return FunctionState.CURRENT if _same_code(document, entry.name) else FunctionState.OBSOLETE


def _document(client: Any, function: UUID) -> dict[str, Any] | None:
    """What the service says of a function; None: it does not know it, or will not say it to us."""
    found = _asked(client.get_function, function, hidden=(403, 404))
    return None if found is None else dict(found)


def _same_code(document: dict[str, Any], name: str) -> bool:
    """The code itself decides, where the service shows it; else the description that we gave it."""
    code = document.get("function_code")
    if isinstance(code, str) and f"def {name}(" in code:
        return inspect.getsource(source_of(name)) in code
    described = _DESCRIBED.search(str(document.get("description")))
    return described is not None and described["digest"] == digest_of(name)


def _version(document: dict[str, Any]) -> str:
    described = _DESCRIBED.search(str(document.get("description")))
    return described["version"] if described else "unknown version"


def _allowed(client: Any, endpoint: UUID) -> list[UUID] | None:
    """The functions that an endpoint is restricted to; None: not restricted, or it is not for us to know."""
    found = _asked(client.get_allowed_functions, endpoint, endpoint=endpoint, hidden=(403,))
    if found is None:
        return None
    ids = [UUID(id_) for id_ in found.get("functions") or ()]
    return ids if found.get("restricted", bool(ids)) else None


def _likely_first(name: str, allowed: list[UUID]) -> list[UUID]:
    """Those that we registered, then the rest, up to what may be looked at."""
    with _kept() as entries:
        mine = {entry.id for entry in entries if (entry.name, entry.digest) == (name, digest_of(name))}
    return sorted(allowed, key=lambda id_: id_ not in mine)[:_LOOKED_AT]


def _asked(
    what: Callable[..., Any], *args: Any, endpoint: UUID | str = "", hidden: tuple[int, ...] = (), **options: Any
) -> Any:
    """Ask the service; its errors are ours, but for those `hidden` by which it will not say: None."""
    try:
        return what(*args, **options)
    except Exception as error:
        if getattr(error, "http_status", None) in hidden:
            return None
        raise translated(error, endpoint) from error


def _identity(client: Any) -> str:
    """Who registers."""
    app = getattr(client, "app", None)
    return "token" if app is None else who_of(app)


def _kept() -> AbstractContextManager[list[Function]]:
    """The registrations of this user's, to be changed in place. A damaged file costs a registration, no more."""
    path = places.state_home() / "functions.json"
    return kept(path, list, _read, lambda all_: [one.as_json() for one in all_], without="they are registered anew")


def _read(plain: Any) -> list[Function]:
    return [Function(**(entry | {"id": UUID(entry["id"]), "state": FunctionState.CURRENT})) for entry in plain]
