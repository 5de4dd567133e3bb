"""Each worker has cores of its own, of one bank where there are enough."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd.contract.training import WorkerLayout
from mhfd.learning.training.workers import cores
from mhfd.learning.training.workers.cores import banks_of, cores_of, numbers

TWO_SOCKETS = [list(range(20)), list(range(20, 40))]


def shared(workers: int, threads: int, banks: list[list[int]]) -> list[tuple[int, ...]]:
    return [cores_of(worker, workers=workers, threads=threads, banks=banks) for worker in range(workers)]


def test_four_workers_of_two_sockets_have_half_a_socket_each() -> None:
    got = shared(4, 10, TWO_SOCKETS)

    assert got == [tuple(range(start, start + 10)) for start in (0, 10, 20, 30)]


def test_few_threads_are_spread_over_the_banks() -> None:
    assert shared(2, 1, TWO_SOCKETS) == [(0,), (20,)]
    assert shared(3, 2, TWO_SOCKETS) == [(0, 1), (2, 3), (20, 21)]


def test_a_worker_that_no_bank_holds_spans_two() -> None:
    assert shared(1, 30, TWO_SOCKETS) == [tuple(range(30))]


def test_more_workers_than_cores_share_a_bank() -> None:
    assert shared(4, 1, [[0, 1]]) == [(0, 1)] * 4


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 4))
def test_as_long_as_there_are_enough_nobody_shares(sizes: list[int], workers: int, threads: int) -> None:
    numbered = iter(range(1000))
    banks = [[next(numbered) for _ in range(size)] for size in sizes]
    got = shared(workers, threads, banks)

    assert all(mine and set(mine) <= set(range(sum(sizes))) for mine in got)
    if workers * threads <= sum(sizes):
        taken = [core for mine in got for core in mine]
        assert len(taken) == len(set(taken)) == workers * threads


def machine(root: Path, *, quota: str = "max") -> Path:
    """Two banks of four threads; cores 0 and 4 are the threads of one core, and so on."""
    for bank, listed in enumerate(("0-1,4-5", "2-3,6-7")):
        folder = root / f"sys/devices/system/node/node{bank}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(listed + "\n")
    for core in range(8):
        folder = root / f"sys/devices/system/cpu/cpu{core}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{core % 4},{core % 4 + 4}\n")
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/cpu.max").write_text(f"{quota} 100000\n")
    return root


def test_threads_of_one_core_are_taken_last(tmp_path: Path) -> None:
    assert banks_of(range(8), root=machine(tmp_path)) == [[0, 1, 4, 5], [2, 3, 6, 7]]


def test_only_what_is_allowed_is_taken_and_what_no_bank_names_too(tmp_path: Path) -> None:
    assert banks_of({1, 3, 9}, root=machine(tmp_path)) == [[1], [3], [9]]
    assert banks_of({1, 3}, root=tmp_path / "none") == [[1, 3]]


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What this process would be bound to, of eight cores."""
    asked: list[object] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, mine: asked.append(mine))
    return asked


def test_a_worker_binds_itself(tmp_path: Path, bound: list[object]) -> None:
    layout = WorkerLayout(workers=2, threads=2)

    assert cores.bind_worker(1, layout, root=machine(tmp_path)) == (2, 3)
    assert bound == [(2, 3)]


def test_a_share_of_the_time_is_no_core_of_ones_own(tmp_path: Path, bound: list[object]) -> None:
    assert cores.bind_worker(1, WorkerLayout(workers=2), root=machine(tmp_path, quota="200000")) == ()
    assert bound == []


def test_lists_of_cores_are_read() -> None:
    assert numbers("0-2,5") == [0, 1, 2, 5]
    assert numbers("") == []
