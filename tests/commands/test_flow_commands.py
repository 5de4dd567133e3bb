"""`mhfd flow` as a person types it; what asks the service asks a stand-in of it, with the real globus-sdk."""

from __future__ import annotations

import copy
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from globus_sdk import FlowsClient
from tests.rigs import REPOSITORY
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.stand_ins import Consenting, StandIns, variables
from tests.rigs.globus.web import Server
from tests.rigs.hash_flow import HASH_FLOW

import mhfd as mhfd_package
from mhfd_client.cli import main
from mhfd_client.errors import FlowMissing, FlowObsolete
from mhfd_client.flow import deployments
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app, who_of
from mhfd_client.settings import load as settings
from mhfd_flows.shipped import FLOWS

SHIPPED = FLOWS["focus_check"]
SOMEBODY = "6d686664-0000-4000-8000-0000000000aa"
URN = f"urn:globus:auth:identity:{SOMEBODY}"
MADE = "POST /flows$"


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, ["flow", *map(str, args)])


# Without a service


def test_show_names_every_state_and_way() -> None:
    shown = mhfd("show").output
    for name in SHIPPED.definition.states:
        assert f"\n{name}  [" in shown
    assert "    -> CountScore  if UnableToRun, Failed\n" in shown
    assert json.loads(mhfd("show", "--json").output) == SHIPPED.document
    assert json.loads(mhfd("show", "focus_check_shared", "--schema").output) == FLOWS["focus_check_shared"].input_schema


@pytest.mark.parametrize("name", FLOWS)
def test_mermaid_has_every_state_once_and_leads_nowhere_else(name: str) -> None:
    lines = mhfd("show", name, "--mermaid").output.splitlines()
    drawn = [found[1] for line in lines if (found := re.match(r'  (\w+)[\[({]+"', line))]
    assert drawn == list(FLOWS[name].definition.states)
    ways = [found.groups() for line in lines if (found := re.match(r"  (\w+) -\.?->(?:\|\"[^\"]*\"\|)? (\w+)$", line))]
    assert {name for way in ways for name in way} == set(drawn)


def test_the_pictures_in_the_documentation_are_of_these_definitions(tmp_path: Path) -> None:
    docs = REPOSITORY / "docs"
    runpy.run_path(str(docs / "figures" / "flow.py"))["main"](tmp_path)
    for name in ("flow.svg", "flow-shared.svg"):
        drawn = (tmp_path / name).read_text(encoding="utf-8")
        assert drawn == (docs / "images" / name).read_text(encoding="utf-8"), "run: python docs/figures/flow.py"


def test_an_unknown_flow() -> None:
    refused = mhfd("show", "focus")
    assert refused.exit_code == 2
    assert "there are focus_check, focus_check_shared" in refused.output


def test_validate_what_we_ship() -> None:
    done = mhfd("validate")
    assert done.exit_code == 0
    assert done.output.count("no rule is broken") == len(FLOWS)


def test_validate_a_file_names_every_state_that_breaks_a_rule(tmp_path: Path) -> None:
    document = copy.deepcopy(SHIPPED.document)
    del document["States"]["Score"]["Catch"]
    document["States"]["WaitClean"]["Next"] = "Cleen"
    (tmp_path / "flow.json").write_text(json.dumps(document))
    done = mhfd("validate", tmp_path / "flow.json")
    assert done.exit_code == 1
    assert "Score: Catch: is missing" in done.output
    document["States"]["Score"]["Catch"] = SHIPPED.document["States"]["Score"]["Catch"]
    (tmp_path / "flow.json").write_text(json.dumps(document))
    assert "WaitClean: leads to 'Cleen', which is no state" in mhfd("validate", tmp_path / "flow.json").output
    (tmp_path / "flow.json").write_text("{")
    assert mhfd("validate", tmp_path / "flow.json").exit_code == 2


FOREIGN = {
    "StartAt": "Run",
    "States": {
        "Run": {
            "Type": "Action",
            "ActionUrl": "https://example.org/job",
            "Parameters": {"what.$": "$.job.what"},
            "ResultPath": "$.ran",
            "Next": "Over",
        },
        "Over": {"Type": "Pass", "Parameters": {"found.$": "$.ran.details.found"}, "ResultPath": "$.end", "End": True},
    },
}
ONLY = {"type": "object", "additionalProperties": False}


def written(folder: Path, name: str, document: object) -> Path:
    (folder / name).write_text(json.dumps(document))
    return folder / name


