"""`mhfd login`, `logout` and `whoami`: who this station is to Globus."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import CONFIG, EXIT_PERSON, JSON, echo, echo_json
from mhfd_client.times import MINUTE, local

if TYPE_CHECKING:
    from mhfd_client.globus.consents import Consents
    from mhfd_client.globus.login import Who
    from mhfd_client.settings.options import Settings

_RUNNER = click.option(
    "--for",
    "runner",
    type=click.Choice(["compute", "flow"]),
    help="What the login is for.  [default: what runner.kind needs]",
)
_FLOW = click.option("--flow-id", "flows", multiple=True, metavar="ID", help="A flow to be started; may be repeated.")
_MAPPED = click.option(
    "--mapped", multiple=True, metavar="ID", help="A mapped collection that the flow uses; may be repeated."
)

_TIMER = click.option("--timer", is_flag=True, help="Timers may start these flows, too: for `mhfd flow timer`.")


@click.command()
@_RUNNER
@_FLOW
@_MAPPED
@_TIMER
@CONFIG
@click.option("--again", is_flag=True, help="Ask even if nothing is missing.")
def login(
    runner: str | None,
    flows: tuple[str, ...],
    mapped: tuple[str, ...],
    timer: bool,
    config: Path | None,
    again: bool,
) -> None:
    """Log in to Globus, for Compute endpoints and flows. Watching with `--runner local` needs no account.

    Shows an address to open in any browser and asks for the code shown there. Everything is asked for at once; the
    login then renews itself until `mhfd logout`. A station nobody logs in to has MHFD_CLIENT_ID and
    MHFD_CLIENT_SECRET; the command then tries them. The exit code is 1 when nobody could be logged in.
    """
    from mhfd_client.globus.login import log_in, who

    settings, consents = _consents(config, runner, flows, mapped, timer)
    log_in(settings, consents, again=again, say=echo, env=None)
    _tell(who(settings, consents))


@click.command()
@CONFIG
def logout(config: Path | None) -> None:
    """Log out of Globus: the tokens become worthless, and are deleted.

    The exit code is 1 when Globus could not be told so; they are deleted all the same.
    """
    from mhfd_client.globus.login import log_out
    from mhfd_client.settings.load import load

    echo("logged out" if log_out(load(config).settings) else "nobody was logged in")


@click.command()
@_RUNNER
@_FLOW
@_MAPPED
@_TIMER
@CONFIG
@JSON
def whoami(
    runner: str | None,
    flows: tuple[str, ...],
    mapped: tuple[str, ...],
    timer: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Who is logged in to Globus, what the login is good for, and until when.

    The exit code is 1 when something is missing that the runner needs.
    """
    from mhfd_client.globus.login import who

    found = who(*_consents(config, runner, flows, mapped, timer))
    if as_json:
        echo_json(asdict(found) | {"logged_in": found.logged_in})
    else:
        _tell(found)
    if not found.logged_in:
        sys.exit(EXIT_PERSON)


def _consents(
    config: Path | None, runner: str | None, flows: tuple[str, ...], mapped: tuple[str, ...], timer: bool
) -> tuple[Settings, Consents]:
    from mhfd_client.globus.consents import consents_for
    from mhfd_client.settings.load import load

    if timer and not flows:
        raise click.UsageError("--timer: says nothing without the flow that timers may start: give its --flow-id")
    settings = load(config).settings
    return settings, consents_for(runner or str(settings.runner.kind), flows=flows, mapped=mapped, timers=timer)


def _tell(found: Who) -> None:
    from mhfd_client.globus.consents import name_of

    if found.unattended:
        echo(f"client {found.client_id}: acts as itself, nobody needs to log in  [{found.origin}]")
    elif not found.granted:
        echo("nobody is logged in: run `mhfd login`")
    else:
        known = found.username or found.identity or "unknown"
        echo(f"{known}{f' ({found.name})' if found.name else ''}")
        echo(f"application: {found.client_id}  [{found.origin}]")
    if found.granted:
        echo(f"tokens: {found.file}")
    for one in found.granted:
        until = local(one.until, MINUTE)
        how = "renews itself" if one.renews else "expired" if one.over else f"until {until}"
        echo(f"  {name_of(one.server)}  [{how}]")
    for what in found.missing if found.granted else ():
        echo(f"missing: {what}")
    if found.trouble:
        echo(found.trouble, err=True)
