"""Who is told what, when, and how often: outlets, the desk and what it keeps. No clock but the test's."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mhfd.errors import UsageError
from mhfd_client.alerts import Alert, Episode, Event, Rule, Sink, SinkFailed, acknowledge, overview, snooze
from mhfd_client.alerts.desk import Desk
from mhfd_client.alerts.outlet import LIMIT, Outlet, Postman, Receipt
from mhfd_client.alerts.situation import Disk, Failed, Situation
from mhfd_client.alerts.store import FILE, AlertStore, Delivery
from mhfd_client.errors import StateBusy, StateDamaged, StateError
from mhfd_client.journal.rows import Outcome, ScoreRow
from mhfd_client.journal.sqlite import opened
from mhfd_client.settings.options import AlertSettings

NOW = 1_800_000_000.0
CALM = Situation(NOW, NOW, disks=(Disk("the state", 10**12, 10**12),))
FULL = replace(CALM, disks=(Disk("the state", 10**8, 10**12),))
ENDED = replace(CALM, ended="no worker.")
SETTINGS = AlertSettings(calm_s=10.0)


def at(seconds: float, situation: Situation) -> Situation:
    return replace(situation, now=NOW + seconds)


class Time:
    """Both clocks."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Hand:
    """Carries messages when the test says so."""

    def __init__(self) -> None:
        self.given: list[Alert] = []
        self._receipt: Receipt | None = None
        self.away = False

    def give(self, alert: Alert) -> None:
        assert not self.away, "one at a time"
        self.away = True
        self.given.append(alert)

    def back(self, receipt: Receipt) -> None:
        assert self.away
        self._receipt = receipt

    def receipt(self) -> Receipt | None:
        receipt, self._receipt = self._receipt, None
        if receipt is not None:
            self.away = False
        return receipt


def message(episode: int, event: Event = Event.OPENED, rule: Rule = Rule.DISK) -> Alert:
    return Alert(
        id=f"{episode}-{event}", event=event, rule=rule, episode=episode, text="", since="", root="/data", host="sem"
    )


def outlet_of(hand: Hand, time: Time, *, limit: int = LIMIT) -> Outlet:
    return Outlet(hand, Delivery("webhook sem"), (), clock=time, now=time, limit=limit)


# -- an outlet


def test_one_message_at_a_time_in_order() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.put(message(2))
    for _ in range(5):
        outlet.step()
    assert [alert.episode for alert in hand.given] == [1]
    hand.back("200")
    outlet.step()
    assert [alert.episode for alert in hand.given] == [1, 2]
    hand.back("200")
    assert outlet.step()
    assert not outlet.waiting
    assert (outlet.delivery.sent, outlet.delivery.sent_at, outlet.delivery.failures) == (2, NOW, 0)


def test_tries_come_later_and_later_and_never_end() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    waits = []
    for _ in range(12):
        outlet.step()
        hand.back(SinkFailed("500"))
        outlet.step()
        rest = outlet.rest()
        assert rest is not None
        waits.append(rest)
        time.now += rest - 0.5
        outlet.step()
        assert not hand.away, "too early"
        time.now += 0.5
    assert waits == [5, 10, 20, 40, 80, 160] + [300] * 6
    assert {alert.id for alert in hand.given} == {"1-opened"}
    assert outlet.delivery.state(1) == f"failing, 12 tries so far, the last at {stamp(outlet)}: 500; 1 waiting"


def stamp(outlet: Outlet) -> str:
    from mhfd_client.times import iso_z

    assert outlet.delivery.error_at is not None
    return iso_z(outlet.delivery.error_at)


def test_what_is_new_is_tried_at_once_unless_a_rest_was_asked_for() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.step()
    hand.back(SinkFailed("500"))
    outlet.step()
    assert outlet.rest() == 5
    outlet.put(message(2))
    assert outlet.rest() == 0
    outlet.step()
    hand.back(SinkFailed("429", 60.0))
    outlet.step()
    outlet.put(message(3))
    assert outlet.rest() == 60


def test_a_newer_state_takes_the_place_of_an_older_one() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.step()
    outlet.put(message(2))
    outlet.put(message(2, Event.CLOSED))
    outlet.put(message(1, Event.CLOSED))
    hand.back(SinkFailed("500"))
    outlet.step()
    assert [one.alert.id for one in outlet.waiting] == ["2-closed", "1-closed"]


