"""Strangers with the names that would do most harm, made up for one mapping, to be sent through the real mapper.

None of them is at a domain that a rule names. Whoever of them becomes an account shows what the rules let through.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from mhfd_endpoint.identities.accounts import people
from mhfd_endpoint.identities.domains import EVERYBODYS, whose
from mhfd_endpoint.identities.language import exact, shown
from mhfd_endpoint.identities.mapping import IdentityMap, identity

_ELSEWHERE: Final = ("evil.org", "gmail.com", "globusid.org", "localhost", "uni.edu", "example.net.evil.org")
_ALIKE: Final = {"i": "\u0131", "k": "\u212a", "s": "\u017f", "I": "\u0130"}
"""Letters of other alphabets that a comparison in any case takes for these."""
_DOMAINS: Final = 20


def strangers(mapping: IdentityMap) -> Iterator[dict[str, Any]]:
    """People whom no rule means."""
    domains, names = _named(mapping)
    near = [one for domain in sorted(domains)[:_DOMAINS] for one in _near(domain)]
    for name, domain in product(names, (*_ELSEWHERE, *near)):
        if not _meant(domain, domains):
            yield identity(f"{name}@{domain}")
    for name in names:
        yield identity(name)
        for domain in sorted(domains)[:_DOMAINS] or ["example.org"]:
            claimed = f"{name}@{domain}"
            yield identity("mallory@evil.org", email=claimed, name=claimed, organization=domain)
            yield identity("mallory@evil.org", email=claimed, name=name, identity_provider_display_name=domain)
    yield identity("@")


def _named(mapping: IdentityMap) -> tuple[dict[str, bool], list[str]]:
    """The domains that rules name or try to, each with whether those below it are meant; and names worth having."""
    domains: dict[str, bool] = {}
    names = dict.fromkeys(("root", "alice", "mallory", "daemon", *people()))
    for rule in mapping.rules:
        for kind in rule.kinds() or ():
            found = whose(kind)
            text = shown(kind)
            domain = found.domain or text.rpartition("@")[2].replace("?", ".").strip("*.").casefold()
            if domain and "*" not in domain:
                domains[domain] = domains.get(domain, False) or found.below
            if exact(kind) is not None:
                names.setdefault(text.partition("@")[0])
    return domains, [name for name in list(names)[:30] if name]


def _meant(domain: str, domains: dict[str, bool]) -> bool:
    """Whether a rule names this domain, or all below one that it lies below."""
    return domain in domains or any(below and domain.endswith("." + one) for one, below in domains.items())


def _near(domain: str) -> Iterator[str]:
    """Domains that somebody else could own, and that look like this one to a rule that is not careful."""
    yield from (f"{domain}.evil.org", f"evil{domain}", f"evil-{domain}", f"{domain}x", f"{domain}.")
    yield from (f"{domain[:at]}{other}{domain[at + 1 :]}" for at in _places(domain, ".") for other in "x-")
    for letter, alike in _ALIKE.items():
        yield from (f"{domain[:at]}{alike}{domain[at + 1 :]}" for at in _places(domain, letter))
    parts = domain.split(".")
    yield from (".".join((*parts[:-1], other)) for other in ("evil", "com", "org") if other != parts[-1])
    if domain not in EVERYBODYS:
        yield domain.replace(".", "")


def _places(text: str, letter: str) -> list[int]:
    return [at for at, one in enumerate(text) if one == letter]
