"""Workers are followed to their end, whatever ends them, and none of them is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rigs.made_workers import ENDED, begun, having, job, program, saved, says, step, until

from mhfd.contract.training import TrainingJob
from mhfd.errors import ExtraMissing, UsageError
from mhfd.learning.training.launching import follow
from mhfd.learning.training.told import (
    CheckpointSaved,
    Told,
    TrainingBegun,
    TrainingEnded,
    TrainingStopped,
    WorkersRestarted,
)

pytestmark = pytest.mark.timeout(60)

FOREVER = "time.sleep(600)\n"
A_WORKER = (
    "subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
)
"""As torchrun starts them: in a session of its own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "training"


def told(folder: Path, text: str, a_job: TrainingJob | None = None) -> list[Told]:
    with follow(a_job or job(), folder, program=program(folder.parent, text)) as following:
        return list(following)


def test_what_workers_say_is_told_in_their_order_and_their_job_lies_there(folder: Path) -> None:
    said: list[Told] = [begun(), step(1), saved(1), ENDED]

    assert told(folder, says(*said)) == said
    assert TrainingJob.model_validate_json((folder / "job.json").read_text()) == job()


def test_what_a_library_prints_is_no_word_of_theirs(folder: Path) -> None:
    text = says(begun()) + "say('{}'); say('a warning'); print('x' * 3_000_000)\n" + says(ENDED)

    assert [one.kind for one in told(folder, text)] == ["begun", "ended"]


def test_nobody_is_left_when_the_follower_leaves(folder: Path) -> None:
    text = A_WORKER * 3 + says(begun()) + FOREVER
    others = below(os.getpid())  # services that other tests share with this one
    with follow(job(), folder, program=program(folder.parent, text)) as following:
        assert next(iter(following)) == begun()
        assert len(having(str(folder.parent))) >= 2
        workers = set(below(os.getpid())) - set(others)
        assert len(workers) >= 5

    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_nor_when_it_is_raised_in(folder: Path) -> None:
    class Heard(Exception):
        """What a beat may raise."""

    def beat() -> None:
        raise Heard

    text = A_WORKER + FOREVER
    with (
        pytest.raises(Heard),
        follow(job(), folder, beat=beat, program=program(folder.parent, text)) as following,
    ):
        list(following)

    assert not having(str(folder.parent))


def test_nor_when_it_is_killed_and_the_folder_is_free_again(folder: Path, tmp_path: Path) -> None:
    started = program(tmp_path, A_WORKER * 2 + says(begun()) + FOREVER)
    follower = (
        "import pathlib, sys\n"
        "from mhfd.contract.training import TrainingJob\n"
        "from mhfd.learning.training.launching import follow\n"
        f"job = TrainingJob.model_validate_json({job().model_dump_json()!r})\n"
        f"with follow(job, pathlib.Path({str(folder)!r}), program={started!r}) as told:\n"
        "    for one in told: print(one.kind, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", follower], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        workers = below(process.pid)
        assert len(workers) >= 4
        process.kill()

    assert told(folder, says(begun(), ENDED))[-1] == ENDED
    assert not set(workers) & set(alive())


def test_nor_when_the_guard_itself_is_killed(folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    child = (
        "import ctypes, pathlib, time; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    text = (
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"while not os.path.exists({str(ready)!r}): time.sleep(.01)\n" + says(begun()) + FOREVER
    )
    with follow(job(), folder, program=program(tmp_path, text)) as following:
        heard = iter(following)
        assert next(heard) == begun()
        guard = having("guard.py")
        os.kill(next(pid for pid in guard if pid in below(os.getpid())), signal.SIGKILL)
        assert isinstance(next(heard), WorkersRestarted)
        assert next(heard) == begun()

    until(lambda: not having(str(tmp_path)))


def test_a_folder_is_trained_in_once_at_a_time(folder: Path, tmp_path: Path) -> None:
    with follow(job(), folder, program=program(tmp_path, FOREVER)) as following:
        with pytest.raises(UsageError, match=f"is being trained in already, by process {os.getpid()} on "):
            follow(job(), folder, program=program(tmp_path, FOREVER)).__enter__()
        following.ask_to_stop()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file.*cannot be trained in: .*name another folder"):
        follow(job(), tmp_path / "file" / "training", program=["true"]).__enter__()


def test_without_torch_nothing_is_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ExtraMissing, match=r"mhfd\[train\]"):
        follow(job(), folder).__enter__()
    assert not folder.exists()


def test_what_dies_at_once_ends_in_its_own_words(folder: Path) -> None:
    (last,) = told(folder, "raise ImportError('libgomp.so.1: cannot open shared object file')\n")

    assert isinstance(last, TrainingStopped)
    assert last.code == "worker_died"
    assert "ImportError: libgomp.so.1: cannot open shared object file (before its first step)" in last.why
    assert str(folder / "errors.log") in last.remedy
    assert "Traceback" in (folder / "errors.log").read_text()


