"""The local runner: real worker processes that crash, hang, run out of memory and are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.jobs_folder import Folder
from tests.rigs.listening import PATIENCE_S, listen, until_answered

from mhfd.contract.focus_report import Finding
from mhfd.limits import Limits
from mhfd_client.errors import RunnerError
from mhfd_client.runners import Batch, Event, Health, Scored, Started, memory
from mhfd_client.runners.local import LocalRunner
from mhfd_client.runners.process import SetUp

Make = Callable[..., LocalRunner]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[LocalRunner] = []

    def new(**options: Any) -> LocalRunner:
        defaults = {"workers": 1, "device": "cpu", "score": "tests.rigs.jobs:score", "backoff_s": 0.01}
        made.append(LocalRunner(**{**defaults, **options}))
        return made[-1]

    yield new
    for runner in made:
        runner.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def reports(events: list[Event]) -> dict[int, Any]:
    return {e.id: e.report for e in events if isinstance(e, Scored)}


def workers(runner: LocalRunner) -> list[int]:
    return [s.worker._process.pid for s in runner._seats if s.worker is not None and s.worker._process is not None]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ("segfault", r"killed its worker \(SIGSEGV\)"),
        ("sigkill", r"killed its worker \(SIGKILL\)"),
        ("memory", r"needs more than [0-9.]+ GB of memory; crop it, or raise memory_gb"),
        ("raise", "makes scoring fail with LookupError: no such tag"),
    ],
)
def test_poison_is_set_aside_and_the_others_go_on(make: Make, folder: Folder, order: str, why: str) -> None:
    runner = make()
    jobs = [folder.job(), folder.job(order), folder.job(), folder.job()]
    runner.submit(Batch("a", tuple(jobs)))
    events = until_answered(runner, 4)
    found = reports(events)
    assert [found[job.id].finding for job in jobs] == [Finding.OK, Finding.UNREADABLE, Finding.OK, Finding.OK]
    poison = found[2]
    assert poison.finding_detail.startswith(f"002-{order}.tif set aside after 2 tries: ")
    assert re.search(why, poison.finding_detail)
    assert poison.image.path == jobs[1].path
    assert sum(isinstance(e, Started) and e.id == 2 for e in events) == 2
    order_of_answers = [e.id for e in events if isinstance(e, Scored)]
    assert order_of_answers[-1] == 2, "the suspect is tried again behind the others"


def test_hung_worker_is_killed_and_replaced(make: Make, folder: Folder) -> None:
    clock = Clock()
    runner = make(clock=clock, deadline_s=30, backoff_s=2)
    jobs = [folder.job("hang"), folder.job()]
    runner.submit(Batch("a", tuple(jobs)))
    started = [e for e in listen(runner, lambda events: bool(events)) if isinstance(e, Started)]
    assert [e.id for e in started] == [1]
    (first,) = workers(runner)
    clock.now = 29.9
    assert list(runner.events(0.0)) == []
    assert not gone(first)
    clock.now = 30.0
    events = until_answered(runner, 1)
    assert reports(events)[2].finding is Finding.OK, "the one behind it goes on in a new worker"
    assert gone(first)
    assert list(runner.events(0.0)) == [], "the second try waits"
    clock.now = 32.0
    listen(runner, lambda events: any(isinstance(e, Started) and e.id == 1 for e in events))
    runner.submit(Batch("b", (folder.job(),)))
    assert [task.job.id for task in runner._seats[0].tasks] == [1], "nobody waits behind a suspect"
    clock.now = 62.0
    events = until_answered(runner, 2)
    assert reports(events)[3].finding is Finding.OK
    assert (
        reports(events)[1].finding_detail
        == "001-hang.tif set aside after 2 tries: took longer than 30 s; crop it, or raise deadline_s"
    )


def test_suspect_is_alone_in_its_worker(make: Make, folder: Folder) -> None:
    clock = Clock()
    runner = make(clock=clock, attempts=3)
    runner.submit(Batch("a", (folder.job("sigkill"), folder.job("hang"))))
    listen(runner, lambda events: any(isinstance(e, Started) and e.id == 2 for e in events))
    (seat,) = runner._seats
    clock.now = 1.0
    runner.events(0.0)
    assert [task.job.id for task in seat.tasks] == [2], "not behind another, which it would take with it"


def test_worker_killed_between_images_costs_nothing(make: Make, folder: Folder) -> None:
    runner = make(attempts=1)
    runner.submit(Batch("a", (folder.job(),)))
    until_answered(runner, 1)
    (pid,) = workers(runner)
    os.kill(pid, signal.SIGKILL)
    runner.submit(Batch("b", (folder.job(),)))
    events = until_answered(runner, 1)
    assert reports(events)[2].finding is Finding.OK
    assert workers(runner) != [pid]


def test_workers_stay_warm(make: Make, folder: Folder) -> None:
    runner = make()
    for number in range(3):
        runner.submit(Batch(str(number), (folder.job(),)))
        until_answered(runner, 1)
        if number == 0:
            (pid,) = workers(runner)
    assert workers(runner) == [pid]


def test_memory_limit(make: Make, folder: Folder) -> None:
    runner = make(memory_bytes=1 << 30, score="tests.runners.test_local_runner:take_two_gigabytes")
    runner.submit(Batch("a", (folder.job(), folder.job())))
    pids = []
    for number, report in reports(until_answered(runner, 2)).items():
        assert "needs more than 1.07 GB of memory" in report.finding_detail, number
        pids += workers(runner)
    assert len(set(pids)) == 1, "a worker outlives what it could not take"


def take_two_gigabytes(path: str, **options: Any) -> None:
    bytearray(2 << 30)


def test_workers_have_a_memory_limit_by_default(make: Make, folder: Folder) -> None:
    runner = make(score="tests.runners.test_local_runner:take_what_no_image_needs")
    runner.submit(Batch("a", (folder.job(),)))
    assert "raise memory_gb" in reports(until_answered(runner, 1))[1].finding_detail


def take_what_no_image_needs(path: str, **options: Any) -> None:
    bytearray(Limits().memory_needed + (1 << 30))  # never touched: it costs nothing where there is no limit


def test_all_workers_together_leave_the_machine_alive(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    assert memory.allowed(1, Limits(), root=tmp_path) == Limits().memory_needed
    assert memory.allowed(8, Limits(), root=tmp_path) == 12 * (1 << 30) // 8
    assert memory.allowed(10_000, Limits(), root=tmp_path) == memory.LEAST
    (tmp_path / "proc/self/cgroup").write_text("0::/slurm/job\n")
    job = tmp_path / "sys/fs/cgroup/slurm/job"
    job.mkdir(parents=True)
    (job / "memory.max").write_text("max\n")
    (job.parent / "memory.max").write_text(f"{4 << 30}\n")
    assert memory.allowed(1, Limits(), root=tmp_path) == 3 << 30
    (tmp_path / "proc/self/cgroup").write_text("5:cpuset:/\n4:memory:/box\n")
    box = tmp_path / "sys/fs/cgroup/memory/box"
    box.mkdir(parents=True)
    (box / "memory.limit_in_bytes").write_text(f"{2 << 30}\n")
    (box.parent / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.allowed(1, Limits(), root=tmp_path) == 1536 << 20


def test_an_image_that_hangs_is_tried_twice_and_no_more(make: Make, folder: Folder) -> None:
    # It took its worker for the whole deadline as often as `attempts`, 3 in a watch.
    clock = Clock()
    runner = make(clock=clock, deadline_s=30, attempts=5, backoff_s=0)
    runner.submit(Batch("a", (folder.job("hang"),)))
    for _ in range(2):
        listen(runner, lambda events: any(isinstance(e, Started) for e in events))
        clock.now += 31.0
    found = reports(until_answered(runner, 1))[1]
    assert "set aside after 2 tries: took longer than 30 s" in found.finding_detail


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ("tests.rigs.jobs:no_such_function", "AttributeError"),
        ("no_such_module:score", "No module named 'no_such_module'"),
    ],
)
def test_scoring_that_cannot_be_loaded_is_said_at_once(make: Make, folder: Folder, score: str, words: str) -> None:
    runner = make(score=score)
    runner.submit(Batch("a", (folder.job(),)))
    with pytest.raises(RunnerError, match=rf"cannot load {score}.*{words}"):
        until_answered(runner, 1)


@pytest.mark.parametrize(("order", "words"), [("usage", "do not fit"), ("text", "returned str, not FocusReport")])
def test_wrong_arguments_are_no_fault_of_an_image(make: Make, folder: Folder, order: str, words: str) -> None:
    runner = make()
    runner.submit(Batch("a", (folder.job(order),)))
    with pytest.raises(RunnerError, match=words):
        until_answered(runner, 1)


def test_workers_that_die_at_the_start(make: Make, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    runner = make(clock=clock, backoff_s=1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    runner.submit(Batch("a", (folder.job(),)))
    said: list[Event] = []
    with pytest.raises(RunnerError, match="5 times in a row a worker ended before it was ready: exit code 1"):  # noqa: PT012
        for _ in range(1000):
            said += runner.events(0.1)
            clock.now += 1
    health = [e for e in said if isinstance(e, Health)]
    assert len(health) >= 4
    assert not any(e.ok for e in health)


def test_what_libraries_print_is_no_reply(make: Make, folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    runner = make()
    runner.submit(Batch("a", (folder.job("print"), folder.job())))
    found = reports(until_answered(runner, 2))
    assert [found[n].finding for n in (1, 2)] == [Finding.OK, Finding.OK]
    runner.close()
    assert "libtiff warning" in capfd.readouterr().err


def test_workers_load_no_more_than_they_need(make: Make, folder: Folder) -> None:
    runner = make(threads=3)
    runner.submit(Batch("a", (folder.job("modules"),)))
    assert reports(until_answered(runner, 1))[1].finding_detail == "cpu 3 3 []"


def test_close_leaves_no_process(make: Make, folder: Folder) -> None:
    runner = make(workers=3)
    runner.submit(Batch("a", tuple(folder.job("hang") for _ in range(6))))
    listen(runner, lambda events: sum(isinstance(e, Started) for e in events) == 3)
    pids = workers(runner)
    assert len(pids) == 3
    runner.close()
    assert all(gone(pid) for pid in pids)


PARENT = """
import sys, time
from pathlib import Path
from mhfd_client.runners import Batch, Job, Started
from mhfd_client.runners.local import LocalRunner
from mhfd_client.runners.process import SetUp
from mhfd.contract import Params
path = Path(sys.argv[1])
job = Job(1, str(path), path.stat().st_size, path.stat().st_mtime_ns, Params())
runner = LocalRunner(workers=2, device="cpu", score="tests.rigs.jobs:score")
runner.submit(Batch("a", (job,)))
while not any(isinstance(e, Started) for e in runner.events(1)):
    pass
