"""A `systemctl` that writes down what it is told, and a `loginctl` beside it; systemd's own checker of units."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

HOW = "no systemd-analyze on PATH: `make test` installs it on Debian as root; elsewhere install systemd, then run again"


class StandIn:
    """Programs on PATH. What they answer lies in a folder, and can be changed."""

    def __init__(self, folder: Path) -> None:
        self.bin, self._told, self._show = folder / "bin", folder / "told", folder / "show"
        self.bin.mkdir()
        self.is_now(ActiveState="active", UnitFileState="enabled", Result="success", ExecMainStatus="0", NRestarts="0")
        self.lingers("yes")
        self._program(
            "systemctl",
            f'for w in "$@"; do [ "$w" = --property=Version ] && {{ echo Version=252; exit 0; }}; done\n'
            f'for w in "$@"; do [ "$w" = show ] && {{ cat {self._show}; exit 0; }}; done\n'
            f'echo "$*" >> {self._told}\n',
        )

    def _program(self, name: str, lines: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{lines}")
        path.chmod(0o755)

    def is_now(self, **properties: str) -> None:
        """What `systemctl show` answers."""
        self._show.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def lingers(self, answer: str) -> None:
        """What `loginctl show-user` answers."""
        self._program("loginctl", f"echo Linger={answer}\n")

    def is_not_booted(self) -> None:
        """As in a container."""
        self._program("systemctl", "echo 'System has not been booted with systemd as init system.' >&2; exit 1\n")

    def refuses(self, verb: str) -> None:
        """As when it may not."""
        text = (self.bin / "systemctl").read_text().split("\n", 1)[1]
        refusal = f'case " $* " in *" {verb} "*) echo "Access denied" >&2; exit 1;; esac\n'
        self._program("systemctl", refusal + text)

    @property
    def told(self) -> list[str]:
        """What it was told to do."""
        return self._told.read_text().splitlines() if self._told.exists() else []


def verified(units: Sequence[Path], runtime: Path, *, user: bool = False) -> str:
    """What systemd finds wrong with units; nothing when nothing is."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip(HOW)
    command = [program, *(("--user",) if user else ()), "--man=no", "verify", *map(str, units)]
    env = {"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime), "LANG": "C.UTF-8"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)
    said = [line for line in done.stderr.split("\n") if any(unit.name in line for unit in units)]
    return "\n".join(said) if said or done.returncode == 0 else done.stderr
