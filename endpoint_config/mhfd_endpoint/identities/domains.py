"""Whose names a kind of username takes: those of one domain, or those of strangers too.

A Globus username is `NAME@DOMAIN`. The domain says who vouches for the name; a name without a fixed one can be
anybody's, and so can a name at a domain where everybody chooses a name of their own. Knows no rules and no accounts.
"""

from dataclasses import dataclass
from typing import Final

from mhfd_endpoint.identities.language import Kind, Wild, exact

_FREE: Final = (
    "globusid.org orcid.org github.com gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com "
    "icloud.com me.com mac.com aol.com proton.me protonmail.com pm.me gmx.de gmx.net gmx.com web.de mail.com mail.ru "
    "yandex.ru yandex.com zoho.com fastmail.com qq.com 163.com 126.com clients.auth.globus.org"
)
EVERYBODYS: Final = frozenset(_FREE.split())
"""Where anybody gets a name of their own choosing, or makes as many identities as they like."""

_ENDINGS: Final = "ac co com edu go gob gov gouv gv mil ne net or org sch school uni"
_SECOND: Final = frozenset(_ENDINGS.split())
"""Under a country's ending these are endings themselves: ac.uk, edu.au."""


@dataclass(frozen=True, slots=True)
class Whose:
    """What a kind of username says of its domain."""

    domain: str | None = None  # fixed; None when strangers' names are taken
    below: bool = False  # ... or any domain below it
    any_name: bool = False  # any name there, not only certain ones
    why: str = ""  # strangers are let in


def whose(kind: Kind) -> Whose:
    """Whose usernames these are."""
    at = max((n for n, one in enumerate(kind) if one == "@"), default=None)
    if at is None:
        return Whose(why="it asks for no '@', so names of every domain are taken")
    name, domain = kind[:at], kind[at + 1 :]
    any_name = exact(name) is None
    text = exact(domain)
    if text is not None:
        return Whose(text.casefold(), any_name=any_name)
    if Wild.ONE in domain:
        return Whose(why="a '.' without '\\\\' before it stands for any character, so that strangers' domains fit too")
    if domain[-1] is Wild.MANY:
        why = "its end is open" if len(domain) > 1 else "names of every domain are taken"
        return Whose(why=why + ": put alternatives in parentheses" if len(domain) > 1 else why)
    rest = exact(domain[2:]) if domain[0] is Wild.MANY and domain[1] == "." else None
    if rest is None:
        return Whose(why="its domain is not fixed, so that strangers' domains fit too")
    if not rest or "." not in rest or _is_ending(rest):
        return Whose(why=f"every domain that ends with '.{rest}' is taken")
    return Whose(rest.casefold(), below=True, any_name=True)


def _is_ending(domain: str) -> bool:
    """Whether others register their domains right below this one."""
    parts = domain.casefold().split(".")
    return len(parts) < 2 or (len(parts) == 2 and len(parts[1]) == 2 and parts[0] in _SECOND)
