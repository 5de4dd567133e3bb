"""What a user may have in a day: over requests, workers and restarts, and never by a fault more than that."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.facility import Facility, asked, codes, examined

from mhfd.contract.request import Code
from mhfd.errors import SiteError
from mhfd.remote import quota
from mhfd.remote.quota import Counted, Quota
from mhfd.remote.refusal import Refusal
from mhfd.remote.worker import IDENTITY
from mhfd.site import Site
from mhfd_endpoint import usage

ANN = "1f8f4c1e-5a5e-4ac2-8a6f-1c3b8a0f3f10"
BOB = "2f8f4c1e-5a5e-4ac2-8a6f-1c3b8a0f3f10"


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    monkeypatch.setenv(IDENTITY, ANN)
    (tmp_path / "state").mkdir()
    return Facility(tmp_path, monkeypatch)


def state_of(facility: Facility) -> Path:
    return facility.log.with_name("state")


def limit(facility: Facility, **most: Any) -> None:
    facility.allow(state=state_of(facility), **{f"max_{name}_a_day": value for name, value in most.items()})


def count_of(facility: Facility, user: str = ANN) -> Counted:
    return Counted.of((state_of(facility) / quota.file_name(user)).read_bytes())


def test_images_beyond_it_are_left_and_the_others_scored(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    limit(facility, images=3)
    assert asked(paths=[path, "/etc/passwd"]).errors[0].code == Code.REFUSED_PATH
    response = asked(paths=[path] * 4)
    assert [report is not None for report in response.reports] == [True, True, False, False]
    assert [(one.code, one.index, one.through) for one in response.errors] == [(Code.QUOTA, 2, 3)]
    assert "00:00 UTC" in response.errors[0].remedy
    assert "3 images a day" in response.errors[0].why
    assert facility.lines()[-1]["problems"] == {"quota": 2}
    assert count_of(facility).images == 3
    monkeypatch.setenv(IDENTITY, BOB)
    assert asked(paths=[path]).ok, "another user"
    monkeypatch.delenv(IDENTITY)
    assert asked(paths=[path]).ok, "nobody by name: the account"
    assert len(list(state_of(facility).iterdir())) == 3


def test_the_next_day_begins_anew(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    limit(facility, images=1)
    assert asked(paths=[path]).ok
    assert codes(asked(paths=[path])) == [Code.QUOTA]
    monkeypatch.setattr(quota, "utc_day", lambda _moment: "2999-01-01")
    assert asked(paths=[path]).ok
    assert count_of(facility) == Counted("2999-01-01", images=1, bytes_read=Path(path).stat().st_size, **rest(facility))


def rest(facility: Facility) -> dict[str, Any]:
    found = count_of(facility)
    return {"bytes_written": found.bytes_written, "device_s": found.device_s}


def test_bytes_count_before_they_are_taken(facility: Facility) -> None:
    path = facility.image("a.tif")
    size = Path(path).stat().st_size
    limit(facility, bytes_read=2 * size)
    assert [report is not None for report in asked(paths=[path] * 3).reports] == [True, True, False]
    assert codes(examined(paths=[path], hash=True)) == [Code.QUOTA]
    assert examined(paths=[path]).ok, "to look costs nothing"
    limit(facility, bytes_written=10)
    response = asked(paths=[path, path], write_to=str(facility.out))
    assert [(one.code, one.index, one.through) for one in response.errors] == [(Code.QUOTA, 0, 1)]
    assert list(facility.out.iterdir()) == []


def test_work_counts_whatever_comes_of_it(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    limit(facility, device_s=1e-6)
    response = asked(paths=[path, path])
    assert [report is not None for report in response.reports] == [True, False], "by the image in hand, not by two"
    used = count_of(facility).device_s
    assert used == pytest.approx(facility.lines()[-1]["device_s"], abs=1e-3)
    assert codes(asked(paths=[path])) == [Code.QUOTA]
    assert count_of(facility).device_s == used


def takes(site: str, count: int, wanted: int) -> None:
    own = Quota.of(Site.model_validate_json(site))
    for _ in range(wanted):
        try:
            own.take(images=1)
        except Refusal:
            continue
        with open(f"{os.environ['GOT']}/{os.getpid()}", "a") as file:  # noqa: PTH123
            file.write("x")


def test_workers_side_by_side_never_exceed_it(
    facility: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(facility, images=50)
    got = tmp_path / "got"
    got.mkdir()
    monkeypatch.setenv("GOT", str(got))
    site = Site.read(facility.file).model_dump_json()
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=takes, args=(site, 4, 30)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert sum(len(file.read_text()) for file in got.iterdir()) == 50
    assert count_of(facility).images == 50


@pytest.mark.parametrize("fault", ["rubbish", "empty JSON", "newer", "negative", "link", "of another", "no folder"])
def test_what_cannot_be_counted_is_not_done(facility: Facility, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    path = facility.image("a.tif")
    limit(facility, images=5)
    file = state_of(facility) / quota.file_name(ANN)
    match fault:
        case "link":
            file.symlink_to(facility.secret / "count")
        case "of another":
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
        case "no folder":
            state_of(facility).rmdir()
        case _:
            good = json.loads(Counted("2026-01-01").to_bytes(ANN))
            texts = {"rubbish": "\0" * 512, "empty JSON": "{}", "newer": json.dumps(good | {"schema_version": 9})}
            file.write_text(texts.get(fault, json.dumps(good | {"images": -5})))
    response = asked(paths=[path])
    assert codes(response) == [Code.QUOTA]
    assert "cannot be counted" in response.errors[0].why
    assert "administrator" in response.errors[0].remedy
    assert not (facility.secret / "count").exists()
    if fault in ("rubbish", "empty JSON", "newer", "negative"):
        assert "damaged" in response.errors[0].why
        (told,) = usage.quotas(Site.read(facility.file))
        assert "damaged" in str(told)
        os.utime(file, (0, 0))  # of another day, it says nothing that counts today
        assert asked(paths=[path]).ok


def test_usage_says_what_is_used(facility: Facility) -> None:
    path = facility.image("a.tif")
    limit(facility, images=1000, bytes_written=5_000_000)
    assert asked(paths=[path]).ok
    said = [str(one) for one in usage.quotas(Site.read(facility.file))]
    assert said == [f"{ANN}: 1 of 1,000 images", f"{ANN}: 0 of 5,000,000 bytes_written"]
    assert (
        usage.quotas(Site.read(facility.file).model_copy(update={"max_images_a_day": None}))[0].limit == "bytes_written"
    )


def test_a_limit_needs_somewhere_to_count() -> None:
    with pytest.raises(SiteError, match="max_images_a_day needs a folder"):
        Site.of({"max_images_a_day": 5})
    with pytest.raises(SiteError, match=r"state: .* lies below a write root"):
        Site.of({"write_roots": ["/a"], "state": "/a/state"})
