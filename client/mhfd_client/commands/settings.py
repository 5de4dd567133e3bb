"""`mhfd config` and `mhfd doctor`: what is set and where it comes from, and whether all that is needed is there."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mhfd_client.commands.common import echo, echo_json

__all__ = ["config", "doctor"]

EXIT_FAIL = 1

_FOLDER = click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
_CONFIG = click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (TOML).")
_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="The station's own folder, on a local disk."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Everything as one JSON document.")


@click.command()
@_FOLDER
@_CONFIG
@_STATE
@_JSON
def config(directory: str | None, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Every setting, its value, and where it comes from: default, file, environment or argument.

    With DIR also where that folder's state is kept.
    """
    from mhfd_client import settings
    from mhfd_client.options import keys

    loaded = settings.load(config, args={"state.dir": None if state is None else str(state)})
    values = {key: getattr(getattr(loaded.settings, key.split(".")[0]), key.split(".")[1]) for key in keys()}
    singles = {key: origin for key, origin in loaded.origins.items() if key.startswith("score.params.")}
    values |= {key: loaded.settings.score.params[key.removeprefix("score.params.")] for key in singles}
    place = None if directory is None else settings.state_dir(directory, settings=loaded.settings)
    if as_json:
        plain = loaded.settings.model_dump(mode="json")
        found = {
            key: {"value": plain[key.split(".")[0]].get(key.split(".")[1], values[key]), "from": loaded.origins[key]}
            for key in values
        }
        echo_json({"file": loaded.file, "state_dir": place, "cache_dir": settings.cache_dir(), "settings": found})
        return
    echo(f"file: {loaded.file or 'none'}")
    echo(f"caches: {settings.cache_dir()}")
    if place is not None:
        echo(f"state of {directory}: {place}")
    for key, value in values.items():
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else "unset" if value is None else str(value)
        echo(f"{key} = {shown}  [{loaded.origins[key]}]")


@click.command()
@_FOLDER
@_CONFIG
@_STATE
@_JSON
def doctor(directory: str | None, config: Path | None, state: Path | None, as_json: bool) -> None:
    """Check everything that a station needs, and say what to do about what is wrong.

    The exit code is 1 when something fails; a warning is none.
    """
    from mhfd_client import doctor as checks

    found = checks.examine(directory, config=config, state=state)
    if as_json:
        echo_json([check.as_json() for check in found])
    else:
        for check in found:
            echo(f"{check.level.value:4} {check.name}: {check.what}" + (f" -> {check.do}" if check.do else ""))
    if any(check.level is checks.Level.FAIL for check in found):
        sys.exit(EXIT_FAIL)
