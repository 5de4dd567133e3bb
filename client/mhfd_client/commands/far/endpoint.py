"""`mhfd endpoint`: set up an endpoint for others' images, look at it, say what may run there and what ran."""

import sys
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click

from mhfd import documentation
from mhfd_client.commands.common import JSON, Group, echo, echo_recipe, recipe_options, say, tell

_REFUSED = 20
"""Requests that were refused something, that `usage` prints; with --json there are more."""
_NAME = click.argument("name", metavar="NAME")


@click.group(cls=Group, epilog=f"More: {documentation.page('how-to/run-an-endpoint')}")
def endpoint() -> None:
    """Set up and look after a Globus Compute endpoint that scores images for others.

    These commands only write and read files on this machine; the endpoint itself is started by
    `globus-compute-endpoint start NAME`.
    """


@endpoint.command()
@_NAME
@click.option("--site", type=click.Choice(["workstation", "slurm", "polaris"]), help="What kind of machine this is.")
@click.option("--account", help="What jobs are charged to.")
@click.option("--queue", "--partition", "queue", help="The queue (on Slurm: partition) that jobs go to.")
@click.option("--filesystems", help="What jobs need mounted, with commas: home,eagle. On Slurm: licences.")
@click.option("--walltime", metavar="TIME", help="The longest a job may last: 60m, 3h, 1:30.")
@click.option("--interface", help="The network interface that nodes reach this machine by: hsn0, ib0.")
@click.option("--gpus", metavar="N|LIST", help="GPUs here, or on a node: how many, or which: 0,2 or GPU-... or MIG-...")
@click.option("--gpu-type", help="Which kind of GPU, as Slurm calls it: a100, 1g.10gb.")
@click.option("--read", multiple=True, type=click.Path(path_type=Path), help="A folder with images; may be repeated.")
@click.option("--write", multiple=True, type=click.Path(path_type=Path), help="A folder for reports; may be repeated.")
@click.option(
    "--max-nodes", type=click.IntRange(1), default=1, show_default=True, help="Nodes at one time, for a user."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 128),
    help="All workers on a node: a multiple of its GPUs.  [default: one a GPU]",
)
@click.option("--cpus", type=click.IntRange(1), help="Processor cores on a node (Slurm).  [default: 4 a worker]")
@click.option("--memory", type=click.IntRange(1), help="Memory of a node in GB (Slurm).")
@click.option("--qos", help="Quality of service (Slurm).")
@click.option("--constraint", help="Which nodes (Slurm).")
@click.option("--exclusive", is_flag=True, help="Whole nodes (Slurm).")
@click.option("--warm", metavar="TIME", help="Workers stay up so long after the last image.  [default: 10m; 1h]")
@click.option("--max-warm", metavar="TIME", help="... and the most that a user may ask for.  [default: as --warm]")
@click.option("--train", is_flag=True, help="Let users train too, in a process of its own beside focus checks.")
@click.option("--train-gpus", metavar="N|LIST", help="GPUs of a training, here or on a node.  [default: as --gpus]")
@click.option("--train-nodes", type=click.IntRange(1), help="Nodes of one training, at most.  [default: 1]")
@click.option("--train-walltime", metavar="TIME", help="The longest a training's job lasts.  [default: as --walltime]")
@click.option("--train-queue", help="The queue of trainings.  [default: as --queue]")
@click.option("--setup", multiple=True, metavar="LINE", help="A line of shell before a worker starts; repeatable.")
@click.option(
    "--environment",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The Python environment, as workers see it.  [default: this one]",
)
@click.option(
    "--public",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the site file lies, if users run as accounts of their own.  [default: the endpoint's folder]",
)
@click.option(
    "--identity-mapping",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Who is which account (root).",
)
@click.option("--email", help="Whom users may write to. Needed with --identity-mapping.")
@click.option("--authentication-policy", help="A Globus policy that users must satisfy.")
@click.option("--high-assurance", is_flag=True, help="For protected data; needs a policy and a subscription of it.")
@click.option("--subscription-id", metavar="ID", help="The Globus subscription that the endpoint belongs to.")
@click.option("--admin", multiple=True, metavar="ID", help="An identity that may administer it too; may be repeated.")
@click.option(
    "--audit-log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the endpoint's program records tasks of high assurance.",
)
@click.option("--display-name", help="What the service lists it as.  [default: NAME]")
@click.option("--allow", multiple=True, metavar="FUNCTION_ID", help="A function that may run; may be repeated.")
@click.option(
    "--function", multiple=True, metavar="NAME", help="Let a further function run: mhfd_...; may be repeated."
)
@click.option("--any-function", is_flag=True, help="Let users run any code. Not advised.")
@click.option("--fast-results", is_flag=True, help="Install the wrapper that sends results on at once.")
@click.option("--force", is_flag=True, help="Replace what is there; it is kept as NAME~.")
def init(name: str, **given: Any) -> None:
    """Write the folder of an endpoint: its configuration, what a user may ask for, and what may be read.

    What is not given is asked for on a terminal. Nothing is started and nothing is sent.
    """
    from mhfd_endpoint.setup import plan_of

    plan, sentences = plan_of(name, given, ask=_ask if sys.stdin.isatty() else None)
    for path in plan.write(force=given["force"]):
        echo(f"wrote {path}")
    echo()
    for sentence in sentences:
        echo(sentence)


@endpoint.command()
@_NAME
@JSON
def check(name: str, as_json: bool) -> None:
    """Look whether an endpoint's folder is fit to be started, with the endpoint's own code.

    The exit code is 1 when something fails; a warning is none.
    """
    from mhfd_endpoint.check import examine
    from mhfd_endpoint.folder import folder_of

    tell(examine(folder_of(name)), as_json=as_json)


@endpoint.command()
@_NAME
@JSON
def explain(name: str, as_json: bool) -> None:
    """Say who may run what on which data at what cost."""
    from mhfd_endpoint.explain import explain as words
    from mhfd_endpoint.folder import folder_of

    found = words(folder_of(name))
    lines = chain.from_iterable((f"{heading}:", *(f"  {one}" for one in sentences)) for heading, sentences in found)
    say(dict(found), lines, as_json=as_json)


@endpoint.command()
@_NAME
@click.argument("username", metavar="USERNAME...", nargs=-1, required=True)
@JSON
def who(name: str, username: tuple[str, ...], as_json: bool) -> None:
    """Say which account somebody becomes by the identity mapping: a Globus username, or the id of an identity.

    Asked of the endpoint's own mapper. The exit code is 1 when one of them can run nothing.
    """
    from mhfd_endpoint.access import mapping_of
    from mhfd_endpoint.folder import folder_of
    from mhfd_endpoint.identities.examining import who as asked

    found = asked(mapping_of(folder_of(name)), username)
    say([one.as_json() for one in found], map(str, found), as_json=as_json)
    if any(one.account is None or one.why for one in found):
        sys.exit(1)


@endpoint.command()
@_NAME
@click.argument("function_id", metavar="FUNCTION_ID...", nargs=-1, required=True)
@click.option("--add", is_flag=True, help="Beside those that are allowed already.")
def pin(name: str, function_id: tuple[str, ...], add: bool) -> None:
    """Let these functions run, and nothing else. `mhfd function register` prints their identities.

    An id may have the function's name before it, NAME=ID: then `check` can say whether the site file lets it run.
    """
    from mhfd_endpoint.finding import guarded
    from mhfd_endpoint.folder import folder_of, pinned
    from mhfd_endpoint.folder import pin as write
    from mhfd_endpoint.functions import contradictions

    folder = folder_of(name)
    before = pinned(folder)
    ids = write(folder, function_id, add=add)
    echo(f"{folder / 'config.yaml'}: {len(ids)} may run, and nothing else")
    for one, called in ids.items():
        echo(f"  {one}" + (f"  {called}" if called else "") + ("" if before and one in before else "  (new)"))
    for one in sorted(set(before or ()) - set(ids)):
        echo(f"  {one}  (no more)")
    for wrong in guarded("functions", partial(contradictions, folder), f"mhfd endpoint check {name}"):
        echo(str(wrong))
    echo(f"in force from the next start: globus-compute-endpoint stop {name}; globus-compute-endpoint start {name}")


@endpoint.command()
@_NAME
@JSON
def usage(name: str, as_json: bool) -> None:
    """Say who ran what, on how many images, at what cost; who asked for what they may not have; and what is used up.

    A line a day, user, function and version; then the latest requests that were refused a path; then today's quotas.
    """
    from dataclasses import replace

    from mhfd_endpoint import usage as told
    from mhfd_endpoint.access import site_of
    from mhfd_endpoint.errors import EndpointError
    from mhfd_endpoint.folder import folder_of

    site = site_of(folder_of(name))
    if site.log is None:
        raise EndpointError(
            f"{name}: the site file names no `log`: tasks leave their lines on the workers' error stream"
        )
    found = replace(told.usage(told.lines(site.log)), quotas=told.quotas(site))
    lines = [str(one) for one in found.used]
    if not lines and not found.strange:
        lines = ["no task has run yet"]
    if found.refused:
        lines += ["", "asked for what they may not have, the latest last:", *map(str, found.refused[-_REFUSED:])]
    if found.quotas:
        lines += ["", "used today, until 00:00 UTC:", *map(str, found.quotas)]
    say(found.as_json(), lines, as_json=as_json)
    if found.strange:
        echo(f"{found.strange} lines of {site.log} are none of a request", err=True)


@endpoint.command()
@recipe_options
def container(folder: Path, tools: tuple[str, ...], cuda: Any, force: bool) -> None:
    """Write the recipe of a container with an endpoint in it, in the versions that are installed here.

    Nothing is built. Wheels that lie in DIR/wheels come first; with OFFLINE=1 nothing else is installed.
    """
    from mhfd_endpoint.container import TOOLS, commands, write

    chosen = tuple(dict.fromkeys(tools)) or tuple(TOOLS)
    echo_recipe(write(folder, cuda=cuda, tools=chosen, force=force), commands(folder, cuda=cuda, tools=chosen))


def _ask(question: str, default: str | None) -> str:
    return str(click.prompt(question, default="" if default is None else default, show_default=default is not None))
