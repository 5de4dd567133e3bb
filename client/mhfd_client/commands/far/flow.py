"""`mhfd flow`: the flows that bring images to an endpoint, shown, checked, rehearsed and deployed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, Group, echo, echo_json, say

if TYPE_CHECKING:
    from globus_sdk import FlowsClient

_NAME = click.argument("name", default="focus_check")
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(cls=Group)
def flow() -> None:
    """The Globus flows that bring images to an endpoint: show, validate, dry-run, deploy, start, by timers too.

    NAME is focus_check, which moves the images and brings the reports back, focus_check_shared, for images on a file
    system that the endpoint sees, learn, which assesses, trains and benchmarks for a microscope, or retest, which tests
    its champion again.
    """


@flow.command()
@_NAME
@click.option("--json", "form", flag_value="json", help="The definition as it is deployed.")
@click.option("--schema", "form", flag_value="schema", help="The JSON Schema of a run's input.")
@click.option("--mermaid", "form", flag_value="mermaid", help="A picture, for whatever draws Mermaid.")
def show(name: str, form: str | None) -> None:
    """What a flow does, state by state."""
    from mhfd_flows.drawing import mermaid
    from mhfd_flows.shipped import flow_of
    from mhfd_flows.ways import ways_on

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
            echo(f"{state_name}  [{state.type}]  {state.comment or getattr(state, 'cause', None) or ''}")
            for way in ways_on(state_name, state):
                echo(f"    -> {way.end}{f'  if {way.when}' if way.when else ''}".replace("if else", "else"))


@flow.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--schema", type=_FILE, help="The JSON Schema of a run's input, against which references are looked at.")
@click.option("--strict", is_flag=True, help="A broken rule of ours counts too, as it does for what we ship.")
@click.option("--with-service", is_flag=True, help="Ask Globus Flows too, which has the last word; needs a login.")
@CONFIG
@JSON
def validate(
    file: Path | None, schema: Path | None, strict: bool, with_service: bool, config: Path | None, as_json: bool
) -> None:
    """Check a definition (FILE), or those that we ship: every broken rule is named with its state.

    A line says whose rule it is. `language`: Globus would refuse the definition, or a run that comes there fails.
    `ours`: Globus takes it, but a flow that runs for days should not be so: every action has a Catch and a WaitTime,
    every loop a counter. FILE may also hold a definition and its input_schema under these names.

    The exit code is 1 when a rule of the language is broken, with --strict also for ours.
    """
    from mhfd_client.commands.far.flow_told import documents_of, findings_told
    from mhfd_client.errors import FlowRefused
    from mhfd_flows.checks import examined

    if schema is not None and file is None:
        raise click.UsageError("--schema: is for a file with a definition: mhfd flow validate FILE --schema SCHEMA")
    documents = documents_of(file, schema)
    found = {one.name: examined(one.definition, one.input_schema)[1] for one in documents}
    against = ("language", "ours") if strict or file is None else ("language",)
    good = not any(one.rule in against for findings in found.values() for one in findings)
    refused: dict[str, str | None] = {}
    if with_service:
        from mhfd_client.flow.deployments import asked

        with _flows(config) as (flows, _):
            for one in documents:
                body = {} if one.input_schema is None else {"input_schema": one.input_schema}
                try:
                    asked(lambda one=one, body=body: flows.validate_flow(one.definition, **body))  # type: ignore[misc]
                except FlowRefused as e:
                    good, refused[one.name] = False, str(e)
                else:
                    refused[one.name] = None
    told = [{"name": one.name, "findings": [f.as_json() for f in found[one.name]]} for one in documents]
    say({"definitions": told, "service": refused}, findings_told(documents, found, refused), as_json=as_json)
    if not good:
        sys.exit(EXIT_PERSON)


@flow.command(name="dry-run")
@click.argument("name", metavar="[NAME | FILE]", default="focus_check")
@click.option("--faults", metavar="NAME,...", default="", help="What is to go wrong; `--faults list` lists it.")
@click.option(
    "--images", metavar="N", type=int, help="How many files there are, for a flow that we ship.  [default: 3]"
)
@click.option("--look", is_flag=True, help="The run is not told which images: as started by a timer or by hand.")
@click.option(
    "--input", "told", metavar="JSON", help="The input of a run of FILE, as JSON or a file of it; else made up."
)
@click.option("--schema", type=_FILE, help="The JSON Schema of the input of FILE.")
@click.option(
    "--answers", metavar="JSON", help="What actions of FILE answer: {STATE: details}, as JSON or a file of it."
)
@JSON
def dry_run(
    name: str,
    faults: str,
    images: int | None,
    look: bool,
    told: str | None,
    schema: Path | None,
    answers: str | None,
    as_json: bool,
) -> None:
    """What a flow would do when these things go wrong. It is no service: nothing is asked, nothing is moved.

    Of a flow that we ship, the exit code is 0 when it ends as it should with these faults, also where that is a
    failure that names what a person must do; 1 when it does not; 2 for faults that there are not.

    FILE is any definition. Whoever does something only pretends: what a document shows is answered, else nothing.
    A fault is STATE=ERROR, or STATE=ERROR:TIMES, of any action. The exit code is 1 when an error ends the run that the
    definition does not see to, or nothing does.
    """
    from mhfd_client.commands.far.flow_told import rehearsal_as_json, rehearsal_told, try_file
    from mhfd_flows.dry_run import rehearse
    from mhfd_flows.shipped import FLOWS, flow_of

    chosen = [one.strip() for one in faults.split(",") if one.strip()]
    of_file = name not in FLOWS and Path(name).is_file()
    of_ours = {"--images": images, "--look": look or None}
    of_files = {"--input": told, "--schema": schema, "--answers": answers}
    if wrong := [option for option, value in (of_ours if of_file else of_files).items() if value is not None]:
        kind = "a flow that we ship" if of_file else "a file with a definition"
        raise click.UsageError(f"{', '.join(wrong)}: is for {kind}, and {name!r} is none")
    if of_file:
        if not try_file(Path(name), chosen, told=told, schema=schema, answers=answers, as_json=as_json):
            sys.exit(EXIT_PERSON)
        return
    shipped = flow_of(name)
    if faults == "list":
        for fault in shipped.faults:
            echo(f"{fault.name:24} {fault.words}")
        return
    done = rehearse(shipped, chosen, images=3 if images is None else images, look=look)
    say(rehearsal_as_json(done), rehearsal_told(done), as_json=as_json)
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


@contextmanager
def _flows(config: Path | None) -> Iterator[tuple[FlowsClient, str]]:
    """The service, and as whom it is asked."""
    from mhfd_client.globus.identity import globus_app, who_of
    from mhfd_client.settings.load import load

    with globus_app(load(config).settings, services=["flows"]) as app:
        from globus_sdk import FlowsClient

        with FlowsClient(app=app) as flows:
            yield flows, who_of(app)