def test_what_is_under_way_is_kept_until_its_receipt_is_there() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.step()
    assert [one.alert.id for one in outlet.waiting] == ["1-opened"]
    assert outlet.busy
    hand.back("200")
    outlet.step()
    assert not outlet.waiting
    assert not outlet.busy


def flood(outlet: Outlet, first: int) -> None:
    """More than can wait, all over."""
    for episode in range(first, first + 2 * LIMIT):
        outlet.put(message(episode))
        outlet.put(message(episode, Event.CLOSED))


def test_the_end_of_what_the_sink_is_hearing_now_is_never_dropped() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.step()
    outlet.put(message(1, Event.CLOSED))
    flood(outlet, 2)
    assert outlet.waiting[0].alert.id == "1-closed"
    assert len(outlet.waiting) == LIMIT
    assert outlet.delivery.untold == LIMIT + 1
    hand.back("200")
    outlet.step()
    assert hand.given[-1].id == "1-closed"
    assert hand.given[-1].untold == LIMIT + 1


def test_the_end_of_what_the_sink_has_heard_of_is_never_dropped() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    outlet.put(message(1))
    outlet.put(message(2))
    outlet.step()
    outlet.put(message(1, Event.CLOSED))
    hand.back("200")
    outlet.step()  # now 2 is under way, and the end of 1 waits
    flood(outlet, 3)
    assert [one.alert.id for one in outlet.waiting][:2] == ["2-opened", "1-closed"]


RULES = (Rule.DISK, Rule.DRIFT, Rule.SILENCE)
SMALL = 2 * len(RULES) + 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(RULES), st.booleans()), max_size=120))
def test_nothing_is_lost_but_what_is_over_and_unknown(steps: list[Rule | bool]) -> None:
    """A rule turns: its episode opens or closes. True, False: the sink takes what is under way, or fails."""
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time, limit=SMALL)
    open_: dict[Rule, int] = {}
    last: dict[int, Event] = {}
    taken: list[Alert] = []

    def end(ok: bool) -> None:
        if hand.away:
            if ok:
                taken.append(hand.given[-1])
            hand.back("200" if ok else SinkFailed("500"))

    for step in steps:
        if isinstance(step, Rule):
            episode, event = (open_.pop(step), Event.CLOSED) if step in open_ else (len(last) + 1, Event.OPENED)
            if event is Event.OPENED:
                open_[step] = episode
            last[episode] = event
            outlet.put(message(episode, event, step))
        else:
            end(step)
            time.now += 1000
        outlet.step()
        assert len(outlet.waiting) <= SMALL + 1  # and one under way
    while hand.away or outlet.waiting:
        end(True)
        time.now += 1000
        outlet.step()

    events: dict[int, list[Event]] = {}
    for alert in taken:
        events.setdefault(alert.episode, []).append(alert.event)
    assert all(of in ([Event.OPENED], [Event.CLOSED], [Event.OPENED, Event.CLOSED]) for of in events.values())
    assert all(events[episode][-1] is last[episode] for episode in events)
    never = set(last) - set(events)
    assert all(last[episode] is Event.CLOSED for episode in never)
    assert sum(alert.untold for alert in taken) + outlet.delivery.untold == len(never)


# -- the desk


class Told:
    """A sink that takes everything at once."""

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> str:
        self.got.append(alert)
        return "200"


class Now:
    """Calls the sink at once: no threads in most tests."""

    def __init__(self, sink: Sink, back: Callable[[], None]) -> None:
        self._sink, self._back = sink, back
        self._receipt: Receipt | None = None

    def give(self, alert: Alert) -> None:
        try:
            self._receipt = self._sink.send(alert)
        except SinkFailed as e:
            self._receipt = e
        self._back()

    def receipt(self) -> Receipt | None:
        receipt, self._receipt = self._receipt, None
        return receipt


