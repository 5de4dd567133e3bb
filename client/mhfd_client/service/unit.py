"""The unit of one watched folder, as text: what it starts, when it starts it again, and what it may touch.

Writes no file and asks nobody. That it is ours stands in a section of its own, which systemd leaves alone.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mhfd
from mhfd.errors import UsageError
from mhfd_client.files import shown
from mhfd_client.service import quoting
from mhfd_client.service.scope import Scope, program

MARK: Final = "# Written by `mhfd service install`, which replaces it; `mhfd service remove` deletes it."
PREFIX: Final = "mhfd-"
WRONG_USAGE: Final = 2
HAS_ANOTHER: Final = 3
"""Exit codes of a watch after which it is not started again: its arguments are wrong, another watch has the folder."""
_SECTION: Final = "[X-Mhfd]"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched, and how.

    Args:
        folder: The watched folder, a whole path. Links in it stay.
        state: Its state, a whole path.
        words: What follows `mhfd watch DIR`.
        variables: Our settings from the environment of whoever installs, which a unit would not know.
        far: Whether somebody far away scores.
        commands: Whether alerts call a command, which may need more rights than a watch.
        shared: A folder through which an instrument is spoken to, where there is one.
    """

    folder: str
    state: str
    words: Sequence[str]
    variables: dict[str, str]
    far: bool
    commands: bool
    shared: str | None = None

    @property
    def environment_file(self) -> Path:
        """Where the variables are kept, for their owner only: there may be secrets among them."""
        return Path(self.state) / "service.env"


@dataclass(frozen=True, slots=True)
class Known:
    """A unit of ours that is there."""

    path: Path
    folder: str
    state: str

    @property
    def name(self) -> str:
        """As systemctl knows it."""
        return self.path.name


def file_name(folder: str, name: str | None) -> str:
    """`mhfd-wafer7.service`: of the folder's own name, when nobody gives another. UsageError."""
    if name is None:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", os.path.basename(folder.rstrip("/"))).strip("-.")[:60]  # noqa: PTH119 - any bytes
        if not name:
            raise UsageError(f"--name: {shown(folder)} has no letters to call the service by: give it a name")
    name = name.removesuffix(".service").removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: letters, digits, '.', '_' and '-', as in --name wafer7")
    return f"{PREFIX}{name}.service"


def text(watched: Watched, scope: Scope) -> str:
    """The whole unit. UsageError for a name that systemd cannot be told of."""
    folder, state = (quoting.path(path, "the folder") for path in (watched.folder, watched.state))
    words = ("watch", watched.folder, "--state", watched.state, *watched.words, "--quiet")
    command = " ".join((quoting.setting(str(program())), *map(quoting.word, words)))  # no variables in a program's name
    if set("'\"\\") & set(str(program())):
        raise UsageError(f"{program()}: systemd starts no program with such a name: install mhfd in another folder")
    far_system = watched.far and scope.kind == "system"
    lines = [
        MARK,
        "",
        "[Unit]",
        f'Description=mhfd: focus of the images in "{shown(watched.folder).replace("%", "%%")}"',
        f"RequiresMountsFor={folder} {state}",
        *(("Wants=network-online.target", "After=network-online.target") if far_system else ()),
        "# It tries again as long as it takes: a share may come back on Monday.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart={command}",
        *(f"Environment={quoting.setting(f'{name}={value}')}" for name, value in sorted(scope.xdg.items())),
        "# When the watchdog ends a watch that hangs, the log says where it hung.",
        'Environment="PYTHONFAULTHANDLER=1"',
        *(
            (f"EnvironmentFile=-{quoting.whole_line(str(watched.environment_file), 'the state')}",)
            if watched.variables
            else ()
        ),
        "Restart=on-failure",
        "RestartSec=10",
        "# Wrong arguments, and a folder that another watch has: a person must act.",
        f"RestartPreventExitStatus={WRONG_USAGE} {HAS_ANOTHER}",
        "# The first look at a large folder may take as long as it takes.",
        "TimeoutStartSec=infinity",
        "# The loop says every few seconds that it turns; nothing in it waits for the watched folder.",
        "WatchdogSec=10min",
        "LimitCORE=0",
        "# A stop lets the images in work finish, for up to 30 s.",
        "KillMode=mixed",
        "TimeoutStopSec=90",
        "# A worker that needs too much memory is the watch's own business.",
        "OOMPolicy=continue",
        "# The instrument's own programs come first.",
        "Nice=5",
        "IOWeight=50",
        "UMask=0077",
        *_hardening(watched, scope, folder, state),
        "",
        "[Install]",
        f"WantedBy={'default' if scope.kind == 'user' else 'multi-user'}.target",
        "",
        _SECTION,
        f"Folder={quoting.kept(watched.folder)}",
        f"State={quoting.kept(watched.state)}",
        f"Version={mhfd.__version__}",
    ]
    return "\n".join(lines) + "\n"


def _hardening(watched: Watched, scope: Scope, folder: str, state: str) -> list[str]:
    # A command that is called, such as sendmail, may have to become another account.
    lines = [] if watched.commands else ["NoNewPrivileges=yes"]
    if scope.kind == "user":  # mounts of its own need what many machines forbid there
        return lines
    # Where everything is read-only, the folders of passing files are too.
    writable = [state, '"-/tmp"', '"-/var/tmp"']
    if scope.account.own_home:
        writable.append(f'"-{quoting.path(str(scope.account.home), "the home")[1:]}')
    if watched.shared is not None:
        writable.append(f'"-{quoting.path(watched.shared, "the folder of the instrument")[1:]}')
    return [
        *lines,
        f"User={scope.account.name}",
        f"ProtectSystem={'full' if watched.commands else 'strict'}",
        f'ReadOnlyPaths="-{folder[1:]}',
        f"ReadWritePaths={' '.join(writable)}",
        "ProtectControlGroups=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
    ]


def is_ours(content: str) -> bool:
    """Whether `text` wrote it, changed since or not."""
    return content.startswith(MARK)


def read(path: Path) -> Known | None:
    """The unit there, if it is ours. UsageError when it was changed so that it does not say of what."""
    content = path.read_text(encoding="utf-8", errors="surrogateescape")
    if not is_ours(content):
        return None
    notes = dict(line.split("=", 1) for line in content.partition(_SECTION)[2].splitlines() if "=" in line)
    try:
        return Known(path, quoting.told(notes["Folder"]), quoting.told(notes["State"]))
    except (KeyError, ValueError):
        raise UsageError(
            f"{path} was changed: its section {_SECTION} does not say which folder it is of; put it back, or delete it"
        ) from None


def every(scope: Scope) -> list[Known]:
    """All units of ours."""
    return [
        unit
        for path in sorted(scope.units.glob(f"{PREFIX}*.service"))
        if path.is_file() and (unit := read(path)) is not None
    ]
