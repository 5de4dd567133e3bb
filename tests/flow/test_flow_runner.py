"""The flow runner against stand-ins that speak the wire, run the shipped flow, move files and score on a real endpoint.

The promises of tests/runners/test_runner_contract.py that hold for images that are copied elsewhere, and each fault
once: every image has one report, the staging area is clean or its leftovers are named, a person is told in words.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rigs.flow_rig import Site
from tests.rigs.globus.stand_ins import Consenting
from tests.rigs.listening import PATIENCE_S, answers, listen, until_answered

from mhfd.contract.focus_report import Finding
from mhfd_client.errors import RunnerError
from mhfd_client.flow.runner import FlowRunner
from mhfd_client.globus.consents import consents_for
from mhfd_client.globus.identity import globus_app
from mhfd_client.runners import Batch, Event, Health, Job, Returned, Scored, Started, Trouble
from mhfd_flows.checks import checked


@pytest.fixture
def start(lab: Site) -> Iterator[Callable[..., FlowRunner]]:
    made: list[FlowRunner] = []

    def start(**options: object) -> FlowRunner:
        made.append(lab.runner(**options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


def ready(runner: FlowRunner, lab: Site, count: int) -> list[Job]:
    jobs = lab.images(count)
    listen(runner, lambda _: runner.capacity >= count)
    runner.submit(Batch("a", tuple(jobs)))
    return jobs


def words(events: list[Event], *, kind: Trouble | None = None) -> str:
    return "\n".join(e.detail for e in events if isinstance(e, Health) and not e.ok and kind in (None, e.kind))


def all_scored(events: list[Event], jobs: list[Job]) -> None:
    """Each once, with the report of its own file."""
    scored = [e for e in events if isinstance(e, Scored)]
    assert Counter(e.id for e in scored) == Counter(job.id for job in jobs)
    by_id = {job.id: job for job in jobs}
    for event in scored:
        report = event.report
        assert (report.image.path, report.image.bytes) == (by_id[event.id].path, by_id[event.id].size)
        assert report.finding is not Finding.UNREADABLE, report.finding_detail


def test_each_image_is_answered_once(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start(flow__batch=4)
    jobs = ready(runner, lab, 6)
    events = until_answered(runner, 6)
    all_scored(events, jobs)
    assert not any(isinstance(e, Health) for e in events)
    assert len(lab.runs()) == 2
    assert lab.scored() == 6
    for event in events:
        if isinstance(event, Scored):
            (started,) = [e for e in events if isinstance(e, Started) and e.id == event.id]
            moments = [event.transferred_ns, event.started_ns, event.at_ns, event.returned_ns]
            assert None not in moments
            assert sorted(m for m in moments if m) == moments
            assert events.index(started) < events.index(event)
            assert event.report.provenance.endpoint == lab.endpoint.id
    runner.events(0.0)
    runner.close()
    assert lab.staged() == []
    assert not runner._noted._open


def test_more_than_the_capacity_is_refused(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start(flow__batch=1)
    jobs = lab.images(5)
    with pytest.raises(RunnerError, match="5 images for 4 free of 4 places"):
        runner.submit(Batch("a", tuple(jobs)))


def test_at_most_three_runs_are_out_and_they_grow_with_the_load(start: Callable[..., FlowRunner], lab: Site) -> None:
    reached = lab.globus.flows.hold("BringImages")
    runner = start(flow__batch=8, flow__wait_s=0.05)
    listen(runner, lambda _: runner.capacity == 32)
    jobs: list[Job] = []
    heard: list[Event] = []
    for n in range(3):
        jobs += lab.images(1)
        runner.submit(Batch(f"one-{n}", (jobs[-1],)))
        heard += listen(runner, lambda events: any(isinstance(e, Started) for e in events))
    jobs += lab.images(12)
    runner.submit(Batch("many", tuple(jobs[3:])))
    for _ in range(5):
        heard += runner.events(0.1)
    assert len(lab.runs()) == 3
    assert reached.wait(PATIENCE_S)
    lab.globus.flows.release("BringImages")
    heard += until_answered(runner, 15 - len(answers(heard)))
    all_scored(heard, jobs)
    assert [len(run.body["batch"]["images"]) for run in lab.runs()][:4] == [1, 1, 1, 8]
    assert lab.globus.transfer.most_active <= 3


def test_files_that_are_not_as_they_were_come_back(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    jobs = lab.images(3)
    Path(jobs[0].path).write_bytes(b"others are quick")
    Path(jobs[1].path).unlink()
    listen(runner, lambda _: runner.capacity > 0)
    runner.submit(Batch("a", tuple(jobs)))
    events = until_answered(runner, 3)
    back = {e.ids: e for e in events if isinstance(e, Returned)}
    assert ("changed" in back[1,].why, back[1,].blame) == (True, False)
    assert ("No such file" in back[2,].why, back[2,].blame) == (True, True)
    assert [e.id for e in events if isinstance(e, Scored)] == [3]


def test_a_file_that_changes_on_its_way_comes_back(start: Callable[..., FlowRunner], lab: Site) -> None:
    stuck = lab.globus.transfer.trouble("stuck", f"TRANSFER {lab.sem.id}")
    runner = start()
    jobs = ready(runner, lab, 3)
    listen(runner, lambda _: stuck.hits > 0)
    Path(jobs[0].path).write_bytes(b"others are quick")
    told = Path(jobs[1].path).read_bytes()
    Path(jobs[1].path).write_bytes(told[:-1] + bytes([told[-1] ^ 255]))  # as large as before
    stuck.lift()
    events = until_answered(runner, 3)
    assert sorted(e.ids for e in events if isinstance(e, Returned) and "changed" in e.why) == [(1,), (2,)]
    assert [e.id for e in events if isinstance(e, Scored)] == [3]


def test_a_name_that_globus_cannot_move_is_set_aside(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    job = Job(1, str(lab.root / "stra\udcdfe.tif"), 1, 1, lab.images(1)[0].params)
    runner.submit(Batch("a", (job,)))
    (scored,) = [e for e in until_answered(runner, 1) if isinstance(e, Scored)]
    assert (scored.report.finding, lab.runs()) == (Finding.UNREADABLE, [])
    assert "rename it" in (scored.report.finding_detail or "")


def test_cancelled_work_comes_back(start: Callable[..., FlowRunner], lab: Site) -> None:
    lab.globus.flows.hold("BringImages")
    runner = start()
    jobs = ready(runner, lab, 2)
    heard = listen(runner, lambda events: any(isinstance(e, Started) for e in events))
    runner.cancel("a")
    runner.cancel("no such token")
    heard += listen(runner, lambda events: len(answers([*heard, *events])) >= 2)
    listen(runner, lambda _: all(run.execution._canceled for run in lab.runs()))
    lab.globus.flows.release("BringImages")
    heard += listen(runner, lambda _: not len(runner._runs))
    assert Counter(answers(heard)) == Counter(job.id for job in jobs)
    assert all(not e.blame for e in heard if isinstance(e, Returned))


def test_unknown_work_is_not_taken_up_and_nothing_goes_after_close(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    (job,) = lab.images(1)
    assert runner.reattach(Batch("from another life", (job,))) is False
    runner.close()
    runner.close()
    with pytest.raises(RunnerError, match="closed"):
        runner.submit(Batch("b", (job,)))


# Each fault once


def test_an_answer_lost_after_the_run_was_made(start: Callable[..., FlowRunner], lab: Site) -> None:
    lab.globus.flows.list_lag = 2
    lost = lab.globus.server.fail("POST /flows/.*/run", 502, after=True)
    runner = start()
    jobs = ready(runner, lab, 3)
    events = until_answered(runner, 3)
    all_scored(events, jobs)
    assert (lost.hits, len(lab.runs()), lab.scored()) == (1, 1, 3)
    assert "looked up" in words(events, kind=Trouble.OFFLINE)
    assert lab.staged() == []


@pytest.mark.parametrize("outcome", [503, "drop"])
def test_a_run_that_was_never_made_is_asked_for_again(
    start: Callable[..., FlowRunner], lab: Site, outcome: int | str
) -> None:
    lost = lab.globus.server.fail("POST /flows/.*/run", outcome)  # type: ignore[arg-type]
    runner = start()
    jobs = ready(runner, lab, 3)
    all_scored(until_answered(runner, 3), jobs)
    assert (lost.hits, len(lab.runs())) == (1, 1)


def test_too_many_requests(start: Callable[..., FlowRunner], lab: Site) -> None:
    refused = lab.globus.server.fail("POST /flows/.*/run", 429, retry_after=1)
    runner = start()
    jobs = ready(runner, lab, 3)
    events = until_answered(runner, 3)
    all_scored(events, jobs)
    assert (refused.hits, len(lab.runs())) == (1, 1)
    assert "asks us to wait" in words(events)


def test_a_token_that_is_over(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    jobs = ready(runner, lab, 1)
    heard = until_answered(runner, 1)
    lab.globus.auth.expire()
    jobs += lab.images(2)
    runner.submit(Batch("b", tuple(jobs[1:])))
    heard += listen(runner, lambda events: any(isinstance(e, Started) for e in events))
    lab.globus.auth.expire()
    heard += listen(runner, lambda events: len(answers([*heard, *events])) == 3)
    all_scored(heard, jobs)
    assert len(lab.runs()) == 2
    assert words(heard) == ""


@pytest.mark.parametrize("kind", ["checksum", "checksum_always", "permission"])
def test_a_transfer_that_goes_wrong(start: Callable[..., FlowRunner], lab: Site, kind: str) -> None:
    trouble = lab.globus.transfer.trouble(kind, f"TRANSFER {lab.sem.id}")  # type: ignore[arg-type]
    runner = start()
    jobs = ready(runner, lab, 3)
    all_scored(until_answered(runner, 3), jobs)
    assert (trouble.hits, len(lab.runs())) == (1, 1)
    assert lab.staged() == []


def test_what_no_checksum_caught_is_found_by_the_hash(
    start: Callable[..., FlowRunner], lab: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A flow that somebody else deployed, without checksums: a report of other bytes is no report of this image."""
    deployed = lab.globus.flows.flows[lab.pairs["flow.id"]]
    changed = copy.deepcopy(deployed.document["definition"])
    del changed["States"]["BringImages"]["Parameters"]["verify_checksum"]
    deployed.definition = checked(changed, strict=False)
    trouble = lab.globus.transfer.trouble("checksum", f"TRANSFER {lab.sem.id}")
    runner = start()
    jobs = ready(runner, lab, 2)
    events = until_answered(runner, 2)
    all_scored(events, jobs)
    assert "put aside" in words(events)
    assert "of an image with another SHA-256" in caplog.text
    assert (trouble.hits, len(lab.runs()), lab.scored()) == (1, 2, 3)