print(*[seat.worker._process.pid for seat in runner._seats], flush=True)
time.sleep(600)
"""


def wait_for_end(*pids: int) -> None:
    """Wait by looking: they are no children of ours."""
    look = 'for pid; do while [ -d "/proc/$pid" ] && ! grep -q "^State:.Z" "/proc/$pid/status"; do :; done; done'
    subprocess.run(
        ["timeout", str(PATIENCE_S), "sh", "-c", look, "sh", *map(str, pids)], check=True, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent(folder: Folder, how: signal.Signals) -> None:
    """One is scoring (it hangs), the other waits for work."""
    command = [sys.executable, "-c", PARENT, folder.job("hang").path]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        parent.send_signal(how)
    wait_for_end(*pids)


SET_UP = json.dumps(asdict(SetUp("tests.rigs.jobs:score", device="cpu", threads=1, memory_bytes=1 << 30))).encode()


def hanging(folder: Folder) -> bytes:
    """What is written to a worker to make it busy for ever."""
    job = folder.job("hang")
    fields = {"id": job.id, "path": job.path, "size": job.size, "mtime_ns": job.mtime_ns}
    return SET_UP + b"\n" + json.dumps({**fields, "params": job.params.model_dump(mode="json")}).encode() + b"\n"


def worker(parent: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mhfd_client.runners.worker", parent]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_a_worker_of_another_mhfd_says_so() -> None:
    told = json.dumps({**json.loads(SET_UP), "schema_version": 99}).encode() + b"\n"
    with subprocess.Popen(
        worker(str(os.getpid())), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told)
        process.stdin.flush()
        said = process.stdout.readline()
    assert said.startswith(b"broken ")
    assert b"exchanged while the station ran: start the station again" in said


def test_end_of_input_ends_a_busy_worker(folder: Folder) -> None:
    with subprocess.Popen(
        worker(str(os.getpid())), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(hanging(folder))
        process.stdin.flush()
        assert [process.stdout.readline().split()[0] for _ in range(2)] == [b"ready", b"started"]
        process.stdin.close()
        assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own way, on Linux")
def test_kernel_ends_a_worker_whose_input_stays_open(folder: Folder) -> None:
    """Somebody else may hold the other end of its input."""
    theirs, ours = os.pipe()
    start = (
        "import os, subprocess, sys, time\n"
        "worker = subprocess.Popen([*sys.argv[2:], str(os.getpid())], stdin=int(sys.argv[1]), stdout=subprocess.PIPE)\n"
        "worker.stdout.readline(), worker.stdout.readline()\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", start, str(theirs), *worker("")[:-1]]
    try:
        os.write(ours, hanging(folder))
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, pass_fds=[theirs]) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert not gone(pid)
            parent.kill()
        wait_for_end(pid)
    finally:
        os.close(ours)
        os.close(theirs)


def test_ctrl_c_is_for_the_station(make: Make, folder: Folder) -> None:
    """A service manager or a terminal signals the whole group; images in work are finished all the same."""
    runner = make()
    runner.submit(Batch("a", (folder.job(),)))
    until_answered(runner, 1)
    (pid,) = workers(runner)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert os.getsid(pid) == pid
    runner.submit(Batch("b", (folder.job(),)))
    assert reports(until_answered(runner, 1))[2].finding is Finding.OK
    assert workers(runner) == [pid]


def test_the_station_loads_no_heavy_library() -> None:
    code = (
        "import sys, mhfd_client, mhfd_client.station, mhfd_client.journal, mhfd_client.runners.local\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'cupy', 'torch', 'matplotlib', 'scipy'}))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, check=True).stdout
        == b"[]\n"
    )
