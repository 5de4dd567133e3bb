"""Whose systemd it is, and as whom the watch runs: the machine's, or one person's. Looks up; writes nothing."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mhfd.errors import UsageError

Kind = Literal["user", "system"]

SYSTEM_UNITS: Final = Path("/etc/systemd/system")
_XDG: Final = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


@dataclass(frozen=True, slots=True)
class Account:
    """As whom a watch runs.

    Args:
        own_home: Whether its home is there and its own; that of `daemon` is /usr/sbin.
    """

    name: str
    uid: int
    gid: int
    home: Path
    own_home: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose systemd.

    Args:
        units: The folder of its units.
        environment: What a watch of it finds in its environment of where files lie and of our settings.
    """

    kind: Kind
    units: Path
    account: Account
    environment: Mapping[str, str]

    @property
    def option(self) -> str:
        """As it is typed."""
        return f"--{self.kind}"

    @property
    def command(self) -> str:
        """How a person begins a command for it."""
        return "systemctl --user" if self.kind == "user" else "sudo systemctl"

    @property
    def log(self) -> str:
        """How a person reads its log."""
        return "journalctl --user" if self.kind == "user" else "sudo journalctl"

    @property
    def xdg(self) -> dict[str, str]:
        """Where this person's files lie, when their shell says so: a unit would not know."""
        return {name: self.environment[name] for name in _XDG if self.kind == "user" and name in self.environment}


def user(env: Mapping[str, str]) -> Scope:
    """Of whoever calls."""
    _posix()
    import pwd

    found = pwd.getpwuid(os.getuid())
    home = Path(env.get("HOME") or found.pw_dir)
    config = Path(env.get("XDG_CONFIG_HOME", ""))
    base = config if config.is_absolute() else home / ".config"
    account = Account(found.pw_name, found.pw_uid, found.pw_gid, home)
    return Scope("user", base / "systemd" / "user", account, dict(env) | {"HOME": str(home)})


def system(env: Mapping[str, str], *, account: str | None = None, units: Path = SYSTEM_UNITS) -> Scope:
    """Of the machine; the watch runs as `account`, else as who called `sudo`. UsageError for root and for nobody."""
    _posix()
    import pwd

    name = account or env.get("SUDO_USER") or "root"
    if name == "root" and account is None:
        raise UsageError("--account: name the account that the watch runs as; root is not needed, and not a good one")
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"--account {name}: there is no such account on this machine") from None
    home = Path(found.pw_dir)
    ours = {key: value for key, value in env.items() if not key.startswith("XDG_")}
    own = home.is_dir() and home.stat().st_uid == found.pw_uid and home != Path("/")
    return Scope("system", units, Account(name, found.pw_uid, found.pw_gid, home, own), ours | {"HOME": str(home)})


def rights(scope: Scope, typed: list[str]) -> None:
    """Whether this process may write there, said before anything is written. UsageError."""
    if scope.kind == "system" and os.geteuid() != 0:
        again = shlex.join([str(program()), *typed])
        raise UsageError(f"--system needs the rights of root: sudo {again}  (or leave it to your account: --user)")


def program() -> Path:
    """The command of this environment, as a unit has to name it. UsageError when it is not there."""
    beside = Path(sys.executable).parent / "mhfd"
    for found in (beside, Path(shutil.which(sys.argv[0]) or "")):  # the second: where pip put it for one user
        if found.name == "mhfd" and found.is_file():
            return found.absolute()
    raise UsageError(f"{beside} is not there: install mhfd into an environment of its own, and call it from there")


def _posix() -> None:
    if os.name != "posix":
        raise UsageError("there is no systemd on this system: start `mhfd watch` by its own scheduler")
