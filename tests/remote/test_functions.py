"""What a function may have of an endpoint: whether it may run, its folders, its seconds, its GPUs; and who may know."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.rigs.facility import Facility, codes, examined

from mhfd import shim
from mhfd.contract.answer import Answer
from mhfd.contract.base import Wire
from mhfd.contract.examination import Examination
from mhfd.contract.request import Problem
from mhfd.errors import SiteError
from mhfd.remote import examine, gpus, worker
from mhfd.remote.ledger import Ledger
from mhfd.remote.refusal import Refusal
from mhfd.remote.roots import Roots
from mhfd.remote.task import Verb, perform
from mhfd.site import FREE, Site

Do = Callable[[Site, Ledger], None]


class AnyRequest(Wire):
    paths: tuple[str, ...] = ()


class AnyAnswer(Answer):
    schema_version: int = 1


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    return Facility(tmp_path, monkeypatch)


def performed(do: Do, name: str = "mhfd_train", **fields: Any) -> AnyAnswer:
    """A function that does this."""

    def work(_request: AnyRequest, site: Site, ledger: Ledger) -> AnyAnswer:
        do(site, ledger)
        return AnyAnswer(ok=True)

    def turned_away(found: list[Problem], _request: AnyRequest | None) -> AnyAnswer:
        return AnyAnswer(ok=False, errors=tuple(found))

    def read(fields: Mapping[str, Any]) -> AnyRequest:
        return AnyRequest.model_validate(dict(fields))

    return AnyAnswer.model_validate(perform(Verb(name, read, work, turned_away), fields))


def must_not_run(_site: Site, _ledger: Ledger) -> None:
    pytest.fail("it ran")


# -- whether it may run


def test_only_two_functions_run_without_a_table(facility: Facility) -> None:
    said = performed(must_not_run, paths=["/elsewhere/a"])
    assert codes(said) == ["not_allowed"]
    assert "does not let mhfd_train run" in said.errors[0].why
    assert "[functions.mhfd_train]" in said.errors[0].remedy
    (line,) = facility.lines()
    assert (line["function"], line["outcome"], line["problems"]) == ("mhfd_train", "refused", {"not_allowed": 1})
    assert line["refused"] == ["/elsewhere/a"]
    facility.allow(functions={"mhfd_train": {}})
    assert performed(lambda _site, _ledger: None).ok
    assert facility.lines()[-1]["outcome"] == "done"


def test_a_table_can_forbid_what_is_free_even_its_echo(facility: Facility) -> None:
    facility.allow(functions={"mhfd_examine": {"allowed": False}})
    for request in ({}, {"echo": "x", "only_echo": True}):
        assert codes(examined(**request)) == ["not_allowed"]
    assert [line["outcome"] for line in facility.lines()] == ["refused", "refused"]


def test_a_function_of_a_purpose_runs_in_its_processes_alone(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    facility.allow(functions={"mhfd_train": {"purpose": "train"}})
    said = performed(must_not_run)
    assert codes(said) == ["not_allowed"]
    assert 'user_endpoint_config = {purpose = "train"}' in said.errors[0].remedy
    monkeypatch.setenv("MHFD_PURPOSE", "train")
    assert performed(lambda _site, _ledger: None).ok


# -- what it may have


def test_seconds_are_the_less_of_two(facility: Facility) -> None:
    for own, of_all, expected in ((5.0, None, 5.0), (5.0, 3.0, 3.0), (None, 3.0, 3.0), (5.0, 9.0, 5.0)):
        facility.allow(max_seconds=of_all, functions={"mhfd_train": {} if own is None else {"max_seconds": own}})
        seen: list[float | None] = []
        performed(lambda site, _ledger, seen=seen: seen.append(site.max_seconds))  # type: ignore[misc]
        assert seen == [expected]


def test_seconds_end_what_mhfd_examine_hashes(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    path = facility.image("a.tif")
    facility.allow(functions={"mhfd_examine": {"max_seconds": 1e-9}})
    said = examined(paths=[path], hash=True)
    assert codes(said) == ["out_of_time"]
    assert facility.lines()[-1]["bytes_read"] == 0
    assert examined(paths=[path]).ok, "looking is no work"


@pytest.mark.parametrize(
    ("visible", "count", "seen"),
    [
        ("0,1,2,3", 2, "0,1"),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-1", 1, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"),
        ("MIG-9f1a,MIG-2b", 1, "MIG-9f1a"),
        ("3", 2, "3"),
        ("", 2, ""),
        ("2,3", 0, ""),
        (None, 2, "0,1"),
        (None, 0, ""),
        ("0,1", None, "0,1"),
        (None, None, None),
    ],
)
def test_gpus_are_the_first_so_many_for_as_long_as_it_works(
    facility: Facility, monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int | None, seen: str | None
) -> None:
    monkeypatch.delenv(gpus.VARIABLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(gpus.VARIABLE, visible)
    facility.allow(device="auto", functions={"mhfd_train": {} if count is None else {"gpus": count}})
    told: list[tuple[str | None, str]] = []

    def do(site: Site, _ledger: Ledger) -> None:
        told.append((os.environ.get(gpus.VARIABLE), site.device))
        raise RuntimeError("and it fails")

    assert codes(performed(do)) == ["internal"]
    assert told == [(seen, "cpu" if count == 0 else "auto")]
    assert os.environ.get(gpus.VARIABLE) == visible


def test_folders_are_its_own(facility: Facility) -> None:
    mine, others = facility.image("mine/a.tif"), facility.image("b.tif")
    (facility.out / "mine").mkdir()
    facility.allow(
        functions={"mhfd_train": {"read_roots": [facility.data / "mine"], "write_roots": [facility.out / "mine"]}}
    )

    def do(site: Site, _ledger: Ledger) -> None:
        with Roots.of(site, "read").file(mine), Roots.of(site, "write").folder(str(facility.out / "mine/x"), make=True):
            pass
        for use, path in (("read", others), ("write", str(facility.out))):
            with pytest.raises(Refusal, match="none of the folders"), Roots.of(site, use).folder(path):  # type: ignore[arg-type]
                pass

    assert performed(do).ok
    assert examined(paths=[others]).ok, "the limits of one function are no other's"


def test_a_folder_of_its_own_cannot_be_swapped_for_a_link_out(facility: Facility) -> None:
    """Who may write into an endpoint's folder may put a link in the place of a function's own."""
    secret = facility.image("key.tif", folder=facility.secret)
    mine = facility.data / "mine"
    facility.allow(functions={"mhfd_train": {"read_roots": [mine]}})
    inside = facility.image("others/a.tif")

    def read(path: str) -> str:
        with Roots.of(Site.load().of_function("mhfd_train"), "read").file(path) as opened:
            return opened.real

    mine.symlink_to(facility.secret)
    for path in (str(mine / "key.tif"), secret):
        with pytest.raises(Refusal) as caught:
            read(path)
        assert caught.value.problem.code == "refused_path"
    assert Roots.of(Site.load().of_function("mhfd_train"), "read").outside(str(mine / "key.tif"))
    mine.unlink()
    mine.symlink_to(facility.data / "others")
    assert read(str(mine / "a.tif")) == inside, "a link that stays inside is the administrator's own way"


# -- the file


def test_tables_come_back_as_they_were_written() -> None:
    tables = {"mhfd_train": {"max_seconds": 60.0, "gpus": 2, "read_roots": ["/d/a"]}, "mhfd_focus": {"allowed": False}}
    site = Site.of({"read_roots": ["/d"], "functions": tables})
    assert Site.of(tomllib.loads(site.to_toml())) == site


def test_older_files_are_read() -> None:
    versions = get_args(Site.model_fields["schema_version"].annotation)
    assert versions[-1] == Site().schema_version
    for version in versions:
        site = Site.of({"schema_version": version, "read_roots": ["/d"]})
        assert [name for name in shim.FUNCTIONS if site.limits_of(name).allowed] == [*FREE]


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"train": {}}, "functions.train: no function has such a name"),
        ({"mhfd_train": {"gpu": 1}}, "functions.mhfd_train.gpu: there is no such key"),
        ({"mhfd_train": {"gpus": -1}}, "functions.mhfd_train.gpus: "),
        ({"mhfd_train": True}, "functions.mhfd_train: write a table"),
        ({"mhfd_train": {"read_roots": "/d"}}, "functions.mhfd_train.read_roots: write a list"),
        (True, "functions: write a table for each"),
        ({"mhfd_train": {"read_roots": ["/e"]}}, "functions.mhfd_train.read_roots: '/e' lies below none of read_roots"),
        ({"mhfd_train": {"write_roots": ["/d/x"]}}, "functions.mhfd_train.write_roots: '/d/x' lies below none"),
        ({"mhfd_train": {"read_roots": ["/d/../e"]}}, "functions.mhfd_train.read_roots.0: '/d/../e' has '..' in it"),
        ({"mhfd_train": {"read_roots": ["/data2"]}}, "functions.mhfd_train.read_roots: '/data2' lies below none"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(functions: object, said: str) -> None:
    with pytest.raises(SiteError) as caught:
        Site.of({"read_roots": ["/d", "/data"], "functions": functions})
    assert str(caught.value).startswith(said)


# -- who may know


def test_an_examination_tells_what_may_run(facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shim.function("mhfd_hash", module="mhfd.remote", entry="run", summary="Hash.")
    monkeypatch.setitem(shim.FUNCTIONS, "mhfd_hash", made)
    facility.allow(
        max_seconds=100.0,
        functions={
            "mhfd_train": {"gpus": 1, "max_seconds": 9.0, "purpose": "train", "read_roots": [facility.data / "a"]},
            "mhfd_examine": {"read_roots": []},
        },
    )
    told = {one.name: one for one in examined(functions=True).functions}
    assert [(one.name, one.here, one.allowed) for one in told.values()] == [
        ("mhfd_assess", True, False),
        ("mhfd_benchmark", True, False),
        ("mhfd_examine", True, True),
        ("mhfd_focus", True, True),
        ("mhfd_hash", True, False),
        ("mhfd_train", True, True),
    ]
    train = told["mhfd_train"]
    assert (train.gpus, train.max_seconds, train.purpose) == (1, 9.0, "train")
    assert (train.read_roots, train.write_roots) == ((str(facility.data / "a"),), (str(facility.out),))
    assert told["mhfd_focus"].read_roots == (str(facility.data),), "not the part of mhfd_examine"
    assert told["mhfd_focus"].max_seconds == 100.0


@pytest.mark.parametrize("asked", [{}, {"echo": "x", "only_echo": True}, {"nonsense": 1}])
def test_who_does_not_ask_is_answered_as_before(facility: Facility, asked: dict[str, Any]) -> None:
    """An older doctor refuses a field that it does not know."""
    said = examine(**asked)
    assert "functions" not in said
    assert said["schema_version"] == 2
    assert Examination.model_validate(json.loads(json.dumps(said))).model_dump(mode="json") == said


def test_the_purpose_of_a_process_is_focus_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MHFD_PURPOSE", raising=False)
    assert worker.purpose() == "focus"
