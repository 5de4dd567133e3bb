"""What becomes of an image whose learned packages answer, answer nonsense, hang, or take their worker with them."""

from __future__ import annotations

import json

from tests.rigs import jobs
from tests.rigs.estimates import CAUSE, RADIUS, made

from mhfd.contract.params import Params
from mhfd_client.runners import Health, Scored, Trouble
from mhfd_client.runners.process import NO_PACKAGE
from mhfd_client.runners.speakers import FAILURES, Hearing, Speakers

BOTH = [{"package": RADIUS, "title": "mhfd-radius"}, {"package": CAUSE, "title": "mhfd-cause"}]


def hearing() -> Hearing:
    return Hearing(Scored("t", 1, jobs.report("a.tif", Params()), 5))


def met(*refused: str) -> Speakers:
    speakers = Speakers()
    list(speakers.met(json.dumps({"speakers": BOTH, "refused": refused}).encode()))
    return speakers


def cut_off(speakers: Speakers, at: Hearing, why: str) -> tuple[Scored, list[Health]]:
    scored, *health = speakers.cut_off(at, why)
    assert isinstance(scored, Scored)
    return scored, [one for one in health if isinstance(one, Health)]


def test_what_packages_say_goes_with_the_report() -> None:
    speakers, at = met(), hearing()
    said = made(RADIUS, 1.0, radius_px=2.1)
    speakers.heard(at, "asking", RADIUS.encode())
    speakers.heard(at, "said", said.to_json().encode())
    assert at.scored.estimates == (said,)
    assert at.scored.report == hearing().scored.report


def test_nonsense_is_a_refusal() -> None:
    speakers, at = met(), hearing()
    for nonsense in (b"{", b"[]", b'{"estimate": {"p": 3}, "features": null}'):
        speakers.heard(at, "asking", CAUSE.encode())
        speakers.heard(at, "said", nonsense)
    refusals = [one.estimate.refusal or "" for one in at.scored.estimates]
    assert len(refusals) == 3
    assert all("it answered with what is no estimate" in one for one in refusals)


def test_a_package_that_takes_its_worker_with_it_costs_neither_report_nor_the_others_words() -> None:
    speakers, at = met(), hearing()
    said = made(RADIUS, radius_px=2.1)
    speakers.heard(at, "said", said.to_json().encode())
    speakers.heard(at, "asking", CAUSE.encode())
    scored, health = cut_off(speakers, at, "ended its worker (SIGSEGV)")
    assert scored.estimates[0] == said
    assert scored.estimates[1].estimate.words == "mhfd-cause 9b1c says nothing: it ended its worker (SIGSEGV)"
    assert health == []
    assert speakers.aside == {}


def test_those_that_were_still_to_be_asked_say_whose_fault_it_is() -> None:
    speakers, at = met(), hearing()
    speakers.heard(at, "asking", RADIUS.encode())
    scored, _ = cut_off(speakers, at, "took longer than 10 s")
    assert [one.estimate.refusal for one in scored.estimates] == [
        "it took longer than 10 s",
        "it was not asked: mhfd-radius took longer than 10 s",
    ]


def test_after_some_failures_it_is_not_asked_any_more_and_that_is_said_once() -> None:
    speakers = met()
    told: list[Health] = []
    for _ in range(FAILURES + 2):
        at = hearing()
        speakers.heard(at, "asking", CAUSE.encode())
        told += cut_off(speakers, at, "took longer than 10 s")[1]
    assert [one.kind for one in told] == [Trouble.MODELS]
    assert "mhfd-cause took longer than 10 s: it is not asked any more in this watch" in told[0].detail
    assert set(speakers.aside) == {CAUSE}


def test_when_none_can_be_made_ready_images_go_on_without_any() -> None:
    speakers = Speakers()
    for _ in range(FAILURES):
        scored, health = cut_off(speakers, hearing(), "took longer than 10 s")
        assert scored.estimates == ()
    assert "what learned packages need took longer than 10 s: they are not asked any more" in health[0].detail
    assert set(speakers.aside) == {NO_PACKAGE}


def test_work_that_was_cancelled_is_no_fault_of_a_package() -> None:
    speakers = met()
    for _ in range(FAILURES):
        at = hearing()
        speakers.heard(at, "asking", CAUSE.encode())
        cut_off(speakers, at, "cancelled")
    assert speakers.aside == {}


def test_packages_that_cannot_be_used_are_named_once() -> None:
    speakers = Speakers()
    line = json.dumps({"speakers": [], "refused": ["/a: its weights were changed"]}).encode()
    first, again = list(speakers.met(line)), list(speakers.met(line))
    assert isinstance(first[0], Health)
    assert first[0].detail == "a learned package is not used: /a: its weights were changed"
    assert (first[0].kind, again) == (Trouble.MODELS, [])