def test_nobody_gets_a_mail(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    jobs = ready(runner, lab, 1)
    all_scored(until_answered(runner, 1), jobs)
    (run,) = lab.runs()
    made = lab.globus.transfer.tasks.values()
    tasks = [one for one in made if run.id in one.items[0].source + one.items[0].destination]
    assert [one.kind for one in tasks] == ["TRANSFER", "TRANSFER", "DELETE"]
    assert [one.mails for one in tasks] == [[], [], []]


def test_a_transfer_that_is_stuck(start: Callable[..., FlowRunner], lab: Site) -> None:
    trouble = lab.globus.transfer.trouble("stuck", f"TRANSFER {lab.sem.id}")
    runner = start(flow__late_s=0.5)
    jobs = ready(runner, lab, 3)
    heard = listen(runner, lambda events: "Globus Connect Personal" in words(events, kind=Trouble.QUEUED))
    trouble.lift()
    heard += listen(runner, lambda events: len(answers([*heard, *events])) == 3)
    all_scored(heard, jobs)
    assert (len(lab.runs()), lab.staged()) == (1, [])


def test_a_transfer_that_never_comes(start: Callable[..., FlowRunner], lab: Site) -> None:
    lab.globus.flows.limit_pace = 3600
    trouble = lab.globus.transfer.trouble("stuck", f"TRANSFER {lab.sem.id}")
    runner = start()
    jobs = ready(runner, lab, 2)
    heard = listen(runner, lambda events: "ImagesNotBrought" in words(events))
    lab.globus.flows.limit_pace = 1.0
    trouble.lift()
    heard += listen(runner, lambda events: len(answers([*heard, *events])) == 2)
    all_scored(heard, jobs)
    assert lab.scored() == 2


def test_compute_failed_once(start: Callable[..., FlowRunner], lab: Site) -> None:
    trouble = lab.globus.flows.compute_trouble("failed")
    runner = start()
    jobs = ready(runner, lab, 3)
    all_scored(until_answered(runner, 3), jobs)
    assert (trouble.hits, len(lab.runs())) == (1, 1)


def test_compute_failed_too_often(start: Callable[..., FlowRunner], lab: Site) -> None:
    lab.globus.flows.compute_trouble("failed", 3)
    runner = start()
    jobs = ready(runner, lab, 4)
    events = until_answered(runner, 4)
    all_scored(events, jobs)
    assert "NotScored" in words(events, kind=Trouble.FAILING)
    assert "4 images go again" in words(events)
    assert [len(run.body["batch"]["images"]) for run in lab.runs()] == [4, 2, 2]
    assert lab.staged() == []


def test_clean_failed(start: Callable[..., FlowRunner], lab: Site) -> None:
    lab.globus.transfer.trouble("permission", "DELETE", times=3)
    runner = start()
    jobs = ready(runner, lab, 3)
    events = until_answered(runner, 3)
    events += listen(runner, lambda _: not len(runner._runs))
    all_scored(events, jobs)
    (run,) = lab.runs()
    assert lab.staged() == [f"mhfd-{run.id}"]
    assert f"delete the folder /mhfd-{run.id}/ of collection {lab.stage.id}" in words(events)


def test_a_run_that_ends_as_no_run_of_ours_does(start: Callable[..., FlowRunner], lab: Site) -> None:
    """It could not clean up: what may be left is named, as with one that somebody cancels."""
    deployed = lab.globus.flows.flows[lab.pairs["flow.id"]]
    changed = copy.deepcopy(deployed.document["definition"])
    changed["States"]["Read"]["Parameters"]["ok.="] = "score.details.results[9].output.ok"
    sound, deployed.definition = deployed.definition, checked(changed)
    runner = start()
    jobs = ready(runner, lab, 2)
    heard = listen(runner, lambda events: "ended as ExpressionError" in words(events))
    deployed.definition = sound
    (run, *_) = lab.runs()
    heard += until_answered(runner, 2 - len(answers(heard)))
    all_scored(heard, jobs)
    assert lab.staged() == [f"mhfd-{run.id}"]
    assert f"delete the folder /mhfd-{run.id}/ of collection {lab.stage.id}" in words(heard)


def test_a_run_that_a_person_cancels(start: Callable[..., FlowRunner], lab: Site) -> None:
    reached = lab.globus.flows.hold("Score")
    runner = start()
    jobs = ready(runner, lab, 3)
    heard = listen(runner, lambda _: reached.is_set())
    (run,) = lab.runs()
    lab.globus.flows.cancel(run)
    lab.globus.flows.release("Score")
    heard += until_answered(runner, 3 - len(answers(heard)))
    all_scored(heard, jobs)
    assert len(lab.runs()) == 2
    assert "cancelled by a person" in words(heard)
    assert lab.staged() == [f"mhfd-{run.id}"]
    assert f"/mhfd-{run.id}/" in words(heard)


def test_a_missing_consent_is_explained_and_the_run_goes_on_by_itself(
    start: Callable[..., FlowRunner], lab: Site
) -> None:
    (lab.folder / "other").mkdir()
    other = lab.globus.collection(lab.folder / "other", name="other", kind="mapped")
    runner = start(flow__staging=other.id)
    jobs = ready(runner, lab, 2)
    heard = listen(runner, lambda events: "INACTIVE" in words(events, kind=Trouble.REFUSED))
    asked = f"mhfd login --flow-id {lab.pairs['flow.id']} "
    assert asked in words(heard)
    assert f"--mapped {other.id}" in words(heard)
    assert runner.capacity == 0
    other.root.rmdir()
    other.root.symlink_to(lab.stage.root)  # so that the endpoint may read it
    consents = consents_for("flow", flows=[lab.pairs["flow.id"]], mapped=[lab.stage.id, other.id]).scopes()
    with globus_app(lab.settings(), services=["flows"], scopes=consents, env=lab.env, ask=Consenting) as app:
        app.login()
    heard += listen(runner, lambda events: len(answers([*heard, *events])) == 2)
    all_scored(heard, jobs)
    assert len(lab.runs()) == 1


def test_without_a_login_images_wait(start: Callable[..., FlowRunner], lab: Site) -> None:
    runner = start()
    tokens = lab.folder / "home" / "mhfd" / "login" / "tokens.json"
    kept = tokens.rename(tokens.with_name("kept"))
    jobs = ready(runner, lab, 2)
    heard = listen(runner, lambda events: "mhfd login --flow-id" in words(events, kind=Trouble.REFUSED))
    for _ in range(3):
        heard += runner.events(0.3)
    assert len([e for e in heard if isinstance(e, Health)]) == 1, "it is said once"
    kept.rename(tokens)
    heard += listen(runner, lambda events: len(answers([*heard, *events])) == 2)
    all_scored(heard, jobs)


def test_reports_that_fit_no_image_are_put_aside(start: Callable[..., FlowRunner], lab: Site) -> None:
    reached = lab.globus.flows.hold("Clean")
    runner = start()
    jobs = ready(runner, lab, 3)
    listen(runner, lambda _: reached.is_set())
    (run,) = lab.runs()
    folder = lab.results / run.body["key"]
    names = sorted(path.name for path in folder.iterdir())
    (folder / "stranger.0123456789ab.mhfd.json").write_text((folder / names[0]).read_text())
    (folder / names[0]).write_text((folder / names[1]).read_text())
    lab.globus.flows.release("Clean")
    events = until_answered(runner, 3)
    all_scored(events, jobs)
    kept = sorted(path.name for path in (lab.results / "aside").iterdir())
    assert [name.partition("-")[2] for name in kept] == [names[0], "stranger.0123456789ab.mhfd.json"]
    assert "put aside" in words(events)
    assert len(lab.runs()) == 2


@pytest.mark.parametrize("state", ["BringImages", "Score", "ReturnReports", "Clean"])
def test_a_station_that_dies_takes_up_its_runs(start: Callable[..., FlowRunner], lab: Site, state: str) -> None:
    reached = lab.globus.flows.hold(state)
    first = start()
    jobs = ready(first, lab, 3)
    listen(first, lambda _: reached.is_set())
    first.close()
    lab.globus.flows.release(state)
    second = start()
    assert second.reattach(Batch("a", tuple(jobs)))
    all_scored(until_answered(second, 3), jobs)
    assert (len(lab.runs()), lab.scored(), lab.staged()) == (1, 3, [])


def test_a_station_that_dies_before_the_answer(start: Callable[..., FlowRunner], lab: Site) -> None:
    """The run is made, and nobody here knows its id."""
    lab.globus.server.fail("POST /flows/.*/run", "drop", after=True)
    lab.globus.flows.list_lag = 1
    first = start()
    jobs = ready(first, lab, 2)
    listen(first, lambda _: bool(lab.runs()))
    first.close()
    second = start()
    assert second.reattach(Batch("a", tuple(jobs)))
    all_scored(until_answered(second, 2), jobs)
    assert (len(lab.runs()), lab.scored()) == (1, 2)
