"""`mhfd service`: a watch that starts with the machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mhfd_client.commands.common import (
    EXIT_PERSON,
    JSON,
    WatchedFolder,
    echo,
    echo_json,
    echo_recipe,
    folder_options,
    recipe_options,
)
from mhfd_client.commands.watch import watch, watch_options

if TYPE_CHECKING:
    from mhfd_client.adjustment.beside.modes import AdjustMode
    from mhfd_client.service.scope import Kind, Scope
    from mhfd_client.service.unit import Known

F = TypeVar("F", bound=Callable[..., Any])

_OURS = frozenset({"directory", "state", "pairs"})
"""Options that a unit has in another form."""


def _scope(function: F) -> F:
    user = click.option("--user", "kind", flag_value="user", help="Of your account's systemd.  [default: not as root]")
    system = click.option("--system", "kind", flag_value="system", help="Of the machine's systemd; needs root.")
    return user(system(function))


_NAME = click.option("--name", help="What the service is called: mhfd-NAME.  [default: as the folder]")
_FOLDER = click.argument("directory", metavar="[DIR]", required=False, type=click.Path())


@click.group()
def service() -> None:
    """A watch that starts with the machine and is started again when it dies: systemd, or a container."""


@service.command()
@folder_options
@_scope
@_NAME
@click.option("--account", help="With --system: as whom the watch runs.  [default: who called sudo]")
@click.option("--dry-run", is_flag=True, help="Print the unit and change nothing.")
@watch_options
@click.pass_context
def install(
    context: click.Context,
    /,
    folder: WatchedFolder,
    kind: Kind | None,
    name: str | None,
    account: str | None,
    dry_run: bool,
    adjust: AdjustMode | None,
    no_page: bool,
    page_host: str,
    page_port: int | None,
    **settings: object,
) -> None:
    """Have the watch of a folder start with the machine: a unit of systemd for it.

    A unit that is there is replaced, and what changes in it is said. The options are those of `mhfd watch`.
    """
    from mhfd_client.adjustment.beside.modes import instrument_for
    from mhfd_client.service.installing import install as put
    from mhfd_client.service.installing import planned
    from mhfd_client.service.scope import rights
    from mhfd_client.service.standing import standing
    from mhfd_client.service.systemctl import Systemctl
    from mhfd_client.service.watching import by_hand, remarks, watched
    from mhfd_client.settings.load import load

    if kind == "user" and account:
        raise click.UsageError("--account goes with --system: a service of your account runs as you")
    scope = _of(kind or ("system" if os.name == "posix" and os.geteuid() == 0 else "user"), account)
    loaded = load(folder.config, env=scope.environment, args=folder.arguments(**settings))
    found = watched(folder.root, scope, loaded, words=list(_words(context)), pairs=folder.pairs)
    instrument = None if adjust is None else instrument_for(adjust, Path(found.state))
    if instrument is not None and os.path.isabs(instrument.address):  # noqa: PTH117 - it may be no path at all
        found = replace(found, shared=instrument.address)
    plan = planned(found, scope, name=name)
    if dry_run:
        click.echo(plan.text, nl=False)
        echo(f"# not written: {plan.path}", err=True)
        return
    rights(scope, sys.argv[1:])
    systemctl = Systemctl(scope)
    systemctl.ready()
    if plan.before is None and (process := by_hand(found.state)) is not None:
        raise click.ClickException(
            f"a watch of this folder runs already (process {process}): stop it first, the service goes on where it was"
        )
    for line in plan.changes() if plan.before is not None else ():
        echo(line)
    put(plan, systemctl)
    echo(f"{'wrote' if plan.before is None else 'replaced' if plan.changes() else 'unchanged:'} {plan.path}")
    for remark in remarks(found, loaded, scope):
        echo(f"warning: {remark}", err=True)
    from mhfd_client.service.unit import Known

    stands = standing(Known(plan.path, found.folder, found.state), scope, systemctl)
    for line in stands.lines():
        echo(line)
    echo(f"its log: {scope.log} -u {plan.name} -f")
    if stands.systemd.active == "failed":
        sys.exit(EXIT_PERSON)


@service.command()
@_FOLDER
@_scope
@_NAME
@JSON
def status(directory: str | None, kind: Kind | None, name: str | None, as_json: bool) -> None:
    """How the services stand, and what to do: all of them, or that of one folder.

    The exit code is 1 when there is none, or one needs a person.
    """
    from mhfd_client.service.standing import standing
    from mhfd_client.service.systemctl import Systemctl

    found = list(_found(directory, kind, name))
    all_ = []
    for scope, known in found:
        systemctl = Systemctl(scope)
        systemctl.ready()
        all_.append(standing(known, scope, systemctl))
    if as_json:
        echo_json({"services": [one.as_json() for one in all_]})
    elif not all_:
        echo(f"no service{' of it' if directory or name else ''}: `mhfd service install DIR` makes one")
    else:
        for one in all_:
            for line in one.lines():
                echo(line)
    if not all_ or any(one.remedies for one in all_):
        sys.exit(EXIT_PERSON)


@service.command()
@_FOLDER
@_scope
@_NAME
def remove(directory: str | None, kind: Kind | None, name: str | None) -> None:
    """Stop the service of a folder, and delete its unit. What the watch knows, its state, stays."""
    from mhfd_client.service.installing import remove as take_away
    from mhfd_client.service.scope import rights
    from mhfd_client.service.systemctl import Systemctl

    if directory is None and name is None:
        raise click.UsageError("name the folder, or the service with --name; `mhfd service status` lists them")
    found = list(_found(directory, kind, name))
    if not found:
        raise click.ClickException("there is no such service; `mhfd service status` lists those that mhfd wrote")
    if len(found) > 1:
        raise click.UsageError("you and the machine have such a service: say --user or --system")
    ((scope, known),) = found
    rights(scope, sys.argv[1:])
    take_away(known, Systemctl(scope))
    echo(f"stopped and deleted {known.path}; the state stays: {known.state}")


@service.command()
@recipe_options
def container(folder: Path, tools: tuple[str, ...], cuda: Any, force: bool) -> None:
    """Write the recipe of a container with a watch in it, in the versions that are installed here.

    Nothing is built. Wheels that lie in DIR/wheels come first; with OFFLINE=1 nothing else is installed.
    """
    from mhfd_client.service.container import TOOLS, commands, write

    chosen = tuple(dict.fromkeys(tools)) or tuple(TOOLS)
    echo_recipe(write(folder, cuda=cuda, tools=chosen, force=force), commands(folder, cuda=cuda, tools=chosen))


def _of(kind: Kind, account: str | None = None) -> Scope:
    from mhfd_client.service import scope

    return scope.user(os.environ) if kind == "user" else scope.system(os.environ, account=account)


def _found(directory: str | None, kind: Kind | None, name: str | None) -> Iterator[tuple[Scope, Known]]:
    from mhfd_client.service import scope
    from mhfd_client.service.installing import found

    whole = None if directory is None else os.path.abspath(directory)  # noqa: PTH100 - links in it stay
    scopes = []
    if kind != "system":
        scopes.append(scope.user(os.environ))
    if kind != "user":
        scopes.append(scope.system(os.environ, account="root"))  # only to find and to ask
    return found(scopes, whole, name)


def _words(context: click.Context) -> Iterator[str]:
    """What was typed of the options of `mhfd watch`, to be typed again in no folder of anybody's."""
    known = {parameter.name for parameter in watch.params} - _OURS
    for parameter in context.command.params:
        name = parameter.name
        given = name in known and context.get_parameter_source(str(name)) is click.core.ParameterSource.COMMANDLINE
        if not given or name is None:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Option) and parameter.is_flag:
            yield parameter.opts[0]
            continue
        for one in value if parameter.multiple else (value,):
            path = isinstance(parameter.type, click.Path)
            yield from (parameter.opts[0], os.path.abspath(one) if path else str(one))  # noqa: PTH100 - links stay
