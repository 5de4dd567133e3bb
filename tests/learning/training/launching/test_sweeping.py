"""What a machine bears is measured, chosen with a reason, kept, and taken again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.made_workers import ENDED, begun, job, program, says, step

from mhfd.contract.training import TrainingJob, WorkerLayout
from mhfd.errors import TrainingFailed
from mhfd.learning.training.launching import Following, NodeMachine, follow, kept_choice, sweep
from mhfd.learning.training.launching.layouts import candidates, fewer_threads
from mhfd.learning.training.launching.swept import Swept, SweptFor, keep, kept
from mhfd.learning.training.told import Told, TrainingStopped

SIDE = (1, 128, 128)
FOUR = NodeMachine("a processor", 4, 8 << 30, 0)


Start = Callable[..., AbstractContextManager[Iterable[Told]]]


def starting(seconds: Mapping[tuple[int, int], float]) -> Start:
    """Workers whose steps take so long with so many workers and threads; where it is not said they crash."""

    @contextmanager
    def start(a_job: TrainingJob, _folder: Path, *, beat: Callable[[], object]) -> Iterator[Iterable[Told]]:
        beat()
        step_s = seconds.get((a_job.layout.workers, a_job.layout.threads))
        assert a_job.measure_only is not None
        if step_s is None:
            yield [begun(), TrainingStopped(code="worker_died", why="MemoryError: no more of it", remedy="")]
        else:
            yield [begun(), *(step(number, seconds=step_s) for number in range(a_job.measure_only)), ENDED]

    return start


def by_programs(tmp_path: Path) -> Start:
    """The same, by real processes, which make one measured step."""

    def start(a_job: TrainingJob, folder: Path, **more: Any) -> Following:
        return follow(a_job, folder, program=program(tmp_path, says(begun(), step(1), ENDED)), **more)

    return start


def swept(tmp_path: Path, seconds: Mapping[tuple[int, int], float], **more: Any) -> Swept:
    given = {"image": SIDE, "machine": FOUR, **more}
    a_job = given.pop("job", job(batch=8))
    return sweep(a_job, tmp_path / "sweep", tmp_path / "sweeps", **{"start": starting(seconds), **given})


def test_all_cores_are_shared_in_each_way_and_the_fastest_is_chosen(tmp_path: Path) -> None:
    told: list[str] = []
    found = swept(tmp_path, {(1, 1): 4.0, (1, 4): 2.0, (2, 2): 1.0, (4, 1): 1.6, (2, 1): 1.5}, told=told.append)

    assert [(row.workers, row.threads) for row in found.rows] == [(1, 1), (1, 4), (2, 2), (4, 1), (2, 1)]
    assert (found.choice.workers, found.choice.threads) == (2, 2)
    assert found.rows[2].images_s == 8.0
    assert found.rows[2].memory_bytes == 2 << 28
    assert found.rows[2].local_batch == 4
    assert found.why == "2 workers of 2 threads: the most images a second, 8; 2 of 1 come next with 5.33"
    assert told[0] == "1 worker of 1 thread: 2 images/s, 0.27 GB"
    assert len(found.table()) == 6


def test_it_is_the_real_program_that_is_measured_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    two = NodeMachine("a processor", 2, 8 << 30, 0)
    found = swept(tmp_path, {}, machine=two, start=by_programs(tmp_path))

    assert [row.steps for row in found.rows] == [1, 1, 1]
    assert not (tmp_path / "sweep").exists()


def test_what_somebody_names_is_measured_and_nothing_else(tmp_path: Path) -> None:
    found = swept(tmp_path, {(1, 1): 4.0, (2, 2): 1.0, (8, 1): 2.0}, ways=[(1, 1), (2, 2), (8, 1)])

    assert [(row.workers, row.threads) for row in found.rows] == [(1, 1), (2, 2), (8, 1)]


def test_of_what_is_as_fast_the_fewest_threads_are_taken(tmp_path: Path) -> None:
    found = swept(tmp_path, {(1, 1): 4.0, (1, 4): 1.0, (2, 2): 1.0, (4, 1): 1.2, (1, 2): 1.01})

    assert (found.choice.workers, found.choice.threads) == (1, 2)
    assert "as many as any within 3%, and with the fewest threads" in found.why


def test_a_way_that_dies_is_a_row_with_its_words(tmp_path: Path) -> None:
    found = swept(tmp_path, {(1, 1): 4.0})

    assert "MemoryError: no more of it" in found.rows[1].why
    assert (found.choice.workers, found.choice.threads) == (1, 1)
    assert found.why == "1 worker of 1 thread: all that could be measured"


def test_when_none_works_it_is_said_why(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"could be measured: .*MemoryError: no more of it"):
        swept(tmp_path, {})


def test_what_does_not_fit_into_memory_is_not_tried(tmp_path: Path) -> None:
    small = NodeMachine("a processor", 4, 700 << 20, 0)
    found = swept(tmp_path, {(1, 1): 4.0, (1, 4): 5.0, (2, 2): 3.0}, machine=small)

    assert found.rows[3].why.startswith("not tried: takes 1.")
    assert "GB at least, and 0.734 GB may be taken" in found.rows[3].why


def test_time_runs_out_after_the_first(tmp_path: Path) -> None:
    found = swept(tmp_path, {(1, 1): 4.0}, at_most_s=0)

    assert len(found.rows) == 1
    assert found.why.endswith("time ran out before all were tried")


def test_long_steps_are_not_all_waited_for(tmp_path: Path) -> None:
    found = swept(tmp_path, {(1, 1): 30.0}, at_most_s=0)

    assert found.rows[0].steps == 1


def test_the_next_training_takes_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mhfd.learning.training.launching.sweeping.machine_here", lambda: FOUR)
    sweeps, a_job = tmp_path / "sweeps", job(batch=8)
    assert kept_choice(a_job, sweeps, image=SIDE) is None
    swept(tmp_path, {(1, 1): 4.0, (1, 4): 2.0, (2, 2): 1.0, (4, 1): 1.6, (2, 1): 1.5})

    assert kept_choice(a_job, sweeps, image=SIDE) == WorkerLayout(workers=2, threads=2)
    assert kept_choice(job(batch=16), sweeps, image=SIDE) is None
    assert kept_choice(a_job, sweeps, image=(3, 128, 128)) is None
    two_nodes = a_job.model_copy(update={"layout": WorkerLayout(nodes=2)})
    assert kept_choice(two_nodes, sweeps, image=SIDE) is None
    twice = two_nodes.model_copy(update={"plan": a_job.plan.model_copy(update={"batch": 16})})
    assert kept_choice(twice, sweeps, image=SIDE) == WorkerLayout(workers=2, threads=2, nodes=2)


def test_what_was_kept_and_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    of = SweptFor(machine="m", learner="small", channels=1, side=(64, 64), batch=8, device="cpu")
    keep(tmp_path, Swept(of=of, rows=(), choice=WorkerLayout(), why="w"))
    assert kept(tmp_path, of) is not None
    (tmp_path / f"{of.key}.json").write_text("{")

    assert kept(tmp_path, of) is None


def test_a_sweep_that_cannot_be_kept_is_one_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("a file")

    assert swept(tmp_path, {(1, 1): 4.0}, at_most_s=0).choice == WorkerLayout()


def test_a_beat_ends_it(tmp_path: Path) -> None:
    class Heard(Exception):
        """What a beat may raise."""

    def beat() -> None:
        raise Heard

    with pytest.raises(Heard):
        swept(tmp_path, {(1, 1): 4.0}, beat=beat)


@pytest.mark.parametrize(
    ("machine", "batch", "on_gpus", "tried"),
    [
        (NodeMachine("", 1, None, 0), 8, False, [(1, 1)]),
        (NodeMachine("", 2, None, 0), 8, False, [(1, 1), (1, 2), (2, 1)]),
        (NodeMachine("", 12, None, 0), 8, False, [(1, 1), (1, 12), (2, 6), (4, 3), (8, 1)]),
        (NodeMachine("", 6, None, 0), 64, False, [(1, 1), (1, 6), (2, 3), (4, 1), (6, 1)]),
        (NodeMachine("", 16, None, 2), 8, True, [(1, 1), (2, 1)]),
    ],
)
def test_what_is_worth_measuring(machine: NodeMachine, batch: int, on_gpus: bool, tried: list[tuple[int, int]]) -> None:
    assert candidates(machine, batch=batch, on_gpus=on_gpus) == tried


def test_threads_are_halved_as_long_as_there_are_any() -> None:
    assert fewer_threads((2, 6), [(2, 6)]) == (2, 3)
    assert fewer_threads((2, 2), [(2, 2), (2, 1)]) is None
    assert fewer_threads((2, 1), [(2, 1)]) is None
