"""`mhfd function`: our functions at Globus Compute, and how an administrator allows them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from mhfd_client.commands.common import JSON, Group, echo, echo_json
from mhfd_client.times import DAY, utc

if TYPE_CHECKING:
    from mhfd_client.compute.registration import Function


@click.group(cls=Group)
def function() -> None:
    """The functions that an endpoint runs for us: register them, list them.

    Who watches or scores needs none of this: what is missing is registered by itself. An endpoint that allows only
    certain functions needs their ids.
    """


@function.command()
@click.option("--group", type=click.UUID, help="Let the members of this Globus group run them too.")
@click.option("--public", is_flag=True, help="Let everybody run them, where an endpoint lets them.")
@click.option(
    "--high-assurance",
    "endpoint",
    type=click.UUID,
    metavar="ENDPOINT",
    help="For this endpoint of high assurance: they run nowhere else.",
)
@JSON
def register(group: UUID | None, public: bool, endpoint: UUID | None, as_json: bool) -> None:
    """Register both functions, or find them: the same code and account give the same ids.

    Prints the ids and the line with which an administrator allows them.
    """
    from mhfd_client.compute import registration
    from mhfd_client.compute.reach import own_client

    if group is not None and public:
        raise click.UsageError("--group and --public exclude each other: everybody includes the group")
    if endpoint is not None and (group is not None or public):
        raise click.UsageError("--high-assurance: what an endpoint of high assurance runs cannot be shared")
    with own_client() as client:
        made = [
            registration.register(client, name, group=group, public=public, endpoint=endpoint)
            for name in registration.NAMES
        ]
        old = [f for f in registration.known(client) if f.state is registration.FunctionState.OBSOLETE]
    if as_json:
        echo_json({"functions": [f.as_json() for f in made], "pin": _pin(made), "obsolete": [str(f.id) for f in old]})
        return
    for f in made:
        echo(_line(f))
    for f in old:
        echo(f"{f.name} {f.id} is obsolete: it is of mhfd {f.version}, whose code differs; use the id above instead")
    _give(made)


@function.command(name="list")
@JSON
def list_(as_json: bool) -> None:
    """Every function that this account registered from this machine, and what became of it.

    Changes nothing. `obsolete`: its code differs from this mhfd's; `mhfd function register` gives the one to use.
    `gone`: the service does not know it any more.
    """
    from mhfd_client.compute import registration
    from mhfd_client.compute.reach import own_client

    with own_client() as client:
        found = registration.known(client)
    if as_json:
        echo_json([f.as_json() for f in found])
        return
    for f in found:
        echo(_line(f))
    current = {f.name: f for f in found if f.state is registration.FunctionState.CURRENT}
    missing = [name for name in registration.NAMES if name not in current]
    if missing:
        echo(f"not registered with this mhfd's code: {', '.join(missing)}; run: mhfd function register")
    else:
        _give(list(current.values()))


def _line(f: Function) -> str:
    when = utc(f.registered, DAY)
    return f"{f.name:12} {f.id}  {f.state.value:8}  {f.shared}  mhfd {f.version}, source {f.digest}, {when}"


def _give(functions: list[Function]) -> None:
    """What goes to an administrator; what not every endpoint lets run has a line of its own."""
    from mhfd.site import FREE

    echo("an endpoint that allows only certain functions: give this line to its administrator")
    echo(f"  {_pin(functions)}")
    for f in functions:
        if f.name not in FREE:
            echo(f"  and where {f.name} may run: mhfd endpoint pin NAME --add {f.name}={f.id}")


def _pin(functions: list[Function]) -> str:
    """Those that run on every endpoint: `check` finds fault with a list that has one which the site file forbids."""
    from mhfd.site import FREE
    from mhfd_client.compute.registration import pin_line

    return pin_line({f.name: f.id for f in functions if f.name in FREE})
