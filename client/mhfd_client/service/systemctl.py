"""`systemctl`, as a program: what it is told, and what it says. Knows nothing of a watch."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mhfd_client.errors import ServiceManagerError
from mhfd_client.service.scope import Scope

_PATIENCE_S: Final = 30.0
"""A start that takes longer goes on without us."""
_NONE: Final = (
    "start `mhfd watch DIR` by what this machine has instead (launchd, a scheduler, tmux), or in a container: "
    "`mhfd service container`; --dry-run prints the unit for another machine"
)


@dataclass(frozen=True, slots=True)
class UnitState:
    """How systemd sees a unit."""

    enabled: bool
    active: str
    since: str
    result: str
    exit_code: int
    restarts: int
    queued: bool
    """Its start waits for something else, such as a mount."""


class Systemctl:
    """Of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._user = scope.kind == "user"
        self._scope = scope

    def ready(self) -> None:
        """Whether there is a systemd to talk to. ServiceManagerError."""
        if shutil.which("systemctl") is None:
            raise ServiceManagerError(f"there is no systemd on this machine (no systemctl): {_NONE}")
        done = self._call("show", "--property=Version")
        if done.returncode == 0:
            return
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[0].rstrip(".")
        if self._user and "bus" in why:
            raise ServiceManagerError(
                f"the systemd of {self._scope.account.name} does not answer ({why}): log in as this account itself "
                "(not by su or sudo), or use --system; where there is no systemd: " + _NONE
            )
        raise ServiceManagerError(f"systemd does not answer ({why}): {_NONE}")

    def tell(self, *words: str) -> None:
        """Have it done. ServiceManagerError with what systemctl said."""
        done = self._call(*words)
        if done.returncode:
            why = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise ServiceManagerError(f"{self._scope.command} {' '.join(words)}: {why}")

    def start(self, unit: str) -> None:
        """Start it anew; how that went is for `state`, because it may take longer than anybody waits."""
        self._call("restart", unit, wait_s=_PATIENCE_S)

    def state(self, unit: str) -> UnitState:
        """How it stands."""
        names = "ActiveState,SubState,UnitFileState,StateChangeTimestamp,Result,ExecMainStatus,NRestarts,Job"
        done = self._call("show", unit, f"--property={names}")
        said: Mapping[str, str] = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return UnitState(
            enabled=said.get("UnitFileState") == "enabled",
            active=said.get("ActiveState", "unknown"),
            since=said.get("StateChangeTimestamp", ""),
            result=said.get("Result", ""),
            exit_code=int(said.get("ExecMainStatus") or 0),
            restarts=int(said.get("NRestarts") or 0),
            queued=said.get("Job", "0") not in ("", "0"),
        )

    def _call(self, *words: str, wait_s: float | None = None) -> subprocess.CompletedProcess[str]:
        command = ["systemctl", *(("--user",) if self._user else ()), "--no-pager", *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=wait_s)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 0, "", "")
        except OSError as error:
            raise ServiceManagerError(f"systemctl cannot be called: {error.strerror}") from error


def lingers(account: str) -> bool | None:
    """Whether an account's services run without it being logged in; None where nobody can say."""
    program = shutil.which("loginctl")
    if program is None:
        return None
    command = [program, "show-user", account, "--property=Linger"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() == "Linger=yes"
