"""`mhfd score --mpi`: one path in, one line or one report out, by the first rank alone.

Ranks are mpiexec's: here is what one that a person started says, and with which exit code it ends.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from mhfd.api import Device
from mhfd.contract.params import Params
from mhfd.errors import MhfdError, UsageError
from mhfd.limits import Limits
from mhfd.ranks import Reduction, Split, one_image
from mhfd.ranks.mpi_team import MpiTeam
from mhfd_client.scoring import lines
from mhfd_client.scoring.map_files import MapFiles


@contextmanager
def first_speaks() -> Iterator[MpiTeam]:
    """The ranks. What is wrong is wrong for all of them, and said once; a rank alone is told that it is."""
    team = MpiTeam()
    if team.size == 1:
        click.echo("mhfd: 1 rank; for more: mpiexec -n N mhfd score FILE --mpi", err=True)
    try:
        yield team
    except MhfdError as error:
        if team.number:
            sys.exit(click.UsageError.exit_code if isinstance(error, UsageError) else click.ClickException.exit_code)
        raise


def run(
    paths: Sequence[str],
    team: MpiTeam,
    *,
    params: Params,
    limits: Limits,
    device: Device,
    split: Split | None,
    reduction: Reduction | None,
    as_json: bool,
    focus_map: Path | None,
) -> int:
    """Score the one path; returns how many could not be scored."""
    files = lines.expand(paths)
    if len(files) != 1:
        raise UsageError(
            f"--mpi: {len(files)} images for one job; name one, or leave --mpi out: many are scored side by side"
        )
    maps = None if focus_map is None else MapFiles(focus_map, files)
    report = one_image.score(
        files[0], team, params=params, device=device, split=split, reduction=reduction, limits=limits
    )
    if report is None:
        return 0
    return lines.print_in_order([(0, report)], int, as_json=as_json, maps=maps)
