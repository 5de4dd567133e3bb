"""`mhfd config` and `mhfd doctor`: what is set and where it comes from, and whether all that is needed is there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mhfd_client.commands.common import CONFIG, JSON, STATE, echo, echo_json, tell

if TYPE_CHECKING:
    from mhfd_endpoint.finding import Check

_FOLDER = click.argument("directory", metavar="[DIR]", required=False, type=click.Path())


@click.command()
@_FOLDER
@CONFIG
@STATE
@JSON
def config(directory: str | None, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Every setting, its value, and where it comes from: default, file, environment or argument.

    With DIR also where that folder's state is kept.
    """
    from mhfd_client.settings import load as settings
    from mhfd_client.settings import places
    from mhfd_client.settings.options import keys

    loaded = settings.load(config, args={"state.dir": None if state is None else str(state)})
    values = {key: getattr(getattr(loaded.settings, key.split(".")[0]), key.split(".")[1]) for key in keys()}
    singles = {key: origin for key, origin in loaded.origins.items() if key.startswith("score.params.")}
    values |= {key: loaded.settings.score.params[key.removeprefix("score.params.")] for key in singles}
    place = None
    if directory is not None:
        place = places.state_place(directory, settings=loaded.settings, origin=loaded.origins["state.dir"])
    if as_json:
        plain = loaded.settings.model_dump(mode="json")
        found = {
            key: {"value": plain[key.split(".")[0]].get(key.split(".")[1], values[key]), "from": loaded.origins[key]}
            for key in values
        }
        where = None if place is None else {"state_dir": place.path, "state_from": place.origin}
        where = where or {"state_dir": None, "state_from": None}
        echo_json({"file": loaded.file, **where, "cache_dir": places.cache_dir(), "settings": found})
        return
    echo(f"file: {loaded.file or 'none'}")
    echo(f"caches: {places.cache_dir()}")
    if place is not None:
        echo(f"state of {directory}: {place.path}  [{place.origin}]")
    for key, value in values.items():
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else "unset" if value is None else str(value)
        echo(f"{key} = {shown}  [{loaded.origins[key]}]")


@click.command()
@_FOLDER
@CONFIG
@STATE
@click.option("--endpoint", metavar="UUID", help="Look at this endpoint of Globus Compute too.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="HERE=THERE",
    help="With --endpoint and DIR: the endpoint has this machine's folder HERE as THERE; may be repeated.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds for the first answer of an endpoint, which may need a worker to be started.",
)
@click.option("--no-run", is_flag=True, help="Where a flow is set: start no run, so that it does not ask the endpoint.")
@JSON
def doctor(
    directory: str | None,
    config: Path | None,
    state: Path | None,
    endpoint: str | None,
    maps: tuple[str, ...],
    wait_s: float,
    no_run: bool,
    as_json: bool,
) -> None:
    """Check everything that a station needs, and say what to do about what is wrong.

    With --endpoint also whether that endpoint scores, as what, and what it may read; with DIR, whether it sees an
    image of that folder as this machine does. Where a flow is set it asks the endpoint too: one run, which moves
    nothing. The exit code is 1 when something fails; a warning is none.
    """
    if maps and (endpoint is None or directory is None):
        raise click.UsageError("--map belongs to --endpoint and DIR: an image of DIR is looked for there")
    from mhfd_client.doctor import station

    if endpoint is None:
        tell(
            station.examine(directory, config=config, state=state, wait_s=wait_s, start_run=not no_run), as_json=as_json
        )
        return
    from mhfd_client.compute.paths import PathMap
    from mhfd_client.compute.reach import endpoint_of
    from mhfd_client.errors import SettingsError
    from mhfd_client.settings import load as settings

    id_, mapped = endpoint_of(endpoint), PathMap(maps)

    def both() -> Iterator[Check]:
        """As they are done: an endpoint may take its time."""
        yield from station.examine(directory, config=config, state=state, wait_s=wait_s, start_run=not no_run)
        from mhfd_client.doctor.endpoint import examine

        try:
            chosen = settings.load(config).settings
        except SettingsError:
            return  # said already
        far = mapped or PathMap(chosen.compute.map)
        yield from examine(id_, maps=far, directory=directory, arrival=chosen.arrival, wait_s=wait_s)
        if directory is None or chosen.runner.kind != "flow" or chosen.compute.endpoint != str(id_):  # else asked above
            from mhfd_client.doctor.flow import endpoint_through_flow
            from mhfd_endpoint.finding import guarded

            name = "through the flow"
            asked = partial(endpoint_through_flow, chosen, id_, wait_s=wait_s, start=not no_run)
            yield from guarded(name, asked, "see the message")

    tell(both(), as_json=as_json)
