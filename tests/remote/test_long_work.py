"""Long work through the function's way in, on a real folder: turns, whose it is, what is damaged, what is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.facility import Facility
from tests.rigs.remote import hashing

from mhfd.contract.request import Code
from mhfd.contract.work import WorkAnswer, WorkRequest, WorkState
from mhfd.remote.long import machine, running
from mhfd.remote.long.claims import Claims, LeaseTimes
from mhfd.remote.long.disk import WorkDisk
from mhfd.remote.long.machine import HostMachine
from mhfd.remote.long.running import LongFailure, LongVerb, LongWork
from mhfd.remote.refusal import problem
from mhfd.remote.roots import Roots

FILES = 6


class Clock(HostMachine):
    """A machine whose time passes when somebody waits."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Long(Facility):
    """A facility that lets a long function run, and a folder to hash."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self.allow(functions={hashing.NAME: {}})
        self.machine = Clock()
        monkeypatch.setattr(running, "MACHINE", self.machine)
        for number in range(FILES):
            (self.data / f"f{number}").write_bytes(b"x" * number)
        self.folder = self.out / "mhfd-work-a"

    def ask(
        self, work: Callable[[WorkRequest, LongWork], Mapping[str, Any]] | None = None, **fields: Any
    ) -> WorkAnswer:
        """As the service would carry it: JSON both ways."""
        verb: LongVerb[Any] = hashing.VERB if work is None else LongVerb(hashing.NAME, WorkRequest, work)
        asked = {"key": "a", "into": str(self.out)} | ({"folder": str(self.data)} if work is None else {}) | fields
        return WorkAnswer.model_validate(json.loads(json.dumps(running.answer(verb, json.loads(json.dumps(asked))))))

    def age(self, claim: int, seconds: float) -> None:
        """That claim was touched so long ago."""
        path = self.folder / f"claim-{claim:06}"
        at = path.stat().st_mtime_ns - int(seconds * 1e9)
        os.utime(path, ns=(at, at))


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Long:
    return Long(tmp_path, monkeypatch)


def steps(request: WorkRequest, work: LongWork) -> dict[str, Any]:
    """Three checkpoints."""
    at = int(work.saved() or b"0")
    while at < 3:
        at += 1
        work.save(b"%d" % at, at, 3, "steps")
    return {"steps": at}


def codes(said: WorkAnswer) -> list[str]:
    return [one.code for one in (*said.errors, *said.notes)]


def a_minute(work: LongWork) -> None:
    """Passes on this function's machine."""
    running.MACHINE.wait(60)


def slowly(request: WorkRequest, work: LongWork) -> dict[str, Any]:
    """A minute a checkpoint."""
    at = int(work.saved() or b"0")
    while at < 3:
        a_minute(work)
        at += 1
        work.save(b"%d" % at, at, 3, "steps")
    return {"steps": at}


# -- turns


def test_a_folder_is_hashed_as_the_system_does_it(facility: Long) -> None:
    said = facility.ask()
    table = hashing.expected(facility.data)
    assert (said.state, said.ok, said.taken_up, said.key) == (WorkState.DONE, True, 1, "a")
    (found,) = said.artefacts
    assert Path(found.path).read_bytes() == table
    assert said.result == {"files": FILES, "bytes": sum(range(FILES)), "digest": found.sha256}
    assert (found.bytes, found.kind) == (len(table), "sha256sum")
    assert said.progress is not None
    assert (said.progress.done, said.progress.total, said.progress.unit) == (FILES, FILES, "files")


def test_a_turn_ends_at_a_checkpoint_and_the_next_goes_on_from_it(facility: Long) -> None:
    said = [facility.ask(slowly, turn_s=60) for _ in range(4)]
    assert [one.state for one in said] == [WorkState.MORE, WorkState.MORE, WorkState.MORE, WorkState.DONE]
    assert [one.taken_up for one in said] == [1, 2, 3, 4]
    assert [one.progress.done for one in said if one.progress] == [1, 2, 3, 3]
    assert facility.ask(slowly) == said[-1]


