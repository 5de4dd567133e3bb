"""Images that come faster than they are judged wait: said while it is so, with numbers, and when it is over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mhfd_client.results.keeping_up import LATE_S, backlogs, help_words

S = 1_000_000_000


def queue(arrivals: list[float], each_s: float, now_s: float) -> list[tuple[int, int | None]]:
    """One worker that judges them in their order."""
    found: list[tuple[int, int | None]] = []
    free = 0.0
    for whole in arrivals:
        free = max(free, whole) + each_s
        found.append((int(whole * S), int(free * S) if free <= now_s else None))
    return found


def test_who_keeps_up_says_nothing() -> None:
    assert backlogs(queue([n * 1.0 for n in range(600)], 0.9, 700.0), now_ns=700 * S) == []
    assert backlogs([], now_ns=S) == []


def test_faster_than_judged_is_said_with_its_rates() -> None:
    """84 a minute come, 52 are judged."""
    arrivals = [n * 60 / 84 for n in range(280)]  # 200 s
    (now,) = backlogs(queue(arrivals, 60 / 52, 200.0), now_ns=200 * S)
    assert now.ended_ns is None
    assert now.waiting == 280 - 173
    assert (round(now.come), round(now.judged)) == (84, 52)
    assert now.words == (
        "images come at 84 a minute and are judged at 52: 107 wait, the longest for 77 seconds; they are kept and "
        "judged when there is time"
    )


def test_it_says_when_it_catches_up_and_when_it_is_over() -> None:
    arrivals = [n * 60 / 84 for n in range(280)]
    (now,) = backlogs(queue(arrivals, 60 / 52, 280.0), now_ns=280 * S)
    assert now.come < now.judged
    assert now.words.endswith("; 52 a minute are judged; caught up in about 95 seconds")
    (over,) = backlogs(queue(arrivals, 60 / 52, 600.0), now_ns=600 * S)
    assert over.ended_ns is not None
    assert 280 * 60 / 52 * S - over.ended_ns < 2 * S
    assert over.words == (
        "images waited from 1970-01-01 00:01:17 to 1970-01-01 00:05:23 UTC: 108 at most, the longest for 2 minutes; "
        "none was lost, each is judged"
    )


def test_nothing_is_judged() -> None:
    (now,) = backlogs([(n * S, None) for n in range(60)], now_ns=60 * S)
    assert "are judged not at all: 60 wait, the longest for 60 seconds" in now.words


def test_two_that_lie_close_are_one_and_two_that_do_not_are_two() -> None:
    def burst(at: float) -> list[tuple[int, int | None]]:
        return [(int(at * S), int((at + LATE_S + 10) * S))]

    assert len(backlogs(burst(0) + burst(60), now_ns=3600 * S)) == 1
    assert len(backlogs(burst(0) + burst(600), now_ns=3600 * S)) == 2


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.none() | st.integers(0, 500)), max_size=40), st.integers(0, 20_000)
)
def test_whoever_waited_long_is_told_of_and_nobody_else(images: list[tuple[int, int | None]], now: int) -> None:
    moments = [
        (whole * S, None if took is None or whole + took > now else (whole + took) * S) for whole, took in images
    ]
    found = backlogs(moments, now_ns=now * S)
    here = [(whole, judged) for whole, judged in moments if whole <= now * S]
    late = [(w, j) for w, j in here if ((now * S if j is None else j) - w) > LATE_S * S]
    assert bool(found) == bool(late)
    for one in found:
        assert 1 <= one.waiting <= len(here)
        assert one.longest_s > LATE_S
        assert (one.ended_ns is None) <= (one is found[-1])
    if found:
        longest = max((now * S if j is None else j) - w for w, j in late) / S
        assert max(one.longest_s for one in found) == longest
        waits_late = any(j is None and now * S - w > LATE_S * S for w, j in here)
        assert (found[-1].ended_ns is None) == waits_late


def test_what_would_help() -> None:
    assert help_words(packages_ms=None, image_ms=None) == ""
    said = help_words(packages_ms=800.0, image_ms=2000.0)
    assert said.startswith("learned packages take 0.8 s of an image's 2.0 s (40%): `models.use = none` does without")
    assert "runner.workers" in said
    assert "models.use" not in help_words(packages_ms=20.0, image_ms=2000.0)
