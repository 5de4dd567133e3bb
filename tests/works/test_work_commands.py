"""`mhfd work`: begun, looked at, followed, cancelled; what is wrong is a line, and the exit code says whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.rigs.here import ID
from tests.rigs.works_here import WorksHere
from tests.works.conftest import DIG, Digging, refused, said

from mhfd_client.cli import main
from mhfd_client.runners import far
from mhfd_client.works.asked import MOST_BYTES
from mhfd_client.works.kept_work import KeptWork

BEGIN = ("begin", DIG, "--endpoint", ID, "--key", "wafer7", "--into", "/eagle/works")


def work(*words: object, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["work", *map(str, words)], input=given)


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    path = tmp_path / "dig.json"
    path.write_text('{"field": "north", "turn_s": 60}')
    return path


def test_who_stays_hears_how_far_it_is_and_what_it_came_to(here: WorksHere, request_file: Path) -> None:
    told = work(*BEGIN, "--request", request_file, "--option", "purpose=focus", "--option", "nodes=2")
    assert told.exit_code == 0, told.output
    first, *rest = told.stdout.splitlines()
    assert first == f"wafer7  {DIG} on endpoint {ID}, in /eagle/works"
    assert "  done (heard" in "\n".join(rest)
    assert '"depth_m": 12' in told.stdout
    assert told.stderr.splitlines()[:2] == [
        "under way: 1 of 3 pits (33%): pit 1",
        "under way: 2 of 3 pits (67%): pit 2",
    ]
    names, requests = zip(*here.asked, strict=True)
    assert set(names) == {DIG}
    assert (
        requests[0]
        == requests[-1]
        == {
            "field": "north",
            "turn_s": 60,
            "key": "wafer7",
            "into": "/eagle/works",
            "client": requests[0]["client"],
        }
    )
    assert here.options == [{"purpose": "focus", "nodes": 2}]


def test_what_is_done_is_not_asked_again(here: WorksHere) -> None:
    assert work(*BEGIN).exit_code == 0
    asked = len(here.of(DIG))
    for words in (("follow", "wafer7"), ("show", "wafer7"), BEGIN):
        told = work(*words)
        assert (told.exit_code, '"depth_m": 12' in told.stdout) == (0, True), told.output
    assert len(here.of(DIG)) == asked


def test_who_goes_away_comes_back_to_the_same_work(here: WorksHere) -> None:
    told = work(*BEGIN[:5], *BEGIN[6:], "--no-follow", "--option", "purpose=train")
    assert told.exit_code == 2, "an option without its value"
    told = work("begin", DIG, "--endpoint", ID, "--into", "/w", "--no-follow", "--option", "purpose=train")
    assert told.exit_code == 0, told.output
    key = told.stdout.split()[0]
    assert told.stdout.splitlines()[1] == f"handed over; goes on: mhfd work follow {key}"
    told = work("follow", key, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["answer"]["result"] == {"depth_m": 12}
    assert {request["key"] for request in here.of(DIG)} == {key}
    assert here.options == [{"purpose": "train"}] * 2


def test_the_folder_is_the_first_that_may_be_written(here: WorksHere) -> None:
    roots = [("/in", "read", True), ("/broken", "write", False), ("/out/", "write", True), ("/more", "write", True)]
    seen = [{"path": path, "use": use, "usable": usable, "why": None} for path, use, usable in roots]
    here.answers["mhfd_examine"] = lambda **asked: {"schema_version": 3, "ok": True, "roots": seen, "functions": own}
    own: list[dict[str, Any]] = []
    for key, folder, mine in (("k", "/out", None), ("l", "/more/digs", ["/broken/digs", "/more/digs"])):
        own[:] = [] if mine is None else [{"name": "mhfd_sing"}, {"name": DIG, "write_roots": mine}]
        told = work("begin", DIG, "--endpoint", ID, "--key", key)
        assert told.exit_code == 0, told.output
        assert told.stdout.splitlines()[0].endswith(f", in {folder}/mhfd-works")
        assert here.of(DIG)[-1]["into"] == f"{folder}/mhfd-works"


def test_an_older_endpoint_is_asked_for_its_folders_alone(here: WorksHere) -> None:
    def examine(**asked: Any) -> dict[str, Any]:
        if "functions" in asked:
            wrong = refused("bad_request", "there is no such field", "leave it out", field="functions")
            return {"schema_version": 2, "ok": False, "errors": [wrong]}
        return {"schema_version": 2, "ok": True, "roots": [{"path": "/out", "use": "write", "usable": True}]}

    here.answers["mhfd_examine"] = examine
    told = work("begin", DIG, "--endpoint", ID, "--key", "k")
    assert (told.exit_code, here.of(DIG)[-1]["into"]) == (0, "/out/mhfd-works"), told.output


def test_without_a_folder_to_write_one_has_to_be_named(here: WorksHere) -> None:
    here.answers["mhfd_examine"] = lambda **_: {"schema_version": 2, "ok": True, "roots": []}
    told = work("begin", DIG, "--endpoint", ID)
    assert (told.exit_code, "name one by `into` (--into FOLDER)" in told.stderr) == (1, True), told.output


def test_a_function_that_answers_at_once_goes_the_same_way(here: WorksHere) -> None:
    here.answers["mhfd_examine"] = lambda **asked: {
        "schema_version": 2,
        "ok": True,
        "site": "ours",
        "echo": asked.get("echo"),
    }
    told = work("begin", "mhfd_examine", "--endpoint", ID, "--request", "-", given='{"echo": "x"}')
    assert told.exit_code == 0, told.output
    assert '"site": "ours"' in told.stdout
    assert {"echo": "x"} in here.of("mhfd_examine")
    key = told.stdout.split()[0]
    assert work("cancel", key).exit_code == 2


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (
            said("failed", "wafer7", errors=[refused("internal", "a shaft fell in", "dig elsewhere")]),
            "failed",
            "a shaft fell in",
        ),
        (
            said(None, "wafer7", errors=[refused("bad_request", "no such field", field="fild")]),
            "refused",
            "fild: no such field",
        ),
        (
            said(None, "wafer7", errors=[refused("no_function", "mhfd 1.0 has no mhfd_dig")]),
            "refused",
            "has no mhfd_dig",
        ),
        (said("cancelled", "wafer7", 1), "cancelled", "cancelled: 1 of 3 pits"),
    ],
    ids=["failed", "bad request", "no such function", "cancelled"],
)
def test_what_does_not_end_well_is_said(
    here: WorksHere, digging: Digging, answer: dict[str, Any], state: str, words: str
) -> None:
    digging.instead = lambda _: answer
    told = work(*BEGIN, "--json")
    assert told.exit_code == 1, told.output
    document = json.loads(told.stdout)
    assert (document["schema_version"], document["state"], document["key"]) == (1, state, "wafer7")
    assert words in work("show", "wafer7").stdout
    assert [one["state"] for one in json.loads(work("list", "--json").stdout)] == [state]


def test_what_was_not_taken_may_be_asked_again(here: WorksHere, digging: Digging) -> None:
    digging.instead = lambda request: said(None, request["key"], errors=[refused("not_allowed", "not allowed here")])
    assert work(*BEGIN).exit_code == 1
    digging.instead = lambda _: None
    assert work("follow", "wafer7").exit_code == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("bad_request", "to do: correct that, and begin it again; the same key may be used"),
        ("wrong_key", "to do: begin it with another key"),
        ("not_allowed", "once that is changed there: mhfd work follow wafer7"),
        ("internal", "goes on: mhfd work follow wafer7"),
    ],
)
def test_what_was_not_taken_says_what_to_do(here: WorksHere, digging: Digging, code: str, words: str) -> None:
    digging.instead = lambda request: said(None, request["key"], errors=[refused(code, "no", "do so")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(far, "_WAIT_MOST_S", 0.01)
        told = work(*BEGIN)
    assert told.exit_code == 1, told.output
    assert told.stdout.splitlines()[-1] == f"  {words}"


def test_a_request_that_was_not_taken_is_corrected_under_its_key(
    here: WorksHere, digging: Digging, request_file: Path
) -> None:
    wrong = refused("bad_request", "there is no such field", "correct it", field="field")
    digging.instead = lambda request: said(None, request["key"], errors=[wrong]) if "field" in request else None
    assert work(*BEGIN, "--request", request_file).exit_code == 1
    assert work(*BEGIN).exit_code == 0
    assert work("show", "wafer7").exit_code == 0


def test_cancelling_asks_whoever_has_it(here: WorksHere, digging: Digging) -> None:
    assert work(*BEGIN, "--no-follow").exit_code == 0
    told = work("cancel", "wafer7")
    assert (told.exit_code, "  cancelled: " in told.stdout) == (0, True), told.output
    assert here.of(DIG)[-1]["cancel"] is True
    assert work("cancel", "wafer7").exit_code == 0
    assert work("follow", "wafer7").exit_code == 1


def test_who_cancels_what_is_done_hears_that(here: WorksHere) -> None:
    assert work(*BEGIN).exit_code == 0
    told = work("cancel", "wafer7")
    assert (told.exit_code, "  done " in told.stdout) == (1, True), told.output


def test_an_endpoint_that_is_away_loses_no_work(here: WorksHere) -> None:
    here.online = False
    told = work(*BEGIN)
    assert told.exit_code == 1
    assert told.stdout.startswith("wafer7  ")
    assert told.stderr.splitlines()[0] == "goes on: mhfd work follow wafer7"
    assert "is offline: nothing was handed over" in told.stderr
    here.online = True
    assert work("follow", "wafer7").exit_code == 0


def test_an_interrupt_says_how_it_goes_on(here: WorksHere, digging: Digging, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = KeptWork.heard

    def interrupted(kept: KeptWork, event: Any) -> None:
        heard(kept, event)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(KeptWork, "heard", interrupted)
        told = work(*BEGIN)
    assert told.exit_code == 130, told.output
    assert told.stderr.splitlines()[-1].endswith("to the end of its turn; goes on: mhfd work follow wafer7")
    assert "under way: 1 of 3 pits" in work("list").stdout
    assert work("follow", "wafer7").exit_code == 0


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (
            ("mhfd_sing",),
            "{}",
            "'mhfd_sing' is none of mhfd's; there are: mhfd_assess, mhfd_benchmark, mhfd_dig, mhfd_examine, mhfd_focus",
        ),
        ((DIG,), "{", "--request -: is no JSON"),
        ((DIG,), "[" * 100_000, "--request -: is no JSON"),
        ((DIG,), "[1]", "is a list, not an object of fields"),
        ((DIG,), "null", "is null, not an object"),
        ((DIG,), '{"a": NaN}', "holds what JSON has no form for"),
        ((DIG,), '{"cancel": true}', "cancel is mhfd's own to say"),
        ((DIG,), '{"turn_s": "soon"}', "turn_s = 'soon': cannot be"),
        ((DIG,), '{"turn_s": 0}', "turn_s = 0: cannot be"),
        ((DIG,), '{"key": 7}', "key = 7 is no text"),
        ((DIG, "--key", "../up"), "{}", "key = '../up': cannot be; at most 64 letters"),
        ((DIG, "--key", "a"), '{"key": "b"}', "is 'a', and 'b' in the request; say it once"),
        ((DIG, "--into", "works"), "{}", "'works' is no folder of an endpoint"),
        (("mhfd_examine", "--into", "/w"), "{}", "answers at once and keeps nothing"),
        ((DIG, "--option", "train"), "{}", "write KEY=VALUE"),
        ((DIG, "--request", "gone.json"), None, "gone.json"),
    ],
)
def test_wrong_usage_is_named_before_anything_is_asked(
    here: WorksHere, words: tuple[str, ...], given: str | None, told: str
) -> None:
    piped = ("--request", "-") if given is not None else ()
    done = work("begin", *words, "--endpoint", ID, *piped, given=given)
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.stderr.split())
    assert here.asked == []
    assert work("list").stdout == "no works\n"


def test_files_that_are_no_requests_are_named(here: WorksHere, tmp_path: Path) -> None:
    for name, data, words in (
        ("picture", b"\xff\xfe\x00", "is no JSON"),
        ("large", b" " * (MOST_BYTES + 1), "has more than 5 MB"),
        ("text", json.dumps({"a": "é" * (MOST_BYTES // 4)}, ensure_ascii=False).encode(), "above the 5 MB"),
    ):
        (tmp_path / name).write_bytes(data)
        done = work(*BEGIN, "--request", tmp_path / name)
        assert (done.exit_code, words in done.stderr) == (2, True), done.stderr[:500]
    assert here.asked == []


def test_a_key_has_one_work(here: WorksHere, request_file: Path) -> None:
    assert work(*BEGIN).exit_code == 0
    told = work(*BEGIN, "--request", request_file)
    assert (told.exit_code, "(request differ; `mhfd work show wafer7`)" in told.stderr) == (2, True), told.output
    assert "wafer7" in work("list").stdout


@pytest.mark.parametrize("command", ["show", "follow", "cancel"])
@pytest.mark.parametrize("key", ["nothing", "../calls/x", "", "a" * 5000, "\0"])
def test_a_key_that_nobody_knows(command: str, key: str) -> None:
    told = work(command, key)
    assert (told.exit_code, "this machine knows no work" in told.stderr) == (2, True), told.output


def test_files_of_the_result_are_shown_by_what_they_are(here: WorksHere, digging: Digging, tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b"12345")
    digging.artefacts = [
        {"path": str(tmp_path / "map"), "sha256": "ab" * 32, "bytes": 5, "kind": "map"},
        {"path": "/far/away/find", "sha256": "cd" * 32, "bytes": 2_500_000, "kind": "find"},
    ]
    told = work(*BEGIN)
    assert f"  map  {tmp_path}/map  5 bytes  sha256 {'ab' * 32}  (here)" in told.stdout
    assert (
        f"  find  /far/away/find  2.5 MB  sha256 {'cd' * 32}  (on the endpoint's side, not seen from here)"
        in told.stdout
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1], "should be a valid dictionary"),
        (said("dreaming", "wafer7"), "state: Input should be"),
        (said("done", "another", 3), "answered for another work (another)"),
    ],
    ids=["a list", "a state that is none", "another's"],
)
def test_what_is_no_answer_is_asked_again_and_then_said(
    here: WorksHere, digging: Digging, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    monkeypatch.setattr(far, "_WAIT_MOST_S", 0.01)
    digging.instead = lambda _: answer
    told = work(*BEGIN)
    assert (told.exit_code, len(here.of(DIG)) > 1) == (1, True), told.output
    assert words in told.stdout
    assert told.stdout.splitlines()[-1] == "  goes on: mhfd work follow wafer7"


def test_what_an_endpoint_says_moves_no_cursor(here: WorksHere, digging: Digging) -> None:
    digging.artefacts = [{"path": "/x\x1b[1m\0", "sha256": "\x1b", "bytes": 3, "kind": "\n"}]
    told = work(*BEGIN)
    assert told.exit_code == 0
    assert "\x1b" not in told.output
    assert "\0" not in told.output


def test_a_work_that_cannot_be_kept_is_done_all_the_same(
    here: WorksHere, state_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_home.mkdir(parents=True)
    (state_home / "works").write_text("in the way")
    assert work(*BEGIN).exit_code == 0
    assert caplog.text.count("cannot be found again after a crash") == 1
    assert work("list").stdout == "no works\n"


def test_a_file_that_a_crash_cut_short_is_read_as_far_as_it_goes(here: WorksHere, state_home: Path) -> None:
    assert work(*BEGIN).exit_code == 0
    file = state_home / "works" / "wafer7.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    assert "under way: 2 of 3 pits" in work("list").stdout
    told = work("follow", "wafer7")
    assert told.exit_code == 0, told.output
    assert work("list").stdout.rstrip().endswith("  done")
    file.write_bytes(b"rubbish\n")
    assert work("list").stdout == "no works\n"
    assert "cannot be read" in work("show", "wafer7").stderr
    assert work(*BEGIN).exit_code == 0
    assert work("show", "wafer7").exit_code == 0
