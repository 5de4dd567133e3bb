"""What rings and in which words: golden cases of the rules, and what holds for every order of readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.blurs import blur
from tests.rigs.seen import images

from mhfd_client.alerts import rules, words
from mhfd_client.alerts.episodes import Episode, Happened, advance
from mhfd_client.alerts.gaps import Gap
from mhfd_client.alerts.message import Event, Rule
from mhfd_client.alerts.rules import Reading
from mhfd_client.alerts.situation import AskedOfPerson, Disk, LensNeeds, Situation
from mhfd_client.files import shown
from mhfd_client.journal.rows import ChampionStrays, ChampionTold, TroubleRow
from mhfd_client.settings.options import AlertSettings
from mhfd_client.times import roughly
from mhfd_client.verdicts.blur.blur import BlurKind

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Case:
    name: str
    rule: Rule
    now: dict[str, Any]
    wrong: bool | None
    text: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


CHECK = " Check the focus; `mhfd retake` lists what to image again."
FOCUS = "The focus is off: focus again. `mhfd retake` lists what to image again."
BEAM = " Check the beam, the detector and the disk."
PROVISIONAL = " This is provisional: nobody has confirmed a sharp image yet, or the verdicts may still change."


def trouble(kind: str, why: str, *, ago: int) -> TroubleRow:
    return TroubleRow(kind, None, why, int(NOW - ago) * 10**9, None)


GONE = trouble("root_gone", "/mnt/sem is not there", ago=240)
ALPHA = ChampionTold("a" * 64, "alpha\u202e")
TWELVE = AskedOfPerson("S_012.tif", "Section 12", 12, "still out of focus after 2 tries.")
IDLE = trouble("runner", "every worker has died", ago=29)

CASES = [
    Case(
        "four_of_six", Rule.OUT_OF_FOCUS, {"recent": images("ggbbgbb")}, True,
        f"4 of the last 6 images are out of focus: sections 114, 115, 117, 118.{CHECK}",
    ),
    Case(
        "three_of_six_is_not_four", Rule.OUT_OF_FOCUS, {"recent": images("bgbgbg")}, False,
        "3 of the last 6 images are out of focus: sections 112, 114, 116.",
    ),
    Case(
        "the_fourth_rings_before_there_are_six", Rule.OUT_OF_FOCUS, {"recent": images("bbbb")}, True,
        f"4 of the last 4 images are out of focus: sections 112 to 115.{CHECK}",
    ),
    Case(
        "what_blurs_them_is_said", Rule.OUT_OF_FOCUS,
        {"recent": images("ggbbbb"), "blurs": {2: blur(2.0), 3: blur(3.1), 4: blur(2.4), 5: blur(2.2)}}, True,
        f"4 of the last 6 images are blurred by 2.0 to 3.1 px: defocus; sections 114 to 117. {FOCUS}",
    ),
    Case(
        "vibration_is_called_so", Rule.OUT_OF_FOCUS,
        {"recent": images("bbbb"), "blurs": {n: blur(1.8, BlurKind.VIBRATION) for n in range(4)}}, True,
        "4 of the last 4 images are blurred by 1.8 px: vibration; sections 112 to 115. The lines are displaced against "
        "each other: look at pumps, the floor and stray fields. `mhfd retake` lists what to image again.",
    ),
    Case(
        "several_kinds_and_one_that_is_not_known", Rule.OUT_OF_FOCUS,
        {"recent": images("bbbb"), "blurs": {0: blur(1.8, BlurKind.VIBRATION), 1: blur(2.0), 3: blur(2.5)}}, True,
        "4 of the last 4 images are out of focus, 3 of them blurred by 1.8 to 2.5 px: 2 by defocus, 1 by vibration; "
        f"sections 112 to 115. {FOCUS}",
    ),
    Case("no_image_yet", Rule.OUT_OF_FOCUS, {}, False, "0 of the last 0 images are out of focus."),
    Case(
        "one_of_one", Rule.OUT_OF_FOCUS, {"recent": images("gb")}, True,
        f"1 of the last 1 image is out of focus: section 113.{CHECK}", {"out_of_focus": 1, "of_last": 1},
    ),
    Case(
        "provisional_rings_and_says_so", Rule.OUT_OF_FOCUS, {"recent": images("bbbb", provisional=True)}, True,
        f"4 of the last 4 images are out of focus: sections 112 to 115.{PROVISIONAL}{CHECK}",
    ),
    Case(
        "a_bad_stretch_between_two_looks_is_not_missed", Rule.OUT_OF_FOCUS,
        {"recent": images("bbbbgggggg"), "fresh": 10}, True,
        f"4 of 6 images in a row are out of focus: sections 112 to 115.{CHECK}",
    ),
    Case(
        "a_bad_stretch_that_was_seen_before_is_over", Rule.OUT_OF_FOCUS,
        {"recent": images("bbbbgggggg"), "fresh": 1}, False, "0 of the last 6 images are out of focus.",
    ),
    Case(
        "incomplete_is_not_out_of_focus", Rule.OUT_OF_FOCUS, {"recent": images("iiiiii")}, False,
        "0 of the last 6 images are out of focus.",
    ),
    Case(
        "tiles_of_one_section", Rule.OUT_OF_FOCUS,
        {"recent": tuple(replace(s, section=7, tile=f"r1-c{s.image}") for s in images("bbbb"))}, True,
        f"4 of the last 4 images are out of focus: sections (tiles) 7 (r1-c0), 7 (r1-c1), 7 (r1-c2), 7 (r1-c3).{CHECK}",
    ),
    Case(
        "names_where_there_is_no_section", Rule.OUT_OF_FOCUS,
        {"recent": tuple(replace(s, section=None, path="\x1b[2J.tif") for s in images("b"))}, True,
        f"1 of the last 1 image is out of focus: \\x1b[2J.tif.{CHECK}", {"out_of_focus": 1, "of_last": 1},
    ),
    Case(
        "blank_and_incomplete_are_unusable", Rule.UNUSABLE, {"recent": images("ikgik")}, True,
        "4 of the last 5 images are unusable (incomplete, unreadable, blank or saturated): "
        f"sections 112, 113, 115, 116.{BEAM}",
    ),
    Case(
        "what_cannot_be_told_is_not_unusable", Rule.UNUSABLE, {"recent": images("uuuuuu")}, False,
        "0 of the last 6 images are unusable (incomplete, unreadable, blank or saturated).",
    ),
    Case("drift", Rule.DRIFT, {"drifts": ("Drift near section 40: 70%.",)}, True, "Drift near section 40: 70%."),
    Case(
        "drift_of_three_tiles", Rule.DRIFT, {"drifts": ("Drift near section 40.", "b", "c")}, True,
        "Drift near section 40. The same in 2 other places.",
    ),
    Case("no_drift", Rule.DRIFT, {}, False, "The images in focus are as sharp as the anchor again."),
    Case(
        "two_sections_are_missing", Rule.MISSING,
        {"sections": (1, 2, 5, 6, 8), "missing": (3, 4, 7), "gaps": (Gap(3, 3, 900), Gap(4, 3, 900), Gap(7, 1, 60))},
        True,
        "2 sections are missing, wholly or in part, and later ones are here: 3, 4. Image them before the sample goes "
        "on.",
    ),
    Case(
        "one_that_may_be_late_is_not_missing", Rule.MISSING,
        {"sections": (1, 2, 3, 5), "missing": (4,), "gaps": (Gap(4, 1, 900),)}, False,
        "Nothing new is missing among 4 sections. Still missing: 4.",
    ),
    Case(
        "one_that_may_not_be_whole_yet_is_not_missing", Rule.MISSING,
        {"sections": (1, 2, 3, *range(5, 40)), "missing": (4,), "gaps": (Gap(4, 15, 59.9),)}, False,
        "Nothing new is missing among 38 sections. Still missing: 4.",
    ),
    Case(
        "where_sections_come_late_a_gap_has_to_be_older", Rule.MISSING,
        {"sections": (1, 2, 3, *range(5, 12)), "missing": (4,), "gaps": (Gap(4, 7, 900),), "late": 3}, False,
        "Nothing new is missing among 10 sections. Still missing: 4.",
    ),
    Case(
        "an_old_gap_rings_no_more", Rule.MISSING,
        {"sections": (1, *range(3, 40)), "missing": (2,), "gaps": (Gap(2, 37, 9000),)}, False,
        "Nothing new is missing among 38 sections. Still missing: 2.",
    ),
    Case(
        "a_new_gap_rings_beside_an_old_one", Rule.MISSING,
        {
            "sections": (1, *range(3, 37), 38, 39, 40), "missing": (2, 37),
            "gaps": (Gap(2, 37, 9000), Gap(37, 3, 60)),
        },
        True,
        "1 section is missing, wholly or in part, and later ones are here: 37. Image them before the sample goes on.",
    ),
    Case("too_few_sections", Rule.MISSING, {"sections": (9,)}, False, "Nothing new is missing among 1 sections."),
    Case(
        "nobody_has_confirmed_anything", Rule.UNANSWERED,
        {"question": "Look at section 3: which are sharp?", "asked": NOW - 1800, "judged": 30}, True,
        "Nobody has answered for 30 minutes: Look at section 3: which are sharp? Until then 30 images are only "
        "compared with each other: if all are blurred, none is found. Answer on the page, or see `mhfd status`.",
    ),
    Case(
        "a_later_question_stands", Rule.UNANSWERED,
        {"question": "Which are sharp?", "asked": NOW - 7200, "judged": 30, "confirmed": 3}, True,
        "Nobody has answered for 2 hours: Which are sharp? Answer on the page, or see `mhfd status`.",
    ),
    Case(
        "a_question_that_has_just_been_asked", Rule.UNANSWERED,
        {"question": "Which are sharp?", "asked": NOW - 1799}, False, "Somebody has answered, or there is no question.",
    ),
    Case("no_question", Rule.UNANSWERED, {}, False, "Somebody has answered, or there is no question."),
    Case(
        "silence", Rule.SILENCE, {"last_arrival": NOW - 1200, "started": NOW - 9000, "images": 1412}, True,
        "No new image for 20 minutes; 1,412 images came before. Has the microscope stopped?",
    ),
    Case("no_silence_before_the_first", Rule.SILENCE, {"started": NOW - 9000}, False, "No image has come yet."),
    Case(
        "no_silence_after_the_last", Rule.SILENCE,
        {"last_arrival": NOW - 5000, "started": NOW - 9000, "complete": True}, False,
        "Everything that was expected has come.",
    ),
    Case(
        "silence_is_counted_from_the_start", Rule.SILENCE,
        {"last_arrival": NOW - 90000, "started": NOW - 60, "images": 3}, False, "Images come again: 3 so far.",
    ),
    Case(
        "silence_cannot_be_told_without_the_folder", Rule.SILENCE,
        {"last_arrival": NOW - 1200, "started": NOW - 9000, "troubles": (GONE,)}, None, "The folder cannot be read.",
    ),
    Case(
        "backlog", Rule.BACKLOG, {"waiting": 120, "oldest_waiting": NOW - 840, "started": NOW - 9000}, True,
        "120 images wait for their verdict, the oldest for 14 minutes: scoring is slower than imaging.",
    ),
    Case(
        "a_backlog_of_one", Rule.BACKLOG, {"waiting": 1, "oldest_waiting": NOW - 840, "started": NOW - 9000}, True,
        "1 image waits for its verdict for 14 minutes: scoring is slower than imaging.",
    ),
    Case(
        "no_backlog", Rule.BACKLOG, {"waiting": 3, "oldest_waiting": NOW - 5}, False,
        "Verdicts keep up: 3 images waiting.",
    ),
    Case(
        "backlog_without_workers_is_theirs", Rule.BACKLOG,
        {"waiting": 9, "oldest_waiting": NOW - 840, "started": NOW - 9000, "troubles": (IDLE,)}, None,
        "Nothing can be scored now.",
    ),
    Case(
        "disk_low", Rule.DISK, {"disks": (Disk("the state", int(1.5e9), 10**12), Disk("the folder", 10**11, 10**12))},
        True, "Only 1.5 GB free where the state is; the limit is 5 GB. Free some space.",
    ),
    Case(
        "disk_well", Rule.DISK, {"disks": (Disk("the state", 10**11, 10**12),)}, False,
        "There is space again: 100.0 GB free where the state is.",
    ),
    Case(
        "disk_refuses", Rule.DISK,
        {"disks": (Disk("the state", 10**11, 10**12),), "refused": "cannot use x: I/O error; check it."},
        True,
        "The station cannot write its own folder: cannot use x: I/O error; check it. It waits; nothing is lost.",
    ),
    Case("disk_unknown", Rule.DISK, {}, None, "Free space could not be measured."),
    Case(
        "folder_gone", Rule.FOLDER, {"troubles": (GONE,), "waiting": 2}, True,
        "The watched folder cannot be used for 4 minutes: /mnt/sem is not there. 2 images waiting; none is lost.",
    ),
    Case("folder_back", Rule.FOLDER, {"troubles": (IDLE,)}, False, "The watched folder can be read again."),
    Case(
        "lost_notices_are_no_lost_folder", Rule.FOLDER, {"troubles": (trouble("events_lost", "inotify", ago=900),)},
        False, "The watched folder can be read again.",
    ),
    Case(
        "a_question_is_no_lost_folder", Rule.FOLDER, {"troubles": (trouble("looks_like_bar", "a bar?", ago=900),)},
        False, "The watched folder can be read again.",
    ),
    Case(
        "workers_gone_for_a_moment", Rule.RUNNER, {"troubles": (IDLE,)}, None,
        "Nothing is scored for 29 seconds: every worker has died. 0 images waiting; none is lost.",
    ),
    Case(
        "workers_gone", Rule.RUNNER,
        {"troubles": (trouble("runner", "every worker has died", ago=30),), "waiting": 1}, True,
        "Nothing is scored for 30 seconds: every worker has died. 1 image waiting; none is lost.",
    ),
    Case("workers_back", Rule.RUNNER, {"troubles": (GONE,)}, False, "What arrives is scored again."),
    Case(
        "ended", Rule.ENDED, {"ended": "no worker can be started."}, True,
        "The watch has ended: no worker can be started. Nothing is checked until `mhfd watch` is started again.",
    ),
    Case(
        "the_lens", Rule.LENS, {"lens": LensNeeds((TWELVE,))}, True,
        "Section 12 needs a person at the lens: still out of focus after 2 tries. Focus by hand and take it again.",
    ),
    Case(
        "the_lens_and_many", Rule.LENS,
        {"lens": LensNeeds((TWELVE, replace(TWELVE, path="S_013.tif", where="Section 13", section=13)), "no answer.")},
        True,
        "Nothing is re-focused now: no answer. 2 images need a person at the lens: still out of focus after 2 tries. "
        "All: sections 12, 13.",
    ),
    Case("the_lens_is_well", Rule.LENS, {"lens": LensNeeds()}, False, "Nobody is needed at the lens any more."),
    Case(
        "a_champion_that_strays", Rule.CHAMPION, {"strays": ChampionStrays(ALPHA, 1)}, True,
        "Most of the last images are unlike what the champion alpha\\u202e aaaa was taught with: what it says of them "
        "is a guess. Say of some whether they are sharp, and `mhfd learn` teaches a champion with them.",
    ),
    Case(
        "a_champion_that_knows", Rule.CHAMPION, {"strays": ChampionStrays(ALPHA)}, False,
        "The champion alpha\\u202e aaaa knows what comes.",
    ),
    Case(
        "no_champion", Rule.CHAMPION, {"strays": ChampionStrays(ChampionTold(None))}, False,
        "mhfd judges: it was taught with nothing.",
    ),
    Case("running", Rule.ENDED, {}, False, "The watch runs again."),
]  # fmt: skip


def read(case: Case) -> dict[Rule, Reading]:
    situation = Situation(**{"now": NOW, "started": NOW - 3600, **case.now})
    return {reading.rule: reading for reading in rules.readings(situation, AlertSettings(**case.settings))}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden_cases(case: Case) -> None:
    reading = read(case)[case.rule]
    assert (reading.wrong, reading.text) == (case.wrong, case.text)


@pytest.mark.parametrize("rule", Rule)
def test_each_rule_rings_and_is_calm_in_a_case(rule: Rule) -> None:
    assert {case.wrong for case in CASES if case.rule is rule} >= {True, False}


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("out_of_focus", Rule.OUT_OF_FOCUS),
        ("unusable", Rule.UNUSABLE),
        ("drift", Rule.DRIFT),
        ("missing", Rule.MISSING),
        ("unanswered_s", Rule.UNANSWERED),
        ("silence_s", Rule.SILENCE),
        ("backlog_s", Rule.BACKLOG),
        ("disk_gb", Rule.DISK),
        ("gone_s", Rule.FOLDER),
        ("gone_s", Rule.RUNNER),
        ("champion", Rule.CHAMPION),
        ("lens", Rule.LENS),
    ],
)
def test_nothing_turns_a_rule_off(key: str, rule: Rule) -> None:
    now = {"lens": LensNeeds(), "strays": ChampionStrays(ALPHA)}
    off = Case("off", rule, now, None, "", {key: False if key in ("drift", "champion", "lens") else 0})
    assert rule not in read(off)
    assert rule in read(replace(off, settings={}))


def test_facts_and_images_are_bounded() -> None:
    recent = images("b" * 150)
    reading = read(Case("many", Rule.OUT_OF_FOCUS, {"recent": recent}, True, "", {"out_of_focus": 90, "of_last": 100}))
    focus = reading[Rule.OUT_OF_FOCUS]
    assert focus.facts["found"] == focus.facts["of"] == 100
    assert focus.images == tuple(seen.path for seen in recent[-20:])
    assert len(focus.facts["sections"]) == 20
    assert len(focus.text) < 500


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], "none"),
        ([3], "3"),
        ([3, 4], "3, 4"),
        ([4, 3, 5, 5], "3 to 5"),
        ([1, 3, 4, 5, 9], "1, 3 to 5, 9"),
        (range(0, 60, 2), "... " + ", ".join(map(str, range(20, 60, 2)))),
    ],
)
def test_spans(numbers: list[int], text: str) -> None:
    assert words.spans(numbers) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (2e5, "2 days")],
)
def test_durations(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


@settings(deadline=None)
@given(st.text())
def test_plain_text_fits_everywhere(text: str) -> None:
    assert shown(text).isprintable()
    shown(text).encode()


# -- episodes

CALM_S = 10.0
Step = tuple[float, Mapping[Rule, bool | None]]
ON: dict[Rule, bool | None] = {Rule.DISK: True}
OFF: dict[Rule, bool | None] = {Rule.DISK: False}
STEPS = st.lists(
    st.tuples(
        st.floats(0, 25),
        st.dictionaries(st.sampled_from([Rule.DRIFT, Rule.DISK, Rule.SILENCE]), st.sampled_from([True, False, None])),
    ),
    max_size=40,
)


def play(steps: Sequence[Step]) -> list[tuple[float, Happened]]:
    """Readings one after the other, each so long after the one before; a rule that is not named was turned off."""
    told: list[tuple[float, Happened]] = []
    open_: dict[Rule, Episode] = {}
    now, number = NOW, 1
    for after, states in steps:
        now += after
        found = [Reading(rule, wrong, f"{rule} {wrong}") for rule, wrong in states.items()]
        open_, happened = advance(open_, found, now=now, calm_s=CALM_S, next_number=number)
        number += sum(one.event is Event.OPENED for one in happened)
        told += [(now, one) for one in happened]
    return told


@settings(deadline=None)
@given(STEPS)
def test_an_episode_opens_once_and_closes_once_in_that_order(steps: Sequence[Step]) -> None:
    events: dict[int, list[Event]] = {}
    for _, one in play(steps):
        events.setdefault(one.episode.number, []).append(one.event)
    assert all(of in ([Event.OPENED], [Event.OPENED, Event.CLOSED]) for of in events.values())
    assert list(events) == sorted(events)


@settings(deadline=None)
@given(STEPS)
def test_a_rule_has_one_episode_at_a_time_and_rests_between_two(steps: Sequence[Step]) -> None:
    last: dict[Rule, tuple[float, Happened]] = {}
    for now, one in play(steps):
        rule = one.episode.rule
        before = last.get(rule)
        assert (before is None or before[1].event is Event.CLOSED) == (one.event is Event.OPENED)
        if before is not None and one.event is Event.CLOSED and "turned off" not in one.text:
            assert now - before[0] >= CALM_S
        last[rule] = now, one


@settings(deadline=None)
@given(STEPS)
def test_what_turns_wrong_rings_at_once(steps: Sequence[Step]) -> None:
    open_: dict[Rule, Episode] = {}
    for after, states in steps:
        found = [Reading(rule, wrong, "") for rule, wrong in states.items()]
        open_, _ = advance(open_, found, now=NOW + after, calm_s=CALM_S, next_number=1)
        for rule, wrong in states.items():
            assert not wrong or rule in open_


def test_what_flickers_is_one_episode() -> None:
    told = play([(0, ON), (5, OFF), (5, ON), (5, OFF), (9, OFF), (1, OFF), (100, OFF)])
    assert [(now - NOW, one.event) for now, one in told] == [(0, Event.OPENED), (25, Event.CLOSED)]
    closed = told[1][1]
    assert closed.episode.closed == NOW + 15  # when it was calm, not when that was believed
    assert closed.text == "Over after 15 seconds: disk False It was: disk True"


def test_what_cannot_be_told_changes_nothing() -> None:
    unknown: dict[Rule, bool | None] = {Rule.DISK: None}
    assert play([(0, unknown), (50, unknown)]) == []
    assert len(play([(0, ON), (50, unknown), (50, unknown)])) == 1
    assert len(play([(0, ON), (50, OFF), (5, unknown), (5, OFF)])) == 2


def test_a_clock_that_is_set_back_closes_nothing_early() -> None:
    assert [one.event for _, one in play([(0, ON), (0, OFF), (-3600, OFF), (9, OFF)])] == [Event.OPENED]
    assert len(play([(0, ON), (0, OFF), (-3600, OFF), (10, OFF)])) == 2


def test_without_a_lens_or_a_champion_no_rule_speaks_of_one() -> None:
    situation = Situation(NOW, NOW - 3600, lens=None, strays=None)
    assert not {Rule.LENS, Rule.CHAMPION} & {reading.rule for reading in rules.readings(situation, AlertSettings())}


def test_what_was_asked_at_the_lens_is_over_as_soon_as_it_is_done() -> None:
    def read_at(needs: LensNeeds) -> list[Reading]:
        situation = Situation(NOW, NOW - 3600, lens=needs)
        return [one for one in rules.readings(situation, AlertSettings()) if one.rule is Rule.LENS]

    rung, told = advance({}, read_at(LensNeeds((TWELVE,))), now=NOW, calm_s=120.0, next_number=1)
    assert [(one.event, one.images) for one in told] == [(Event.OPENED, ("S_012.tif",))]
    left, told = advance(rung, read_at(LensNeeds()), now=NOW + 1, calm_s=120.0, next_number=2)
    assert not left
    assert [one.event for one in told] == [Event.CLOSED]
    assert "What was asked for is done." in told[0].text
