"""Put a unit in its place and take it away: what will change is known before anything does.

Only units that `unit.text` wrote are replaced or deleted.
"""

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mhfd.errors import UsageError
from mhfd_client.errors import ServiceManagerError
from mhfd_client.files import shown, write_whole
from mhfd_client.service import quoting, unit
from mhfd_client.service.scope import Account, Scope
from mhfd_client.service.systemctl import Systemctl
from mhfd_client.service.unit import Known, Watched


@dataclass(frozen=True, slots=True)
class Planned:
    """A unit that is to be there.

    Args:
        before: What is there now; None: nothing.
    """

    path: Path
    text: str
    watched: Watched
    scope: Scope
    before: str | None

    @property
    def name(self) -> str:
        """As systemctl knows it."""
        return self.path.name

    def changes(self) -> list[str]:
        """What becomes different in a unit that is there, line by line."""
        lines = difflib.unified_diff((self.before or "").splitlines(), self.text.splitlines(), n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def planned(watched: Watched, scope: Scope, *, name: str | None = None) -> Planned:
    """The unit of a folder. UsageError where something of another, or of another folder, is in its place."""
    path = scope.units / unit.file_name(watched.folder, name)
    for one in unit.every(scope):
        if one.folder == watched.folder and one.path != path:
            raise UsageError(
                f"{shown(watched.folder)} has the service {one.name} already; for another name: first "
                f"`mhfd service remove {scope.option}` of it"
            )
    before = None
    if path.exists() or path.is_symlink():
        known = unit.read(path)
        if known is None:
            raise UsageError(f"{path} was not written by mhfd and stays as it is: choose another name with --name")
        if known.folder != watched.folder:
            raise UsageError(
                f"{known.name} is the service of {shown(known.folder)}: give this folder's another one with --name"
            )
        before = path.read_text(encoding="utf-8", errors="surrogateescape")
    return Planned(path, unit.text(watched, scope), watched, scope, before)


def install(plan: Planned, systemctl: Systemctl) -> None:
    """Write it, have it start with the machine (or with its person), and start it now. ServiceManagerError."""
    systemctl.ready()
    watched, account = plan.watched, plan.scope.account
    try:
        _own_folder(Path(watched.state), account)
        if watched.variables:
            lines = [quoting.variable(name, value) for name, value in sorted(watched.variables.items())]
            _own_file(watched.environment_file, "\n".join(lines) + "\n", account)
        else:
            watched.environment_file.unlink(missing_ok=True)  # of an earlier one
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(plan.path, plan.text.encode("utf-8"))
        plan.path.chmod(0o644)
    except OSError as error:
        raise ServiceManagerError(
            f"{shown(error.filename or plan.path)}: cannot be written: {error.strerror}"
        ) from error
    systemctl.tell("daemon-reload")
    systemctl.tell("enable", plan.name)
    systemctl.start(plan.name)


def found(scopes: list[Scope], folder: str | None, name: str | None) -> Iterator[tuple[Scope, Known]]:
    """The units of a folder, of a name, or all."""
    wanted = None if name is None else unit.file_name("/", name)
    for scope in scopes:
        for one in unit.every(scope):
            if (folder is None or one.folder == folder) and (wanted is None or one.name == wanted):
                yield scope, one


def remove(known: Known, systemctl: Systemctl) -> None:
    """Stop it, have it start no more, and delete what `install` wrote. The state stays. ServiceManagerError."""
    systemctl.ready()
    systemctl.tell("disable", "--now", known.name)
    try:
        known.path.unlink(missing_ok=True)
        (Path(known.state) / "service.env").unlink(missing_ok=True)
    except OSError as error:
        raise ServiceManagerError(f"{shown(error.filename)}: cannot be deleted: {error.strerror}") from error
    systemctl.tell("daemon-reload")


def _own_folder(folder: Path, account: Account) -> None:
    """Made with what is missing above it, for its owner only. As root: for the account, and not for root."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700)
        _give(one, account)


def _own_file(path: Path, text: str, account: Account) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    _give(path, account)


def _give(path: Path, account: Account) -> None:
    if os.geteuid() == 0 and account.uid != 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
