"""The file that says which account a Globus identity becomes, loaded and asked with the endpoint's own code.

What an identity becomes is never worked out here: the mapper says it, rule by rule or as the endpoint asks it. Programs
that map identities are named and not run: they may write, and only the endpoint has to ask them.
"""

import json
import logging
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd_endpoint.errors import EndpointError
from mhfd_endpoint.identities.language import Kind, NotUnderstood, kinds

KEYS: Final = ("source", "match", "output", "ignore_case", "literal")
"""What a rule may hold; the loader passes over anything else."""

KNOWN: Final = (
    "id",
    "sub",
    "username",
    "status",
    "name",
    "email",
    "organization",
    "identity_provider",
    "identity_provider_display_name",
    "identity_type",
    "last_authentication",
)
"""What the service says of an identity, as its documentation and the endpoint's own examples have it."""

_FIELD: Final = re.compile(r"(?<!\\)(?:\\\\)*\{([^}]*)\}")


def identity(username: str, **fields: str) -> dict[str, Any]:
    """Somebody, as the service describes them to an endpoint."""
    name = username.partition("@")[0] or "nobody"
    own = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{username} {sorted(fields.items())}"))
    described = {
        "id": own,
        "sub": own,
        "username": username,
        "status": "used",
        "name": name,
        "email": username,
        "organization": "elsewhere",
        "identity_provider": str(uuid.uuid5(uuid.NAMESPACE_DNS, username.partition("@")[2] or "nowhere")),
        "identity_provider_display_name": "elsewhere",
        "identity_type": "login",
        "last_authentication": 1,
    }
    return {**described, **fields}  # KNOWN, and what a test of a rule adds


@dataclass(frozen=True)
class MappingRule:
    """One rule, and a mapper of the endpoint's own that knows nothing else."""

    number: int  # from 1 on, through the whole file
    mapper: int
    source: str
    match: str
    output: str
    ignore_case: bool
    strange: tuple[str, ...]
    """Keys that the loader passes over."""
    own: Any
    compiled: re.Pattern[str]

    @property
    def fields(self) -> tuple[str, ...]:
        """What of an identity is compared."""
        return tuple(_FIELD.findall(self.source))

    @property
    def given(self) -> tuple[str, ...]:
        """What of an identity goes into the account's name; what was matched is named by its number."""
        return tuple(_FIELD.findall(self.output))

    def kinds(self) -> tuple[Kind, ...] | None:
        """What it takes; None when that cannot be said."""
        try:
            return kinds(self.compiled.pattern)
        except NotUnderstood:
            return None

    def becomes(self, who: Mapping[str, Any]) -> str | None:
        """The account that this rule alone makes of somebody. EndpointError: the mapper breaks."""
        try:
            (found,) = self.own.map_identities([who])
        except Exception as e:
            raise EndpointError(f"{type(e).__name__}: {e}") from e
        names: Sequence[str] = found.get(who["id"], ())
        return names[0] if names else None

    def matching(self, text: str) -> dict[str, Any]:
        """Somebody whose compared fields, put together as `source` says, are this text."""
        parts = _FIELD.split(self.source)
        pattern = "(.+?)".join(re.escape(part) for part in parts[::2])
        found = re.fullmatch(pattern, text, re.DOTALL)
        fields = dict(zip(parts[1::2], found.groups(), strict=True)) if found else {}
        own = fields.pop("id", None) or fields.pop("sub", None)
        if own is not None:
            fields |= {"id": own, "sub": own}
        return identity(fields.pop("username", "somebody@example.org"), **fields)


@dataclass(frozen=True)
class ProgramMapper:
    """A program of the administrator's that maps identities."""

    mapper: int
    command: tuple[str, ...]


@dataclass(frozen=True)
class UnknownMapper:
    """What mhfd cannot look into: a mapper of another package, or one that nobody has installed."""

    mapper: int
    kind: str
    loaded: bool


class IdentityMap:
    """The whole file."""

    def __init__(self, path: Path) -> None:
        """Load it. EndpointError, as the endpoint would say it."""
        code = _program()
        try:
            self._whole = code.PosixIdentityMapper(path, str(uuid.UUID(int=0)))
            self._whole.stop_watching()
            documents = json.loads(path.read_bytes())
        except Exception as e:
            raise EndpointError(f"{path}: the endpoint cannot load it: {type(e).__name__}: {e}") from e
        self.path = path
        self.rules: list[MappingRule] = []
        self.programs: list[ProgramMapper] = []
        self.unknown: list[UnknownMapper] = []
        for number, document in enumerate(documents or (), 1):
            self._add(number, document, code.load_mappers([document], code.POSIX_CONNECTOR_ID, str(uuid.UUID(int=0))))
        expressions = [m for m in self._whole.identity_mappings if isinstance(m, code.ExpressionIdentityMapping)]
        self._whole.identity_mappings = expressions

    def becomes(self, *linked: Mapping[str, Any]) -> str | None:
        """The account that somebody with these linked identities becomes by the rules, as the endpoint chooses it."""
        with _quiet():
            candidates = self._whole.map_identities(list(linked))
        for found in candidates:
            if found:
                return str(next(iter(found[0].values()))[0])
        return None

    def _add(self, number: int, document: Mapping[str, Any], loaded: Sequence[Any]) -> None:
        code, kind = _program(), str(document.get("DATA_TYPE"))
        if not loaded:
            self.unknown.append(UnknownMapper(number, kind, loaded=False))
        elif isinstance(loaded[0], code.ExternalIdentityMapping):
            self.programs.append(ProgramMapper(number, tuple(loaded[0].command)))
        elif not isinstance(loaded[0], code.ExpressionIdentityMapping):
            self.unknown.append(UnknownMapper(number, kind, loaded=True))
        else:
            self.rules += self._rules(number, document["mappings"], loaded[0].mappings)

    def _rules(
        self, mapper: int, written: Iterable[Mapping[str, Any]], compiled: Iterable[Mapping[str, Any]]
    ) -> Iterable[MappingRule]:
        for number, (text, made) in enumerate(zip(written, compiled, strict=True), len(self.rules) + 1):
            yield MappingRule(
                number=number,
                mapper=mapper,
                source=made["source"],
                match=made["match"],
                output=made["output"],
                ignore_case=bool(made["compiled_match"].flags & re.IGNORECASE),
                strange=tuple(key for key in text if key not in KEYS),
                own=_program().ExpressionIdentityMapping([text]),
                compiled=made["compiled_match"],
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a line in the log for each stranger whom a broken rule meets: that it breaks is said once."""
    log = logging.getLogger(_program().PosixIdentityMapper.__module__)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _program() -> Any:
    """The endpoint's mapper and what it is made of, in one place."""
    with needing_extra("endpoint", "the endpoint's program is not installed here"):
        from globus_compute_endpoint.endpoint import identity_mapper
        from globus_identity_mapping.loader import load_mappers
        from globus_identity_mapping.mappers.expression import ExpressionIdentityMapping
        from globus_identity_mapping.mappers.external_program import ExternalIdentityMapping

    return SimpleNamespace(
        PosixIdentityMapper=identity_mapper.PosixIdentityMapper,
        POSIX_CONNECTOR_ID=identity_mapper.POSIX_CONNECTOR_ID,
        ExpressionIdentityMapping=ExpressionIdentityMapping,
        ExternalIdentityMapping=ExternalIdentityMapping,
        load_mappers=load_mappers,
    )