class Place:
    """A state folder, and desks in it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.time = folder, Time()
        self.stores: list[AlertStore] = []

    def desk(self, *sinks: Sink, settings: AlertSettings = SETTINGS) -> Desk:
        self.close()
        self.stores.append(AlertStore(self.folder))
        self.stores[-1]._db.execute("PRAGMA synchronous = OFF")  # no test takes the power away
        return Desk(self.stores[-1], settings, sinks, root="/data", carrier=Now, clock=self.time, now=self.time)

    def close(self) -> None:
        for store in self.stores:
            store.close()
        self.stores.clear()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def events(told: Told) -> list[str]:
    return [f"{alert.rule} {alert.event}" for alert in told.got]


def test_once_an_episode_with_a_recovery(place: Place) -> None:
    told, also = Told(), Told("also")
    desk = place.desk(told, also)
    for second in range(5):
        desk.look(at(second, FULL))
    for second in range(5, 30):
        desk.look(at(second, CALM))
    assert events(told) == events(also) == ["disk opened", "disk closed"]
    opened, closed = told.got
    assert opened.episode == closed.episode == 1
    assert opened.until is None
    assert opened.since == closed.since == "2027-01-15T08:00:00.000Z"
    assert closed.until == "2027-01-15T08:00:05.000Z"
    assert opened.facts == {"free_gb": {"the state": 0.1}}
    assert opened.id != closed.id


def test_a_restart_repeats_nothing_and_forgets_nothing(place: Place) -> None:
    first = Told()
    desk = place.desk(first)
    desk.look(at(0, FULL))
    desk.step()  # the receipt
    assert events(first) == ["disk opened"]
    second = Told()
    place.desk(second).look(at(1, FULL))
    assert events(second) == []
    third = Told()
    desk = place.desk(third)
    desk.look(at(2, CALM))
    desk.look(at(12, CALM))
    desk.step()
    assert events(third) == ["disk closed"]
    fourth = Told()
    place.desk(fourth).look(at(13, FULL))
    assert [(alert.event, alert.episode) for alert in fourth.got] == [(Event.OPENED, 2)]


def test_the_time_of_calm_outlives_a_restart(place: Place) -> None:
    desk = place.desk(Told())
    desk.look(at(0, FULL))
    desk.look(at(1, CALM))
    told = Told()
    place.desk(told).look(at(11, CALM))
    assert events(told) == ["disk closed"]


def test_what_was_not_taken_is_sent_after_a_restart_as_the_same_message(place: Place) -> None:
    class Failing(Told):
        def send(self, alert: Alert) -> str:
            super().send(alert)
            raise SinkFailed("500 Internal Server Error")

    failing = Failing()
    desk = place.desk(failing)
    desk.look(at(0, FULL))
    desk.step()
    (health,) = overview(place.folder).sinks
    assert (health.name, health.failures, health.error, health.error_at) == (
        "told",
        1,
        "500 Internal Server Error",
        NOW,
    )
    told = Told()
    place.desk(told).look(at(1, FULL))
    assert told.got == failing.got


def test_what_is_sent_was_saved_before(place: Place) -> None:
    """So that a kill in the middle repeats it, and never loses it."""
    saved: list[list[str]] = []

    class Looking(Told):
        def send(self, alert: Alert) -> str:
            saved.append([one.alert.id for one in overview(place.folder).pending["told"]])
            return super().send(alert)

    looking = Looking()
    place.desk(looking).look(at(0, FULL))
    assert saved == [[looking.got[0].id]]


def test_messages_for_a_sink_that_was_removed_are_dropped(place: Place) -> None:
    class Hanging(Told):
        def send(self, alert: Alert) -> str:
            raise SinkFailed("hangs")

    place.desk(Hanging("old")).look(at(0, FULL))
    assert "old" in overview(place.folder).pending
    place.desk(Told("new")).look(at(1, FULL))
    assert overview(place.folder).pending == {}


def test_a_rule_that_is_turned_off_is_over(place: Place) -> None:
    place.desk(Told()).look(at(0, FULL))
    told = Told()
    place.desk(told, settings=AlertSettings(disk_gb=0)).look(at(1, FULL))
    assert [alert.text for alert in told.got] == [
        "Over after 1 second: This rule was turned off. It was: Only 0.1 GB free where the state is; "
        "the limit is 5 GB. Free some space."
    ]


def test_it_rings_although_nothing_can_be_saved(place: Place) -> None:
    """A real full database; what could not be saved is saved when there is space again."""
    told = Told()
    desk = place.desk(told, settings=AlertSettings(calm_s=10.0, of_last=20))
    desk.look(at(0, CALM))
    db = place.stores[0]._db
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    blurred = tuple(
        ScoreRow(n, f"{n}{'x' * 500}.tif", n, None, "ok", None, None, Outcome.OUT_OF_FOCUS, False) for n in range(20)
    )
    desk.look(replace(FULL, recent=blurred))
    desk.step()
    assert events(told) == ["out_of_focus opened", "disk opened"]
    assert overview(place.folder).episodes == ()
    db.execute("PRAGMA max_page_count = 100000")
    desk.look(at(1, FULL))
    assert {episode.rule for episode in overview(place.folder).open} == {Rule.DISK, Rule.OUT_OF_FOCUS}
    assert overview(place.folder).sinks[0].sent == 2


def test_a_hanging_sink_adds_nothing_to_a_look(tmp_path: Path) -> None:
    """It is called once, in its own thread; a thousand looks end meanwhile, and the other sink is told of all."""
    entered, released, took = threading.Event(), threading.Event(), threading.Semaphore(0)

    class Hanging(Told):
        def send(self, alert: Alert) -> str:
            super().send(alert)
            entered.set()
            released.wait()
            return "200"

    class Counting(Told):
        def send(self, alert: Alert) -> str:
            super().send(alert)
            took.release()
            return "200"

    hanging, told, time = Hanging("hangs"), Counting(), Time()
    store = AlertStore(tmp_path)
    store._db.execute("PRAGMA synchronous = OFF")
    desk = Desk(store, SETTINGS, [hanging, told], root="/data", carrier=Postman, clock=time, now=time)
    looks = 0
    desk.look(at(0, FULL))
    assert entered.wait(60)
    assert took.acquire(timeout=60)
    for second in range(1, 1000):
        happened = desk.look(at(second, FULL if second // 20 % 2 == 0 else CALM))
        looks += 1
        for _ in happened:
            while not took.acquire(timeout=0.01):
                desk.step()
    assert looks == 999
    assert len(hanging.got) == 1
    assert len(told.got) == 50
    waiting = overview(tmp_path).pending["hangs"]
    assert len(waiting) == 25  # one an episode, each with its newest state
    assert desk.busy
    released.set()
    store.close()


def test_the_queue_of_a_hanging_sink_is_bounded(place: Place) -> None:
    class Failing(Told):
        def send(self, alert: Alert) -> str:
            raise SinkFailed("500")

    desk = place.desk(Failing())
    for second in range(0, 100 * 20, 20):
        desk.look(at(second, FULL))
        for later in (1, 12):
            desk.look(at(second + later, CALM))
    found = overview(place.folder)
    assert len(found.pending["told"]) <= LIMIT + 1
    assert found.sinks[0].untold == 100 - len(found.pending["told"])
    told = Told()
    desk = place.desk(told)
    for _ in range(2 * LIMIT):
        desk.step()
    assert told.got[0].untold == found.sinks[0].untold
    assert {alert.untold for alert in told.got[1:]} == {0}


# -- single images


def test_each_failure_is_told_once_a_minute_with_what_came_since(place: Place) -> None:
    told = Told()
    desk = place.desk(told, settings=AlertSettings(disk_gb=0, each=True))

    def fail(*numbers: int) -> None:
        found = tuple(Failed(f"S_{n}.tif", f"Section {n} is out of focus.", provisional=n > 2) for n in numbers)
        desk.look(at(place.time.now - NOW, replace(CALM, failed=found, newest=numbers[-1] if numbers else 1)))

    fail(1)
    fail(2)
    place.time.now += 30
    fail(3, 4)
    assert [alert.text for alert in told.got] == ["Section 1 is out of focus."]
    place.time.now += 30
    fail()
    first, second = told.got
    assert second.text == "Section 4 is out of focus. 2 images more failed since the last message."
    assert (second.event, second.rule, second.episode) == (Event.FAILED, None, 0)
    assert (second.images, second.provisional, first.provisional) == (("S_2.tif", "S_3.tif", "S_4.tif"), True, False)
    assert first.id != second.id
    desk.step()  # the receipt
    off = Told()
    place.desk(off, settings=AlertSettings(disk_gb=0)).look(at(999, replace(CALM, failed=(Failed("a", "b", False),))))
    assert off.got == [], "not unless it is asked for"


def test_single_images_that_nobody_will_hear_of_are_counted() -> None:
    hand, time = Hand(), Time()
    outlet = outlet_of(hand, time)
    for number in range(4):
        failed = message(0, Event.FAILED).model_copy(update={"id": str(number)})
        outlet.put(failed)
        outlet.step()
    assert [one.alert.id for one in outlet.waiting] == ["3"]
    hand.back(SinkFailed("500"))
    outlet.step()
    assert outlet.delivery.untold == 3
    time.now += 10
    outlet.step()
    assert (hand.given[-1].id, hand.given[-1].untold) == ("3", 3)


# -- what people answer


def test_who_knows_of_an_alert_is_kept_beside_a_running_station(place: Place) -> None:
    """The desk has the file open and goes on saving; another connection writes; nobody loses anything."""
    told = Told()
    desk = place.desk(told)
    desk.look(at(0, FULL))
    assert acknowledge(place.folder, 1, "ann").acknowledged == "ann"
    snoozed = snooze(place.folder, 1, NOW + 3600, "bob", clock=place.time)
    assert (snoozed.acknowledged, snoozed.snoozed_until) == ("ann", NOW + 3600)
    desk.look(at(1, FULL))
    desk.look(at(2, CALM))
    (episode,) = overview(place.folder).open
    assert (episode.acknowledged, episode.snoozed_until, episode.calm) == ("ann", NOW + 3600, NOW + 2)
    assert episode.remarks(NOW).endswith("acknowledged by ann; snoozed until 2027-01-15T09:00:00.000Z")
    desk.look(at(20, CALM))
    (episode,) = overview(place.folder).episodes
    assert (episode.acknowledged, episode.closed) == ("ann", NOW + 2)
    assert events(told) == ["disk opened", "disk closed"], "it closes as usual"


def test_many_answer_while_the_station_saves(place: Place) -> None:
    """From threads, each with a connection of its own, as the page and the commands have."""
    desk = place.desk(Told())
    for second in range(0, 300, 30):  # ten episodes
        desk.look(at(second, FULL))
        desk.look(at(second + 1, CALM))
        desk.look(at(second + 20, CALM))
    threads = [
        threading.Thread(target=acknowledge, args=(place.folder, number, f"person {number}")) for number in range(1, 11)
    ]
    for thread in threads:
        thread.start()
    second = 400
    while any(thread.is_alive() for thread in threads):
        desk.look(at(second, FULL if second % 2 else CALM))
        second += 1
    for thread in threads:
        thread.join()
    kept = {episode.number: episode.acknowledged for episode in overview(place.folder).episodes}
    assert {number: kept[number] for number in range(1, 11)} == {n: f"person {n}" for n in range(1, 11)}


def test_answers_that_make_no_sense_are_refused_in_words(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing has rung in this run"):
        acknowledge(tmp_path / "nowhere", 1, "ann")
    desk = place.desk()
    with pytest.raises(UsageError, match=r"there is no alert 1 \(there are: none yet\)"):
        acknowledge(place.folder, 1, "ann")
    desk.look(at(0, FULL))
    with pytest.raises(UsageError, match=r"there is no alert 7 \(there are: 1 to 1\)"):
        acknowledge(place.folder, 7, "ann")
    with pytest.raises(UsageError, match="who: is empty"):
        acknowledge(place.folder, 1, " ")
    for until in (NOW, NOW - 1, NOW + 31 * 86400, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"until: .* is out of range"):
            snooze(place.folder, 1, until, "ann", clock=place.time)
    desk.look(at(1, CALM))
    desk.look(at(12, CALM))
    with pytest.raises(UsageError, match="alert 1 is over"):
        snooze(place.folder, 1, NOW + 60, "ann", clock=place.time)
    assert acknowledge(place.folder, 1, "ann\x1b[2J").acknowledged == "ann\\x1b[2J"


def test_a_file_that_somebody_holds_is_no_reason_to_move_it_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.desk().look(at(0, FULL))
    monkeypatch.setattr("mhfd_client.alerts.store.opened", partial(opened, busy_s=0.01))
    with closing(sqlite3.connect(place.folder / FILE, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateBusy, match="is locked by another program"):
            acknowledge(place.folder, 1, "ann")
    assert acknowledge(place.folder, 1, "ann").acknowledged == "ann"


def test_each_time_it_rings_is_a_message_of_its_own(place: Place) -> None:
    told = Told()
    desk = place.desk(told, settings=AlertSettings(disk_gb=0))
    blurred = [ScoreRow(n, f"{n}.tif", n, None, "ok", None, None, Outcome.OUT_OF_FOCUS, False) for n in range(40)]
    for second in range(40):
        desk.look(at(second, replace(CALM, recent=tuple(blurred[: second + 1]), fresh=1)))
    assert events(told) == ["out_of_focus opened"] + ["out_of_focus worse"] * 3
    assert [alert.id.rpartition("-1-")[2] for alert in told.got] == ["opened", "worse-1", "worse-2", "worse-3"]
    assert {alert.episode for alert in told.got} == {1}


# -- what is kept


def test_the_file_of_an_older_station_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    """As version 1 made it: `mhfd status` reads it as it is, the next station adds what is new."""
    db = sqlite3.connect(tmp_path / FILE)
    db.executescript(
        """
        CREATE TABLE episode (number INTEGER PRIMARY KEY, rule TEXT NOT NULL, opened REAL NOT NULL, calm REAL,
            closed REAL, provisional INTEGER NOT NULL, text TEXT NOT NULL, end TEXT NOT NULL, facts TEXT NOT NULL,
            images TEXT NOT NULL) STRICT;
        CREATE UNIQUE INDEX episode_open ON episode (rule) WHERE closed IS NULL;
        CREATE TABLE pending (sink TEXT NOT NULL, place INTEGER NOT NULL, unknown INTEGER NOT NULL,
            alert TEXT NOT NULL, PRIMARY KEY (sink, place)) STRICT;
        CREATE TABLE sink (name TEXT PRIMARY KEY, failures INTEGER NOT NULL, error TEXT, error_at REAL,
            sent INTEGER NOT NULL, sent_at REAL, untold INTEGER NOT NULL) STRICT;
        INSERT INTO episode VALUES (1, 'disk', 1.8e9, NULL, NULL, 0, 'Full.', '', '{}', '[]');
        PRAGMA application_id = 0x6D686661;
        PRAGMA user_version = 1;
        """
    )
    old = message(1).model_dump(mode="json") | {"schema_version": 1}
    del old["withdrawn"]
    db.execute("INSERT INTO pending VALUES ('told', 0, 1, ?)", (json.dumps(old),))
    db.commit()
    db.close()
    before = overview(tmp_path)
    assert [(e.number, e.rule, e.text, e.acknowledged) for e in before.open] == [(1, Rule.DISK, "Full.", None)]
    assert acknowledge(tmp_path, 1, "ann").acknowledged == "ann"
    store = AlertStore(tmp_path)
    assert [e.acknowledged for e in store.load().open] == ["ann"]
    assert [one.alert.episode for one in store.load().pending["told"]] == [1]
    store.close()


def test_old_episodes_are_forgotten_but_never_an_open_one(place: Place) -> None:
    place.desk()
    old = Episode(1, Rule.DRIFT, NOW, "still")
    closed = [Episode(number, Rule.DISK, NOW, "", closed=NOW) for number in range(2, 1102)]
    place.stores[0].save([old, *closed], [], {})
    found = overview(place.folder).episodes
    assert len(found) == 1001
    assert (found[0].number, found[-2].number, found[-1]) == (1101, 102, old)


def test_nothing_is_known_of_a_folder_without_alerts(tmp_path: Path) -> None:
    assert overview(tmp_path).as_json() == {"episodes": [], "sinks": [], "digest": None}


def test_a_file_that_is_not_ours_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, but long enough to look like one" * 50)
    for use in (AlertStore, overview):
        with pytest.raises(StateError, match=r"alerts\.db cannot be used \(file is not a database\): check the disk"):
            use(tmp_path)
    (tmp_path / FILE).unlink()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(StateDamaged, match="some other program's"):
        AlertStore(tmp_path)
    db = sqlite3.connect(tmp_path / FILE)
    db.execute(f"PRAGMA application_id = {0x6D686661}")
    db.close()
    with pytest.raises(StateDamaged, match="a newer mhfd"):
        overview(tmp_path)


@pytest.mark.parametrize("change", ["facts = '{'", "rule = 'out_of_focvs'", "more = '{\"named\": 7}'"])
def test_a_damaged_row_is_left_out_and_keeps_nobody_from_the_others(tmp_path: Path, change: str) -> None:
    store = AlertStore(tmp_path)
    store.save([Episode(n, rule, 1.0, "text") for n, rule in enumerate([Rule.DISK, Rule.DRIFT], 1)], [], {})
    store.close()
    db = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    db.execute("DROP TRIGGER episode_sum_update")
    db.execute(f"UPDATE episode SET {change} WHERE number = 1")  # noqa: S608 - ours
    db.close()
    assert [episode.number for episode in overview(tmp_path).episodes] == [2]
    again = AlertStore(tmp_path)
    assert [episode.number for episode in again.load().open] == [2]
    again.close()