def test_a_turn_ends_before_there_is_no_time_for_another_checkpoint(facility: Long) -> None:
    facility.allow(functions={hashing.NAME: {"max_seconds": 150.0}})
    said = facility.ask(slowly)
    assert (said.state, said.progress and said.progress.done) == (WorkState.MORE, 2)


def test_what_never_saves_is_ended_and_said(facility: Long) -> None:
    facility.allow(functions={hashing.NAME: {"max_seconds": 0.05}})

    def hangs(_request: WorkRequest, work: LongWork) -> dict[str, Any]:
        while True:
            threading.Event().wait(0.01)

    said = facility.ask(hangs)
    assert (said.state, said.ok, codes(said)) == (None, False, [Code.OUT_OF_TIME])

    def saves_once(request: WorkRequest, work: LongWork) -> dict[str, Any]:
        work.save(b"1", 1)
        return hangs(request, work)

    said = facility.ask(saves_once)
    assert (said.state, said.ok, codes(said)) == (WorkState.MORE, True, [Code.OUT_OF_TIME])
    assert facility.ask(lambda _request, work: {"from": (work.saved() or b"").decode()}).result == {"from": "1"}


def test_a_done_one_stays_as_it_is(facility: Long) -> None:
    first = facility.ask()
    shutil.rmtree(facility.data)
    assert facility.ask(turn_s=7, client="another", slow_ms=0.0) == first
    assert facility.ask(cancel=True) == first


def test_the_same_key_with_another_request_is_refused(facility: Long) -> None:
    facility.ask()
    for fields in ({"slow_ms": 1.0}, {"folder": "/somewhere"}):
        said = facility.ask(**fields)
        assert (codes(said), said.state, said.progress, said.result) == ([Code.WRONG_KEY], None, None, None)
    assert facility.ask(key="b", slow_ms=1.0).state is WorkState.DONE


def test_an_error_is_no_end_and_a_failure_is_one(facility: Long) -> None:
    def breaks(_request: WorkRequest, work: LongWork) -> dict[str, Any]:
        if work.saved() is None:
            work.save(b"half", 1, 2, "halves")
            raise RuntimeError("a defect")
        raise LongFailure(problem(Code.UNAVAILABLE, "there is nothing in it", "name another folder"))

    first, second = facility.ask(breaks), facility.ask(breaks)
    assert (first.state, codes(first), first.taken_up) == (None, [Code.INTERNAL], 1)
    assert (first.progress and first.progress.done) == 1
    assert (second.state, second.ok, codes(second)) == (WorkState.FAILED, False, [Code.UNAVAILABLE])
    assert facility.ask(breaks) == second


def test_a_result_too_large_for_an_answer_is_said(facility: Long) -> None:
    facility.allow(functions={hashing.NAME: {}}, max_response_bytes=1 << 14)
    said = facility.ask(lambda _request, _work: {"much": "x" * (1 << 14)})
    assert (said.state, codes(said)) == (None, [Code.INTERNAL])
    assert "artefact" in said.errors[0].remedy


# -- whose it is


@contextmanager
def held(facility: Long) -> Any:
    """A turn of another task of this process, that waits in its function; `told` lets it go on."""
    inside, told, said = threading.Event(), threading.Event(), []

    def waits(request: WorkRequest, work: LongWork) -> dict[str, Any]:
        work.save(b"0", 0, 3, "steps")
        inside.set()
        assert told.wait(30)
        work.beat(1, 3, "steps")
        return steps(request, work)

    thread = threading.Thread(target=lambda: said.append(facility.ask(waits)))
    thread.start()
    assert inside.wait(30)

    def end() -> WorkAnswer:
        told.set()
        thread.join(30)
        return said[0]

    try:
        yield end
    finally:
        end()


def test_one_at_a_time(facility: Long) -> None:
    with held(facility) as end:
        said = facility.ask(steps)
        assert (said.state, said.ok, said.taken_up) == (WorkState.ELSEWHERE, True, 1)
        assert (said.progress and said.progress.unit) == "steps"
        done = end()
    assert (done.state, done.result) == (WorkState.DONE, {"steps": 3})
    assert facility.ask(steps) == done