@pytest.mark.parametrize(("number", "words"), [(signal.SIGSEGV, "signal 11"), (signal.SIGABRT, "signal 6")])
def test_what_crashes_at_once_does_too(folder: Path, number: int, words: str) -> None:
    (last,) = told(folder, f"os.kill(os.getpid(), {int(number)})\n")

    assert isinstance(last, TrainingStopped)
    assert words in last.why


def test_a_death_after_steps_is_no_end(folder: Path, tmp_path: Path) -> None:
    """And what happened before is counted from each new checkpoint on."""
    mark = tmp_path / "deaths"
    text = (
        f"deaths = len(open({str(mark)!r}, 'a+').read()) if False else os.path.getsize({str(mark)!r})\n"
        f"open({str(mark)!r}, 'a').write('x')\n"
        + says(begun(), step(1))
        + "if deaths < 5:\n"
        + "".join(f"    {line}\n" for line in says(saved(1)).splitlines())
        + "    os.kill(os.getpid(), 9)\n"
        + says(ENDED)
    )
    mark.write_text("")

    kinds = [one.kind for one in told(folder, text)]

    assert kinds.count("restarted") == 5
    assert kinds[-1] == "ended"


def test_what_dies_again_and_again_at_the_same_place_is_given_up(folder: Path) -> None:
    text = says(begun(), step(1)) + "os.kill(os.getpid(), 9)\n"

    *before, last = told(folder, text)

    assert [one.times for one in before if isinstance(one, WorkersRestarted)] == [1, 2, 3]
    assert isinstance(last, TrainingStopped)
    assert "killed (signal 9), by a person or by the system because memory ran out (again and again)" in last.why
    assert "fewer workers or a smaller batch" in last.remedy


def test_what_cannot_go_on_is_not_started_again(folder: Path) -> None:
    stopped = TrainingStopped(code="nan", why="the loss is no number", remedy="a smaller rate")

    assert told(folder, says(begun(), step(1), stopped) + "sys.exit(1)\n")[-1] == stopped


def test_a_measurement_that_dies_is_not_tried_again(folder: Path) -> None:
    text = says(begun(), step(1)) + "os.kill(os.getpid(), 9)\n"

    assert [one.kind for one in told(folder, text, job(measure_only=3))] == ["begun", "step", "stopped"]


def test_workers_that_are_asked_to_stop_save_first(folder: Path, tmp_path: Path) -> None:
    text = says(begun()) + "while not os.path.exists('stop'): time.sleep(.01)\n" + says(saved(7))
    with follow(job(), folder, program=program(tmp_path, text)) as following:
        heard = []
        for one in following:
            heard.append(one.kind)
            if isinstance(one, TrainingBegun):
                following.ask_to_stop()
    assert heard == ["begun", "saved"]
    assert told(folder, says(begun(), ENDED))[-1] == ENDED  # and the next one is not asked


def test_workers_that_somebody_else_asked_to_end_are_an_end_in_words(folder: Path) -> None:
    *_, before, last = told(folder, says(begun(), saved(7)))

    assert isinstance(before, CheckpointSaved)
    assert isinstance(last, TrainingStopped)
    assert last.why == "somebody told the workers to end, after they had saved step 7"


def test_a_flood_of_errors_takes_a_bounded_part_of_the_disk_and_stops_nobody(folder: Path) -> None:
    text = "for n in range(40): sys.stderr.write('x' * 100_000 + '\\n')\n" + says(ENDED)

    assert told(folder, text) == [ENDED]
    size = sum(file.stat().st_size for file in folder.glob("errors.log*"))
    assert 100_000 < size <= 1_200_000


def test_a_beat_is_heard_while_nothing_is_told(folder: Path, tmp_path: Path) -> None:
    beats = []

    def beat() -> None:
        beats.append(1)
        (tmp_path / "go").touch()

    text = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(.01)\n" + says(ENDED)
    with follow(job(), folder, beat=beat, program=program(tmp_path, text)) as following:
        assert list(following) == [ENDED]
    assert beats


def test_what_makes_us_somebody_elses_worker_does_not_reach_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "PET_NNODES", "OMP_NUM_THREADS", "KMP_AFFINITY", "PYTHON_EXEC"):
        monkeypatch.setenv(name, "77")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    text = "import json; json.dump(dict(os.environ), open('environment', 'w'))\n" + says(ENDED)

    told(folder, text)

    there = json.loads((folder / "environment").read_text())
    assert there["OMP_NUM_THREADS"] == "1"
    assert there["CUDA_VISIBLE_DEVICES"] == "1,2"
    assert there["GLOO_SOCKET_IFNAME"] == "lo"
    assert "77" not in there.values()


def test_the_end_is_the_last_that_is_told(folder: Path) -> None:
    assert isinstance(told(folder, says(ENDED) + A_WORKER + FOREVER)[-1], TrainingEnded)


def alive() -> list[int]:
    """All processes that do not only wait to be waited for."""
    return having("")


def below(root: int) -> list[int]:
    """All processes that descend from one."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, left = [], [root]
    while left:
        parent = left.pop()
        mine = [pid for pid, its in parents.items() if its == parent]
        found += mine
        left += mine
    return found