def test_what_only_we_would_not_do_fails_nobody_elses_file(tmp_path: Path) -> None:
    file = written(tmp_path, "flow.json", FOREIGN)
    done = mhfd("validate", file)
    assert done.exit_code == 0
    assert f"{file}: ours: Run: Catch: is missing" in done.output
    assert "broken rules of the language: 0; of ours, which Globus takes: " in done.output
    assert "it must have $.job.what" in done.output
    assert mhfd("validate", file, "--strict").exit_code == 1
    told = json.loads(mhfd("validate", file, "--json").stdout)
    assert {one["rule"] for one in told["definitions"][0]["findings"]} == {"ours"}


def test_references_are_looked_at_against_the_schema_of_the_input(tmp_path: Path) -> None:
    file = written(tmp_path, "flow.json", FOREIGN)
    other = {**ONLY, "required": ["jobs"], "properties": {"jobs": {"type": "object"}}}
    schema = written(tmp_path, "schema.json", other)
    refused = mhfd("validate", file, "--schema", schema)
    assert refused.exit_code == 1
    assert "language: Run: $.job.what leads nowhere" in refused.output
    both = written(tmp_path, "both.json", {"definition": FOREIGN, "input_schema": other})
    assert "language: Run: $.job.what leads nowhere" in mhfd("validate", both).output


def test_a_dry_run_of_any_definition(tmp_path: Path) -> None:
    file = written(tmp_path, "flow.json", FOREIGN)
    bare = mhfd("dry-run", file)
    assert bare.exit_code == 1
    assert "https://example.org/job: nobody that we know; it is pretended that it succeeds" in bare.output
    assert "ended by an error: PathError: Over: $.ran.details.found leads nowhere" in bare.output
    well = mhfd("dry-run", file, "--input", '{"job": {"what": 1}}', "--answers", '{"Run": {"found": 2}}')
    assert (well.exit_code, well.output.splitlines()[-1].split()[-1]) == (0, "succeeded")
    told = json.loads(mhfd("dry-run", file, "--faults", "Run=ActionTimeout:1", "--json").stdout)
    assert (told["ended"], told["error"][0]) == ("broken", "ActionTimeout")
    assert "Run  " in mhfd("dry-run", file, "--faults", "list").output
    given = written(tmp_path, "input.json", {"job": {"what": 1}})
    assert "made up:" not in mhfd("dry-run", file, "--input", given).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "Run=Rain"], "'Rain' is no error"),
        (["--faults", "Walk=ActionTimeout"], "'Walk' is no state that can fail"),
        (["--input", "{"], "--input: it is no JSON"),
        (["--input", "nowhere.json"], "is neither a JSON object nor a file"),
        (["--answers", '{"Over": {}}'], "'Over' is no state that asks somebody"),
    ],
)
def test_a_dry_run_of_a_file_that_is_told_what_there_is_not(tmp_path: Path, words: list[str], said: str) -> None:
    done = mhfd("dry-run", written(tmp_path, "flow.json", FOREIGN), *words)
    assert done.exit_code == 2
    assert said in done.output


def test_options_of_one_kind_of_definition_are_not_taken_for_the_other(tmp_path: Path) -> None:
    file = written(tmp_path, "flow.json", FOREIGN)
    for words, said in (
        (["dry-run", file, "--images", 3], "--images: is for a flow that we ship"),
        (["dry-run", "--input", "{}"], "--input: is for a file with a definition"),
        (["dry-run", "nowhere.json"], "there is no flow 'nowhere.json'"),
        (["validate", "--schema", file], "--schema: is for a file with a definition"),
    ):
        done = mhfd(*words)
        assert done.exit_code == 2, done.output
        assert said in done.output


def test_a_dry_run_tells_the_road_and_that_it_is_none() -> None:
    done = mhfd("dry-run", "--images", 5)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert "no service is asked" in lines[0]
    assert re.search(r"0:01:\d\d  Score ", done.output)
    assert lines[-3:] == ["reports back: 5, of 5 images", "left in the staging area: nothing", "as it should"]


def test_a_dry_run_says_what_would_be_left_where() -> None:
    done = mhfd("dry-run", "--faults", "compute-fails,clean-fails")
    assert done.exit_code == 0
    assert done.output.count("! ActionFailedException: compute failed") == 3
    assert "failed: StagingNotCleaned" in done.output
    assert "left in the staging area: /staging/mhfd-dry-run/" in done.output


def test_a_dry_run_for_programs() -> None:
    told = json.loads(mhfd("dry-run", "--faults", "image-changed", "--json").output)
    assert told["found"] == told["expected"] == {"error": "", "left": [], "reports": 2}
    assert told["log"][0]["code"] == "FlowStarted"


