"""Workers take the GPUs that were chosen, of those that the scheduler gave: by number, by id, in parts (MIG).

The job scripts are the ones that the endpoint's own engine, provider and launcher write from what `init` wrote; here a
scheduler that runs them at once stands where Slurm or PBS would.
"""

from __future__ import annotations

import inspect
import os
import stat
import sys
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest
from click.testing import CliRunner, Result
from tests.house.code import PACKAGES, ROOT
from tests.rigs.globus.waiting import until

from mhfd.detector.gpu_device import CudaDevice
from mhfd.errors import DeviceUnavailable
from mhfd_client.cli import main
from mhfd_endpoint import check, explain, gpus, render
from mhfd_endpoint.finding import Level

GPU: Final = [f"GPU-5c89852c-d268-c3f3-1b07-00000000000{n}" for n in range(4)]
MIG: Final = [f"MIG-c7384736-a75d-5afc-978f-00000000000{n}" for n in range(4)]
WHOLE: Final = "".join(f"GPU {n}: NVIDIA A100 (UUID: {GPU[n]})\n" for n in range(4))
PARTS: Final = (
    f"GPU 0: NVIDIA A100 (UUID: {GPU[0]})\n  MIG 3g.20gb     Device  0: (UUID: {MIG[0]})\n"
    f"  MIG 3g.20gb     Device  1: (UUID: {MIG[1]})\nGPU 1: NVIDIA A100 (UUID: {GPU[1]})\n"
    f"  MIG 3g.20gb     Device  0: (UUID: {MIG[2]})\nGPU 2: NVIDIA A100 (UUID: {GPU[2]})\n"
)

# Parsl's address_by_interface leaves its socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


class Machine:
    """A machine with programs of ours in front of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.home, self.environment = folder / "bin", folder / "home", folder / "environment"
        self.argv, self._monkeypatch = folder / "argv", monkeypatch
        for path in (self.bin, self.home, self.environment / "bin", folder / "data"):
            path.mkdir(parents=True)
        monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(self.home))
        monkeypatch.chdir(folder)  # where a job's script writes
        monkeypatch.setenv("PATH", f"{self.bin}:{os.environ['PATH']}")
        for name in (*gpus.given.__globals__["_GIVEN"], "PYTHONPATH"):
            monkeypatch.delenv(name, raising=False)
        code = ":".join(str(ROOT / package.rpartition("/")[0]) for package in PACKAGES.values())
        self.program(self.environment / "bin" / "python", f'PYTHONPATH={code} exec {sys.executable} "$@"')
        self.program(
            self.environment / "bin" / "globus-compute-endpoint",
            f'echo "$@" >{self.argv}; echo "$CUDA_VISIBLE_DEVICES" >{self.argv}.sees',
        )
        self.data = folder / "data"
        self.options: dict[str, Any] = {}
        """What the job's user chooses."""

    def program(self, path: Path, line: str) -> None:
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def driver(self, says: str) -> None:
        (self.bin / "listing").write_text(says)
        self.program(self.bin / "nvidia-smi", f"cat {self.bin / 'listing'}")

    def init(self, kind: str, chosen: str, *more: str) -> Result:
        batch = ["--account", "a", "--queue", "capacity", "--filesystems=home", "--walltime", "1h", "--interface", "lo"]
        arguments = ["endpoint", "init", "ep", "--force", "--site", kind, "--gpus", chosen, "--read", str(self.data)]
        arguments += ["--environment", str(self.environment), *(batch if kind != "workstation" else [])]
        return CliRunner().invoke(main, [*arguments, *more])

    def job(self, kind: str, chosen: str, *more: str, **given: str) -> tuple[list[str], str, str]:
        """The GPUs of the workers, what the job says, and its script."""
        done = self.init(kind, chosen, *more)
        assert done.exit_code == 0, done.output
        run = "".join(f"{name}={value} " for name, value in given.items()) + f'bash "$f" 2>{self.bin}/said'
        self.program(
            self.bin / "sbatch", f'for f; do :; done; cp "$f" {self.bin}/script; {run}; echo Submitted batch job 1'
        )
        self.program(self.bin / "qsub", f'for f; do :; done; cp "$f" {self.bin}/script; {run}; echo 1.pbs')
        self.program(self.bin / "srun", 'while [ "$1" != bash ]; do shift; done; exec "$@"')
        self.program(self.bin / "mpiexec", 'while [ "$1" != /usr/bin/sh ]; do shift; done; shift; exec sh "$@"')
        self.argv.unlink(missing_ok=True)
        (self.bin / "said").unlink(missing_ok=True)
        executor = render.loaded(render.render(self.home / "ep", self.options)).engine.executor
        executor.run_dir = executor.provider.script_dir = str(self.bin)
        executor.worker_port, executor.logconf_path = 1, "log"
        executor.initialize_scaling()
        executor._launch_block("0")
        if kind == "workstation":  # its jobs run by themselves
            (job,) = executor.provider.resources.values()
            script = Path(job["script_path"])
            until(lambda: Path(f"{script}.ec").read_text().strip().isdecimal(), "the job did not end")
            script.rename(self.bin / "script")
            Path(f"{script}.err").rename(self.bin / "said")
        taken = self.argv.read_text().rpartition("--available-accelerators")[2].split() if self.argv.exists() else []
        return taken, (self.bin / "said").read_text(), (self.bin / "script").read_text()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_under_slurm_workers_take_what_the_job_was_given(machine: Machine) -> None:
    """By themselves they would take numbers 0 and 1 of the node, which are somebody else's."""
    taken, _, script = machine.job("slurm", "2", CUDA_VISIBLE_DEVICES="2,3")
    assert taken == ["2", "3"]
    assert "#SBATCH --gpus-per-node=2\n" in script
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in script


