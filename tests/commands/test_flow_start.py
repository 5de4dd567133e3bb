"""`mhfd flow start` as a person types it, in front of the real globus-sdk and a stand-in of the services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rigs.by_hand import SOMEBODY, Operator, operator
from tests.rigs.hash_flow import HASH_FLOW

from mhfd_client.commands.far import flow_start
from mhfd_client.flow.by_hand import once
from mhfd_client.flow.service import TAG
from mhfd_flows.shipped import FLOWS

RUN = "POST /flows/.*/run$"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Operator]:
    monkeypatch.setattr(flow_start, "POLL_S", 0.02)
    monkeypatch.setattr(once, "LAG_S", 0.2)
    with operator(tmp_path, monkeypatch) as made:
        yield made


def test_a_run_gets_what_the_settings_say(person: Operator) -> None:
    done = person.types("start")
    assert done.exit_code == 0, done.output
    (run,) = person.runs()
    assert done.output.splitlines() == [
        f"run {run.id} started: mhfd: /wafer7/",
        f"`mhfd run show {run.id} --flow-id {person.flow}` says how it stands",
    ]
    assert run.body == {
        "source": {"id": person.sem.id, "path": "/wafer7/"},
        "results": {"id": person.sem.id, "path": "/reports/"},
        "staging": {"id": person.stage.id, "path": "/"},
        "compute": {"endpoint_id": SOMEBODY, "function_id": SOMEBODY, "staging_root": str(person.folder / "stage")},
    }


def test_options_stand_above_the_settings_and_a_file_replaces_them(person: Operator) -> None:
    told = person.reads(
        "start", "focus_check", "--source", f"{person.sem.id}:/wafer8/", "--label", "wafer 8", "--tag", "night"
    )
    run = person.globus.flows.runs[told["run"]]
    assert (run.body["source"]["path"], run.body["results"]["path"]) == ("/wafer8/", "/reports/")
    assert run.about["label"] == "wafer 8"
    assert run.about["tags"] == [TAG + told["key"], "night"]
    written = {**run.body, "settle_s": 1}
    (person.folder / "input.json").write_text(json.dumps(written))
    told = person.reads("start", person.flow, "--input", person.folder / "input.json", "--endpoint", person.flow)
    body = person.globus.flows.runs[told["run"]].body
    assert body == written | {"compute": written["compute"] | {"endpoint_id": person.flow}}


def test_it_is_followed_until_it_is_over(person: Operator) -> None:
    done = person.types("start", "--wait")
    assert done.exit_code == 0, done.output
    assert "waiting for files to stand still" in done.output
    assert done.output.splitlines()[-1].endswith("  SUCCEEDED")


def test_one_that_fails_says_what_to_do(person: Operator) -> None:
    done = person.types("start", "--wait", "--source", f"{person.sem.id}:/nowhere/")
    assert done.exit_code == 1
    assert "it ended as CannotLook: the folder with the images could not be listed" in done.output
    assert "what to do: is Globus Connect Personal running" in done.output
    done = person.types("start", "--wait", "--source", f"{person.sem.id}:/nowhere/", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["schema_version"], told["status"]) == (1, "FAILED")
    assert told["wrong"]["what"].startswith("ended as CannotLook")


def test_what_cannot_be_right_starts_nothing(person: Operator) -> None:
    for words, said in (
        (("--endpoint", "x"), "--endpoint = 'x': is no id"),
        (("--source", "wafer7"), "is no COLLECTION:FOLDER"),
        (("--image", "/a.tif"), "'paths' was unexpected"),
        (("--tag", "mhfd:x"), "does not begin with mhfd:"),
        (("--label", "x" * 65), "has 1 to 64 characters"),
        (("focus",), "there are focus_check, focus_check_shared"),
        (("focus-check",), "is no id"),
        (("--input", "gone.json"), "--input gone.json: cannot be read"),
    ):
        refused = person.types("start", *words)
        assert refused.exit_code == 2, refused.output
        assert said in refused.output
    for text, said in (("{", "is no JSON"), ("[]", "is no object"), ("{}", "compute.endpoint_id is missing")):
        (person.folder / "input.json").write_text(text)
        refused = person.types("start", "--input", person.folder / "input.json")
        assert refused.exit_code == 2, refused.output
        assert said in refused.output
    assert person.runs() == []


def test_a_flow_for_long_work_is_deployed_and_started_by_its_name(
    person: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FLOWS, HASH_FLOW.name, HASH_FLOW)
    person.flow = str(person.reads("deploy", "hash_folder")["id"])
    person.log_in()
    refused = person.types("start", "hash_folder")
    assert refused.exit_code == 2
    assert "compute.function_id is missing" in refused.output, "the setting names the function that scores"
    told = person.reads("start", "hash_folder", "--function", SOMEBODY, "--request", '{"slow_ms": 3}')
    run = person.globus.flows.runs[told["run"]]
    assert (run.body["request"], run.body["source"]["path"]) == ({"slow_ms": 3}, "/wafer7/")
    assert told["label"] == "hash_folder: /wafer7/"


def test_what_is_missing_is_named_with_what_gives_it(person: Operator) -> None:
    person.config.write_text("")
    refused = person.types("start")
    assert refused.exit_code == 2
    for words in ("source is missing; give --source COLLECTION:FOLDER", "compute.staging_root is missing; give --stag"):
        assert words in refused.output


def test_a_lost_answer_starts_no_second_run(person: Operator) -> None:
    lost = person.globus.server.fail(RUN, 502, after=True)
    done = person.types("start")
    assert done.exit_code == 0, done.output
    (run,) = person.runs()
    assert f"run {run.id} started" in done.output
    assert (lost.hits, person.globus.server.log.count(RUN)) == (1, 1)
    assert person.types("start").exit_code == 0
    assert len(person.runs()) == 2


def test_a_run_that_is_listed_late_is_found_by_the_same_command(person: Operator) -> None:
    person.globus.server.fail(RUN, "drop", after=True)
    person.globus.server.fail("GET /runs", 503, times=1000)
    done = person.types("start")
    assert done.exit_code == 1
    assert "the same command again looks for the run first" in done.output
    person.globus.server.reset()
    again = person.types("start")
    assert again.exit_code == 0, again.output
    (run,) = person.runs()
    assert f"run {run.id} was started before, by a command that got no answer; none was started now" in again.output
    assert person.globus.server.log.count(RUN) == 0


def test_a_start_that_did_not_arrive_is_made_by_the_same_command(person: Operator) -> None:
    person.globus.server.fail(RUN, 503)
    done = person.types("start")
    assert done.exit_code == 1
    assert "no run is listed" in done.output
    assert person.runs() == []
    assert person.types("start").exit_code == 0
    assert len(person.runs()) == 1


def test_a_command_that_is_killed_before_its_answer_leaves_its_intent(
    person: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(once, "Start", None)
        patch.setattr("mhfd_client.flow.service.seconds", killed)  # the first thing that is done with the answer
        assert person.types("start").exit_code == 1
    (run,) = person.runs()
    again = person.types("start")
    assert f"run {run.id} was started before" in again.output
    assert len(person.runs()) == 1


def test_a_refusal_is_no_open_intent(person: Operator) -> None:
    person.globus.server.fail(RUN, 429, retry_after=7)
    refused = person.types("start")
    assert refused.exit_code == 1
    assert "no run was made; try again in 7 s" in refused.output
    person.globus.server.fail(RUN, 403, reason="not you")
    refused = person.types("start")
    assert refused.exit_code == 1
    assert "does not start it (403)" in refused.output
    assert "looked for first" not in person.types("start").output


def test_a_login_that_is_too_narrow_is_named(person: Operator) -> None:
    (person.folder / "state/mhfd/login/tokens.json").unlink()
    person.log_in(flow=False)
    refused = person.types("start")
    assert refused.exit_code == 1
    assert f"mhfd login --flow-id {person.flow} --mapped {person.stage.id}" in refused.output
    assert person.runs() == []


def test_a_flow_of_somebody_elses(person: Operator) -> None:
    document = person.globus.flows.flows[person.flow].document
    person.globus.flows.flows[person.flow].document = {**document, "keywords": []}
    refused = person.types("start", person.flow)
    assert refused.exit_code == 2
    assert "is none of mhfd's: give the whole input of a run with --input FILE" in refused.output