def test_unknown_faults_are_a_wrong_usage_and_the_known_are_listed() -> None:
    refused = mhfd("dry-run", "--faults", "rain")
    assert refused.exit_code == 2
    listed = mhfd("dry-run", "--faults", "list").output
    for fault in SHIPPED.faults:
        assert fault.name in refused.output
        assert f"{fault.name} " in listed
    assert mhfd("dry-run", "--images", 513).exit_code == 2


def test_any_flow_has_its_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLOWS, HASH_FLOW.name, HASH_FLOW)
    well = mhfd("dry-run", "hash_folder", "--images", 700)
    assert (well.exit_code, "1 to 64" in well.output) == (2, True)
    listed = mhfd("dry-run", "hash_folder", "--faults", "list").output
    assert [line.split()[0] for line in listed.splitlines()] == [fault.name for fault in HASH_FLOW.faults]
    lost = mhfd("dry-run", "hash_folder", "--faults", "another-worker,work-fails")
    assert lost.exit_code == 0, lost.output
    assert lost.output.count("Another worker has the work") == 2
    assert "failed: WorkFailed" in lost.output
    assert lost.output.splitlines()[-3:] == [
        "files back: 0",
        "left in the staging area: nothing",
        "as it should with these faults",
    ]
    told = json.loads(mhfd("dry-run", "hash_folder", "--json").output)
    assert (told["found"], told["as_it_should"]) == ({"error": "", "left": [], "reports": 1}, True)


def test_a_dry_run_that_ends_otherwise_has_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = copy.deepcopy(SHIPPED.document)
    broken["States"]["Returned"]["Next"] = "Ending"
    monkeypatch.setitem(SHIPPED.__dict__, "document", broken)
    monkeypatch.delitem(SHIPPED.__dict__, "definition", raising=False)
    try:
        done = mhfd("dry-run")
    finally:
        SHIPPED.__dict__.pop("definition", None)
    assert done.exit_code == 1
    assert "NOT as it should: expected success, 3 reports, left: nothing" in done.output


# With one


