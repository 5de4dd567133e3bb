"""An endpoint as an administrator sets it up: `mhfd endpoint init`, then the real core endpoint on that folder.

All of it runs without privileges, in a home of its own: init, register, pin, start, and the processes that the core
starts when a task arrives. Nothing of what init wrote is changed. The project is imported from this repository. The
tests and both demos use it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Self

from mhfd_endpoint.folder import LOG, SITE
from tests.rigs.globus import unprivileged
from tests.rigs.globus.processes import Program, ProgramFailed
from tests.rigs.globus.sdk import code_path, variables
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import DEADLINE_S, until

PROGRAM: Final = "globus-compute-endpoint"


class CoreEndpoint:
    """Set up and started by `with`, in `home`. `root` is the folder that it may read, `staging` below it what it may
    write, too; `log` the site's log of tasks.
    """

    name: Final = "mhfd-gpu"

    def __init__(
        self,
        service: Service,
        home: Path,
        way: unprivileged.Way,
        *,
        fast: bool = True,
        program: str = PROGRAM,
        tell: Callable[[str], None] = lambda line: None,
        options: Sequence[str] = (),
        tables: str = "",
        further: Mapping[str, str] | None = None,
    ) -> None:
        """`fast`: results are sent on at once, as `--fast-results` has it. `tell`: is given each command.

        `options`: more of init's. `tables`: of the site file, at its end. `further`: functions that are registered.
        """
        self.home, self.root, self.staging = home, home / "images", home / "images" / "staging"
        for made in (self.root, self.staging):
            made.mkdir(mode=0o755)
            unprivileged.hand_over(made, home)
        self.folder = home / ".globus_compute" / self.name
        self.log = self.folder / LOG
        self.functions: dict[str, str] = {}
        """The registered functions: name -> id."""
        self._service, self._way, self._programs = service, way, list[Program]()
        self._fast, self._program, self._tell = fast, program, tell
        self._options, self._tables, self._further = options, tables, further or {}
        found = variables(service.url, home)
        del found["GLOBUS_COMPUTE_USER_DIR"]  # as with most: below the home
        self._env = {
            **found,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": code_path(),
        }

    @property
    def id(self) -> str:
        """Given by the service at the first start."""
        return str(json.loads((self.folder / "endpoint.json").read_text())["endpoint_id"])

    @property
    def online(self) -> bool:
        """Its program writes the file anew at each start, in place: while it does, there is none."""
        try:
            return self._service.compute.endpoint(self.id).online
        except (FileNotFoundError, json.JSONDecodeError):
            return False

    def __enter__(self) -> Self:
        with ExitStack() as stopped:  # what runs already, when the rest does not start
            stopped.callback(self.__exit__)
            self.set_up()
            self.start()
            stopped.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs:
            program.stop()

        def gone() -> bool:
            left = self.processes()
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        until(gone, lambda: f"these do not die: {self.processes()}")

    @property
    def process(self) -> Program:
        """The core."""
        return self._programs[-1]

    def alive(self) -> bool:
        """True; ProgramFailed with what the endpoint wrote when its core has ended."""
        if self.process.returncode is not None:
            raise ProgramFailed(self.process.name, self.process.returncode, self.said())
        return True

    def run(self, *command: str, exit_code: int = 0) -> str:
        """What the account types, without a terminal. ProgramFailed when it ends otherwise."""
        self._tell(f"$ {' '.join(command)}")
        done = subprocess.run(
            unprivileged.command(self._way, *command),
            env=self._env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * DEADLINE_S,
        )
        if done.returncode != exit_code:
            said = f"{self.said()}\n{done.stdout}{done.stderr}"
            raise ProgramFailed(" ".join(command[:3]), done.returncode, said)
        return done.stdout

    def set_up(self) -> None:
        """The commands of docs/how-to/run-an-endpoint.md, as they stand there; two of them beside each other."""
        folders = ["--read", f"{self.root}", "--write", f"{self.staging}"]
        options = ["--site", "workstation", "--gpus", "0", *folders, *(["--fast-results"] if self._fast else [])]
        options += self._options
        with ThreadPoolExecutor(1) as beside:
            made = beside.submit(self.run, "mhfd", "endpoint", "init", self.name, *options)
            registered = self.run("mhfd", "function", "register")
            made.result()
        self.functions = dict(re.findall(r"^(mhfd_\w+)\s+([0-9a-f-]{36})", registered, re.MULTILINE))
        (pin,) = re.findall(r"^ +(mhfd endpoint pin NAME .*)$", registered, re.MULTILINE)
        self.run(*pin.replace("NAME", self.name).split(), *(f"{name}={id_}" for name, id_ in self._further.items()))
        self.functions |= self._further
        if self._tables:
            site = self.folder / SITE
            site.write_text(site.read_text() + self._tables)

    def start(self) -> None:
        """Start it, or start it again, and wait until it is online."""
        with suppress(FileNotFoundError):
            self._service.compute.endpoint(self.id).heard_at = -1e9
        self._tell(f"$ {self._program} start {self.name}")
        program = Program(
            unprivileged.command(self._way, self._program, "start", self.name),
            env=self._env,
            cwd=self.home,
            output=self.home / "start.out",
            name=f"{self._program} start {self.name}",
        )
        self._programs.append(program)
        until(lambda: self.alive() and self.online, lambda: f"the endpoint does not come online:\n{self.said()}")

    def stop(self) -> None:
        """As the administrator stops it. The core is our child, and gone only when we have looked."""
        with ThreadPoolExecutor(1) as looks:
            ended = looks.submit(self._programs[-1].wait, DEADLINE_S)
            self.run(PROGRAM, "stop", self.name)
            assert ended.result() == 0, self.said()

    def processes(self) -> dict[int, str]:
        """pid -> command line of what runs of it: the core, the processes of users, their workers."""
        found: dict[int, str] = {}
        marks = [str(self.home).encode()]
        with suppress(FileNotFoundError):
            marks.append(self.id.encode())
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                # Who names itself anew writes over its environment.
                line = (folder / "cmdline").read_bytes()
                if any(mark in line + (folder / "environ").read_bytes() for mark in marks):
                    found[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
        return found

    def reports(self, *paths: Path, exit_code: int = 0) -> list[dict[str, Any]]:
        """What `mhfd score --endpoint --json` says of these."""
        told = self.run("mhfd", "score", "--endpoint", self.id, *map(str, paths), "--json", exit_code=exit_code)
        return [json.loads(line) for line in told.splitlines()]

    def results_as_they_come(self) -> None:
        """From the next process of a user on, results are looked for as the endpoint itself does: `--fast-results`
        undone, as its program says.
        """
        (self.folder / "bin" / PROGRAM).unlink()

    def said(self) -> str:
        logs = [*self.folder.parent.glob("*/endpoint.log"), self.home / "start.out"]
        return "\n".join(f"{log}:\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists())
