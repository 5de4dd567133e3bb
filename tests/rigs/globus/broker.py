"""A private RabbitMQ node on free ports of loopback, with an empty folder, its own port mapper and its own cookie.

It touches no broker that runs on this machine already, and ends with the process that started it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from tests.rigs.globus.processes import Program, free_ports
from tests.rigs.globus.waiting import until

HOW: Final = "no RabbitMQ: `make test` installs it on Debian as root; elsewhere install rabbitmq-server, then run again"
SCRIPTS: Final = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
"""Where packages put the server itself. On Debian, what is on PATH changes to its own user first."""


def installed() -> Path | None:
    """The folder of RabbitMQ's programs."""
    if not shutil.which("epmd"):
        return None
    return next((Path(folder) for folder in SCRIPTS if Path(folder, "rabbitmq-server").is_file()), None)


class Broker:
    """Started by `with`; `url` is what clients connect to."""

    def __init__(self, folder: Path) -> None:
        scripts = installed()
        if scripts is None:
            raise FileNotFoundError(HOW)
        self._scripts, self._folder = scripts, folder
        self.port, self._distribution, self._mapper_port = free_ports(3)
        self._programs: list[Program] = []

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"

    def alive(self) -> bool:
        """True; ProgramFailed with what it said when one of its programs has ended."""
        return all(program.alive() for program in self._programs)

    @property
    def pids(self) -> dict[str, int]:
        """Its processes, by name."""
        return {program.output.stem: program.pid for program in self._programs}

    def __enter__(self) -> Self:
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\nloopback_users = none\n"
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 1MB\n"
        )
        with ExitStack() as stopped:  # what runs already, when the rest does not start
            stopped.callback(self.__exit__)
            self._begin()
            stopped.pop_all()
        return self

    def _begin(self) -> None:
        # The mapper is ours and in the foreground: one that the node starts would outlive it.
        mapper = ["epmd", "-address", "127.0.0.1", "-port", str(self._mapper_port)]
        self._start("epmd", mapper)
        until(lambda: self.alive() and _answers(self._mapper_port), "epmd does not answer")
        server = self._start("rabbitmq", [str(self._scripts / "rabbitmq-server")])
        until(lambda: server.alive() and _answers(self.port), lambda: f"RabbitMQ does not answer:\n{server.said()}")

    def __exit__(self, *_: object) -> None:
        for program in reversed(self._programs):
            program.stop()

    def close_connections(self, why: str = "closed by a test") -> None:
        """The broker itself closes every connection, the stand-in's too, as an administrator can."""
        subprocess.run(
            [self._scripts / "rabbitmqctl", "-n", self._node, "close_all_connections", why],
            env=self._env,
            check=True,
            capture_output=True,
        )

    def _start(self, name: str, command: list[str]) -> Program:
        output = self._folder / f"{name}.out"
        program = Program(command, env=self._env, cwd=self._folder, output=output, name=f"the broker ({name})")
        self._programs.append(program)
        return program

    @property
    def _node(self) -> str:
        return f"mhfd{self.port}@localhost"

    @property
    def _env(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),  # the cookie
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the node replaces its script, so that signals reach it
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
        }


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
