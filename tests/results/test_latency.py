"""The ledger: spans that add up to the whole, whatever road an image took and whatever a clock did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.runs import Run

from mhfd_client.journal.rows import ImageRow, State
from mhfd_client.results.latency import MOMENTS, SPANS, spans, waiting_times
from mhfd_client.results.plot import waits_plot

SECOND = 1_000_000_000
WHOLE = 100 * SECOND


def row(**moments: float | None) -> ImageRow:
    """An image, with moments in seconds after it was whole."""
    times = {f"{name}_ns": None if at is None else WHOLE + round(at * SECOND) for name, at in moments.items()}
    blank = ImageRow(
        id=1,
        path="a.tif",
        revision=1,
        size=1,
        mtime_ns=1,
        section=1,
        tile=None,
        state=State.RECORDED,
        token=None,
        attempts=1,
        faults=0,
        why=None,
        report=1,
        verdict=1,
        arrived_ns=WHOLE - SECOND,
        whole_ns=WHOLE,
        submitted_ns=None,
        started_ns=None,
        scored_ns=None,
        judged_ns=None,
        recorded_ns=None,
    )
    return replace(blank, **times)  # type: ignore[arg-type]


LOCAL = {"submitted": 1, "started": 3, "scored": 6, "judged": 10}


def test_a_local_image_is_neither_moved_nor_sent_back() -> None:
    assert spans(row(**LOCAL)) == {"wait": 1000, "queue": 2000, "score": 3000, "judge": 4000}


def test_a_far_image_has_every_span() -> None:
    found = spans(row(submitted=1, transferred=2, started=4, scored=7, returned=11, judged=16))
    assert found == {"wait": 1000, "move": 1000, "queue": 2000, "score": 3000, "return": 4000, "judge": 5000}


def test_an_image_on_its_way_has_the_spans_behind_it() -> None:
    assert spans(row(submitted=1)) == {"wait": 1000}


@given(st.lists(st.one_of(st.none(), st.floats(-50, 50)), min_size=6, max_size=6))
def test_spans_are_never_negative_and_add_up(ats: list[float | None]) -> None:
    moments = dict(zip([span.ends for span in SPANS.values()], ats, strict=True))
    found = spans(row(**moments))
    assert all(value >= 0 for value in found.values())
    latest = max([0.0, *(at for at in ats if at is not None)])
    assert sum(found.values()) == pytest.approx(1000 * latest, abs=0.01)


def test_who_waited_longer_than_the_target_is_counted() -> None:
    found = waiting_times([row(**LOCAL), row(**{**LOCAL, "judged": 70}), row(submitted=1)], target_s=60)
    assert (found.total.count, found.late) == (2, 1)
    assert found.total.p50_ms == 40_000
    assert list(found.spans) == ["wait", "queue", "score", "judge"]
    assert found.spans["score"].p95_ms == 3000


def test_every_moment_is_one_of_the_journal(tmp_path: Path) -> None:
    run = Run(tmp_path)
    image = run.journal.image(run.image(1))
    assert all(hasattr(image, f"{moment}_ns") for moment in MOMENTS)
    assert {span.ends for span in SPANS.values()} <= set(MOMENTS)
    run.close()


@pytest.mark.parametrize("count", [1, 7, 5000])
def test_the_plot_has_at_most_a_bar_a_column_and_names_the_target(count: int) -> None:
    svg = waits_plot([row(**LOCAL)] * count, target_s=8)
    assert svg.count("<rect") <= 4 * 120
    assert "8 s asked for" in svg
    assert SPANS["score"].colour in svg
    assert SPANS["move"].colour not in svg


def test_there_is_no_plot_without_a_verdict() -> None:
    assert waits_plot([row(submitted=1)], target_s=60) == ""
