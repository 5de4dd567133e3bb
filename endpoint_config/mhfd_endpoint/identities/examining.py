"""Everything that is looked at in a mapping: its file, its rules, its programs, and strangers who try to get in."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mhfd import documentation
from mhfd_endpoint.finding import Check, Level, fail, ok, warn
from mhfd_endpoint.identities.accounts import wrong_with
from mhfd_endpoint.identities.domains import whose
from mhfd_endpoint.identities.judging import NAME, judge, people, words
from mhfd_endpoint.identities.language import exact, filled
from mhfd_endpoint.identities.mapping import IdentityMap, ProgramMapper, UnknownMapper, identity
from mhfd_endpoint.identities.strangers import strangers
from mhfd_endpoint.rights import others_can_write

_SHOWN: Final = 3
_DO_BETTER: Final = (
    "a domain gives out its names: where it could give somebody the name of a system's account, list the names, "
    "as in (anna|bela)@example\\.org"
)


def examine(path: Path) -> Iterator[Check]:
    """Who becomes whom, and what is wrong with it. EndpointError when it cannot be loaded."""
    mapping = IdentityMap(path)
    found: list[Check] = []
    for n, rule in enumerate(mapping.rules):
        wrong = list(judge(rule, mapping.rules[:n]))
        found += wrong if any(one.level is Level.FAIL for one in wrong) else [*wrong, ok(NAME, words(rule))]
    found += [check for program in mapping.programs for check in _program(program)]
    found += [_unknown(one) for one in mapping.unknown]
    if not any(one.level is Level.FAIL for one in found):
        found += _shared(mapping)
    tried = list(strangers(mapping)) if mapping.rules else []
    found += _tried(mapping, tried)
    yield from found
    if not mapping.rules and not mapping.programs and not mapping.unknown:
        yield warn(
            NAME,
            f"{path} maps nobody: nothing can run",
            f"write a rule: {documentation.page('how-to/run-an-endpoint')}",
        )
    elif not any(one.level is Level.FAIL for one in found) and mapping.rules:
        wide = any(exact(kind) is None for rule in mapping.rules for kind in rule.kinds() or ())
        count = f"{len(mapping.rules)} rule{'s' if len(mapping.rules) > 1 else ''}"
        yield ok(
            NAME,
            f"{path}: {count}; of {len(tried)} strangers that were tried none becomes anybody",
            _DO_BETTER if wide else "",
        )


def sentences(path: Path) -> Iterator[str]:
    """Who becomes whom, without judging it."""
    mapping = IdentityMap(path)
    yield from (words(rule) for rule in mapping.rules)
    for program in mapping.programs:
        yield f"mapper {program.mapper}: whoever {' '.join(program.command)} says, which mhfd does not run"
    for one in mapping.unknown:
        yield f"mapper {one.mapper}: {one.kind}, " + ("of another package" if one.loaded else "which nobody here knows")


@dataclass(frozen=True, slots=True)
class Becomes:
    """What somebody becomes by the rules."""

    identity: str
    account: str | None
    why: str | None
    """What is against it, or was not asked."""

    def __str__(self) -> str:
        return f"{self.identity} becomes {self.account or 'nobody'}" + (f": {self.why}" if self.why else "")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def who(path: Path, names: Sequence[str]) -> list[Becomes]:
    """What each username, or id of an identity, becomes."""
    mapping = IdentityMap(path)
    found: list[Becomes] = []
    for name in names:
        by_id = "@" not in name
        account = mapping.becomes(identity("somebody@unknown", id=name, sub=name) if by_id else identity(name))
        why = wrong_with(account) if account is not None else None
        if account is None and (mapping.programs or mapping.unknown):
            why = "by the rules; what is no rule was not asked"
        found.append(Becomes(name, account, why))
    return found


def _tried(mapping: IdentityMap, tried: list[dict[str, Any]]) -> Iterator[Check]:
    become = [(who, account) for who in tried if (account := mapping.becomes(who)) is not None]
    if become:
        first = {account: who for who, account in reversed(become)}
        some = "; ".join(
            f"{_described(who)} becomes {account or repr(account)}" for account, who in list(first.items())[-_SHOWN:]
        )
        what = f"{len(become)} of {len(tried)} strangers who were tried get in: {some}"
        yield fail(NAME, what, "mend the rules above: whoever no rule means must become nobody")


def _described(who: dict[str, Any]) -> str:
    return str(who["username"]) + (f" (e-mail {who['email']})" if who["email"] != who["username"] else "")


def _shared(mapping: IdentityMap) -> Iterator[Check]:
    """Accounts that several people become, each by a rule that alone is sound."""
    named = {
        rule.becomes(one): None for rule in mapping.rules for kind in rule.kinds() or () for one in people(rule, kind)
    }
    owners: dict[str, dict[str, None]] = {}
    for rule in mapping.rules:
        for kind in rule.kinds() or ():
            fit = people(rule, kind, *filter(None, named))
            if whose(kind).below:
                fit += [rule.matching(filled(kind, name, "other")) for name in named if name]
            for person in fit:
                if (account := mapping.becomes(person)) is not None:
                    who = person[rule.fields[-1]] if rule.fields else person["username"]
                    owners.setdefault(account, {})[str(who)] = None
    for account, names in owners.items():
        if len(names) > 1:
            what = f"{account} is whoever is {' or '.join(list(names)[:5])}"
            yield warn(NAME, what, "as it should be if these are one person, and nobody else can get one of the names")
            return


def _program(program: ProgramMapper) -> Iterator[Check]:
    """A program that says who becomes whom: may others change it?"""
    called = f"mapper {program.mapper}"
    path = Path(program.command[0])
    if not path.is_absolute():
        found = shutil.which(program.command[0])
        where = f" (here {found})" if found else ""
        what = f"{called}: {program.command[0]}{where} is looked for on the PATH, where another may come first"
        yield fail(NAME, what, "write it with its whole path")
        return
    if not path.is_file() or not os.access(path, os.X_OK):
        yield fail(NAME, f"{called}: {path} is no program here", "install it, and make it executable: chmod 755")
        return
    for one in (path, *(Path(word) for word in program.command[1:] if word.startswith("/"))):
        weak = others_can_write(one) if one.exists() else None
        if weak is not None:
            what = f"{called}: {weak} can be changed by others, who could become any account"
            yield fail(NAME, what, f"chmod go-w {weak}, and let it belong to root")
            return
    do = "try it with strangers: globus-idm-validator --config FILE --identities FILE"
    yield warn(NAME, f"{called}: whom {' '.join(program.command)} maps only it knows; it was not run", do)


def _unknown(one: UnknownMapper) -> Check:
    if one.loaded:
        what = f"mapper {one.mapper}: {one.kind} is of another package, whose rules cannot be looked into"
        return warn(NAME, what, "try it with strangers, or write expressions")
    what = f"mapper {one.mapper}: nobody here knows {one.kind}: the endpoint passes over it, and its people cannot run"
    return fail(NAME, what, 'write "DATA_TYPE": "expression_identity_mapping#1.0.0"')
