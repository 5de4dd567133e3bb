"""The first hour, whole, against the stand-ins; and each guess that a test makes wrong is found by its name."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.flow_rig import Site
from tests.rigs.globus import flows_actions, flows_routes, flows_state
from tests.rigs.globus.stand_ins import Consenting
from tests.rigs.globus.waiting import until
from tests.rigs.typed import typed_here

from mhfd_client.first_hour.answers import Seen, Standing
from mhfd_client.first_hour.asker import Asker
from mhfd_client.first_hour.definitions import EXPRESSIONS
from mhfd_client.first_hour.guesses import GUESSES
from mhfd_client.first_hour.hour import QUESTIONS, chosen, first_hour
from mhfd_client.first_hour.left_behind import LeftBehind
from mhfd_client.first_hour.record import HourRecord, hidden, named
from mhfd_client.first_hour.site import site_of
from mhfd_client.globus.consents import Consents
from mhfd_client.globus.identity import globus_app
from mhfd_client.settings.options import Settings
from mhfd_flows import expressions, interpreter
from mhfd_flows.errors import ExpressionError
from mhfd_flows.shipped import FLOWS

HURRY = 60.0


def log_in(settings: Settings, consents: Consents, again: bool) -> None:
    """The stand-in's person agrees."""
    with globus_app(settings, services=consents.services, scopes=consents.scopes(), ask=Consenting) as app:
        if again or app.login_required():
            app.login(force=True)


def asker_of(lab: Site) -> Asker:
    settings = lab.settings()
    return Asker(settings, site_of(settings), LeftBehind(), log_in, hurry=HURRY)


def hour(lab: Site, *only: str) -> HourRecord:
    """The hour, or as much of it."""
    asker, said = asker_of(lab), list[str]()
    record = first_hour(asker, HourRecord(asker.site), chosen(only), say=said.append, tell=lambda _: None)
    assert record.left == []
    return record


