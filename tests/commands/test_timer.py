"""`mhfd flow timer` as a person types it, in front of the real globus-sdk and a stand-in of Timers."""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import globus_sdk
import pytest
from click.testing import CliRunner
from globus_sdk import FlowTimer, OnceTimerSchedule, RecurringTimerSchedule
from globus_sdk.scopes import TimersScopes
from tests.rigs.by_hand import Operator, operator

from mhfd.errors import UsageError
from mhfd_client.cli import main
from mhfd_client.flow.by_hand import once
from mhfd_client.flow.by_hand.timers import Schedule, keyed, length, length_of, moment_of
from mhfd_client.flow.service import TAG
from mhfd_client.globus.consents import consents_for, name_of

MAKE = "POST /v2/timer$"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Operator]:
    monkeypatch.setattr(once, "LAG_S", 0.2)
    with operator(tmp_path, monkeypatch) as made:
        yield made


def test_a_timer_starts_runs_of_the_flow_with_this_input(person: Operator) -> None:
    done = person.types("timer", "create", "--every", "30m", "--timer-name", "wafer 7", "--tag", "night")
    assert done.exit_code == 0, done.output
    (timer,) = person.timers()
    assert done.output.splitlines() == [
        f"timer {timer.id} made: wafer 7",
        f"starts flow {person.flow} every 30 m, first at once",
        f"`mhfd flow timer delete {timer.id}` ends it",
    ]
    assert timer.schedule == {"type": "recurring", "interval_seconds": 1800}
    first, second = (person.globus.timers.fire(timer.id) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.body == second.body
    assert first.body["source"] == {"id": person.sem.id, "path": "/wafer7/"}
    assert (first.about["label"], first.about["tags"][1:]) == ("mhfd: /wafer7/", ["night"])
    assert timer.name == keyed("wafer 7", first.about["tags"][0].removeprefix(TAG))
    (row,) = person.reads("timer", "list")["timers"]
    assert (row["id"], row["flow"], row["runs"], row["schedule"]) == (timer.id, person.flow, 2, "every 30 m")


def test_once_and_with_an_end(person: Operator) -> None:
    told = person.reads("timer", "create", "--at", "2999-01-31T22:00+00:00")
    assert person.globus.timers.timers[told["timer"]].schedule == {
        "type": "once",
        "datetime": "2999-01-31T22:00:00+00:00",
    }
    assert person.globus.timers.fire(told["timer"]) is not None
    told = person.reads("timer", "create", "--every", "1d", "--at", "2999-01-31T22:00Z", "--times", "3")
    assert person.globus.timers.timers[told["timer"]].schedule == {
        "type": "recurring",
        "interval_seconds": 86400,
        "start": "2999-01-31T22:00:00+00:00",
        "end": {"condition": "iterations", "iterations": 3},
    }
    told = person.reads("timer", "create", "--every", "1d", "--until", "2999-01-31T22:00Z")
    end = person.globus.timers.timers[told["timer"]].schedule["end"]
    assert end == {"condition": "time", "datetime": "2999-01-31T22:00:00+00:00"}
    listed = person.types("timer", "list").output
    for words in (
        "once; 1 runs started",
        "every 1 d, 3 times; 0 runs",
        "every 1 d, until 2999-01-31T22:00:00+00:00; 0",
    ):
        assert words in listed


def test_what_cannot_be_right_makes_nothing(person: Operator) -> None:
    for words, said in (
        ((), "give --every TIME, or --at WHEN"),
        (("--every", "often"), "is no length of time"),
        (("--every", "5s"), "is less than 60 s"),
        (("--at", "soon"), "is no moment"),
        (("--at", "2020-01-01"), "is over already"),
        (("--at", "2999-01-01", "--times", "2"), "say nothing without --every"),
        (("--every", "1h", "--times", "2", "--until", "2999-01-01"), "exclude each other"),
        (("--every", "1h", "--at", "2999-01-02", "--until", "2999-01-01"), "is over already"),
        (("--every", "1h", "--source", "x"), "is no COLLECTION:FOLDER"),
    ):
        refused = person.types("timer", "create", *words)
        assert refused.exit_code == 2, refused.output
        assert said in refused.output
    assert person.timers() == []


def test_a_lost_answer_makes_no_second_timer(person: Operator) -> None:
    lost = person.globus.server.fail(MAKE, 502, after=True)
    done = person.types("timer", "create", "--every", "1h")
    assert done.exit_code == 0, done.output
    (timer,) = person.timers()
    assert f"timer {timer.id} made" in done.output
    assert (lost.hits, person.globus.server.log.count(MAKE)) == (1, 1)
    person.globus.server.fail(MAKE, "drop", after=True)
    person.globus.server.fail("GET /jobs/", 503, times=1000)
    done = person.types("timer", "create", "--every", "2h")
    assert done.exit_code == 1
    assert "the same command again looks for the timer first" in done.output
    person.globus.server.reset()
    done = person.types("timer", "create", "--every", "2h")
    assert "was made before, by a command that got no answer; none was made now" in done.output
    assert len(person.timers()) == 2


def test_a_service_that_asks_to_wait_has_made_none(person: Operator) -> None:
    person.globus.server.fail(MAKE, 429)
    done = person.types("timer", "create", "--every", "1h")
    assert done.exit_code == 1
    assert "Globus Timers asks us to wait: no timer was made; try again in 10 s" in done.output
    assert "looked for first" not in person.types("timer", "create", "--every", "1h").output
    assert len(person.timers()) == 1


def test_delete_ends_one(person: Operator) -> None:
    one, two = (person.reads("timer", "create", "--every", every)["timer"] for every in ("1h", "2h"))
    for text, code in (("zz", 2), ("0", 2), ("ffff-" * 7, 1)):
        assert person.types("timer", "delete", text).exit_code == code
    done = person.types("timer", "delete", one[:13])
    assert done.exit_code == 0, done.output
    assert f"timer {one} deleted" in done.output
    assert [timer.id for timer in person.timers()] == [two]
    again = person.types("timer", "delete", one)
    assert again.exit_code == 1
    assert "no timer of ours that starts a flow begins with" in again.output
    assert person.types("timer", "delete", two).exit_code == 0
    assert "no timer of ours starts a flow" in person.types("timer", "list").output


def test_a_login_without_leave_for_timers_is_named(person: Operator) -> None:
    (person.folder / "state/mhfd/login/tokens.json").unlink()
    person.log_in()
    refused = person.types("timer", "create", "--every", "1h")
    assert refused.exit_code == 1
    assert f"mhfd login --flow-id {person.flow} --mapped {person.stage.id} --timer" in refused.output
    refused = person.types("timer", "list")
    assert refused.exit_code == 1
    assert "for this: mhfd login --flow-id ID --timer" in refused.output
    shown = CliRunner().invoke(main, ["whoami", "--flow-id", person.flow, "--timer"])
    assert shown.exit_code == 1
    assert "missing: Timers: start flows at times that were set" in shown.output
    assert CliRunner().invoke(main, ["login", "--timer"]).exit_code == 2


def test_a_timer_whose_consent_is_gone_says_so(person: Operator) -> None:
    made = person.reads("timer", "create", "--every", "1h")["timer"]
    person.globus.auth.rescind()
    assert person.globus.timers.fire(made) is None
    person.log_in(timers=True)
    said = person.types("timer", "list").output
    assert f"stopped (globus_auth_requirements ConsentRequired): mhfd login --flow-id {person.flow} --timer" in said
    assert "1 failed to start" in said


def test_leave_for_timers_holds_that_for_the_flow_and_its_collections() -> None:
    flow, collection = "6d686664-0000-4000-8000-0000000000f1", "6d686664-0000-4000-8000-0000000000c1"
    consents = consents_for("flow", flows=[flow], mapped=[collection], timers=True)
    (scope,) = consents.scopes()[str(TimersScopes.resource_server)]
    (started,) = scope.dependencies
    (moved,) = started.dependencies
    assert flow in started.scope_string
    assert [one.scope_string for one in moved.dependencies] == [
        f"https://auth.globus.org/scopes/{collection}/data_access"
    ]
    assert name_of(str(TimersScopes.resource_server)).startswith("Timers")
    assert "make timers that start it" in " ".join(consents.words())
    assert str(TimersScopes.resource_server) not in consents_for("flow", flows=[flow]).scopes()


def test_lengths_and_moments() -> None:
    assert [length_of(text, "--every") for text in ("90s", "30m", "6 h", "2D")] == [90, 1800, 21600, 172800]
    assert [length(whole) for whole in (90, 1800, 21600, 172800, 5400)] == ["90 s", "30 m", "6 h", "2 d", "90 m"]
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()
    assert moment_of("2027-01-31T13:00+01:00", "--at", now_s=0.0) == noon
    assert moment_of("2027-01-31T12:00", "--at", now_s=0.0) == datetime(2027, 1, 31, 12).astimezone().timestamp()
    with pytest.raises(UsageError, match="is over already"):
        moment_of("2027-01-31T12:00Z", "--at", now_s=noon)
    assert Schedule(every_s=5400, times=2).words() == "every 90 m, first at once, 2 times"


# The stand-in, by globus-sdk's own documentation


def test_what_is_sent_and_what_is_left_out_is_as_globus_sdk_documents_it() -> None:
    documented = inspect.getdoc(FlowTimer) or ""
    for words, code in (
        ("Run Once, Right Now", "OnceTimerSchedule()"),
        ("Run Every 10 Minutes, Indefinitely", "RecurringTimerSchedule(interval_seconds=600)"),
    ):
        assert re.search(rf"{words}.*?{re.escape(code)}", documented, re.DOTALL)
    assert sent(Schedule()) == {"type": "once"}
    assert sent(Schedule(every_s=600)) == {"type": "recurring", "interval_seconds": 600}
    at = 1696118400.0
    assert sent(Schedule(at_s=at)) == plain(OnceTimerSchedule(datetime="2023-10-01T00:00:00+00:00"))
    for end, more in (
        ({"condition": "time", "datetime": "2023-10-01T00:00:00+00:00"}, {"until_s": at}),
        ({"condition": "iterations", "iterations": 10}, {"times": 10}),
    ):
        assert sent(Schedule(every_s=300, **more)) == plain(RecurringTimerSchedule(300, end=end))


def test_the_stand_in_answers_with_the_fields_of_globus_sdks_own_answer(person: Operator) -> None:
    source = Path(globus_sdk.__file__).parent / "testing" / "data" / "timer" / "_common.py"  # imports nothing of theirs
    canned = runpy.run_path(str(source))["V2_FLOW_TIMER"]
    person.reads("timer", "create", "--every", "1h")
    (timer,) = person.timers()
    assert timer.as_json().keys() == canned.keys()


def sent(schedule: Schedule) -> dict[str, Any]:
    return plain(schedule.for_service())


def plain(payload: Any) -> dict[str, Any]:
    """Without what is left out: as it goes over the wire."""
    return {key: value for key, value in payload.items() if value is not globus_sdk.MISSING}
