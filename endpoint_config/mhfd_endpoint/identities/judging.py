"""What is wrong with a rule: it lets strangers in, makes one account of many people, or is never reached.

Each finding says who becomes whom by it, and what to write instead. Judges what `mapping` has loaded; opens no file.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mhfd_endpoint.errors import EndpointError
from mhfd_endpoint.finding import Check, fail, warn
from mhfd_endpoint.identities.accounts import wrong_with
from mhfd_endpoint.identities.domains import EVERYBODYS, whose
from mhfd_endpoint.identities.language import Kind, exact, filled, shown
from mhfd_endpoint.identities.mapping import KNOWN, MappingRule, identity

NAME: Final = "identities"
_PEOPLE: Final = ("anna", "bela7")
"""Two people who may be called so."""
_UNPROVEN: Final = ("name", "email", "organization", "identity_provider_display_name")
"""What identity providers pass on, or people write of themselves: it proves nothing."""
_ANCHORED: Final = "write it as (.*)@example\\.org, with the domain that vouches for the names"


def words(rule: MappingRule) -> str:
    """Who becomes whom by it, with an example that the endpoint's own mapper gives."""
    kinds = rule.kinds()
    if kinds is None:
        return f"{called(rule)}: cannot be said in words"
    said = [_becomes(rule, kind) for kind in kinds[:5]]
    return f"{called(rule)}: {'; '.join(said)}" + (f"; and {len(kinds) - 5} more" if len(kinds) > 5 else "")


def called(rule: MappingRule) -> str:
    """The rule as it is written."""
    case = " in any case" if rule.ignore_case else ""
    return f"rule {rule.number} ({rule.source} like {rule.match}{case} -> {rule.output})"


def judge(rule: MappingRule, before: Sequence[MappingRule]) -> Iterator[Check]:
    """What is wrong with it, given the rules that come before it."""
    if rule.strange:
        what = f"{called(rule)}: {', '.join(rule.strange)} is passed over: rules know no such key"
        yield warn(NAME, what, "correct its name, or take it out")
    try:
        yield from _judged(rule, before)
    except EndpointError as e:
        do = "name what identities have, as {username}, and only groups that are there"
        yield fail(NAME, f"{called(rule)} breaks, and with it every rule of its mapper: {e}", do)


def people(rule: MappingRule, kind: Kind, *names: str) -> list[dict[str, Any]]:
    """People who fit: two, or those of these names, or the one who does."""
    if exact(kind) is not None and not _shared_by_many(rule):
        return [rule.matching(filled(kind, ""))]
    found = [name if "@" in kind else f"{name}@elsewhere" for name in names or _PEOPLE]
    fits = [rule.matching(filled(kind, name)) for name in found]
    if _shared_by_many(rule):
        own = [identity(f"{name}@example.org") for name in names or _PEOPLE]
        fits = [
            {**one, **{key: who[key] for key in ("id", "sub", "username", "email", "name")}}
            for one, who in zip(fits, own, strict=True)
        ]
    return fits


def _shared_by_many(rule: MappingRule) -> bool:
    """What it compares is not of one person alone."""
    return not {"username", "email", "id", "sub"} & set(rule.fields)


def _becomes(rule: MappingRule, kind: Kind) -> str:
    person = people(rule, kind)[0]
    try:
        account = rule.becomes(person)
    except EndpointError:
        account = None
    if exact(kind) is not None:
        return f"{exact(kind)} becomes {account or 'nobody'}"
    field = rule.fields[-1] if rule.fields else "username"
    return f"{shown(kind)} becomes {rule.output}, as {person[field]} becomes {account or 'nobody'}"