def test_a_cancel_is_heard_by_who_has_it(facility: Long) -> None:
    with held(facility) as end:
        assert facility.ask(steps, cancel=True).state is WorkState.ELSEWHERE
        facility.machine.now += LeaseTimes().lease_s + 1  # a heartbeat is due
        ended = end()
    assert (ended.state, ended.ok) == (WorkState.CANCELLED, True)
    assert facility.ask(steps) == ended


def test_without_a_holder_it_is_cancelled_at_once_also_before_it_is_begun(facility: Long) -> None:
    assert facility.ask(slowly, turn_s=60).state is WorkState.MORE
    ended = facility.ask(slowly, cancel=True)
    assert (ended.state, ended.taken_up, ended.progress and ended.progress.done) == (WorkState.CANCELLED, 1, 1)
    assert facility.ask(slowly) == ended
    assert facility.ask(steps, key="b", cancel=True).state is WorkState.CANCELLED
    assert facility.ask(steps, key="b").state is WorkState.CANCELLED


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this is another machine."""
    monkeypatch.setattr(machine, "_boot", lambda: "another")


def test_a_silent_one_on_another_machine_is_taken_over_and_finds_it(
    facility: Long, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(facility) as end:
        elsewhere(monkeypatch)
        facility.age(1, 29)
        assert facility.ask(steps).state is WorkState.ELSEWHERE
        facility.age(1, 2)  # 31 in all
        before = facility.machine.now
        done = facility.ask(steps)
        assert facility.machine.now - before == pytest.approx(LeaseTimes().watch_s)
        assert (done.state, done.taken_up) == (WorkState.DONE, 2)
        late = end()  # it had been stopped, and finds out before it writes
    assert late == done
    names = {path.name for path in facility.folder.iterdir()}
    assert not [name for name in names if name.startswith("checkpoint-000001") and name > "checkpoint-000001-000001"]


@pytest.mark.parametrize("off_s", [-3600.0, 3600.0])
def test_one_that_is_seen_alive_is_alive_whatever_its_clock_says(
    facility: Long, monkeypatch: pytest.MonkeyPatch, off_s: float
) -> None:
    with held(facility) as end:
        elsewhere(monkeypatch)
        facility.age(1, off_s)
        wait = facility.machine.wait

        def waited(seconds: float) -> None:
            wait(seconds)
            facility.age(1, -seconds)  # it is touched meanwhile, by that clock

        monkeypatch.setattr(facility.machine, "wait", waited)
        assert facility.ask(steps).state is WorkState.ELSEWHERE
        assert end().state is WorkState.DONE


def dies(out: Path, data: Path) -> None:
    """A worker that is killed between two checkpoints."""

    def work(_request: WorkRequest, work: LongWork) -> dict[str, Any]:
        work.save(b"1", 1, 3, "steps")
        (work.folder / "half").write_bytes(b"kept")
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    running.answer(LongVerb(hashing.NAME, WorkRequest, work), {"key": "a", "into": str(out)})


def test_a_killed_one_on_this_machine_is_taken_over_at_once(facility: Long) -> None:
    worker = multiprocessing.get_context("fork").Process(target=dies, args=(facility.out, facility.data))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL

    def goes_on(_request: WorkRequest, work: LongWork) -> dict[str, Any]:
        return {"from": (work.saved() or b"").decode(), "kept": (work.folder / "half").read_text()}

    said = facility.ask(goes_on)
    assert (said.state, said.taken_up, said.result) == (WorkState.DONE, 2, {"from": "1", "kept": "kept"})
    assert facility.machine.now == 0, "nobody was watched"


def test_only_the_highest_claim_counts(facility: Long) -> None:
    facility.ask(slowly, turn_s=60)
    with WorkDisk.opened(Roots((facility.out,), use="write"), str(facility.folder)) as disk:
        claims = Claims(disk, facility.machine, LeaseTimes())
        last = claims.last()
        assert last is not None
        assert last.said is not None
        assert claims.add(30, last.said)
        claims.tidy(30)
        assert claims.highest() == 30
        assert not (facility.folder / "claim-000001").exists()
        assert not claims.add(2, last.said), "one that slept for thirty turns"
        assert not claims.add(30, last.said)


# -- what is damaged, full or not ours


@pytest.mark.parametrize("rubbish", [b"", b"\xff" * 100, b'{"sha256": "0"}\nx', b"{}"])
def test_a_damaged_checkpoint_is_said_and_not_believed(facility: Long, rubbish: bytes) -> None:
    facility.ask(slowly, turn_s=120)
    newest = facility.folder / "checkpoint-000001-000002"
    assert newest.exists()
    newest.write_bytes(rubbish)
    froms = lambda _request, work: {"from": (work.saved() or b"nothing").decode()}  # noqa: E731
    said = facility.ask(froms)
    assert (said.result, codes(said)) == ({"from": "1"}, [Code.DAMAGED])
    assert newest.name in said.notes[0].why


def test_without_any_whole_checkpoint_it_begins_again(facility: Long) -> None:
    facility.ask(slowly, turn_s=120)
    for path in facility.folder.glob("checkpoint-*"):
        path.write_bytes(b"torn")
    said = facility.ask(slowly)
    assert (said.state, said.result, codes(said)) == (WorkState.DONE, {"steps": 3}, [Code.DAMAGED] * 2)


@pytest.mark.parametrize("what", ["rubbish", "folder", "link"])
def test_a_damaged_claim_is_no_holder_for_ever(facility: Long, what: str) -> None:
    facility.ask(slowly, turn_s=60)
    claim = facility.folder / "claim-000002"
    match what:
        case "folder":
            claim.mkdir()
        case "link":
            claim.symlink_to("claim-000001")
        case _:
            claim.write_bytes(b"torn")
    assert facility.ask(slowly).state is WorkState.ELSEWHERE
    at = facility.machine.now
    os.utime(claim, ns=(1, 1), follow_symlinks=False)
    said = facility.ask(slowly)
    assert (said.state, said.taken_up, codes(said)) == (WorkState.DONE, 3, [Code.DAMAGED])
    assert facility.machine.now > at, "it was watched"


def test_what_a_newer_mhfd_wrote_is_not_called_damaged(facility: Long) -> None:
    facility.ask(slowly, turn_s=60)
    claim = facility.folder / "claim-000001"
    claim.write_text(json.dumps(json.loads(claim.read_text()) | {"schema_version": 9, "more": 1}))
    said = facility.ask(slowly)
    assert (said.state, codes(said)) == (None, [Code.INTERNAL])
    assert "newer mhfd" in said.errors[0].why


@contextmanager
def full_from(size: int) -> Iterator[None]:
    """The system takes no file that is larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_no_checkpoint(facility: Long) -> None:
    def grows(_request: WorkRequest, work: LongWork) -> dict[str, Any]:
        at = len(work.saved() or b"")
        while at < 1 << 18:
            at = 4 * at or 1 << 10
            work.save(bytes(at), at, 1 << 18, "bytes")
        return {"bytes": at}

    with full_from(1 << 17):
        said = [facility.ask(grows) for _ in range(2)]
    assert [(one.state, codes(one), one.ok) for one in said] == [(None, [Code.CANNOT_WRITE], False)] * 2
    assert not list(facility.folder.glob(".*"))
    done = facility.ask(grows, turn_s=1)
    assert (done.state, done.taken_up, done.result) == (WorkState.DONE, 3, {"bytes": 1 << 18})
    assert {path.name for path in facility.folder.glob("checkpoint-*")} == {
        "checkpoint-000001-000004",
        "checkpoint-000003-000001",
    }, "it went on from the last one that was whole"


