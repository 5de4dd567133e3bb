"""The options of `mhfd train` that only networks know."""

from __future__ import annotations

from typing import Final

import click

from mhfd_client.commands.common import F, decorated_by

_OPTIONS: Final = (
    click.option("--workers", type=int, metavar="N", help="Processes that share the work.  [default: as swept]"),
    click.option("--threads", type=int, metavar="N", help="Of each worker, with --workers.  [default: 1]"),
    click.option("--sweep", is_flag=True, help="Find out anew how many workers are best on this machine."),
    click.option("--epochs", type=int, metavar="N", help="How often all images are shown.  [default: 20]"),
    click.option("--batch", type=int, metavar="N", help="Images a step, over all workers.  [default: 32]"),
    click.option("--rate", type=float, metavar="X", help="Learning rate it begins with.  [default: the network's]"),
    click.option("--warmup", type=float, metavar="EPOCHS", help="Until the rate is that of the batch.  [default: 2]"),
    click.option(
        "--copies",
        type=click.Choice(["none", "turns", "A", "B"]),
        help="How images are altered before they are shown: turned and mirrored, or as the paper's sets A and B.  "
        "[default: turns]",
    ),
    click.option("--until", type=float, metavar="PART", help="Over when so large a part of the validation is right."),
    click.option(
        "--validation", type=float, metavar="PART", help="Of the training groups, held back for it.  [default: 0.2]"
    ),
    click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), help="Where it computes.  [default: auto]"),
    click.option("--at-most-hours", type=float, metavar="H", help="Refuse to go on where it would take longer."),
    click.option("--afresh", is_flag=True, help="Begin anew where the same training was begun before."),
)


def network_options(function: F) -> F:
    """All of them, in this order in the help."""
    return decorated_by(function, _OPTIONS)
