"""`mhfd score --endpoint`: the lines of `mhfd score`, in the order given, of images that an endpoint scores."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import UUID

import click

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import ReachedEndpoint, reach
from mhfd_client.scoring.call import Call
from mhfd_client.scoring.items import items_of
from mhfd_client.scoring.kept_call import Stored
from mhfd_client.scoring.lines import line
from mhfd_client.scoring.progress import bar

if TYPE_CHECKING:
    from mhfd.contract.params import Params


def run(
    paths: Sequence[str],
    *,
    endpoint: UUID,
    maps: Sequence[str],
    params: Params,
    as_json: bool = False,
    progress: bool = False,
) -> int:
    """Score every path there; returns how many could not be scored. ComputeError, LoginError."""
    map_ = PathMap(maps)
    with reach(endpoint) as opened:
        items = items_of(paths, map_, opened)
        return _printed(Stored.new(opened.endpoint, params, items), opened, as_json=as_json, progress=progress)


def _printed(stored: Stored, opened: ReachedEndpoint, *, as_json: bool, progress: bool) -> int:
    unscored = due = 0
    early: dict[int, FocusReport] = {}
    items = stored.items
    with (
        bar(len(items), progress and len(items) > 1, above=True, transient=True) as shown,
        closing(Call(stored, lambda: opened, say=shown.say).results()) as results,
    ):
        for index, report in results:
            shown.advance()
            early[index] = report
            while due in early:
                first = early.pop(due)
                unscored += first.finding is not Finding.OK
                click.echo(first.model_dump_json() if as_json else line(first))
                due += 1
    return unscored
