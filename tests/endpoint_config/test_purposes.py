"""A second shape of a user's process, for trainings: none without the administrator, no bound wider than was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.house.code import ROOT

from mhfd_client.cli import main
from mhfd_endpoint import check as checks
from mhfd_endpoint import explain, folder, gpus, render
from mhfd_endpoint.choices import KINDS, TrainingJobs
from mhfd_endpoint.errors import EndpointError, OptionsRefused
from mhfd_endpoint.finding import Level

_BATCH: Final = ["--account", "lab", "--interface", "lo", "--gpus", "4", "--walltime", "2h"]
ARGUMENTS: Final = {
    "workstation": ["--gpus", "2"],
    "slurm": [*_BATCH, "--queue", "gpu", "--filesystems=", "--workers", "8"],
    "polaris": [*_BATCH, "--queue", "capacity", "--filesystems", "home,eagle"],
}
TRAIN: Final = {
    "workstation": ["--train"],
    "slurm": ["--train-nodes", "8", "--train-walltime", "24h", "--train-gpus", "2", "--train-queue", "long"],
    "polaris": ["--train-nodes", "4", "--train-walltime", "24h", "--train-queue", "preemptable"],
}

# Parsl's address_by_interface leaves its socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "data").mkdir(mode=0o755)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path / "home"))
    monkeypatch.setattr(gpus, "here", lambda: None)
    return tmp_path / "home"


def made(home: Path, kind: str, *more: str) -> tuple[Path, Result]:
    arguments = ["endpoint", "init", "ep", "--force", "--site", kind, *ARGUMENTS[kind]]
    return home / "ep", CliRunner().invoke(main, [*arguments, "--read", str(home.parent / "data"), *more])


def engine(where: Path, **options: Any) -> Any:
    return render.loaded(render.render(where, options)).engine


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("case", "options"), [("shipped", {}), ("least", {"warm_minutes": 0, "walltime_minutes": 5})], ids=lambda one: one
)
def test_who_names_no_purpose_gets_what_it_always_was(kind: str, case: str, options: dict[str, int]) -> None:
    """Byte for byte what the templates gave before there was a purpose."""
    before = (Path(__file__).parent / "rendered" / f"{kind}-{case}.yaml").read_text()
    shipped = ROOT / "endpoint_config" / "mhfd_endpoint" / kind
    if kind == "workstation":
        options = {name: value for name, value in options.items() if name == "warm_minutes"}
    assert render.render(shipped, options) == before
    assert render.render(shipped, options | {"purpose": "focus"}) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_not_offered_is_refused_twice(home: Path, kind: str) -> None:
    where, _ = made(home, kind)
    with pytest.raises(OptionsRefused, match="'train' is not one of"):
        render.render(where, {"purpose": "train"})
    with pytest.raises(EndpointError, match="no_training_is_offered_here"):
        render.render(where, {"purpose": "train"}, schema={})
    assert "none is offered" in str(next(checks.training(where)))
    assert "For images only: no training is offered." in dict(explain.explain(where))["Where, and at what cost"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_has_a_shape_of_its_own(home: Path, kind: str) -> None:
    where, done = made(home, kind, *TRAIN[kind])
    assert done.exit_code == 0, done.output
    before = (where / render.TEMPLATE).read_text()
    focus, train = engine(where), engine(where, purpose="train")
    assert focus.max_workers_per_node == {"workstation": 2, "slurm": 8, "polaris": 4}[kind]
    assert len(focus.executor.available_accelerators) == focus.max_workers_per_node
    assert train.max_workers_per_node == 2, "one works, one answers how far it is"
    assert list(train.executor.available_accelerators) == [], "no GPU is for one of them alone"
    assert "together) || exit 78" in train.provider.worker_init
    assert "CUPY_GPU_MEMORY_LIMIT" not in train.provider.worker_init
    assert "export MHFD_PURPOSE=train\n" in train.provider.worker_init
    assert "MHFD_PURPOSE" not in focus.provider.worker_init
    assert (train.provider.min_blocks, train.provider.max_blocks) == (0, 1)
    if kind != "workstation":
        assert train.provider.nodes_per_block == 1, "more is paid for only by who asks"
        most = engine(where, purpose="train", nodes=8 if kind == "slurm" else 4).provider
        assert most.nodes_per_block == (8 if kind == "slurm" else 4)
        assert type(most.launcher).__name__ == "SimpleLauncher"
        assert most.launcher("pool", 1, most.nodes_per_block) == "pool", "one pool of workers, on the first node"
        assert (most.walltime, focus.provider.walltime) == ("24:00:00", "02:00:00")
        assert getattr(most, "partition", None) or most.queue == ("long" if kind == "slurm" else "preemptable")
    if kind == "slurm":
        assert (train.provider.gpus_per_node, focus.provider.gpus_per_node) == (2, 4)
    assert [one for one in checks.training(where) if one.level is Level.FAIL] == []
    assert folder.choices_of(where).train is not None
    assert (where / render.TEMPLATE).read_text() == before


@pytest.mark.parametrize("kind", ["slurm", "polaris"])
@pytest.mark.parametrize(
    ("options", "offered", "cut"),
    [
        ({"nodes": 2}, False, (1, "02:00:00")),
        ({"purpose": "focus", "walltime_minutes": 1440}, False, (1, "02:00:00")),
        ({"purpose": "train", "walltime_minutes": 1440}, True, (1, "24:00:00")),
        ({"purpose": "train", "walltime_minutes": 1441}, False, (1, "24:00:00")),
        ({"purpose": "train", "nodes": 9}, False, (4, "24:00:00")),
        ({"purpose": "train", "nodes": 0}, False, (1, "24:00:00")),
        ({"purpose": "train", "nodes": "2; touch /hostile"}, False, (1, "24:00:00")),
        ({"purpose": "train\n", "nodes": 4}, False, (1, "02:00:00")),
        ({"purpose": ["train"], "nodes": 4}, False, (1, "02:00:00")),
        ({"purpose": None}, False, (1, "02:00:00")),
    ],
    ids=str,
)
def test_each_purpose_has_its_bounds(
    home: Path, kind: str, options: dict[str, Any], offered: bool, cut: tuple[int, str]
) -> None:
    where, done = made(home, kind, "--train-nodes", "4", "--train-walltime", "24h", "--train-queue", "preemptable")
    assert done.exit_code == 0, done.output
    if offered:
        assert render.render(where, options)
    else:
        with pytest.raises(OptionsRefused):
            render.render(where, options)
    provider = yaml.safe_load(render.render(where, options, schema={}))["engine"]["provider"]
    assert (provider["nodes_per_block"], provider["walltime"]) == cut
    assert "hostile" not in str(provider)


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("workstation", ["--train-nodes", "2"], "--train-nodes"),
        ("workstation", ["--train-gpus", "x"], "--train-gpus"),
        ("slurm", ["--train-walltime", "1m"], "--train-walltime"),
        ("slurm", ["--train-nodes", "513"], "--train-nodes"),
        ("slurm", ["--train-queue", "a b; rm"], "--train-queue"),
        ("polaris", ["--train-gpus", "5"], "--train-gpus"),
        ("polaris", ["--train-queue", "prod", "--train-nodes", "4"], "fewer than 10 nodes"),
        ("polaris", ["--train-queue", "debug", "--train-walltime", "2h"], "training: queue 'debug' ends"),
    ],
)
def test_a_wrong_choice_is_named(home: Path, kind: str, more: list[str], said: str) -> None:
    where, done = made(home, kind, *more)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not where.exists()


def test_prod_gives_no_training_fewer_nodes_than_it_takes(home: Path) -> None:
    where, done = made(home, "polaris", "--train-queue", "prod", "--train-nodes", "24", "--train-walltime", "3h")
    assert done.exit_code == 0, done.output
    assert engine(where, purpose="train").provider.nodes_per_block == 10
    with pytest.raises(OptionsRefused, match="minimum of 10"):
        render.render(where, {"purpose": "train", "nodes": 4})


def test_what_a_training_may_cost_is_said(home: Path) -> None:
    where, done = made(home, "slurm", *TRAIN["slurm"])
    said = (
        "while something trains: 8 nodes (16 GPUs) at most beside that, 192 node-hours a job of 24 h, 192 node-hours a"
    )
    assert f"cost, {said} day" in done.output
    told = dict(explain.explain(where))
    assert any("up to 8 nodes, as the user asks, 24 h at most" in one for one in told["Where, and at what cost"])
    assert "for train, nodes: 1 to 8 (nodes of one training)" in told["What a user may choose"]
    assert any(one.startswith("for focus, walltime_minutes: 5 to 120") for one in told["What a user may choose"])


def test_a_workstation_can_keep_gpus_for_trainings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where, done = made(home, "workstation", "--train-gpus", "2,3")
    assert done.exit_code == 0, done.output
    assert "while something trains: 1 node (2 GPUs) beside that\n" in done.output
    assert "gpus workstation 2,3, together)" in engine(where, purpose="train").provider.worker_init
    there = [gpus.Gpu(f"GPU-0000000{n}", str(n)) for n in range(3)]
    monkeypatch.setattr(gpus, "here", lambda: there)
    found = [str(one) for one in checks.training(where) if one.level is Level.FAIL]
    assert found == ["fail training: 3: not on this machine -> " + found[0].partition(" -> ")[2]]


def test_schema_and_template_that_disagree(home: Path) -> None:
    where, _ = made(home, "workstation", "--train")
    schema = (where / render.SCHEMA).read_text()
    made(home, "workstation")
    (where / render.SCHEMA).write_text(schema)
    found = list(checks.training(where))
    assert (found[0].level, "does the contrary" in found[0].what) == (Level.FAIL, True)


def test_a_training_has_every_gpu_of_its_job(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert gpus.main(["slurm", "2", "together"], {"CUDA_VISIBLE_DEVICES": "2,3"}) == 0
    assert capsys.readouterr().out == "export CUDA_VISIBLE_DEVICES=2,3\n"
    assert gpus.main(["slurm", "4", "together"], {"CUDA_VISIBLE_DEVICES": "2,3"}) == 0
    assert "fewer GPUs than were chosen" in capsys.readouterr().err
    assert gpus.main(["slurm", "4", "together"], {}) == 78


def test_a_folder_of_before_is_read_as_it_was(home: Path) -> None:
    where, _ = made(home, "slurm")
    path = where / render.TEMPLATE
    path.write_text(path.read_text().replace('  "train": none,\n', "").replace(',\n  "train": none', ""))
    assert folder.choices_of(where).train is None
    assert not isinstance(folder.choices_of(where).train, TrainingJobs)
