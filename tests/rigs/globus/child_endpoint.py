"""A real endpoint process that runs tasks: `globus-compute-endpoint _start-user-endpoint`, as the core starts it.

It gets its configuration and its address of the broker on stdin, and asks nothing over HTTP. The project is imported by
its workers from this repository, and MHFD_SITE names a site file for the test's own folders.
"""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, Self

from tests.rigs.globus.processes import Program
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until

Engine = Literal["workers", "thread"]
"""`workers`: GlobusComputeEngine, as on a real site. `thread`: in the endpoint's own process, up a second earlier."""


def engine(kind: Engine, *, workers: int, heartbeat_s: float) -> dict[str, Any]:
    """The engine as configured. The heartbeat decides how soon a lost worker is noticed."""
    # What our templates admit, too.
    admits = [f"globus_compute_sdk.serialize.{name}" for name in ("PureSourceTextInspect", "JSONData")]
    if kind == "thread":
        return {"type": "ThreadPoolEngine", "max_workers": workers, "allowed_serializers": admits}
    return {
        "type": "GlobusComputeEngine",
        "allowed_serializers": admits,
        "address": "127.0.0.1",
        "max_workers_per_node": workers,
        "heartbeat_period": heartbeat_s,
        "heartbeat_threshold": 4 * heartbeat_s,
        "job_status_kwargs": {"max_idletime": 3600.0, "strategy_period": 0.5},
        "provider": {"type": "LocalProvider", "init_blocks": 1, "min_blocks": 1, "max_blocks": 1},
    }


class ChildEndpoint:
    """Started by `with`. `root` is the folder that it may read, `log` the site's log of tasks."""

    def __init__(
        self,
        service: Service,
        folder: Path,
        *,
        kind: Engine = "workers",
        workers: int = 1,
        heartbeat_s: float = 2,
        root: Path | None = None,
        allowed: list[str] | None = None,
        allowed_at_service: bool = True,
        site: str = "",
        env: Mapping[str, str] | None = None,
        program: str = "globus-compute-endpoint",
    ) -> None:
        """`allowed`: the only functions it runs; the service need not know. `site`: more lines of the site file."""
        self.id = str(uuid.uuid4())
        self.folder, self.root = folder / self.id, (root or folder / self.id / "data").resolve()
        self.log, self.staging = self.folder / "tasks.log", self.root
        self.functions: dict[str, str] = {}
        """None is registered for it: whoever asks registers theirs."""
        self._service, self._allowed = service, allowed
        self._config = {
            "display_name": "on loopback",
            "heartbeat_period": heartbeat_s,
            "idle_heartbeats_soft": 0,
            "engine": engine(kind, workers=workers, heartbeat_s=heartbeat_s),
        }
        self._env, self._command, self._programs = dict(env or {}), program, list[Program]()
        self.root.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.site_file = self.folder / "site.toml"
        self.site_file.write_text(
            f"name = 'loopback'\nread_roots = ['{self.root}']\nwrite_roots = ['{self.root}']\n"
            f"device = 'cpu'\nlog = '{self.log}'\n{site}"
        )
        about: dict[str, Any] = {"display_name": "on loopback"}
        if allowed is not None and allowed_at_service:
            about["allowed_functions"] = allowed
        service.compute.add_endpoint(about, self.id)

    @property
    def online(self) -> bool:
        return self._service.compute.endpoint(self.id).online

    @property
    def process(self) -> Program:
        return self._programs[-1]

    def __enter__(self) -> Self:
        with ExitStack() as stopped:  # what runs already, when it does not come online
            stopped.callback(self.__exit__)
            self.start()
            stopped.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, or start it again, and wait until it is online."""
        name = f"uep-{self.id[:8]}"
        # A killed endpoint leaves its pid file, and would be refused while that is fresh.
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "daemon.pid").unlink(missing_ok=True)
        stdin: dict[str, Any] = {
            "amqp_creds": self._service.compute.credentials(self.id),
            "config": json.dumps(self._config),
            "ep_info": {"posix_ppid": os.getpid()},
        }
        if self._allowed is not None:
            stdin["allowed_functions"] = self._allowed
        env = {
            **environment(self._service.url, self.folder),
            "MHFD_SITE": str(self.site_file),
            **self._env,
        }
        self._service.compute.endpoint(self.id).heard_at = -1e9
        program = Program(
            [self._command, "_start-user-endpoint", name],
            env=env,
            cwd=self.folder,
            output=self.folder / "endpoint.out",
            stdin=json.dumps(stdin).encode(),
        )
        self._programs.append(program)
        until(lambda: program.alive() and self.online, lambda: f"the endpoint does not come online:\n{self.said()}")

    def stop(self) -> None:
        for program in reversed(self._programs):
            program.stop()

    def kill(self) -> None:
        """SIGKILL to the endpoint alone; its workers find out by themselves, or live until `stop`."""
        self.process.kill()

    def workers(self) -> dict[int, str]:
        """pid -> command line of the worker processes. The first that a pool spawns is none: it holds its lists."""
        found = self.process.session()
        pools = {pid for pid, line in found.items() if "process_worker_pool" in line}
        spawned = {pid: _born(pid) for pid, line in found.items() if "spawn_main" in line and _born(pid)[1] in pools}
        return {pid: found[pid] for pid in sorted(spawned, key=lambda pid: spawned[pid])[len(pools) :]}

    def kill_worker(self) -> int:
        """SIGKILL to one worker, once there is one."""
        pid = next(iter(until(self.workers, "there is no worker")))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    def said(self) -> str:
        logs = [*self.folder.glob("uep-*/endpoint.log"), self.folder / "endpoint.out"]
        return "\n".join(f"{log}:\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists())

    def scored(self) -> Counter[str]:
        """How often each path was scored here, by the site's own log."""
        if not self.log.exists():
            return Counter()
        told = [json.loads(line) for line in self.log.read_text().splitlines()]
        return Counter(path for line in told for path in line.get("paths", ()))


def _born(pid: int) -> tuple[int, int]:
    """When a process began, in ticks, and of which parent."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[19]), int(fields[1])
    return 0, 0