@pytest.fixture
def globus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Somebody is logged in, for flows."""
    with Server() as server, StandIns(server) as globus:
        for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "MHFD_GLOBUS_CLIENT_ID": NATIVE_ID}
        for name, value in {**variables(server.url), **home, "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        consents = consents_for("flow").scopes()
        with globus_app(settings.load().settings, services=["flows"], scopes=consents, ask=Consenting) as app:
            app.login()
        yield globus


def deployed(*options: str) -> dict[str, Any]:
    done = mhfd("deploy", "--json", *options)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def flows(globus: StandIns) -> Iterator[tuple[FlowsClient, str]]:
    with globus_app(services=["flows"]) as app, FlowsClient(app=app) as flows:
        yield flows, who_of(app)


def _older(globus: StandIns, flow: str) -> None:
    """As if an older mhfd had deployed it."""
    document = globus.flows.flows[flow].document
    document["keywords"] = ["mhfd", "mhfd:focus_check", "digest:0123456789abcdef", "version:0.0.1"]


def test_deploy_makes_one_flow_however_often(globus: StandIns) -> None:
    done = mhfd("deploy")
    assert done.exit_code == 0, done.output
    (flow,) = globus.flows.flows.values()
    assert f"focus_check  {flow.id}  deployed\n" in done.output
    assert f"mhfd login --flow-id {flow.id}" in done.output
    assert flow.document["definition"] == SHIPPED.document
    assert flow.document["input_schema"] == SHIPPED.input_schema
    assert deployed() == {
        "schema_version": 1,
        "name": "focus_check",
        "id": flow.id,
        "digest": SHIPPED.digest,
        "version": mhfd_package.__version__,
        "did": "unchanged",
        "altered": False,
    }
    assert len(globus.flows.flows) == 1
    assert mhfd("deploy", "focus_check_shared").exit_code == 0
    assert len(globus.flows.flows) == 2


def test_a_flow_that_this_machine_has_forgotten_is_found_again(globus: StandIns, tmp_path: Path) -> None:
    first = deployed()
    (tmp_path / "state/mhfd/flows.json").unlink()
    again = deployed()
    assert (again["id"], again["did"]) == (first["id"], "found")
    (tmp_path / "state/mhfd/flows.json").write_text("{")
    assert deployed()["id"] == first["id"]
    assert len(globus.flows.flows) == 1


def test_a_flow_that_is_gone_is_made_again(globus: StandIns) -> None:
    first = deployed()
    globus.flows.flows.clear()
    again = deployed()
    assert again["did"] == "made"
    assert again["id"] != first["id"]


def test_an_answer_that_is_lost_makes_no_second_flow(globus: StandIns) -> None:
    lost = globus.server.fail("POST /flows", 502, after=True)
    made = deployed()
    assert lost.hits == 1
    assert list(globus.flows.flows) == [made["id"]]


def test_a_flow_that_could_not_be_made_is_said_so(globus: StandIns) -> None:
    globus.server.fail("POST /flows", 502)
    done = mhfd("deploy")
    assert done.exit_code == 1
    assert "in trouble itself (502); try again later" in done.output
    assert not globus.flows.flows
    assert deployed()["did"] == "made"


def test_an_obsolete_flow_is_named_and_updated_when_asked(globus: StandIns) -> None:
    made = deployed()
    _older(globus, made["id"])
    refused = mhfd("deploy")
    assert refused.exit_code == 1
    for words in (
        made["id"],
        "of mhfd 0.0.1",
        "0123456789abcdef",
        SHIPPED.digest,
        "mhfd flow deploy focus_check --update",
    ):
        assert words in refused.output
    updated = deployed("--update")
    assert (updated["id"], updated["did"], updated["digest"]) == (made["id"], "updated", SHIPPED.digest)
    assert deployed("--update")["did"] == "unchanged"


def test_a_definition_that_was_changed_at_the_service_is_named(globus: StandIns) -> None:
    made = deployed()
    changed = copy.deepcopy(SHIPPED.document)
    changed["Comment"] = "by hand"
    globus.flows.flows[made["id"]].document["definition"] = changed
    done = mhfd("deploy")
    assert done.exit_code == 0
    assert "its definition was changed at the service" in done.output
    assert deployed("--update")["altered"] is False


def test_roles(globus: StandIns) -> None:
    group = f"group:{SOMEBODY}"
    made = deployed("--starter", SOMEBODY, "--starter", group, "--viewer", "public", "--run-monitor", SOMEBODY)
    document = globus.flows.flows[made["id"]].document
    assert document["flow_starters"] == [URN, f"urn:globus:groups:id:{SOMEBODY}"]
    assert (document["flow_viewers"], document["run_monitors"]) == (["public"], [URN])
    assert "run_managers" not in document
    refused = mhfd("deploy", "--starter", "all_authenticated_users")
    assert refused.exit_code == 1
    assert "other flow_starters are deployed; --update makes them these" in refused.output
    assert deployed("--starter", "all_authenticated_users", "--update")["did"] == "updated"
    document = globus.flows.flows[made["id"]].document
    assert (document["flow_starters"], document["flow_viewers"]) == (["all_authenticated_users"], ["public"])


@pytest.mark.parametrize("who", ["ada@example.org", "public", "group:x"])
def test_nobody_that_the_service_knows(globus: StandIns, who: str) -> None:
    refused = mhfd("deploy", "--starter", who)
    assert refused.exit_code == 2
    assert "give the id of an identity" in refused.output
    assert not globus.flows.flows


def test_a_flow_of_somebody_else(globus: StandIns) -> None:
    other = globus.flows.deploy(SOMEBODY, {**deployments._about(SHIPPED), "flow_viewers": ["public"]})
    assert deployed("--flow-id", other.id)["id"] == other.id
    assert deployed()["id"] == other.id
    wrong = mhfd("deploy", "focus_check_shared", "--flow-id", other.id)
    assert wrong.exit_code == 1
    assert "is focus_check, not focus_check_shared: correct the id" in wrong.output
    gone = mhfd("deploy", "--flow-id", SOMEBODY)
    assert gone.exit_code == 1
    assert "does not know it" in gone.output


def test_what_is_started_is_this_mhfds_own(globus: StandIns, flows: tuple[FlowsClient, str]) -> None:
    client, who = flows
    with pytest.raises(FlowMissing, match="mhfd flow deploy focus_check"):
        deployments.find(client, SHIPPED, who=who)
    made = deployed()
    assert str(deployments.find(client, SHIPPED, who=who).id) == made["id"]
    _older(globus, made["id"])
    with pytest.raises(FlowObsolete, match="--update"):
        deployments.find(client, SHIPPED, who=who)


def test_the_service_has_the_last_word(globus: StandIns, tmp_path: Path) -> None:
    done = mhfd("validate", "--with-service")
    assert done.exit_code == 0, done.output
    assert done.output.count("Globus Flows takes it") == len(FLOWS)
    (tmp_path / "flow.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Task"}}}')
    done = mhfd("validate", tmp_path / "flow.json", "--with-service")
    assert done.exit_code == 1
    assert "Globus Flows does not take it (422)" in done.output


def test_nobody_is_logged_in(globus: StandIns, tmp_path: Path) -> None:
    (tmp_path / "state/mhfd/login/tokens.json").unlink()
    done = mhfd("deploy")
    assert done.exit_code == 1
    assert "mhfd login" in done.output
    assert done.output.count("\n") == 1
