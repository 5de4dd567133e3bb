"""What a small or a false alert may not do: hide a real one. Episodes that are withdrawn, get worse, are answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.seen import images

from mhfd_client.alerts import rules
from mhfd_client.alerts.episodes import Episode, Happened, advance
from mhfd_client.alerts.gaps import Gap
from mhfd_client.alerts.message import Event, Rule
from mhfd_client.alerts.situation import Situation
from mhfd_client.journal.rows import Outcome, ScoreRow
from mhfd_client.settings.options import AlertSettings

NOW = 1_800_000_000.0
SETTINGS = AlertSettings(disk_gb=0, calm_s=120.0)


class Run:
    """Looks one after the other at images that come and are judged again; a second from one to the next."""

    def __init__(self) -> None:
        self.recent: tuple[ScoreRow, ...] = ()
        self.open: dict[Rule, Episode] = {}
        self.told: list[Happened] = []
        self.now = NOW

    def come(self, outcomes: str, *, at_once: bool = False) -> None:
        for some in [outcomes] if at_once else outcomes:
            new = images(some, first=1000 + len(self.recent))
            new = tuple(replace(row, image=1000 + len(self.recent) + row.image) for row in new)
            self.recent += new
            self.look(fresh=len(new))

    def judge_again(self, outcome: Outcome, which: Iterable[int]) -> None:
        again = set(which)
        self.recent = tuple(
            replace(row, outcome=outcome) if number in again else row for number, row in enumerate(self.recent)
        )
        self.look()

    def look(self, *, fresh: int = 0, after: float = 1.0) -> None:
        self.now += after
        situation = Situation(self.now, NOW, recent=self.recent[-200:], fresh=fresh)
        number = max((one.episode.number for one in self.told), default=0) + 1
        found = rules.readings(situation, SETTINGS)
        self.open, happened = advance(self.open, found, now=self.now, calm_s=SETTINGS.calm_s, next_number=number)
        self.told += happened

    @property
    def events(self) -> list[str]:
        return [one.event.value for one in self.told]


def test_a_false_alert_does_not_mask_three_blurred_sections_in_a_row() -> None:
    """Five tiles of other tissue were called blurred; three sections of 25 tiles that are blurred come soon after."""
    run = Run()
    run.come("ggbbgbbg")
    assert run.events == ["opened"]
    run.come("g" * 60 + "b" * 75)
    assert run.events[:2] == ["opened", "worse"]
    assert run.told[1].text.startswith("4 of the last 6 images are out of focus: sections 1068 to 1071")
    assert len(run.events) <= 2 + 5, "it doubles from message to message"


def test_an_episode_whose_verdicts_were_withdrawn_closes_at_once_and_says_so() -> None:
    run = Run()
    run.come("ggbbgbbgg")
    run.judge_again(Outcome.IN_FOCUS, [2, 3, 5, 6])
    assert run.events == ["opened", "closed"]
    closed = run.told[1]
    assert closed.episode.withdrawn
    assert closed.text.startswith(
        "Withdrawn after 3 seconds: The images that it named were judged again and are not out of focus any more. "
        "It was: 4 of the last 6 images are out of focus: "
    )
    run.come("bbbb")
    assert run.events == ["opened", "closed", "opened"], "the next one rings as if there had been none"


def test_what_was_withdrawn_in_part_does_not_count_against_what_is_new() -> None:
    run = Run()
    run.come("b" * 20)
    run.judge_again(Outcome.IN_FOCUS, range(15))
    assert run.events == ["opened", "worse", "worse"]
    run.come("bbbbb")
    assert run.events[3:] == ["worse"], "10 are twice the 5 that are left, though people were told of 16"


def test_a_new_set_after_a_calm_rings_again() -> None:
    run = Run()
    run.come("bbbbgggggg")
    assert run.open[Rule.OUT_OF_FOCUS].calm is not None
    run.come("bbb")
    assert run.events == ["opened"]
    run.come("b")
    assert run.events == ["opened", "worse"]


def test_its_text_is_of_now() -> None:
    run = Run()
    run.come("bbbbgg")
    assert run.open[Rule.OUT_OF_FOCUS].text.startswith("4 of the last 6 images are out of focus")
    run.come("gg")
    episode = run.open[Rule.OUT_OF_FOCUS]
    assert episode.text.startswith("2 of the last 6 images are out of focus")
    assert episode.said.startswith("4 of the last 4 images are out of focus")
    assert "calm since " in episode.remarks(run.now)
    run.look(after=200.0)
    assert "It was: 4 of the last 4" in run.told[-1].text


def test_a_second_gap_rings_beside_the_first() -> None:
    def look(open_: dict[Rule, Episode], missing: tuple[int, ...]) -> tuple[dict[Rule, Episode], list[Event]]:
        gaps = tuple(Gap(section, 5, 900.0) for section in missing)
        found = rules.readings(Situation(NOW, NOW, missing=missing, gaps=gaps), SETTINGS)
        left, happened = advance(open_, found, now=NOW, calm_s=120.0, next_number=1)
        return left, [one.event for one in happened]

    first, told = look({}, (20,))
    assert told == [Event.OPENED]
    second, told = look(first, (20, 25))
    assert told == [Event.WORSE]
    third, told = look(second, ())
    assert (third, told) == ({}, [Event.CLOSED]), "all that it named has come: nothing to wait for"


def test_snoozed_it_does_not_ring_again_and_then_it_does() -> None:
    run = Run()
    run.come("bbbb")
    run.open = {
        rule: replace(episode, snoozed_until=run.now + 100.0, acknowledged="ann") for rule, episode in run.open.items()
    }
    run.come("b" * 20)
    assert run.events == ["opened"]
    run.look(after=100.0)
    assert run.events == ["opened", "worse"]
    assert run.open[Rule.OUT_OF_FOCUS].acknowledged == "ann"


def test_a_drift_closes_when_its_images_are_confirmed_and_else_after_a_calm() -> None:
    def look(open_: dict[Rule, Episode], situation: Situation) -> tuple[dict[Rule, Episode], list[Event]]:
        found = rules.readings(situation, SETTINGS)
        left, happened = advance(open_, found, now=situation.now, calm_s=SETTINGS.calm_s, next_number=1)
        return left, [one.event for one in happened]

    drifting, told = look({}, Situation(NOW, NOW, drifts=("It drifts.",)))
    assert told == [Event.OPENED]
    assert look(drifting, Situation(NOW + 5, NOW, heard=NOW + 4)) == ({}, [Event.CLOSED])
    assert look(drifting, Situation(NOW + 5, NOW))[1] == [], "an image in focus alone may be chance"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.text("gbi", max_size=12), st.integers(0, 60)), max_size=25))
def test_it_rings_no_more_often_than_it_doubles(steps: list[str | int]) -> None:
    """Whatever comes and is judged again: opened first, closed last, and never unheard with `limit` new ones."""
    run = Run()
    for step in steps:
        if isinstance(step, str):
            run.come(step, at_once=True)
        else:
            run.judge_again(Outcome.IN_FOCUS, [step])
    for number in {one.episode.number for one in run.told}:
        events = [one.event for one in run.told if one.episode.number == number]
        assert events[0] is Event.OPENED
        assert Event.CLOSED not in events[:-1]
        assert Event.OPENED not in events[1:]
    for episode in run.open.values():
        assert len(episode.named) < 2 * max(episode.told, 1) or episode.calm is not None
