"""Scoring on an endpoint, from the command line and a notebook: the real SDK, a real endpoint, real workers."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import tifffile
from click.testing import CliRunner, Result
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service

import mhfd
import mhfd_client
from mhfd import simulate
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.errors import UsageError
from mhfd_client.cli import main
from mhfd_client.scoring.table import Row

SUBMITTED = "POST /v3/endpoints/.*/submit"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def far(quick_endpoint: ChildEndpoint, tmp_path: Path) -> Path:
    """Images where the endpoint may read."""
    made = quick_endpoint.root / tmp_path.name
    made.mkdir()
    for z in range(6):
        tifffile.imwrite(made / f"S_{z:03d}.tif", simulate.section((192, 192), seed=1, z=z))
    return made


@pytest.fixture
def here(far: Path, tmp_path: Path) -> Path:
    """The same folder, as this machine calls it."""
    (tmp_path / "mnt").symlink_to(far)
    return tmp_path / "mnt"


def score(endpoint: ChildEndpoint, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["score", "--endpoint", endpoint.id, *map(str, arguments)])


def test_the_lines_are_those_of_a_local_score(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    files = sorted(far.glob("*.tif"))
    there = score(quick_endpoint, *files)
    assert there.exit_code == 0, there.output
    assert there.output == CliRunner().invoke(main, ["score", *map(str, files)]).output
    assert service.log.count(SUBMITTED) == 1


def test_reports_come_whole_and_in_order(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    files = sorted(far.glob("*.tif"), reverse=True)
    told = score(quick_endpoint, "--json", *files)
    reports = [FocusReport.model_validate_json(line) for line in told.output.splitlines()]
    assert [report.image.path for report in reports] == [str(path) for path in files]
    assert reports[0].cells == mhfd.score(files[0]).cells
    assert {report.provenance.endpoint for report in reports} == {quick_endpoint.id}


def test_with_a_map_patterns_are_those_of_this_machine(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, here: Path
) -> None:
    told = score(quick_endpoint, "--map", f"{here}={far}", here / "S_00[12].tif")
    assert told.exit_code == 0, told.output
    assert [line.split()[0] for line in told.output.splitlines()] == [f"{here}/S_00{z}.tif" for z in (1, 2)]


def test_focus_maps_are_made_here_of_what_the_endpoint_measured(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, here: Path, tmp_path: Path
) -> None:
    told = score(quick_endpoint, "--map", f"{here}={far}", here / "S_00[12].tif", "--focus-map", tmp_path / "maps")
    assert told.exit_code == 0, told.output
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [f"S_00{z}.tif.mhfd.ome.tif" for z in (1, 2)]


def test_what_cannot_be_scored_is_a_line_and_an_exit_code(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, tmp_path: Path
) -> None:
    (far / "broken.tif").write_bytes(b"II*\0 not an image")
    (tmp_path / "secret.tif").write_bytes(b"")
    told = score(quick_endpoint, far / "broken.tif", tmp_path / "secret.tif", far / "gone.tif", far / "S_001.tif")
    assert told.exit_code == 1
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        str(path) for path in (far / "broken.tif", tmp_path / "secret.tif", far / "gone.tif", far / "S_001.tif")
    ]
    assert [line.split("  ")[1].partition(": ")[0] for line in lines[:3]] == ["incomplete", *["not looked at"] * 2]
    assert str(quick_endpoint.root) in lines[1], "where it may read is said"
    assert "no such file" in lines[2]
    assert "dof" in lines[3]
    assert told.stderr.splitlines() == [
        "4 images: 1 scored; 1 could not be scored (1 incomplete); 2 not looked at (1 refused_path, 1 unavailable)"
    ]


def test_what_was_not_looked_at_is_no_bad_image(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, tmp_path: Path
) -> None:
    """A refusal came back as `unreadable` and `incomplete`: a bad image, to be taken again."""
    (far / "broken.tif").write_bytes(b"II*\0 not an image")
    files = [far / "broken.tif", Path("/etc/passwd"), far / "gone.tif", far / "S_001.tif"]
    table = mhfd_client.score(files, endpoint=quick_endpoint.id, progress=False)
    assert [row.report.code for row in table] == [None, "refused_path", "unavailable", None]
    verdicts = [row.verdict for row in table if row.verdict is not None]
    assert [verdict.kind for verdict in verdicts[:3]] == ["incomplete", "undetermined", "undetermined"]
    assert [verdict.cause for verdict in verdicts[:3]] == ["finding", "not_looked_at", "not_looked_at"]
    assert "not looked at: refused: " in verdicts[1].sentence
    assert "not looked at: not there: " in verdicts[2].sentence
    assert repr(table) == "Table(4 images, 1 scored, 2 not looked at)"
    assert list(table.to_pandas()["code"].dropna()) == ["refused_path", "unavailable"]
    assert "2 not looked at (1 refused_path, 1 unavailable)" in table._repr_html_()
    assert {row["endpoint"] for row in table.records()} == {None, quick_endpoint.id}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "gpu1", "/x.tif"], "endpoint = 'gpu1': is no id"),
        (["--endpoint", str(uuid4()), "--overlay", "o.png", "/x.tif"], "--overlay does not go with --endpoint"),
        (["--endpoint", str(uuid4()), "--device", "gpu", "/x.tif"], "--device does not go with --endpoint"),
        (["--endpoint", str(uuid4()), "--jobs", "2", "/x.tif"], "--jobs does not go with --endpoint"),
        (["--endpoint", str(uuid4()), "--map", "/mnt", "/x.tif"], "no pair"),
        (["--map", "/mnt=/eagle", "x.tif"], "--map belongs to --endpoint"),
    ],
    ids=["id", "overlay", "device", "jobs", "map", "map-alone"],
)
def test_wrong_usage_is_named_before_anything_is_asked(arguments: list[str], words: str) -> None:
    told = CliRunner().invoke(main, ["score", *arguments])
    assert told.exit_code == 2
    assert words in " ".join(told.output.replace("│", " ").split())


def test_a_path_that_is_not_the_endpoints_is_refused_by_name(
    service: Service, quick_endpoint: ChildEndpoint, here: Path, far: Path
) -> None:
    relative = score(quick_endpoint, "S_001.tif")
    assert relative.exit_code == 2
    assert "--map" in relative.output
    uncovered = score(quick_endpoint, "--map", f"{here}={far}", "/elsewhere/S_001.tif")
    assert uncovered.exit_code == 2
    assert "no pair covers /elsewhere/S_001.tif" in uncovered.output
    assert not service.log.count(SUBMITTED)


def test_a_pattern_of_the_endpoints_is_refused_by_name(
    service: Service, quick_endpoint: ChildEndpoint, far: Path
) -> None:
    told = score(quick_endpoint, far / "*.tif")
    assert told.exit_code == 2
    assert "--map" in told.output
    assert not service.log.count(SUBMITTED)


def test_an_endpoint_that_nobody_knows(service: Service) -> None:
    told = CliRunner().invoke(main, ["score", "--endpoint", str(uuid4()), "/x.tif"])
    assert told.exit_code == 1
    assert "does not know endpoint" in told.output


def test_an_endpoint_that_is_offline(service: Service) -> None:
    known = service.compute.add_endpoint({"display_name": "asleep"}, str(uuid4())).id
    told = CliRunner().invoke(main, ["score", "--endpoint", known, "/x.tif"])
    assert told.exit_code == 1
    assert "offline" in told.output
    assert not service.log.count(SUBMITTED)


def test_a_table_from_an_endpoint(service: Service, quick_endpoint: ChildEndpoint, here: Path, far: Path) -> None:
    rows: list[Row] = []
    table = mhfd_client.score(
        here / "*.tif", endpoint=quick_endpoint.id, map={str(here): str(far)}, on_row=rows.append, progress=False
    )
    assert [row.path for row in table] == [f"{here}/S_{z:03d}.tif" for z in range(6)]
    assert [row.section for row in table] == list(range(6))
    assert all(row.verdict is not None and row.verdict.kind.value == "in_focus" for row in table)
    assert all(row.thumbnail is not None for row in table), "the files can be read here"
    assert sorted(row.path for row in rows) == [row.path for row in table]
    assert table.token is not None
    assert not table.interrupted
    local = mhfd_client.score(sorted(here.glob("*.tif")), workers=1, judge=False)
    assert [row.report.density for row in table] == [row.report.density for row in local]


def test_no_picture_of_what_is_not_here(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, tmp_path: Path
) -> None:
    away = tmp_path / "not mounted"
    table = mhfd_client.score([away / "S_001.tif"], endpoint=quick_endpoint.id, map={str(away): str(far)})
    assert [row.report.finding for row in table] == [Finding.OK]
    assert table[0].thumbnail is None


def test_ctrl_c_keeps_what_is_done_and_reattach_gives_the_rest(
    service: Service, quick_endpoint: ChildEndpoint, far: Path
) -> None:
    def stop(row: Row) -> None:
        rows.append(row)
        if len(rows) == 2:
            raise KeyboardInterrupt

    rows: list[Row] = []
    cut = mhfd_client.score(sorted(far.glob("*.tif")), endpoint=quick_endpoint.id, judge=False, on_row=stop)
    assert cut.interrupted
    assert len(cut) == 2
    whole = mhfd_client.reattach(cut.token)
    assert len(whole) == 6
    assert not whole.interrupted
    assert all(row.verdict is not None for row in whole)
    assert service.log.count(SUBMITTED) == 1, "nothing was scored twice"
    assert len(mhfd_client.reattach(cut.token)) == 6, "as often as one likes"


CRASH = """
import os, sys, mhfd_client
def die(row):
    os.kill(os.getpid(), 9)