def _judged(rule: MappingRule, before: Sequence[MappingRule]) -> Iterator[Check]:
    for field in dict.fromkeys((*rule.fields, *(one for one in rule.given if not one.isdigit()))):
        if field in _UNPROVEN:
            what = f"{called(rule)} believes {{{field}}}, which proves nothing: anybody may have any"
            yield fail(NAME, what, "take {username}, whose domain vouches for it, or {id}")
        elif field not in KNOWN:
            what = f"{called(rule)}: no {{{field}}} of an identity is known here: where there is none, "
            yield warn(NAME, what + "every rule of its mapper maps nobody", f"take one of {', '.join(KNOWN[:3])}")
            return
    if rule.ignore_case:
        what = f"{called(rule)} takes upper and lower case for the same, and letters that look alike: others' names fit"
        yield fail(NAME, what, "leave out ignore_case, and write each spelling that there is")
    kinds = rule.kinds()
    if kinds is None:
        what = f"{called(rule)}: its match cannot be followed here, so that who becomes whom was only tried"
        yield warn(NAME, what, "write it with . * ? | and parentheses only")
        return
    yield from _strangers(rule, kinds)
    yield from _accounts(rule, kinds)
    yield from _reached(rule, kinds, before)


def _strangers(rule: MappingRule, kinds: Sequence[Kind]) -> Iterator[Check]:
    if not rule.fields:
        everybody = rule.becomes(identity("anna@example.org")) is not None
        what = f"{called(rule)} compares nothing of an identity: "
        yield fail(NAME, what + ("everybody fits" if everybody else "nobody ever fits"), 'write "source": "{username}"')
    elif rule.source in ("{id}", "{sub}"):
        if any(exact(kind) is None for kind in kinds):
            yield fail(NAME, f"{called(rule)} takes any identity: strangers fit", "write the whole id, one a rule")
    elif not rule.source.endswith(("{username}", "{email}")):
        what = f"{called(rule)}: who has such a {rule.source} is not known here"
        yield warn(NAME, what, "compare {username} or {id}, or see to it that no stranger has one")
    else:
        for why in dict.fromkeys(found for kind in kinds if (found := _open(kind))):
            yield fail(NAME, f"{called(rule)} lets strangers in: {why}", _ANCHORED)


def _open(kind: Kind) -> str:
    """How strangers get in by this kind of username; nothing when they do not."""
    names = whose(kind)
    if exact(kind) is not None:
        return ""
    if names.domain is None:
        return names.why
    if names.any_name and names.domain in EVERYBODYS:
        return f"anybody gets a name at {names.domain}, of their own choosing: list those that may"
    return ""


def _accounts(rule: MappingRule, kinds: Sequence[Kind]) -> Iterator[Check]:
    """One account for many, and accounts that nobody's tasks should run as."""
    of_account: dict[str, list[str]] = {}
    many: set[str] = set()
    for kind in kinds:
        found = [rule.becomes(person) for person in people(rule, kind)]
        if len(set(found)) == 1 and found[0] is not None:
            of_account.setdefault(found[0], []).append(shown(kind))
            if len(found) > 1:
                many.add(found[0])
    for account, who in of_account.items():
        if account in many or len(who) > 1:
            what = f"{called(rule)} makes one account of many people: {account} is whoever is {' or '.join(who[:5])}"
            yield fail(
                NAME, what, "an account each: nobody could say who did what, and each could change what others do"
            )
        if (wrong := wrong_with(account)) is not None:
            do = "name the account that belongs to that person, and to nobody else"
            yield fail(NAME, f"{called(rule)}: {wrong}", do)


def _reached(rule: MappingRule, kinds: Sequence[Kind], before: Sequence[MappingRule]) -> Iterator[Check]:
    """Whether anybody gets to it."""
    fit = [one for kind in kinds for one in people(rule, kind) if rule.becomes(one) is not None]
    if rule.fields and not any("@" in person["username"] for person in fit):
        what = f"{called(rule)} fits nobody: no Globus username is like that"
        yield fail(NAME, what, "write names with their domain, as in anna@example\\.org")
        return
    for earlier in before:
        if fit and all(earlier.becomes(person) is not None for person in fit):
            what = f"{called(rule)} is never reached: rule {earlier.number} takes everybody whom it would"
            yield fail(NAME, what, "put it before that rule, or take it out")
            return
