"""What a training takes, in hours and in words; what there is for it; and what may be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mhfd.contract.training import WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.training.launching import NodeMachine, cost_of, gpus_here, layout_of, layout_words

CORES = NodeMachine("a processor", 4, 8 << 30, 0)
GPUS = NodeMachine("a processor", 4, 8 << 30, 2)


def test_it_is_said_in_time_and_node_hours() -> None:
    cost = cost_of(0.5, 1680, WorkerLayout(workers=2), device="cpu")

    assert (cost.seconds, cost.gpu_hours) == (840.0, 0.0)
    assert cost.node_hours == pytest.approx(0.2333, abs=1e-4)
    assert cost.words == "about 14 min by 2 workers: 0.23 node-hours"


def test_nodes_count_whole_and_gpus_one_for_each_worker() -> None:
    cost = cost_of(36.0, 100, WorkerLayout(workers=4, nodes=3), device="cuda:0")

    assert (cost.node_hours, cost.gpu_hours) == (3.0, 12.0)
    assert cost.words == "about 60 min by 12 workers on 3 nodes: 3 node-hours and 12 GPU-hours"


def test_images_that_are_validated_on_count_a_third() -> None:
    assert cost_of(1.0, 90, WorkerLayout(), device="cpu", examples=90, validated_on=27).seconds == pytest.approx(99)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (42, "42 s"), (200, "3.3 min"), (5400, "1.5 hours"), (360_000, "100 hours")]
)
def test_time_is_said_as_people_do(seconds: float, words: str) -> None:
    assert cost_of(seconds, 1, WorkerLayout(), device="cpu").words.startswith(f"about {words} by 1 worker: ")


def test_nothing_left_costs_nothing() -> None:
    assert cost_of(1.0, -3, WorkerLayout(), device="cpu").seconds == 0


def test_gpus_are_those_that_are_there_and_may_be_seen(tmp_path: Path) -> None:
    assert gpus_here(environ={"CUDA_VISIBLE_DEVICES": "0,1"}, root=tmp_path) == 0
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / name).mkdir(parents=True)

    assert gpus_here(environ={}, root=tmp_path) == 2
    assert gpus_here(environ={"CUDA_VISIBLE_DEVICES": "GPU-1a"}, root=tmp_path) == 1
    assert gpus_here(environ={"CUDA_VISIBLE_DEVICES": ""}, root=tmp_path) == 0
    assert gpus_here(environ={"CUDA_VISIBLE_DEVICES": "0,-1,1"}, root=tmp_path) == 1


def test_in_a_container_they_are_seen_as_devices(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidiactl", "nvidia3"):
        (tmp_path / "dev" / name).touch()

    assert gpus_here(environ={}, root=tmp_path) == 2


def test_what_was_not_said_is_one_thread_of_one_worker_or_one_worker_a_gpu() -> None:
    assert layout_of(None, None, CORES) == WorkerLayout()
    assert layout_of(3, None, CORES) == WorkerLayout(workers=3)
    assert layout_of(None, None, GPUS).workers == 2
    assert layout_of(None, None, GPUS, device="cpu").workers == 1


def test_gpus_that_are_not_there_are_asked_for_in_vain() -> None:
    with pytest.raises(UsageError, match="no GPU here"):
        layout_of(None, None, CORES, device="gpu")
    with pytest.raises(UsageError, match="3 on 2 GPUs"):
        layout_of(3, None, GPUS)


def test_more_threads_than_cores_are_said() -> None:
    assert layout_words(WorkerLayout(workers=2, threads=2), CORES) == "2 workers of 2 threads"
    assert layout_words(WorkerLayout(workers=8, nodes=2), CORES) == (
        "8 workers of 1 thread on each of 2 nodes: 8 threads share 4 cores, which is slower than as many as there are"
    )