mhfd_client.score(sys.argv[2:], endpoint=sys.argv[1], on_row=die, progress=False)
"""


def test_reattach_after_the_process_was_killed(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, globus_env: dict[str, str]
) -> None:
    files = [str(path) for path in sorted(far.glob("*.tif"))]
    died = subprocess.run([sys.executable, "-c", CRASH, quick_endpoint.id, *files], env=globus_env)
    assert died.returncode == -signal.SIGKILL
    table = mhfd_client.reattach()
    assert [row.path for row in table] == files
    assert all(row.report.finding is Finding.OK for row in table)
    assert service.log.count(SUBMITTED) == 1, "what the service has is not asked again"
    assert table.token is not None
    again = mhfd_client.score(files, endpoint=quick_endpoint.id, reattach=table.token)
    assert [row.report for row in again] == [row.report for row in table]
    with pytest.raises(UsageError, match="other paths"):
        mhfd_client.score(files[:2], endpoint=quick_endpoint.id, reattach=table.token)


@pytest.mark.parametrize("token", ["x", str(uuid4())], ids=["rubbish", "unknown"])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(UsageError, match="token"):
        mhfd_client.reattach(token)


def test_many_images_in_few_requests(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    service.limit_rate()
    files = sorted(far.glob("*.tif")) * 50
    table = mhfd_client.score(files, endpoint=quick_endpoint.id, judge=False, thumbnails=False)
    assert [row.path for row in table] == [str(path) for path in files]
    assert not any(asked.status == 429 for asked in service.log.matching())
