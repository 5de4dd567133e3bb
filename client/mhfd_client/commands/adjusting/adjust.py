"""`mhfd adjust`: the group; its commands lie beside it and are added in `cli`."""

import click

from mhfd_client.commands.common import Group


@click.group(cls=Group)
def adjust() -> None:
    """Learn from the operator's hand how far a lens is to be moved; propose it, and do it where that is allowed."""