def test_parts_of_gpus_under_slurm(machine: Machine) -> None:
    taken, _, script = machine.job("slurm", "2", "--gpu-type", "3g.20gb", CUDA_VISIBLE_DEVICES=f"{MIG[1]},{MIG[2]}")
    assert taken == [MIG[1], MIG[2]]
    assert "#SBATCH --gpus-per-node=3g.20gb:2\n" in script


def test_chosen_by_number_and_by_id(machine: Machine) -> None:
    taken, said, script = machine.job("slurm", "0,2", CUDA_VISIBLE_DEVICES="1,2,3")
    assert taken == ["2"]
    assert "without 0; slurm gave this job 1, 2, 3" in said
    assert "#SBATCH --gpus-per-node=3\n" in script
    machine.driver(PARTS)
    taken, _, _ = machine.job("slurm", f"{MIG[1]},{MIG[2]}", "--exclusive", SLURM_JOB_GPUS="0,1,2")
    assert taken == [MIG[1], MIG[2]]


def test_a_training_is_one_pool_that_sees_all_it_was_given(machine: Machine) -> None:
    """On the first of its nodes; the job has the others too, and no launcher of ours starts anything there."""
    machine.options = {"purpose": "train", "nodes": 3}
    more = ("--train-nodes", "4", "--train-walltime", "24h")
    taken, _, script = machine.job("slurm", "2", *more, CUDA_VISIBLE_DEVICES="2,3")
    seen = Path(f"{machine.argv}.sees")
    assert (taken, seen.read_text()) == ([], "2,3\n")
    assert "#SBATCH --nodes=3\n" in script
    assert "#SBATCH --time=1440\n" in script
    assert "srun" not in script
    _, said, _ = machine.job("slurm", "2", *more, CUDA_VISIBLE_DEVICES="3")
    assert seen.read_text() == "3\n"
    assert "fewer GPUs than were chosen" in said
    _, said, _ = machine.job("slurm", "2", *more)
    assert not machine.argv.exists()
    assert "no worker starts" in said
    _, _, script = machine.job("polaris", "4", *more)
    assert ":ngpus=4" in script
    assert "#PBS -l select=3:ncpus=" in script
    assert "--depth=" not in script, "what the launcher for images adds"
    assert seen.read_text() == "0,1,2,3\n"
    machine.driver(WHOLE)
    machine.options = {"purpose": "train"}
    machine.job("workstation", "1", "--train-gpus", "2,3")
    assert seen.read_text() == "2,3\n"


def test_a_job_without_them_ends_with_a_sentence(machine: Machine) -> None:
    taken, said, _ = machine.job("slurm", f"{MIG[0]},{MIG[1]}", CUDA_VISIBLE_DEVICES=MIG[3])
    assert (taken, machine.argv.exists()) == ([], False)
    assert f"of GPUs {MIG[0]},{MIG[1]}, none is there; slurm gave this job {MIG[3]}" in said
    for given in ({}, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}):
        taken, said, _ = machine.job("slurm", "2", **given)
        assert (taken, machine.argv.exists()) == ([], False)
        assert "slurm gave this job no GPU" in said


