"""`mhfd flow`: the flows that bring images to an endpoint, shown, checked, rehearsed and deployed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, echo, echo_json, say
from mhfd_client.times import elapsed

if TYPE_CHECKING:
    from globus_sdk import FlowsClient

    from mhfd_flows.dry_run import Rehearsal

_NAME = click.argument("name", default="focus_check")


@click.group()
def flow() -> None:
    """The Globus flows that bring images to an endpoint: show, validate, dry-run, deploy.

    NAME is focus_check, which moves the images and brings the reports back, or focus_check_shared, for images on a
    file system that the endpoint sees.
    """


@flow.command()
@_NAME
@click.option("--json", "form", flag_value="json", help="The definition as it is deployed.")
@click.option("--schema", "form", flag_value="schema", help="The JSON Schema of a run's input.")
@click.option("--mermaid", "form", flag_value="mermaid", help="A picture, for whatever draws Mermaid.")
def show(name: str, form: str | None) -> None:
    """What a flow does, state by state."""
    from mhfd_flows.definition import ways_on
    from mhfd_flows.drawing import mermaid
    from mhfd_flows.shipped import flow_of

    shipped = flow_of(name)
    if form == "json":
        echo_json(shipped.document)
    elif form == "schema":
        echo_json(shipped.input_schema)
    elif form == "mermaid":
        click.echo(mermaid(shipped.definition), nl=False)
    else:
        echo(f"{shipped.name}  {shipped.digest}: {shipped.subtitle}")
        for state_name, state in shipped.definition.states.items():
            echo(f"{state_name}  [{state.type}]  {state.comment or getattr(state, 'cause', '')}")
            for way in ways_on(state_name, state):
                echo(f"    -> {way.end}{f'  if {way.when}' if way.when else ''}".replace("if else", "else"))


@flow.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--with-service", is_flag=True, help="Ask Globus Flows too, which has the last word; needs a login.")
@CONFIG
def validate(file: Path | None, with_service: bool, config: Path | None) -> None:
    """Check a definition (FILE), or those that we ship: every broken rule is named with its state.

    The rules are ours, and stricter than the service's: every action has a Catch and a WaitTime, every loop a counter.
    The exit code is 1 when a rule is broken.
    """
    from mhfd_client.errors import FlowRefused
    from mhfd_flows.checks import checked
    from mhfd_flows.errors import DefinitionRefused
    from mhfd_flows.shipped import FLOWS

    schemas = {one.name: one.input_schema for one in FLOWS.values()} if file is None else {}
    documents = {one.name: one.document for one in FLOWS.values()} if file is None else {str(file): _read(file)}
    good = True
    for name, document in documents.items():
        try:
            definition = checked(document)
        except DefinitionRefused as e:
            good = False
            for line in str(e).splitlines():
                echo(f"{name}: {line}")
        else:
            echo(f"{name}: {len(definition.states)} states, no rule is broken")
    if with_service:
        from mhfd_client.flow.deployments import asked

        with _flows(config) as (flows, _):
            for name, document in documents.items():
                schema = {"input_schema": schemas[name]} if name in schemas else {}
                try:
                    asked(lambda document=document, schema=schema: flows.validate_flow(document, **schema))  # type: ignore[misc]
                except FlowRefused as e:
                    good = False
                    echo(f"{name}: {e}")
                else:
                    echo(f"{name}: Globus Flows takes it")
    if not good:
        sys.exit(EXIT_PERSON)


@flow.command(name="dry-run")
@_NAME
@click.option("--faults", metavar="NAME,...", default="", help="What is to go wrong; `--faults list` lists them.")
@click.option("--images", metavar="N", default=3, show_default=True, help="How many images.")
@click.option("--look", is_flag=True, help="The run is not told which images: as started by a timer or by hand.")
@JSON
def dry_run(name: str, faults: str, images: int, look: bool, as_json: bool) -> None:
    """What a flow would do when these things go wrong. It is no service: nothing is asked, nothing is moved.

    The exit code is 0 when the flow ends as it should with these faults, also where that is a failure that names what
    a person must do; 1 when it does not; 2 for faults that there are not.
    """
    from mhfd_flows.dry_run import faults_of, rehearse
    from mhfd_flows.shipped import flow_of

    shipped = flow_of(name)
    if faults == "list":
        for fault in faults_of(shipped):
            echo(f"{fault.name:24} {fault.words}")
        return
    done = rehearse(shipped, [one.strip() for one in faults.split(",") if one.strip()], images=images, look=look)
    say(_as_json(done), _told(done), as_json=as_json)
    if not done.as_it_should:
        sys.exit(EXIT_PERSON)


@flow.command()
@_NAME
@click.option("--update", is_flag=True, help="Change what is deployed to what this mhfd has, and to these roles.")
@click.option("--flow-id", type=click.UUID, help="A flow that somebody else deployed.")
@click.option("--starter", "flow_starters", multiple=True, metavar="WHO", help="Who else may start it; repeatable.")
@click.option("--viewer", "flow_viewers", multiple=True, metavar="WHO", help="Who else may see it; repeatable.")
@click.option("--administrator", "flow_administrators", multiple=True, metavar="WHO", help="Who else may change it.")
@click.option("--run-manager", "run_managers", multiple=True, metavar="WHO", help="Who else may cancel its runs.")
@click.option("--run-monitor", "run_monitors", multiple=True, metavar="WHO", help="Who else may watch its runs.")
@click.option("--subscription", type=click.UUID, help="The subscription that it belongs to.")
@CONFIG
@JSON
def deploy(
    name: str,
    update: bool,
    flow_id: UUID | None,
    subscription: UUID | None,
    config: Path | None,
    as_json: bool,
    **roles: tuple[str, ...],
) -> None:
    """Deploy a flow to Globus Flows, or find it: as often as one likes, there is one. Prints its id.

    WHO is the id of an identity, or group:ID; for --starter also all_authenticated_users, for --viewer also public.
    The exit code is 1 when what is deployed is another mhfd's; --update changes it. Runs that have begun go on as
    they began.
    """
    from mhfd_client.flow import deployments
    from mhfd_flows.shipped import flow_of

    shipped = flow_of(name)
    who = {role: [deployments.principal(one, role) for one in given] for role, given in roles.items() if given}
    with _flows(config) as (flows, ours):
        done = deployments.deploy(
            flows,
            shipped,
            who=ours,
            roles=who,
            update=update,
            flow_id=flow_id,
            subscription=subscription,
        )
    if as_json:
        echo_json(done.as_json())
        return
    words = {"made": "deployed", "found": "was deployed already, and is found again", "updated": "updated"}
    echo(f"{done.name}  {done.id}  {words.get(done.did, 'is deployed already, nothing to do')}")
    if done.altered:
        echo(f"its definition was changed at the service; to put ours back: mhfd flow deploy {name} --update")
    echo("to let this machine start it")
    echo(f"  mhfd login --flow-id {done.id} [--mapped COLLECTION]...")


def _read(file: Path) -> Any:
    from mhfd.errors import UsageError

    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as e:
        raise UsageError(f"{file} is no JSON: {e}") from None


@contextmanager
def _flows(config: Path | None) -> Iterator[tuple[FlowsClient, str]]:
    """The service, and as whom it is asked."""
    from mhfd_client.globus.identity import globus_app, who_of
    from mhfd_client.settings.load import load

    with globus_app(load(config).settings, services=["flows"]) as app:
        from globus_sdk import FlowsClient

        with FlowsClient(app=app) as flows:
            yield flows, who_of(app)


def _told(done: Rehearsal) -> Iterator[str]:
    yield "a dry run: no service is asked, nothing is moved, and the times are made up"
    for fault in done.faults:
        yield f"fault: {fault.words}"
    states = done.flow.definition.states
    for entry in done.execution.log:
        if entry.code == "ActionFailed":
            yield f"{'':10} ! {entry.details['error']}: {_cause(entry.details['cause'])}"
        elif entry.state is not None and entry.code.endswith("Started"):
            state = states[entry.state]
            yield f"{elapsed(entry.at)}  {entry.state:18} {state.comment or getattr(state, 'cause', '')}"
    last = done.execution.log[-1].at
    ended = f"failed: {done.found.error}" if done.found.error else "succeeded"
    yield f"{elapsed(last)}  {ended}"
    where = "scored" if done.flow.name.endswith("_shared") else "back"
    yield f"reports {where}: {done.found.reports}, of {done.images} images"
    yield f"left in the staging area: {', '.join(done.found.left) or 'nothing'}"
    if done.as_it_should:
        yield "as it should with these faults" if done.faults else "as it should"
    else:
        wanted = done.expected
        yield (
            f"NOT as it should: expected {wanted.error or 'success'}, {wanted.reports} reports, left: "
            f"{', '.join(wanted.left) or 'nothing'}"
        )


def _as_json(done: Rehearsal) -> dict[str, Any]:
    return {
        "flow": done.flow.name,
        "digest": done.flow.digest,
        "faults": [fault.name for fault in done.faults],
        "log": [{"at_s": entry.at, **entry.as_json()} for entry in done.execution.log],
        "largest_state": done.execution.largest,
        "found": asdict(done.found),
        "expected": asdict(done.expected),
        "as_it_should": done.as_it_should,
    }


def _cause(cause: object) -> str:
    details = cause.get("details") if isinstance(cause, dict) else None
    return str(details.get("message", cause)) if isinstance(details, dict) else str(cause)
