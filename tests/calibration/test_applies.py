"""A calibration in the settings: checked at the start, and told where it says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.rigs.calibrations import calibration
from tests.rigs.runs import sharp_run

from mhfd_client.calibration.applies import applied, of_settings
from mhfd_client.calibration.kept import save
from mhfd_client.cli import main
from mhfd_client.errors import SettingsError
from mhfd_client.settings.options import VerdictSettings
from mhfd_client.verdicts.blur.calibration import Calibration

UNNAMED = {"instrument": None, "dwell_ns": None}


def kept(folder: Path, **changes: object) -> Path:
    file = folder / "calibration.json"
    save(Calibration.model_validate(json.loads(calibration().model_dump_json()) | changes), file)
    return file


def typed(command: str, folder: Path, file: Path, *words: str) -> Result:
    told = [command, str(folder / "wafer7"), "--set", f"verdict.calibration={file}", "--state", str(folder / "state")]
    return CliRunner().invoke(main, [*told, *words])


@pytest.mark.parametrize("data", [b"", b"{}", b'{"um_a_px": 1, "schema_version": 9}'])
def test_a_watch_does_not_start_with_a_file_that_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "wafer7").mkdir()
    file = tmp_path / "calibration.json"
    file.write_bytes(data)
    told = typed("watch", tmp_path, file, "--no-page", "--until-idle", "0.1")
    assert told.exit_code == 2
    assert "verdict.calibration: " in told.output
    assert "calibration.json" in told.output


def test_without_the_setting_there_is_none() -> None:
    assert of_settings(VerdictSettings()) is None


def test_a_file_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"verdict\.calibration: .*none\.json: cannot be read"):
        of_settings(VerdictSettings(calibration=tmp_path / "none.json"))


def test_where_it_applies_nothing_is_said(tmp_path: Path) -> None:
    with sharp_run(tmp_path) as run:
        found = applied(run.journal, VerdictSettings(), calibration().model_copy(update=UNNAMED))
        assert str(found) == "it applies to all of the newest 12 images"
        told = typed("status", tmp_path, kept(tmp_path, **UNNAMED))
    assert told.exit_code == 0
    assert "calibration" not in told.output


def test_where_it_says_nothing_status_says_why_once(tmp_path: Path) -> None:
    with sharp_run(tmp_path) as run:
        found = applied(run.journal, VerdictSettings(), calibration().model_copy(update={"pixel_nm": 4.0}))
        assert (found.images, sum(found.refused.values())) == (12, 12)
        told = typed("status", tmp_path, kept(tmp_path, pixel_nm=4.0, **UNNAMED))
    lines = [line for line in told.output.splitlines() if line.startswith("calibration: ")]
    assert lines == [
        "calibration: verdicts have no um for 12 of the newest 12 images: the calibration was made with 4 nm a pixel, "
        "this image has 8 nm a pixel (12 images)"
    ]


@pytest.mark.parametrize(
    ("changes", "level", "what"),
    [
        (UNNAMED, "ok", "it applies to all"),
        ({}, "warn", "the calibration was made with a dwell of 1000 ns, this image has no dwell"),
        ({"schema_version": 3}, "fail", "its version is 3"),
    ],
)
def test_doctor_says_whether_it_applies(tmp_path: Path, changes: dict[str, object], level: str, what: str) -> None:
    from mhfd_client.doctor.station import _calibration
    from mhfd_client.settings.load import load

    file = kept(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with sharp_run(tmp_path) as run:
        checks = list(_calibration(run.state, load(env={}, args={"verdict.calibration": str(file)})))
    assert [check.level for check in checks] == [level]
    assert what in checks[0].what


def test_doctor_of_a_run_that_has_not_begun_only_reads_it(tmp_path: Path) -> None:
    from mhfd_client.doctor.station import _calibration
    from mhfd_client.settings.load import load

    loaded = load(env={}, args={"verdict.calibration": str(kept(tmp_path))})
    (check,) = _calibration(tmp_path / "none", loaded)
    assert (check.level, check.what.rpartition(": ")[2]) == ("ok", "no image has been scored yet")
