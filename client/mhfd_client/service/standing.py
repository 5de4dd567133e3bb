"""How a service stands: what systemd says of its unit, what the watch itself says, and what to do. Changes nothing."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mhfd_client.errors import StateError, StateMissing
from mhfd_client.files import shown, text_of
from mhfd_client.journal.view import JournalView
from mhfd_client.now import alive, doing
from mhfd_client.service.scope import Scope
from mhfd_client.service.systemctl import Systemctl, UnitState, lingers
from mhfd_client.service.unit import HAS_ANOTHER, WRONG_USAGE, Known

_WHY = {
    WRONG_USAGE: "its arguments or settings are wrong",
    HAS_ANOTHER: "another watch has the folder: stop that one",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One service.

    Args:
        running: Whether the watch gives signs of life.
        doing: What it does, in its own words.
        lingers: Whether it runs while its person is logged out; None where that does not matter or nobody knows.
    """

    unit: Known
    scope: Scope
    systemd: UnitState
    running: bool
    doing: str
    lingers: bool | None

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do; nothing: all is well."""
        return tuple(self._remedies())

    def _remedies(self) -> Iterator[str]:
        begin, name = self.scope.command, self.unit.name
        look = f"{self.scope.log} -u {name} -n 50"
        if not self.systemd.enabled:
            yield f"it does not start by itself: {begin} enable {name}"
        match self.systemd.active:
            case "active":
                if not self.running:
                    yield f"it runs, but the watch gives no sign of life: {look}"
            case "inactive" if self.systemd.queued:
                yield f"its start waits for something else: {begin} list-jobs"
            case "activating":
                yield f"it is starting, or starts again and again ({self.systemd.restarts} times): {look}"
            case _:
                why = _WHY.get(
                    self.systemd.exit_code, f"result {self.systemd.result}, exit code {self.systemd.exit_code}"
                )
                ended = "it was stopped" if self.systemd.result in ("", "success") else f"it ended: {why}"
                yield f"{ended}: {look}; {begin} start {name}"
        if self.lingers is False:
            yield (
                "it ends when you log out, and does not start with the machine: "
                f"sudo loginctl enable-linger {self.scope.account.name}"
            )

    def lines(self) -> list[str]:
        """For people."""
        since = f" since {self.systemd.since}" if self.systemd.since else ""
        return [
            f"{self.unit.name} ({self.scope.kind}): {shown(self.unit.folder)}",
            f"  systemd: {self.systemd.active}{since}, {'enabled' if self.systemd.enabled else 'not enabled'}",
            f"  watch: {self.doing}",
            f"  state: {shown(self.unit.state)}",
            *(f"  do: {one}" for one in self.remedies),
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "unit": self.unit.name,
            "file": text_of(self.unit.path),
            "scope": self.scope.kind,
            "folder": text_of(self.unit.folder),
            "state_dir": text_of(self.unit.state),
            "systemd": {
                name: value for name, value in asdict(self.systemd).items() if name != "queued"
            },  # `do` says it
            "running": self.running,
            "doing": self.doing,
            "lingers": self.lingers,
            "do": list(self.remedies),
        }


def standing(unit: Known, scope: Scope, systemctl: Systemctl) -> Standing:
    """How it stands now. ServiceManagerError."""
    running, words = _watch(Path(unit.state))
    linger = lingers(scope.account.name) if scope.kind == "user" else None
    return Standing(unit, scope, systemctl.state(unit.name), running, words, linger)


def _watch(state_dir: Path) -> tuple[bool, str]:
    try:
        with JournalView.read(state_dir) as journal:
            beat = journal.heartbeat()
    except StateMissing:
        return False, "no station has run yet"
    except StateError as error:
        return False, str(error)
    running = alive(beat, time.time())
    return running, doing(beat, running=running)
