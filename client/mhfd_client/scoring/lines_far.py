"""`mhfd score --endpoint`: the lines of `mhfd score`, in the order given, of images that an endpoint scores."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import click

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import reach
from mhfd_client.progress import bar
from mhfd_client.runners.versions import older_there
from mhfd_client.scoring.call import scored_there
from mhfd_client.scoring.items import items_of
from mhfd_client.scoring.kept_call import Stored
from mhfd_client.scoring.lines import print_in_order
from mhfd_client.scoring.map_files import MapFiles

Results = Iterator[tuple[int, FocusReport]]


def run(
    paths: Sequence[str],
    *,
    endpoint: UUID,
    maps: Sequence[str],
    params: Params,
    as_json: bool = False,
    focus_map: Path | None = None,
    progress: bool = False,
) -> int:
    """Score every path there; returns how many could not be scored. ComputeError, LoginError."""
    map_ = PathMap(maps)
    said: dict[str, None] = {}
    with reach(endpoint) as reached:
        stored = Stored.new(endpoint, params, items_of(paths, map_, endpoint))
        total = len(stored.items)
        files = None if focus_map is None else MapFiles(focus_map, [item.path for item in stored.items])
        with (
            bar(total, progress and total > 1, above=True, transient=True) as shown,
            closing(scored_there(stored, lambda: reached, say=shown.say)) as results,
        ):
            failed = print_in_order(looked_at(results, said), shown.advance, as_json=as_json, maps=files)
    for one in said:
        click.echo(one, err=True)
    return failed


def looked_at(results: Results, said: dict[str, None]) -> Results:
    """The same; `said` gets what is to be said of who made them, each once."""
    for index, report in results:
        if one := older_there(report):
            said[one] = None
        yield index, report
