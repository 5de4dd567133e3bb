"""From what a person typed to what a unit says: whole paths, no secret on a command line, nothing that only their shell
knows. Reads settings; writes nothing.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from mhfd.errors import UsageError
from mhfd_client.arrival.root import checked_root
from mhfd_client.errors import StateMissing
from mhfd_client.files import shown
from mhfd_client.journal.folder import on_network
from mhfd_client.journal.view import JournalView
from mhfd_client.now import alive
from mhfd_client.service.scope import Scope
from mhfd_client.service.unit import Watched
from mhfd_client.settings.load import OTHER_VARIABLES, Loaded
from mhfd_client.settings.options import keys, variable
from mhfd_client.settings.places import login_dir
from mhfd_client.settings.section import types_of
from mhfd_client.station.assembly import state_of

_NAMED: Final = re.compile(r"\$\{(\w+)\}")


def watched(folder: str, scope: Scope, loaded: Loaded, *, words: Sequence[str], pairs: Iterable[str]) -> Watched:
    """What is watched, and how. WatchError, SettingsError, UsageError.

    Args:
        loaded: The settings as the watch will find them.
        words: Options of `mhfd watch`, without `--state` and `--set`.
        pairs: Each `--set KEY=VALUE`.
    """
    root = checked_root(folder)
    if not scope.account.own_home and loaded.settings.state.dir is None:
        raise UsageError(f"--state: name a folder for the state: {scope.account.name} has no home of its own")
    state = state_of(root, loaded.settings, env=scope.environment)
    if (network := on_network(state)) is not None:
        raise UsageError(f"the state {shown(state)} lies on a network file system ({network}): give --state")
    more, variables = _set(pairs)
    return Watched(
        folder=root,
        state=os.fspath(state),
        words=(*words, *more),
        variables=_known(scope.environment) | variables | _referred(loaded, scope.environment),
        far=loaded.settings.runner.kind != "local",
        commands=bool(loaded.settings.alerts.command),
    )


def by_hand(state: str) -> int | None:
    """The process of a watch that has this state now."""
    try:
        with JournalView.read(Path(state)) as journal:
            beat = journal.heartbeat()
    except StateMissing:
        return None
    return beat.pid if beat is not None and alive(beat, time.time()) else None


def remarks(watched: Watched, loaded: Loaded, scope: Scope) -> Iterator[str]:
    """What will not work yet, and what to do."""
    env = scope.environment
    if watched.far and not env.get("MHFD_CLIENT_SECRET") and not any(_files(login_dir(env))):
        yield f"nothing is scored until {scope.account.name} is logged in to Globus: `mhfd login`, as this account"
    for name in sorted(_names(loaded) - set(env)):
        yield f"alerts.webhook needs the variable {name}, which is not set here: set it, and install again"


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _set(pairs: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Words, and secrets as variables: everybody can read a command line."""
    words: list[str] = []
    variables: dict[str, str] = {}
    for pair in pairs:
        key, _, value = (part.strip() for part in pair.partition("="))
        if _is(key, SecretStr):
            variables[variable(key)] = value
        elif key != "state.dir":  # it is `--state`
            words += ["--set", f"{key}={_whole(key, value)}"]
    return words, variables


def _known(env: Mapping[str, str]) -> dict[str, str]:
    ours = {variable(key): key for key in keys() if key != "state.dir"}
    found = {name: _whole(key, env[name]) for name, key in ours.items() if env.get(name)}
    others = {name for name in OTHER_VARIABLES if not name.startswith("MHFD_ALERT_")}
    return found | {name: env[name] for name in others if env.get(name)}


def _referred(loaded: Loaded, env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in _names(loaded) if name in env}


def _names(loaded: Loaded) -> set[str]:
    """The variables that the settings of alerts refer to."""
    alerts = loaded.settings.alerts
    secrets = (*(() if alerts.webhook is None else (alerts.webhook,)), *alerts.webhook_headers)
    return {name for secret in secrets for name in _NAMED.findall(secret.get_secret_value())}


def _whole(key: str, value: str) -> str:
    """A service starts in no folder of anybody's."""
    return os.path.abspath(Path(value).expanduser()) if _is(key, Path) and value else value  # noqa: PTH100 - links stay


def _is(key: str, kind: type) -> bool:
    return key in keys() and kind in types_of(keys()[key].annotation)
