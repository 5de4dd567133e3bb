"""An older mhfd here or there: which side to upgrade is said, by what method 1 wrote, and no image pays for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tifffile
from tests.rigs.far_jobs import older_wire
from tests.rigs.focus_reports import report

from mhfd import __version__, simulate
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.examination import Examination
from mhfd.contract.focus_report import FocusReport
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd.remote import run
from mhfd.site import VARIABLE, Site
from mhfd_client.compute.flying_images import FlyingImage, request
from mhfd_client.doctor import endpoint_words
from mhfd_client.runners import Job
from mhfd_client.runners.answers import read
from mhfd_client.runners.versions import newer_there, older_there
from mhfd_client.scoring.lines_far import looked_at
from mhfd_client.scoring.table import Row, Table
from mhfd_client.station.older_endpoint import OlderEndpoint
from mhfd_endpoint.finding import Check, Level

OLDER = "the endpoint's mhfd 0.1.0 is older than this side's "
UPGRADE_ENDPOINT = "Upgrade the endpoint: its administrator installs this mhfd for the workers"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that an endpoint may read."""
    (tmp_path / "site.toml").write_text(Site.of({"read_roots": [tmp_path], "device": "cpu"}).to_toml())
    monkeypatch.setenv(VARIABLE, str(tmp_path / "site.toml"))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, simulate.focus_series((64, 64), seed=3, defocus_um=[0.0])[0])
    return path


def old_report() -> FocusReport:
    """As an endpoint of method 1 answered."""
    return read(older_wire()["answer"], 1).reports[0]


def test_reports_of_an_older_endpoint_are_read_and_recognised() -> None:
    found = old_report()
    assert (found.schema_version, found.profile, found.params.version_of(found.params_id)) == (2, None, 1)
    said = older_there(found)
    assert said is not None
    assert said.startswith(OLDER)
    assert f"(method 1 against {METHOD_VERSION})" in said
    assert said.endswith(UPGRADE_ENDPOINT)
    assert newer_there(found, found.params) is None
    assert older_there(report()) is None


def test_an_old_station_is_told_to_upgrade(image: Path) -> None:
    """In the field that it shows as it is; nothing is said of an image, so none is set aside."""
    asked = older_wire()["request"]
    status = image.stat()
    asked |= {"paths": [str(image)], "expect": [{"size": status.st_size, "mtime_ns": status.st_mtime_ns}]}
    said = json.loads(json.dumps(run(**asked)))
    assert set(said) == set(older_wire()["refused"])
    (error,) = said["errors"]
    assert set(error) == set(older_wire()["refused"]["errors"][0])
    assert (said["ok"], said["reports"], error["index"], error["code"]) == (False, [], None, "old_station")
    assert error["why"].startswith("this station's mhfd is older than the endpoint's ")
    assert error["why"].endswith(f"(method 1 against {METHOD_VERSION})")
    assert error["remedy"] == "upgrade the station: pip install --upgrade mhfd"
    whole = read(said, 1).whole
    assert whole is not None
    assert str(whole).endswith(f"(method 1 against {METHOD_VERSION}): upgrade the station: pip install --upgrade mhfd")


@pytest.mark.parametrize("named", [{}, {"schema_version": 3}], ids=["by hand", "a station of today"])
def test_others_are_answered(image: Path, named: dict[str, int]) -> None:
    expect = {"expect": [{"size": image.stat().st_size}]} if named else {}
    assert run(paths=[str(image)], **named, **expect)["ok"]
    assert [error["code"] for error in run(paths=[str(image)], schema_version=2)["errors"]] == [Code.OLD_STATION]


def test_what_a_station_asks_is_what_was_asked_but_for_who_asks() -> None:
    asked = older_wire()["request"]
    job = Job(1, "a.tif", asked["expect"][0]["size"], asked["expect"][0]["mtime_ns"], Params())
    images = [FlyingImage(asked["paths"][0], token="batch 1", job=job)]  # noqa: S106 - of a batch
    assert request(images, says_version=False) == asked
    assert request(images) == asked | {"schema_version": 3, "client": f"mhfd {__version__}"}


def test_a_report_that_is_newer_than_this_mhfd_refuses_the_whole() -> None:
    plain = report().model_dump(mode="json") | {"schema_version": 4, "wonder": 1}
    answer = read({"reports": [plain]}, 1)
    assert (answer.reports, answer.reasons) == ({}, {})
    assert str(answer.whole) == (
        "the endpoint's reports have version 4, which this mhfd cannot read: "
        "upgrade this side: pip install --upgrade mhfd"
    )


def test_an_id_of_a_newer_method_is_no_fault_of_the_image() -> None:
    newer = report().model_copy(update={"params_id": "0123456789ab"})
    said = newer_there(newer, newer.params)
    assert said is not None
    assert said.startswith("this side's mhfd ")
    assert said.endswith("upgrade this side: pip install --upgrade mhfd")
    assert newer_there(newer, Params.preset("paper_code")) is None, "other parameters"


def test_a_station_says_it_once_and_when_it_is_over() -> None:
    notice = OlderEndpoint()
    assert notice.see(report()) is None
    assert str(notice.see(old_report())).startswith(OLDER)
    assert notice.see(old_report()) is None
    assert notice.see(report()) == ""
    assert notice.see(report()) is None


def test_a_notebook_says_it_below_the_table() -> None:
    table = Table([Row("a.tif", old_report()), Row("b.tif", old_report())])
    (said,) = table.notes
    assert said.startswith(OLDER)
    assert UPGRADE_ENDPOINT in table._repr_html_()
    assert Table([Row("a.tif", report())]).notes == ()


def test_mhfd_score_says_it_once() -> None:
    said: dict[str, None] = {}
    assert len(list(looked_at(iter([(0, old_report()), (1, old_report()), (2, report())]), said))) == 3
    assert [one.startswith(OLDER) for one in said] == [True]


def test_the_doctor_says_which_side() -> None:
    told = Examination.model_validate(older_wire()["examination"])

    def checked(method: str | None) -> Check:
        versions = told.versions | ({} if method is None else {"mhfd_method": method})
        found = endpoint_words.of(told.model_copy(update={"versions": versions}), sent=0.0, came=1.0, took_s=1.0)
        return next(check for check in found if check.name == "mhfd")

    older, newer = checked(None), checked("5")
    assert older.level is Level.WARN
    assert f"the endpoint is older (method 1 against {METHOD_VERSION})" in older.what
    assert older.do == "upgrade the endpoint: its administrator installs this mhfd for the workers"
    assert newer.level is Level.FAIL
    assert f"this side is older (method {METHOD_VERSION} against 5)" in newer.what
    assert newer.do.startswith("upgrade this side")
    assert checked(str(METHOD_VERSION)).level is Level.WARN, "the same method, other code"
