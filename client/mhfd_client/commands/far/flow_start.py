"""`mhfd flow start`: one run of a flow, without a station."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, echo, echo_json
from mhfd_client.commands.far.flow_input import chosen, input_options, login_named
from mhfd_client.times import CLOCK, local

if TYPE_CHECKING:
    from mhfd_client.flow.service import FlowService, Run
    from mhfd_flows.build import FlowRecipe

POLL_S: Final = 3.0


@click.command()
@input_options
@click.option("--wait", is_flag=True, help="Stay until the run is over, and say what it does.")
@CONFIG
@JSON
def start(wait: bool, config: Path | None, as_json: bool, **given: Any) -> None:
    """Start one run of a flow. Prints its id.

    What it is given comes from the settings, from --input FILE instead, and from the options above all; it is checked
    by the flow's schema first. NAME is one of ours, ID any flow; without, flow.id of the settings. Without a list of
    images the run looks for new ones by itself. A lost answer starts no second run: the same command again finds the
    first. The exit code is 1 when no run is known to have begun, or, with --wait, when it does not end well.
    """
    from mhfd_client.errors import FlowError
    from mhfd_client.flow.by_hand.once import Once
    from mhfd_client.flow.run_words import explained
    from mhfd_client.flow.service import FlowService
    from mhfd_client.flow.steps import steps
    from mhfd_client.globus.consents import consents_for
    from mhfd_client.globus.identity import globus_app

    run = chosen(config, **given)
    consents = consents_for("flow", flows=[run.flow], mapped=run.site.mapped)
    with (
        login_named(run),
        closing(
            FlowService(globus_app(run.settings, services=["flows"], scopes=consents.scopes()), run.flow)
        ) as service,
    ):
        once = Once(
            "run",
            ask=lambda key: service.start(key, run.body, run.label, run.tags),
            find=lambda key: service.find([key]).get(key),
            say=lambda words: echo(words, err=True),
        )
        made = once.made({"flow": run.flow, "body": run.body, "label": run.label, "tags": run.tags})
        if not as_json:
            if made.found:
                echo(f"run {made.id} was started before, by a command that got no answer; none was started now")
            else:
                echo(f"run {made.id} started: {run.label}")
            if not wait:
                echo(f"`mhfd run show {made.id} --flow-id {run.flow}` says how it stands")
        last: Run | None = None
        did: list[str] = []
        if wait:
            for last in _followed(service, made.id, run.recipe):
                echo(f"{local(time.time(), CLOCK)}  {_words(last, run.recipe)}", err=as_json)
            if run.recipe is not None and run.recipe.keeping is not None:
                with suppress(FlowError):  # what it says of itself is said anyway
                    did = [one.state for one in steps(service.log(made.id))]
    wrong = None if last is None else explained(last, run.site, did, run.recipe)
    if as_json:
        status = None if last is None else last.status
        told = {"flow": run.flow, "run": made.id, "key": made.key, "label": run.label, "tags": list(run.tags)}
        wrongs = None if wrong is None else {"what": wrong.what, "do": wrong.do}
        echo_json(told | {"found": made.found, "status": status, "wrong": wrongs})
    elif wrong is not None:
        echo(f"it {wrong.what}")
        if wrong.do:
            echo(f"what to do: {wrong.do}")
    if wrong is not None:
        sys.exit(EXIT_PERSON)


def _followed(service: FlowService, run: str, of: FlowRecipe | None) -> Iterator[Run]:
    """How it stands, each time that this changes, until it is over or waits for a person."""
    from mhfd_client.errors import FlowsUnreachable
    from mhfd_client.flow.service import run_of

    before = None
    while True:
        try:
            now = run_of(service.plain(run))
        except FlowsUnreachable as e:
            if before != str(e):
                before = str(e)
                echo(f"{e}; the run goes on at Globus, and is looked at again", err=True)
        else:
            if before != _words(now, of):
                before = _words(now, of)
                yield now
            if now.over or now.status == "INACTIVE":
                return
        time.sleep(POLL_S)


def _words(run: Run, of: FlowRecipe | None) -> str:
    from mhfd_client.flow.run_words import step_of

    return (
        run.status
        if run.over
        else f"{step_of(run.status, run.state, of).words}{f' ({run.state})' if run.state else ''}"
    )
