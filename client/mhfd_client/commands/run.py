"""`mhfd run`: the runs of a flow at Globus, listed, shown and cancelled."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, Group, say
from mhfd_client.times import CLOCK, local, took

if TYPE_CHECKING:
    from mhfd_client.flow.run_words import Surroundings
    from mhfd_client.flow.runs import ListedRun, Shown
    from mhfd_client.flow.service import FlowService
    from mhfd_client.results.run_images import RunImage
    from mhfd_client.settings.options import Settings

_MOST = 20  # images that are named

_FLOW = click.option("--flow-id", type=click.UUID, help="Whose runs.  [default: flow.id of the settings]")
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="A station's own folder, which knows its images.  [default: those of every folder that was watched]",
)


@click.group(cls=Group)
def run() -> None:
    """Runs of the flow that `mhfd watch --runner flow` starts, or that were started by hand: list, show, cancel.

    RUN is a run's id, or at least the first four characters of one of the latest.
    """


@run.command(name="list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, at most.")
@_FLOW
@CONFIG
@JSON
def list_(limit: int, flow_id: UUID | None, config: Path | None, as_json: bool) -> None:
    """The latest runs, the newest first: when, id, label, status, step, images."""
    from mhfd_client.flow import runs

    with _asked(config, flow_id) as (service, _, site):
        rows = runs.listed(service, limit)
    document = {"flow": site.flow, "runs": [row.as_json() for row in rows]}
    say(document, _table(rows) if rows else [f"flow {site.flow} has no run that we may see"], as_json=as_json)


@run.command()
@click.argument("run_id", metavar="RUN")
@_STATE
@_FLOW
@CONFIG
@JSON
def show(run_id: str, state: Path | None, flow_id: UUID | None, config: Path | None, as_json: bool) -> None:
    """How a run stands: its step and since when, how long each step took, what went wrong and what to do, its images.

    The exit code is 1 when something is wrong with it.
    """
    from mhfd_client.flow import runs
    from mhfd_client.results.run_images import images_of, state_folders

    with _asked(config, flow_id, state) as (service, settings, site):
        found = runs.shown(service, runs.find(service, site.flow, run_id), site)
        images = images_of(state_folders(settings), found.run, found.key)
    document = found.as_json() | {"images": [one.as_json() for one in images]}
    say(document, chain(_told(found, settings.flow.late_s), _carried(found.label, images)), as_json=as_json)
    if found.wrong is not None:
        sys.exit(EXIT_PERSON)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--yes", is_flag=True, help="Don't ask on a terminal, either.")
@_FLOW
@CONFIG
@JSON
def cancel(run_id: str, yes: bool, flow_id: UUID | None, config: Path | None, as_json: bool) -> None:
    """Cancel a run that is under way. What becomes of its images, and what it may leave behind, is said.

    The exit code is 1 when it had ended before; 0 when it was cancelled before.
    """
    from mhfd_client.errors import FlowRefused
    from mhfd_client.flow import runs
    from mhfd_client.flow.run_words import images_in, leftover_line, step_of, work_in
    from mhfd_client.flow.service import run_of

    with _asked(config, flow_id) as (service, _, site):
        plain = runs.find(service, site.flow, run_id)
        one, label = run_of(plain), str(plain.get("label") or "")
        if not one.over:
            step = step_of(one.status, one.state).words
            if sys.stdin.isatty() and not yes:
                click.confirm(f"cancel run {one.id} ({label or 'no label'}), which is {step}?", abort=True)
            try:
                service.cancel(one.id)
            except FlowRefused:  # has it ended meanwhile?
                one = run_of(service.plain(one.id))
                if not one.over:
                    raise
    if one.status in ("SUCCEEDED", "FAILED"):
        raise FlowRefused(
            f"run {one.id} has {one.status} already: there is nothing to cancel; `mhfd run show {one.id}`"
        )
    what = "was cancelled before" if one.status == "ENDED" else "is told to end"
    count = images_in(label)
    left = leftover_line(site, one)
    ours = "its images" if count is None else f"its {count} image{'s' * (count != 1)}"
    key = work_in(label)
    lines = [
        f"run {one.id} {what}",
        f"{ours}: those that have no report yet are not lost; the station asks again for them, while it watches"
        if key is None
        else f"its work {key}: whoever follows it begins it again; to end it: mhfd work cancel {key}",
        f"what it had brought to the endpoint may still be there: {left}, if it is there",
    ]
    say({"run": one.id, "did": what, "images": count, "leftover": left}, lines, as_json=as_json)


@contextmanager
def _asked(
    config: Path | None, flow_id: UUID | None, state: Path | None = None
) -> Iterator[tuple[FlowService, Settings, Surroundings]]:
    """The flow, as whoever is logged in; what a login lacks is said for this flow."""
    from mhfd_client.errors import NotLoggedIn
    from mhfd_client.flow.from_settings import flow_of
    from mhfd_client.flow.run_words import login_line
    from mhfd_client.flow.runs import surroundings
    from mhfd_client.flow.service import FlowService
    from mhfd_client.globus.identity import globus_app
    from mhfd_client.settings.load import load

    given = {"flow.id": None if flow_id is None else str(flow_id), "state.dir": None if state is None else str(state)}
    settings = load(config, args=given).settings
    site = surroundings(settings, flow_of(settings.flow))
    with closing(FlowService(globus_app(settings, services=["flows"]), site.flow)) as service:
        try:
            yield service, settings, site
        except NotLoggedIn as e:
            raise NotLoggedIn(f"{e}; for this flow: {login_line(site)}") from None


def _table(rows: list[ListedRun]) -> Iterator[str]:
    table = [("when", "run", "label", "status", "step", "images")]
    for row in rows:
        count = "-" if row.images is None else str(row.images)
        table.append((_when(row.began_s), row.run, row.label or "-", row.status, row.step or "-", count))
    widths = [max(len(line[n]) for line in table) for n in range(len(table[0]))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _told(found: Shown, late_s: float) -> Iterator[str]:
    from mhfd_client.flow.run_words import flow_in, late

    one = found.run
    yield f"run {one.id}: {one.status}"
    yield f"{found.label or 'no label'}, of flow {found.flow}{f' ({found.title})' if found.title else ''}"
    length = None if found.ended_s is None or one.began_s is None else found.ended_s - one.began_s
    ended = "" if found.ended_s is None else f", ended {_when(found.ended_s)}"
    yield f"began {_when(one.began_s)}{ended}{'' if length is None else f', took {took(length)}'}"
    if not one.over:
        now = found.now
        since = "" if now is None else f" since {_when(now.began_s)}, for {took(max(0.0, time.time() - now.began_s))}"
        yield f"now: {found.step(one.state, one.status).words}{f' ({one.state})' if one.state else ''}{since}"
        if now is not None and found.wrong is None and time.time() - now.began_s > late_s:
            told = late(one, time.time() - now.began_s, flow_in(found.label))
            yield f"that is long{f': {told.do}' if told.do else ''}"
    shown = [did for did in found.did if did.matters]
    if shown:
        yield "steps, and how long each took:"
    for did in shown:
        whole = "not over" if did.took_s is None else took(did.took_s)
        said = f"  FAILED: {did.failed}" if did.failed else ""
        yield f"  {local(did.began_s, CLOCK)}  {whole:>9}  {did.state:<14} {found.step(did.state).words}{said}"
    if found.wrong is not None:
        yield f"what went wrong: it {found.wrong.what}"
        if found.wrong.do:
            yield f"what to do: {found.wrong.do}"


def _carried(label: str, images: list[RunImage]) -> Iterator[str]:
    from mhfd_client.files import text_of
    from mhfd_client.flow.run_words import work_in

    if (key := work_in(label)) is not None:
        yield f"work: {key}; `mhfd work show {key}` says how it is"
        return
    if not images:
        yield "images: no station on this machine knows of this run"
        return
    where = {one.station for one in images if one.station is not None}
    yield f"images ({len(images)}){f', of the station in {text_of(where.pop())}' if where else ''}:"
    for one in images[:_MOST]:
        yield f"  {text_of(one.path)}{f'  {one.state}' if one.state else ''}"
    if len(images) > _MOST:
        yield f"  and {len(images) - _MOST} more; --json has all"


def _when(at: float | None) -> str:
    return "unknown" if at is None else local(at)
