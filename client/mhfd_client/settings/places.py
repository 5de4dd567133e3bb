"""Where this user's files lie: the settings file, caches, and what must outlast a process (XDG)."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd_client.settings import remembered
from mhfd_client.settings.options import Settings

PORT: Final = 8737
"""Where the page is served when nobody says otherwise."""


def config_file(env: Mapping[str, str]) -> Path | None:
    """The file that is read when none is named: MHFD_CONFIG, else mhfd/config.toml below XDG_CONFIG_HOME, if there."""
    if named := env.get("MHFD_CONFIG"):
        return Path(named).expanduser()
    path = _xdg(env, "XDG_CONFIG_HOME", ".config") / "mhfd" / "config.toml"
    return path if path.is_file() else None


def cache_dir(env: Mapping[str, str] | None = None) -> Path:
    """Where caches live: MHFD_CACHE_DIR, else mhfd below XDG_CACHE_HOME."""
    env = os.environ if env is None else env
    if named := env.get("MHFD_CACHE_DIR"):
        return Path(named).expanduser().absolute()
    return _xdg(env, "XDG_CACHE_HOME", ".cache") / "mhfd"


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Where the state of a watched folder lives, and who says so."""

    path: Path
    origin: str


def state_dir(
    root: str | os.PathLike[str], *, settings: Settings | None = None, env: Mapping[str, str] | None = None
) -> Path:
    """Where the state of a watched folder lives."""
    return state_place(root, settings=settings, env=env).path


def state_place(
    root: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    origin: str = "settings",
    env: Mapping[str, str] | None = None,
) -> StatePlace:
    """`state.dir`, else where `--state` put it last, else a folder of its own below XDG_STATE_HOME.

    Links are resolved, so that every way to the folder finds the same state.

    Args:
        root: The watched folder.
        settings: The settings.
        origin: Where its `state.dir` comes from, if it is set.
        env: The environment; nothing for this process's.
    """
    if settings is not None and settings.state.dir is not None:
        return StatePlace(settings.state.dir.expanduser().absolute(), origin)
    note = note_of(root, env=env)
    if (known := remembered.recalled(note)) is not None:
        return StatePlace(known, f"remembered in {note}")
    return StatePlace(default_state(root, env=env), "default")


def default_state(root: str | os.PathLike[str], *, env: Mapping[str, str] | None = None) -> Path:
    """Where it lives when nobody ever said."""
    return state_home(env) / _own_name(root)


def note_of(root: str | os.PathLike[str], *, env: Mapping[str, str] | None = None) -> Path:
    """The file that remembers `--state` of a watched folder."""
    return notes_home(env) / f"{_own_name(root)}.json"


def notes_home(env: Mapping[str, str] | None = None) -> Path:
    """Where those files are."""
    return state_home(env) / "remembered"


def _own_name(root: str | os.PathLike[str]) -> str:
    """Of the folder's name, for people, and of a hash of its whole path: two `wafer7` do not meet."""
    real = os.path.realpath(root)
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:10]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(real).name).strip("-.")[:60] or "root"
    return f"{name}-{digest}"


def state_home(env: Mapping[str, str] | None = None) -> Path:
    """Where everything lives that must outlast a process: mhfd below XDG_STATE_HOME."""
    return _xdg(os.environ if env is None else env, "XDG_STATE_HOME", ".local/state") / "mhfd"


def login_dir(env: Mapping[str, str] | None = None) -> Path:
    """Where a login is kept: mhfd/login below XDG_STATE_HOME. Never beside a watched folder or its state."""
    return state_home(env) / "login"


def models_home(settings: Settings | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Where learned packages and their champions live: `models.home`, else mhfd/models below XDG_STATE_HOME."""
    if settings is not None and settings.models.home is not None:
        return settings.models.home.expanduser().absolute()
    return state_home(env) / "models"


def _xdg(env: Mapping[str, str], name: str, fallback: str) -> Path:
    """A folder of the XDG base directory specification, which asks to ignore values that are not absolute."""
    value = env.get(name, "")
    if Path(value).is_absolute():
        return Path(value)
    return Path(env["HOME"] if env.get("HOME") else Path.home()) / fallback
