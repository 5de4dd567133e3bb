"""`mhfd flow timer`: Globus starts runs of a flow at times that are set, while nobody is there."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mhfd_client.commands.common import CONFIG, JSON, Group, echo, say
from mhfd_client.commands.far.flow_input import chosen, input_options, login_named

if TYPE_CHECKING:
    from mhfd_client.flow.by_hand.timers import Schedule, Timer, TimerService
    from mhfd_client.globus.consents import Consents
    from mhfd_client.settings.options import Settings


@click.group(cls=Group)
def timer() -> None:
    """Timers of Globus that start a flow: create, list, delete.

    They need a login that lets timers start it: mhfd login --flow-id ID --timer.
    """


@timer.command()
@input_options
@click.option("--every", metavar="TIME", help="Start one again and again: 30m, 6h, 1d.")
@click.option("--at", metavar="WHEN", help="Start one, once; with --every, the first.  [default: now]")
@click.option("--until", metavar="WHEN", help="With --every: none after this.")
@click.option("--times", type=click.IntRange(1), help="With --every: so many, and no more.")
@click.option("--timer-name", help="What the timer is called.  [default: as its runs are]")
@CONFIG
@JSON
def create(
    every: str | None,
    at: str | None,
    until: str | None,
    times: int | None,
    timer_name: str | None,
    config: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Have Globus start runs of a flow, with this input. Prints the timer's id.

    WHEN is 2027-01-31T22:00 on this machine's clock, or with its zone. The input is that of `mhfd flow start`, checked
    now and the same for every run. A lost answer makes no second timer.
    """
    from mhfd_client.flow.by_hand.once import Once
    from mhfd_client.globus.consents import consents_for

    schedule = _schedule(every, at, until, times)
    run = chosen(config, **given)
    name = timer_name or run.label
    consents = consents_for("flow", flows=[run.flow], mapped=run.site.mapped, timers=True)
    with login_named(run, timer=True), _timers(run.settings, consents) as service:
        once = Once(
            "timer",
            ask=lambda key: service.create(key, run.flow, name, schedule, run.body, run.label, run.tags),
            find=service.find,
            say=lambda words: echo(words, err=True),
        )
        about = {"name": name, "schedule": [every, at, until, times]}
        made = once.made(about | {"flow": run.flow, "body": run.body, "label": run.label, "tags": run.tags})
    did = "was made before, by a command that got no answer; none was made now" if made.found else "made"
    lines = [
        f"timer {made.id} {did}: {name}",
        f"starts flow {run.flow} {schedule.words()}",
        f"`mhfd flow timer delete {made.id}` ends it",
    ]
    document = {"timer": made.id, "name": name, "flow": run.flow, "schedule": schedule.words(), "found": made.found}
    say(document, lines, as_json=as_json)


@timer.command(name="list")
@CONFIG
@JSON
def list_(config: Path | None, as_json: bool) -> None:
    """The timers that start flows, the latest first: those that were made otherwise, too."""
    with _timers_of(config) as service:
        rows = service.listed()
    lines = [line for row in rows for line in _told(row)] or ["no timer of ours starts a flow"]
    say({"timers": [row.as_json() for row in rows]}, lines, as_json=as_json)


@timer.command()
@click.argument("timer_id", metavar="TIMER")
@click.option("--yes", is_flag=True, help="Don't ask on a terminal, either.")
@CONFIG
@JSON
def delete(timer_id: str, yes: bool, config: Path | None, as_json: bool) -> None:
    """End a timer: it starts nothing any more. Runs that it has started go on.

    TIMER is its id, or at least its first four characters.
    """
    with _timers_of(config) as service:
        found = service.named(timer_id)
        if sys.stdin.isatty() and not yes:
            click.confirm(f"delete timer {found.id} ({found.name}), {found.schedule}?", abort=True)
        service.delete(found.id)
    lines = [f"timer {found.id} deleted: {found.name}", "runs that it has started go on; `mhfd run list` shows them"]
    say({"timer": found.id, "name": found.name, "flow": found.flow}, lines, as_json=as_json)


def _schedule(every: str | None, at: str | None, until: str | None, times: int | None) -> Schedule:
    from mhfd_client.flow.by_hand.timers import Schedule, length_of, moment_of

    if every is None and at is None:
        raise click.UsageError("when is missing: give --every TIME, or --at WHEN for one run")
    if every is None and (until is not None or times is not None):
        raise click.UsageError("--until and --times say nothing without --every")
    if until is not None and times is not None:
        raise click.UsageError("--until and --times exclude each other")
    now = time.time()
    first = None if at is None else moment_of(at, "--at", now_s=now)
    last = None if until is None else moment_of(until, "--until", now_s=max(now, first or 0.0))
    return Schedule(first, None if every is None else length_of(every, "--every"), last, times)


def _told(row: Timer) -> Iterator[str]:
    yield f"{row.id}  {row.status:8}  {row.name}"
    past = [] if row.runs is None else [f"{row.runs} runs started"]
    past += [f"{row.errors} failed to start"] if row.errors else []
    past += [f"next {row.next}"] if row.next else []
    yield f"  {row.schedule}; {', '.join([*past, f'flow {row.flow}'])}"
    if row.why:
        yield (
            f"  stopped ({row.why}): mhfd login --flow-id {row.flow} --timer, with each --mapped collection; then "
            "delete it and make it again"
        )


@contextmanager
def _timers_of(config: Path | None) -> Iterator[TimerService]:
    """Timers as whoever is logged in; which flows they start is not asked here."""
    from mhfd_client.errors import NotLoggedIn
    from mhfd_client.globus.consents import Consents
    from mhfd_client.settings.load import load

    try:
        with _timers(load(config).settings, Consents((), timers=True)) as service:
            yield service
    except NotLoggedIn as e:
        raise NotLoggedIn(f"{e}; for this: mhfd login --flow-id ID --timer") from None


@contextmanager
def _timers(settings: Settings, consents: Consents) -> Iterator[TimerService]:
    from mhfd_client.flow.by_hand.timers import TimerService
    from mhfd_client.globus.identity import Service, globus_app

    services: Sequence[Service] = ["flows", "timers"]
    with closing(TimerService(globus_app(settings, services=services, scopes=consents.scopes()))) as service:
        yield service
