"""`mhfd page`: the page of a run without watching, and what the page's options say."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mhfd_client.commands.common import WatchedFolder, echo, folder_options

F = TypeVar("F", bound=Callable[..., Any])


def page_options(function: F) -> F:
    """Where the page is served."""
    port = click.option(
        "--page-port", type=click.IntRange(1, 65535), help="Port of the page.  [default: 8737, else the next free one]"
    )
    host = click.option(
        "--page-host", default="127.0.0.1", show_default=True, help="Address that the page is served on."
    )
    return host(port(function))


def warn(host: str) -> None:
    """Other machines may come in now, and what they say is not encrypted."""
    from mhfd_client.page.process import is_loopback

    if not is_loopback(host):
        echo(
            f"warning: the page is served to other machines on {host}, unencrypted: whoever reads the traffic has its "
            "token. Rather leave --page-host out and come in with ssh -L.",
            err=True,
        )


@click.command()
@folder_options
@page_options
def page(folder: WatchedFolder, page_host: str, page_port: int | None) -> None:
    """The page of a run, without watching: to look at it later, or beside a watch without one."""
    from mhfd_client.page.process import Serving, address, bound, told
    from mhfd_client.page.token import token_of

    state_dir = folder.state_dir()
    folder.journal().close()  # there is one
    listening = bound(page_host, page_port)
    from mhfd_client.page.serving import serve  # not before: `bound` says what is missing

    warn(page_host)
    echo(f"page: {told(address(listening, page_host, token_of(state_dir)), state_dir)}", err=True)
    serve(Serving(state_dir, folder.loaded(), page_host), listening)