def test_under_pbs(machine: Machine) -> None:
    """Its hook for cgroups names ids; without it the node is the job's."""
    taken, _, script = machine.job("polaris", "2", CUDA_VISIBLE_DEVICES=f"{GPU[2]},{GPU[3]}")
    assert taken == [GPU[2], GPU[3]]
    assert ":ngpus=2" in script
    assert machine.job("polaris", "4")[0] == ["0", "1", "2", "3"]
    machine.driver(WHOLE)
    taken, _, script = machine.job("polaris", "1,3")
    assert taken == ["1", "3"]
    assert ":ngpus=4" in script


def test_a_name_that_reaches_no_shell(machine: Machine) -> None:
    taken, said, _ = machine.job("slurm", "1", CUDA_VISIBLE_DEVICES=f"'$(touch${{IFS}}{machine.bin}/hostile)'")
    assert (taken, "no name of one" in said) == ([], True)
    assert not (machine.bin / "hostile").exists()


def seen_by_workers(names: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What CUDA is told in each worker, by Parsl's own code: a worker whose manager has died takes its GPU and ends."""
    from parsl.executors.high_throughput import process_worker_pool as parsl_workers

    monkeypatch.setattr(parsl_workers, "set_file_logger", lambda *_, **__: None)
    nobody: dict[str, Any] = dict.fromkeys(inspect.signature(parsl_workers.worker).parameters)
    seen = []
    for number, name in enumerate(names):
        given = {"worker_id": number, "pool_size": len(names), "accelerator": name, "manager_pid": 1 << 30}
        with mock.patch.dict(os.environ):
            parsl_workers.worker(**nobody | given | {"cpu_affinity": "none", "debug": False})
            seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    return seen


@pytest.mark.parametrize("kind", ["workstation", "slurm", "polaris"])
def test_workers_share_a_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """By numbers Parsl would put all four on the first of them."""
    machine.driver("".join(WHOLE.splitlines(keepends=True)[:2]))
    given = {"slurm": {"CUDA_VISIBLE_DEVICES": "0,1"}}.get(kind, {})
    taken, said, script = machine.job(kind, "2", "--workers", "4", **given)
    assert taken == [GPU[0], GPU[1], GPU[0], GPU[1]], said
    assert seen_by_workers(taken, monkeypatch) == taken
    assert "export CUPY_GPU_MEMORY_LIMIT=${CUPY_GPU_MEMORY_LIMIT:-45%}\n" in script
    told = dict(explain.explain(machine.home / "ep"))["Where, and at what cost"]
    assert any("2 workers on each, with its part of the GPU's memory" in one for one in told)
    executor = render.loaded(render.render(machine.home / "ep", {})).engine.executor
    assert executor.workers_per_node == 4


def test_workers_share_parts_of_gpus(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.driver(PARTS)
    taken, _, _ = machine.job("workstation", f"{MIG[1]},{MIG[2]}", "--workers", "6")
    assert taken == [MIG[1], MIG[2]] * 3
    assert seen_by_workers(taken, monkeypatch) == taken


def test_of_a_shared_gpu_that_is_not_there(machine: Machine) -> None:
    machine.driver(WHOLE)
    taken, said, _ = machine.job("slurm", "2", "--workers", "4", CUDA_VISIBLE_DEVICES="3,4")
    assert taken == [GPU[3], GPU[3]]
    assert "fewer workers than were chosen: without 4 (nvidia-smi does not list it); slurm gave this job 3, 4" in said
    assert machine.init("workstation", "0,1", "--workers", "2").exit_code == 0
    assert gpus.main(["workstation", "5,", "shared"], {}) == 78
    refused = machine.init("workstation", "0,1", "--workers", "3")
    assert refused.exit_code == 2
    assert "--workers 3: 2 GPUs have as many each; choose 2, 4, 6..." in refused.output


def test_without_a_driver_numbers_stay(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then Parsl does not divide them either."""
    taken, _, _ = machine.job("slurm", "2", "--workers", "4", CUDA_VISIBLE_DEVICES="2,3")
    assert taken == ["2", "3", "2", "3"]
    assert seen_by_workers(taken, monkeypatch) == taken


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("x", "--gpus: 'x' is no GPU: write how many"),
        ("0,$(id)", "'$(id)' is no GPU"),
        ("0,0", "--gpus: 0 is named twice"),
        (f"0,{MIG[0]}", "numbers or ids, not both"),
        ("65", "64 at most"),
        ("MIG-GPU-5c89852c-d268/9", "is no GPU"),
    ],
)
@pytest.mark.parametrize("kind", ["workstation", "slurm", "polaris"])
def test_a_wrong_choice_of_gpus_is_named(machine: Machine, kind: str, chosen: str, said: str) -> None:
    done = machine.init(kind, chosen)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not (machine.home / "ep").exists()


def test_on_a_workstation_names_are_looked_up(machine: Machine) -> None:
    def rendered(chosen: str) -> list[str]:
        done = machine.init("workstation", chosen)
        assert done.exit_code == 0, done.output
        executor = render.loaded(render.render(machine.home / "ep", {})).engine.executor
        return list(executor.available_accelerators)

    assert rendered("0,2") == ["0", "2"]  # without a driver that could say
    assert rendered("2,") == ["2"]
    machine.driver(PARTS)
    assert rendered("3") == MIG[:3]  # parts have no numbers
    assert rendered(f"{MIG[2]},") == [MIG[2]]
    missing = machine.init("workstation", MIG[3])
    assert missing.exit_code == 2
    assert f"--gpus: {MIG[3]} is not here; this machine has {MIG[0]}" in missing.output
    missing = machine.init("workstation", "5")
    assert "--gpus: GPU 5 of 5 is not here" in missing.output


def test_check_and_explain_say_which(machine: Machine) -> None:
    def found() -> tuple[Level, str]:
        (one,) = check._gpus(machine.home / "ep")
        return one.level, one.what

    machine.init("workstation", "2,")
    assert found() == (Level.WARN, "2: no nvidia-smi here that could say whether they are there")
    machine.driver(WHOLE)
    assert found() == (Level.OK, "2: there")
    machine.driver(PARTS.replace(GPU[2], "x").replace("GPU 2", "GPU 7"))
    assert found() == (Level.FAIL, "2: not on this machine")
    machine.init("slurm", "0,2")
    assert found()[0] is Level.WARN
    machine.init("slurm", "0,2", "--exclusive")
    assert found()[0] is Level.OK
    told = dict(explain.explain(machine.home / "ep"))["Where, and at what cost"]
    assert any("asks for 3 GPUs on a node; workers take 0, 2 of those that it is given" in one for one in told)


def test_check_says_whether_the_largest_image_fits(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[Level, str, str]:
        (one,) = check._memory(machine.home / "ep")
        return one.level, one.what.partition(" allows ")[2], one.do

    wants = "may take 7.4 GB of memory"
    machine.init("slurm", "1", "--workers", "4", "--memory", "16")
    do = "lower max_pixels there, take fewer workers, or more memory: 30 GB for all"
    assert found() == (Level.WARN, f"{wants}, each of 4 workers gets 4.0: such an image may end it", do)
    machine.init("slurm", "1", "--memory", "16")
    assert found() == (Level.OK, f"{wants}, a worker gets 16.0", "")
    machine.init("slurm", "1")
    assert found()[:2] == (Level.OK, f"{wants}; what a worker gets is the scheduler's default")
    machine.init("polaris", "4")
    assert found()[:2] == (Level.OK, f"{wants}, each of 4 workers gets 96.0")
    machine.init("workstation", "0")
    monkeypatch.setattr(check, "memory_bytes", lambda: 8 * 10**9)
    assert found()[:2] == (Level.WARN, f"{wants}, a worker gets 6.0: such an image may end it")
    site = machine.home / "ep" / "mhfd-site.toml"
    site.write_text(site.read_text().replace(f"max_pixels = {1 << 28}", f"max_pixels = {1 << 24}"))
    assert found()[:2] == (Level.OK, "may take 0.7 GB of memory, a worker gets 6.0")


def test_what_the_driver_lists() -> None:
    assert gpus.usable(gpus.listed(WHOLE)) == ["0", "1", "2", "3"]
    assert gpus.usable(gpus.listed(PARTS)) == [*MIG[:3], "2"]
    assert gpus.taken(2, ["0"], gpus.listed(PARTS)) == (MIG[:2], [])
    assert gpus.taken((GPU[1][:12],), ["0", "1"], gpus.listed(WHOLE)) == ([GPU[1][:12]], [])


def test_a_gpu_that_cuda_does_not_find_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cupy")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", MIG[0])
    with pytest.raises(DeviceUnavailable, match=f"CUDA_VISIBLE_DEVICES '{MIG[0]}': see `nvidia-smi -L`"):
        CudaDevice()