def late_at_once(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer's second is over at once in the run that gives it one; others have their time."""
    start = lab.globus.flows.start

    def begun(flow: Any, identity: str, client: str, body: dict[str, Any], about: dict[str, Any]) -> Any:
        lab.globus.flows.limit_pace = 1e9 if body.get("which") == "late" else 1.0
        return start(flow, identity, client, body, about)

    monkeypatch.setattr(lab.globus.flows, "start", begun)


def test_each_guess_has_its_question_and_each_question_its_guess() -> None:
    asked = [guess for question in QUESTIONS for guess in question.guesses]
    assert sorted(asked) == sorted(guess.id for guess in GUESSES)
    assert len(set(asked)) == len(asked)


def test_the_reference_has_each_guess_in_its_words() -> None:
    page = (REPOSITORY / "docs" / "reference" / "flow.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(guess.id, guess.assumed, guess.rests, guess.asked) for guess in GUESSES]


def test_the_states_that_a_guess_names_are_in_our_flow() -> None:
    """What changes in the flow changes what rests on it."""
    found = [re.findall(r"`focus_check`: ([\w, ]+)", guess.rests) for guess in GUESSES]
    named_here = [name for all_of_it in found for names in all_of_it for name in names.split(", ")]
    assert len(named_here) > 3
    assert [name for name in named_here if name not in FLOWS["focus_check"].document["States"]] == []


def used(text: str) -> set[str]:
    """What an expression asks of whoever evaluates it: functions, methods, and ways to write."""
    found = set()
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Call):
            found.add(node.func.id if isinstance(node.func, ast.Name) else node.func.attr)  # type: ignore[attr-defined]
        elif not isinstance(node, ast.expr_context | ast.Call):
            found.add(type(node).__name__)
    return found


def test_every_way_to_write_an_expression_in_our_flows_is_asked() -> None:
    def texts(node: Any) -> Iterator[str]:
        for key, value in node.items() if isinstance(node, Mapping) else ():
            if key.endswith(".="):
                yield value
        for value in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
            yield from texts(value)

    ours = {one for flow in FLOWS.values() for text in texts(flow.document) for one in used(text)}
    assert ours <= {one for tried in EXPRESSIONS for one in used(tried.text)}


def test_the_whole_hour_against_the_stand_ins(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    late_at_once(lab, monkeypatch)
    before, runs = set(lab.globus.flows.flows), len(lab.globus.flows.runs)
    record = hour(lab)
    assert [named(seen) for seen in record.seen.values() if seen.standing is not Standing.HOLDS] == []
    assert set(record.seen) == {guess.id for guess in GUESSES}
    assert set(lab.globus.flows.flows) == before
    assert len(lab.globus.flows.runs) - runs <= 25
    assert (lab.staged(), list(lab.results.iterdir())) == ([], [])
    files = record.write(lab.folder / "record", "short")
    plain = json.loads(files[0].read_bytes())
    assert {row["standing"] for row in plain["guesses"]} == {"holds"}
    both = "".join(file.read_text() for file in files)
    for hidden_one in (lab.sem.id, lab.stage.id, lab.endpoint.id, str(lab.stage.root), "@stand-in"):
        assert hidden_one not in both
    assert not [token for token in lab.globus.auth.issued if token in both]


def wrong_in(lab: Site, *guesses: str) -> list[str]:
    """Which of these were found wrong, in words that name what rests on them."""
    record = hour(lab, *guesses)
    found = record.having(Standing.WRONG)
    assert all("What rests on it: " in named(seen) for seen in found)
    return [seen.guess for seen in found]


def test_a_compute_provider_that_sends_pickles_is_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from globus_compute_sdk.serialize import ComputeSerializer, DillDataBase64

    dill = ComputeSerializer(strategy_data=DillDataBase64())
    monkeypatch.setattr(flows_actions, "ComputeSerializer", lambda **_: dill)
    assert wrong_in(lab, "compute-json") == ["compute-json"]


def test_a_refusal_under_another_name_is_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(self: Any, name: str, state: Any, error: Any) -> str:
        self._end("FAILED", ("ActionRejected", "in other words"))
        return ""

    monkeypatch.setattr(interpreter.Execution, "_catch", rejected)
    assert wrong_in(lab, "refusal-mkdir", "ls-fields") == ["refusal-mkdir"]


def test_a_method_that_expressions_do_not_know_is_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = expressions.evaluate

    def poorer(text: str, state: Mapping[str, Any]) -> Any:
        if "rpartition" in text:
            raise ExpressionError(f"{text!r}: there is no method 'rpartition'")
        return evaluate(text, state)

    monkeypatch.setattr(expressions, "evaluate", poorer)
    record = hour(lab, "expression-len")
    assert [seen.guess for seen in record.having(Standing.WRONG)] == ["expression-rpartition"]
    assert len(record.having(Standing.HOLDS)) == len(EXPRESSIONS) - 1


def test_runs_that_are_told_of_otherwise_are_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    brief = flows_routes._brief
    monkeypatch.setattr(flows_routes, "_brief", lambda run: brief(run) | {"tags": []})
    cancel = flows_state.FlowsState.cancel

    def failed(self: Any, run: Any) -> None:
        cancel(self, run)
        run.thread.join()
        run.status = "FAILED"

    monkeypatch.setattr(flows_state.FlowsState, "cancel", failed)
    assert wrong_in(lab, "list-tags") == ["list-tags", "cancelled-ended"]


def test_a_list_of_runs_that_lags_is_found(lab: Site) -> None:
    lab.globus.flows.list_lag = 10**6
    assert wrong_in(lab, "list-lag") == ["list-lag"]


def test_a_transfer_that_ends_with_its_action_is_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    late_at_once(lab, monkeypatch)
    look = flows_actions._Moving._begin

    def ended(self: Any, action_id: str, parameters: dict[str, Any]) -> Any:
        stuck = self._transfer.trouble("stuck", "late.tif")
        answer = look(self, action_id, parameters)
        self._transfer.cancel(self._tasks[action_id])
        stuck.lift()
        return answer

    monkeypatch.setattr(flows_actions._Moving, "_begin", ended)
    assert wrong_in(lab, "late-transfer") == ["late-transfer"]


def test_what_fails_on_the_way_stops_nothing_and_is_not_called_wrong(lab: Site) -> None:
    lab.globus.server.fail("POST /flows/validate", 403)
    record = hour(lab, "flow-validates", "failed-details")
    assert record.seen["failed-details"].standing is Standing.HOLDS
    assert record.seen["flow-validates"].standing is Standing.UNANSWERED


def test_an_hour_that_was_interrupted_says_what_it_left_and_the_next_removes_it(
    lab: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker, said = asker_of(lab), list[str]()

    def gone(_: Seen) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first_hour(asker, HourRecord(asker.site), chosen(["ls-fields", "list-lag"]), say=said.append, tell=gone)
    unknown = asker.probe("wait")
    asker.left.gone("run", unknown)  # as if it had died while it asked for it
    left = list(LeftBehind().words())
    assert any(f"flow {asker.flow}" in line for line in left)
    again = asker_of(lab)
    told: list[str] = []
    record = first_hour(again, HourRecord(again.site), chosen(["failed-details"]), say=told.append, tell=lambda _: None)
    until(lambda: lab.globus.flows.runs[unknown].status == "ENDED", "a run that nobody noted goes on")
    assert "an hour before this one was interrupted, and left:" in told
    assert (record.left, LeftBehind().entries) == ([], [])
    assert (list(lab.results.iterdir()), asker.flow in lab.globus.flows.flows) == ([], False)


def test_the_command(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mhfd_client.commands.far.first_hour._log_in", log_in)
    words = ["first-hour", "--config", str(lab.file()), "--only", "failed-details", "--into", str(lab.folder / "kept")]
    code, said = typed_here(words)
    assert (code, "give --yes" in said, lab.runs()) == (2, True, [])
    code, said = typed_here([*words, "--yes"])
    assert code == 0, said
    assert "holds      failed-details" in said
    assert said.index("It costs") < said.index("holds")
    assert len(list((lab.folder / "kept").iterdir())) == 2
    assert typed_here(["first-hour", "--config", str(lab.file()), "--clean"]) == (0, "nothing is left behind\n")


def test_without_a_login_it_says_so_and_leaves_nothing(lab: Site) -> None:
    (lab.folder / "home" / "mhfd" / "login" / "tokens.json").unlink()
    code, said = typed_here(["first-hour", "--config", str(lab.file()), "--yes"])
    assert (code, "needs a terminal" in said, "left behind" in said) == (1, True, False)


def test_what_is_missing_is_named() -> None:
    code, said = typed_here(["first-hour", "--set", "flow.staging=x"], {"HOME": "/h", "PATH": ""})
    assert code == 2
    assert "flow.results_here, flow.staging_root, flow.results (or flow.source), compute.endpoint" in said
    code, said = typed_here(["first-hour", "--only", "nonsense"], {"HOME": "/h", "PATH": ""})
    assert (code, "--list" in said) == (2, True)


def test_a_provider_that_drops_what_a_transfer_asks_for_is_found(lab: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = flows_actions._Moving._begin

    def dropped(self: Any, action_id: str, parameters: dict[str, Any]) -> Any:
        return begin(self, action_id, {k: v for k, v in parameters.items() if k != "verify_checksum"})

    monkeypatch.setattr(flows_actions._Moving, "_begin", dropped)
    assert wrong_in(lab, "transfer-options") == ["transfer-options"]


def test_what_is_nobodys_business_is_in_no_record(lab: Site) -> None:
    site = site_of(lab.settings())
    said = f"jane@lab.org {lab.sem.id} Ag{'x' * 40} {site.staging_root}/mhfd-1 /home/jane/site.toml"
    assert (
        hidden(site, "short")(said)
        == f"<e-mail> {lab.sem.id[:8]}... <token> STAGING_ROOT/mhfd-1 /home/<user>/site.toml"
    )
    assert hidden(site, "none")(lab.sem.id) == "<id>"
    assert hidden(site, "full")(lab.sem.id) == lab.sem.id
