"""On several machines: which there are, what is started on each, and that none is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.made_srun import job_of, put_on_path
from tests.rigs.made_workers import ENDED, begun, having, job, program, says

from mhfd.contract.training import WorkerLayout
from mhfd.errors import UsageError
from mhfd.learning.training.launching import block_nodes, follow
from mhfd.learning.training.launching.nodes import block_here, expanded, on_each, torchruns
from mhfd.learning.training.told import TrainingStopped

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[08-10,12],gpu7", ["n08", "n09", "n10", "n12", "gpu7"]),
        ("a,b", ["a", "b"]),
        ("r1n[1-2]-ib", ["r1n1-ib", "r1n2-ib"]),
        ("127.0.0.[1-2]", ["127.0.0.1", "127.0.0.2"]),
    ],
)
def test_slurms_list_is_read(listed: str, names: list[str]) -> None:
    assert expanded(listed) == names


def test_the_block_is_what_the_scheduler_says(tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("b\nb\na\na\n")

    assert block_here({"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "n[1-2]"}).launcher == "srun"
    assert block_here({"PBS_NODEFILE": str(tmp_path / "nodes")}).nodes == ("b", "a")
    assert block_nodes({"PBS_NODEFILE": str(tmp_path / "nodes")}) == 2
    assert block_nodes({}) == 1
    with pytest.raises(UsageError, match="PBS_NODEFILE"):
        block_nodes({"PBS_NODEFILE": str(tmp_path / "none")})


def test_torchrun_is_started_on_each_and_finds_the_first(tmp_path: Path) -> None:
    env = job_of(3) | {"PATH": put_on_path(tmp_path)}
    started = torchruns(WorkerLayout(workers=4, nodes=2), tmp_path / "training", env)

    assert started[:4] == [str(tmp_path / "srun"), "--nodes=2", "--ntasks=2", "--ntasks-per-node=1"]
    words = " ".join(started)
    assert "guard.py --node -- " in words
    assert "--nnodes 2 --node-rank {node} --rdzv-backend static --master-addr 127.0.0.1 --master-port " in words
    assert words.endswith(f"--nproc-per-node 4 --max-restarts 0 -m mhfd.learning.training.workers {tmp_path}/training")


def test_more_machines_than_the_job_has_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 were asked for, and the job that this runs in has 1"):
        torchruns(WorkerLayout(nodes=2), tmp_path, {})
    with pytest.raises(UsageError, match="srun is not on the PATH"):
        torchruns(WorkerLayout(nodes=2), tmp_path, job_of(2) | {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("version", "options"),
    [
        ("mpiexec (Open MPI) 5.0.3", ["--map-by", "ppr:1:node", "--bind-to", "none"]),
        ("HYDRA build details:", ["-ppn", "1"]),
        ("PALS version 1.2.12", ["--ppn", "1", "--cpu-bind", "none"]),
    ],
)
def test_each_mpiexec_is_told_in_its_own_words(tmp_path: Path, version: str, options: list[str]) -> None:
    mpiexec = tmp_path / "mpiexec"
    mpiexec.write_text(f"#!/bin/sh\necho '{version}'\n")
    mpiexec.chmod(0o755)

    assert on_each(["x"], "mpiexec", 2, {"PATH": str(tmp_path)})[1 : 3 + len(options)] == ["-n", "2", *options]


def on_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """A program on two machines, as a command; `NODE` in it is the machine's number."""
    for name, value in (job_of(2) | {"PATH": put_on_path(tmp_path / "bin")}).items():
        monkeypatch.setenv(name, value)
    return on_each([*program(tmp_path, "NODE = sys.argv[1]\n" + text), "{node}"], "srun", 2)


def test_the_first_tells_and_all_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "open(NODE, 'w').close()\nif NODE == '0':\n"
    text += "".join(f"    {line}\n" for line in says(begun(), ENDED).splitlines())
    started = on_two(tmp_path, monkeypatch, text + "time.sleep(600)\n")
    with follow(job(nodes=2), tmp_path / "training", program=started) as following:
        assert list(following) == [begun(), ENDED]

    assert (tmp_path / "training/0").exists()
    assert not having(str(tmp_path))


def test_what_dies_on_another_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = on_two(tmp_path, monkeypatch, "if NODE == '1': raise OSError('no such disk here')\ntime.sleep(600)\n")
    with follow(job(nodes=2), tmp_path / "training", program=started) as following:
        (last,) = following

    assert isinstance(last, TrainingStopped)
    assert "OSError: no such disk here" in last.why
    assert not having(str(tmp_path))
