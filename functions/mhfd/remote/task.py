"""The way of every request, whatever it asks for: site -> request -> is it allowed? -> work -> its line in the log.

A verb brings what is its own; that nothing of a request makes it raise, that a quota counts and that exactly one line
is left, is here. The line is written too when the process is being ended in the middle.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from mhfd.contract.answer import Answer
from mhfd.contract.base import Wire
from mhfd.contract.request import Code, Problem
from mhfd.errors import SiteError
from mhfd.remote import gpus, worker
from mhfd.remote.ledger import Ledger
from mhfd.remote.quota import Quota
from mhfd.remote.refusal import Refusal, problem
from mhfd.remote.roots import Roots
from mhfd.remote.tasklog import LOST, LoggedTask
from mhfd.site import FunctionLimits, Site

log = logging.getLogger("mhfd.remote")

R = TypeVar("R", bound=Wire)
A = TypeVar("A", bound=Answer)

_NOT_TAKEN: Final = ("refused", "failed")


@dataclass(frozen=True, slots=True)
class Verb(Generic[R, A]):
    """What differs between one verb and another."""

    name: str
    read: Callable[[Mapping[str, Any]], R]
    """The request, or a `Refusal`."""
    work: Callable[[R, Site, Ledger], A]
    """The answer, or a `Refusal` of the whole. The site is what this function may have of it."""
    turned_away: Callable[[list[Problem], R | None], A]
    """The answer to a request that is not taken."""
    at_once: Callable[[R], A | None] = lambda _request: None
    """The answer to a request that needs nothing of the site."""


def perform(verb: Verb[R, A], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A request's fields in, an answer's out."""
    worker.began()
    ledger = Ledger(verb.name, fields)
    site, errors = _site(verb.name)
    entry = LoggedTask(site, ledger.line(LOST))
    try:
        said, outcome = _performed(verb, fields, ledger, site, errors)
        ledger.problems(said.errors)
        if site is not None:  # what nobody looked at, and lies outside, is told all the same
            taken = outcome not in _NOT_TAKEN
            ledger.unlooked(said.errors, taken=taken, outside=Roots.of(site, "read").outside)
    except BaseException:  # whoever runs this process ends it, or has a limit of time of its own
        _ended(ledger, entry, "ended")
        raise
    notes = _ended(ledger, entry, outcome)
    return said.model_copy(update={"notes": (*said.notes, *notes)}).model_dump(mode="json")


def _site(name: str) -> tuple[Site | None, list[Problem]]:
    """What a function may have of it, or why there is none."""
    try:
        return Site.load().of_function(name), []
    except SiteError as e:
        return None, [problem(Code.NO_SITE, str(e), "ask the endpoint's administrator: `mhfd endpoint check`")]


def _performed(
    verb: Verb[R, A], fields: Mapping[str, Any], ledger: Ledger, site: Site | None, errors: list[Problem]
) -> tuple[A, str]:
    """The answer, and the outcome in a word."""
    request: R | None = None
    try:
        request = verb.read(fields)
        limits = FunctionLimits() if site is None else _allowed(verb.name, site)
        at_once = verb.at_once(request)
        if at_once is not None:
            return at_once, "done"
        if site is None:
            raise Refusal(*errors)
        ledger.quota = Quota.of(site)
        with gpus.at_most(limits.gpus):
            said = verb.work(request, site, ledger)
    except Refusal as e:
        return verb.turned_away(e.problems, request), "refused"
    except Exception as e:
        log.exception("a request failed")
        why = f"the request failed with {type(e).__name__}: {e}"
        found = problem(Code.INTERNAL, why, "send it again; report it if that does not help")
        return verb.turned_away([found], request), "failed"
    if not said.errors:
        return said, "done"
    return said, "partly" if ledger.any_done else "nothing"


def _allowed(name: str, site: Site) -> FunctionLimits:
    """What the function may have, if it may run here at all."""
    limits = site.limits_of(name)
    table = f"[functions.{name}] in the site's configuration"
    if not limits.allowed:
        why = f"the administrator of {site.name} does not let {name} run"
        raise Refusal(problem(Code.NOT_ALLOWED, why, f"ask the endpoint's administrator: {table} allows it"))
    if limits.purpose not in (None, worker.purpose()):
        why = f"{name} runs only in processes of purpose {limits.purpose}; this one is of purpose {worker.purpose()}"
        remedy = f'ask with the endpoint\'s option: user_endpoint_config = {{purpose = "{limits.purpose}"}}'
        raise Refusal(problem(Code.NOT_ALLOWED, why, remedy))
    return limits


def _ended(ledger: Ledger, entry: LoggedTask, outcome: str) -> tuple[Problem, ...]:
    """Work that was done counts, whatever became of it; then its line. What could not be done of both."""
    notes: tuple[Problem, ...] = ()
    try:
        ledger.quota.settle()
    except Refusal as e:
        notes = (e.problem,)
    return (*notes, *entry.write(ledger.line(outcome)))