def damage(path: Path, dice: random.Random) -> None:
    """One way in which a file is not what it was."""
    data = path.read_bytes()
    path.unlink()
    match dice.choice(["empty", "cut", "other", "folder", "link", "gone", "old"]):
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(data[: dice.randint(0, len(data))])
        case "other":
            path.write_bytes(data[:-9] + dice.randbytes(9))
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/passwd")
        case "old":
            path.write_text(json.dumps({"schema_version": 1}))
    if path.is_symlink() or path.exists():
        os.utime(path, ns=(1, 1), follow_symlinks=False)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_it_comes_to_its_end(facility: Long, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - dice
    for _ in range(dice.randint(1, 3)):
        facility.ask(slowly, turn_s=60)
    files = sorted(path for path in facility.folder.iterdir() if path.is_file())
    for path in dice.sample(files, dice.randint(1, 3)):
        damage(path, dice)
    said = [facility.ask(slowly, turn_s=60) for _ in range(6)]
    assert [one.errors for one in said] == [()] * 6
    assert (said[-1].state, said[-1].result) == (WorkState.DONE, {"steps": 3})


def test_what_dead_workers_left_is_cleared_when_it_is_nobodys(facility: Long) -> None:
    facility.ask(slowly, turn_s=60)
    old, new, folder = (facility.folder / name for name in (".claim.0.tmp", ".claim.1.tmp", ".files-2.0.tmp"))
    for path in (old, new):
        path.write_bytes(b"half")
    folder.mkdir()
    (folder / "half").write_bytes(b"half")
    for path in (old, folder):
        os.utime(path, ns=(1, 1))
    facility.ask(slowly, turn_s=60)
    assert [path.exists() for path in (old, new, folder)] == [False, True, False]


def test_where_there_are_no_hard_links_it_is_refused(facility: Long, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_args: Any, **_how: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", link)
    said = facility.ask()
    assert (codes(said), said.state) == ([Code.CANNOT_WRITE], None)
    assert "hard links" in said.errors[0].why


@pytest.mark.parametrize("into", ["/etc", "relative", "{out}/../secret", "{out}/way"])
def test_nothing_is_kept_elsewhere(facility: Long, into: str) -> None:
    (facility.out / "way").symlink_to(facility.secret)
    said = facility.ask(into=into.format(out=facility.out))
    assert codes(said) == [Code.REFUSED_WRITE]
    assert list(facility.secret.iterdir()) == []


def test_a_folder_that_leads_elsewhere_is_refused(facility: Long) -> None:
    facility.folder.symlink_to(facility.secret)
    assert codes(facility.ask()) == [Code.REFUSED_WRITE]
    assert list(facility.secret.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_said(facility: Long, monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdir(*_args: Any, **_how: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", mkdir)  # root may write anywhere
    assert codes(facility.ask()) == [Code.CANNOT_WRITE]


@pytest.mark.parametrize("key", ["", "..", ".a", "a/b", "a" * 65, "ä", 7, None])
def test_a_key_is_a_plain_name(facility: Long, key: Any) -> None:
    said = facility.ask(key=key)
    assert (codes(said), said.key, said.state) == ([Code.BAD_REQUEST], None, None)
    assert list(facility.out.iterdir()) == []


def test_the_log_tells_which_work_and_how_it_was_left(facility: Long) -> None:
    facility.ask(slowly, turn_s=60)
    facility.ask(slowly, cancel=True)
    found = [line["work"] for line in facility.lines()]
    assert found[0] == {"key": "a", "state": "more", "taken_up": 1, "done": 1.0, "total": 3.0, "unit": "steps"}
    assert (found[1]["state"], found[1]["taken_up"]) == ("cancelled", 1)
    assert {line["write_to"] for line in facility.lines()} == {str(facility.out)}


def test_names_of_any_bytes_come_back(facility: Long) -> None:
    (facility.data / os.fsdecode(b"a\xff")).write_bytes(b"1")
    into = facility.out / os.fsdecode(b"b\xff")
    said = facility.ask(into=str(into))
    assert said.state is WorkState.DONE
    assert Path(said.artefacts[0].path).read_bytes() == hashing.expected(facility.data)
