"""What becomes of an image whose learned packages answer, answer nonsense, hang, or take their worker with them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.rigs import jobs
from tests.rigs.estimates import CAUSE, FOCUS, RADIUS, TITLES, made

from mhfd.contract.params import Params
from mhfd_client.runners import Health, Scored, SeatsTaken, Trouble
from mhfd_client.runners.estimates.speakers import FAILURES, Hearing, Speakers
from mhfd_client.runners.process import NO_PACKAGE

BOTH = [{"package": RADIUS, "title": "mhfd-radius"}, {"package": CAUSE, "title": "mhfd-cause"}]


def hearing(speakers: Speakers | None = None) -> Hearing:
    titles = {} if speakers is None else speakers.titles
    return Hearing(Scored("t", 1, jobs.report("a.tif", Params()), 5), titles)


def line(
    *seats: tuple[str, str, str | None],
    asked: Sequence[dict[str, str]] = BOTH,
    refused: Sequence[str] = (),
    looked_ns: int = 1,
) -> bytes:
    """What a worker says that has opened its packages. A seat: role, task, package."""
    taken = [
        {"role": role, "task": task, "package": package, "title": TITLES.get(package or "", "")}
        for role, task, package in seats
    ]
    told = {"speakers": list(asked), "refused": list(refused), "seats": taken, "looked_ns": looked_ns}
    return json.dumps(told).encode()


def met() -> Speakers:
    speakers = Speakers()
    list(speakers.met(line(), None))
    return speakers


def cut_off(speakers: Speakers, at: Hearing, why: str) -> tuple[Scored, list[Health]]:
    scored, *health = speakers.cut_off(at, why)
    assert isinstance(scored, Scored)
    return scored, [one for one in health if isinstance(one, Health)]


def test_what_packages_say_goes_with_the_report() -> None:
    speakers = met()
    at = hearing(speakers)
    said = made(RADIUS, 1.0, radius_px=2.1)
    speakers.heard(at, "asking", RADIUS.encode())
    speakers.heard(at, "said", said.to_json().encode())
    assert at.scored.estimates == (said,)
    assert at.scored.report == hearing().scored.report


def test_nonsense_is_a_refusal() -> None:
    speakers = met()
    at = hearing(speakers)
    for nonsense in (b"{", b"[]", b'{"estimate": {"p": 3}, "features": null}'):
        speakers.heard(at, "asking", CAUSE.encode())
        speakers.heard(at, "said", nonsense)
    refusals = [one.estimate.refusal or "" for one in at.scored.estimates]
    assert len(refusals) == 3
    assert all("it answered with what is no estimate" in one for one in refusals)


def test_a_package_that_takes_its_worker_with_it_costs_neither_report_nor_the_others_words() -> None:
    speakers = met()
    at = hearing(speakers)
    said = made(RADIUS, radius_px=2.1)
    speakers.heard(at, "said", said.to_json().encode())
    speakers.heard(at, "asking", CAUSE.encode())
    scored, health = cut_off(speakers, at, "ended its worker (SIGSEGV)")
    assert scored.estimates[0] == said
    assert scored.estimates[1].estimate.words == "mhfd-cause 9b1c says nothing: it ended its worker (SIGSEGV)"
    assert health == []
    assert speakers.aside == {}


def test_those_that_were_still_to_be_asked_say_whose_fault_it_is() -> None:
    speakers = met()
    at = hearing(speakers)
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
        at = hearing(speakers)
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
        at = hearing(speakers)
        speakers.heard(at, "asking", CAUSE.encode())
        cut_off(speakers, at, "cancelled")
    assert speakers.aside == {}


def test_packages_that_cannot_be_used_are_named_once() -> None:
    speakers = Speakers()
    told = line(asked=[], refused=["/a: its weights were changed"])
    first, again = list(speakers.met(told, None)), list(speakers.met(told, None))
    assert isinstance(first[0], Health)
    assert first[0].detail == "a learned package is not used: /a: its weights were changed"
    assert (first[0].kind, again) == (Trouble.MODELS, [])


# -- whom they are asked of changes


def test_who_judges_is_told_at_first_and_when_another_does() -> None:
    speakers = Speakers()
    first = list(speakers.met(line(("champion", "focus", None), ("champion", "cause", CAUSE)), None))
    assert first == [SeatsTaken((None, "mhfd"))]
    both = line(("champion", "focus", FOCUS), ("champion", "cause", None), ("challenger", "focus", RADIUS), looked_ns=2)
    assert list(speakers.met(both, None)) == [
        SeatsTaken(
            (FOCUS, "lab-focus"),
            ("the champion of cause here is mhfd from now on, in place of mhfd-cause 9b1c",),
        )
    ]
    gone = line(("champion", "focus", FOCUS), ("champion", "cause", None), ("challenger", "focus", None), looked_ns=3)
    (told,) = speakers.met(gone, None)
    assert isinstance(told, SeatsTaken)
    assert told.words == ("the challenger of focus here is nobody from now on, in place of mhfd-radius 3f2a",)


def test_a_worker_that_looked_before_another_says_nothing_new() -> None:
    """It asked the old one of its image, and takes up the new one with its next."""
    speakers = Speakers()
    list(speakers.met(line(("champion", "focus", FOCUS), looked_ns=5), None))
    late = hearing()
    old = [{"package": RADIUS, "title": "mhfd-radius"}]
    assert list(speakers.met(line(("champion", "focus", None), asked=old, looked_ns=4), late)) == []
    scored, _ = cut_off(speakers, late, "took longer than 10 s")
    assert [one.estimate.package for one in scored.estimates] == [RADIUS], "its own, and not those of the other worker"


def test_a_damaged_champion_is_who_judges_and_is_named_until_it_is_mended() -> None:
    speakers = Speakers()
    list(speakers.met(line(("champion", "focus", None)), None))
    seat = ("champion", "focus", "e" * 64)
    trouble, taken = speakers.met(line(seat, refused=["champion: its weights were changed"], looked_ns=2), None)
    assert taken == SeatsTaken(("e" * 64, ""))
    assert isinstance(trouble, Health)
    assert not trouble.ok
    well, again = speakers.met(line(("champion", "focus", FOCUS), looked_ns=3), None)
    assert isinstance(well, Health)
    assert (well.ok, well.kind) == (True, Trouble.MODELS)
    assert again == SeatsTaken((FOCUS, "lab-focus"))
