"""A line is on the disk before the next step, and one that was changed, taken out or torn is found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhfd_client.adjustment import ledger, places
from mhfd_client.adjustment.ledger import LedgerLine, LensEntry
from mhfd_client.errors import StateError


def _written(state: Path, count: int = 4) -> list[bytes]:
    for number in range(count):
        ledger.add(state, LensEntry.MOVE, f"move {number}", actor="ada", numbers={"moved_um": 1.5, "not_known": None})
    return places.ledger(state).read_bytes().splitlines(keepends=True)


def test_what_was_added_is_read_in_order(tmp_path: Path) -> None:
    assert list(ledger.lines(tmp_path)) == []
    added = ledger.add(
        tmp_path,
        LensEntry.REFUSED,
        "no: \x1b[2J",
        actor="ada",
        field="section 3",
        refusal="limits",
        numbers={"at_um": 5000.25, "not_known": None, "no_number": float("nan")},
        about={"package": "ab", "not_known": None},
    )
    assert list(ledger.lines(tmp_path)) == [added]
    assert added.numbers == {"at_um": 5000.25}
    assert added.about == {"package": "ab"}
    assert ledger.flaws(tmp_path) == []


def test_programs_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ledger.add(tmp_path, LensEntry.IMAGE, str(i), actor="ada"), range(24)))
    assert [line.n for line in ledger.lines(tmp_path)] == list(range(1, 25))
    assert ledger.flaws(tmp_path) == []


@pytest.mark.parametrize("edit", ["number", "words", "order", "gone", "first gone", "rubbish", "summed anew"])
def test_a_ledger_that_was_changed_says_where(tmp_path: Path, edit: str) -> None:
    written = _written(tmp_path)
    if edit == "number":
        written[1] = written[1].replace(b"1.5", b"0.5")
    elif edit == "words":
        written[1] = written[1].replace(b"move 1", b"move 9")
    elif edit == "order":
        written[1], written[2] = written[2], written[1]
    elif edit == "gone":
        del written[1]
    elif edit == "first gone":
        del written[0]
    elif edit == "rubbish":
        written[1] = b'{"n": 2}\n'
    else:  # whoever knows how sums are made still has to change every line after it
        line = LedgerLine.model_validate_json(written[1]).model_copy(update={"words": "nothing was moved"})
        written[1] = line.model_copy(update={"sum": line.summed()}).model_dump_json().encode() + b"\n"
    places.ledger(tmp_path).write_bytes(b"".join(written))
    found = ledger.flaws(tmp_path)
    assert found
    assert not any(flaw.torn for flaw in found)
    assert found[0].line in (1, 2, 3)


@given(cut=st.integers(1, 200))
def test_a_line_that_was_torn_is_said_and_hinders_nothing(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    state = tmp_path_factory.mktemp("state")
    written = _written(state, 3)
    places.ledger(state).write_bytes(b"".join(written)[:-cut])
    after = ledger.add(state, LensEntry.MOVED, "after it", actor="ada")
    assert list(ledger.lines(state))[-1] == after
    found = ledger.flaws(state)
    whole = cut == 1  # only its end of line is missing
    assert len(found) == (0 if whole else 1)
    assert all(flaw.torn for flaw in found)


def test_a_torn_line_that_others_follow_on_was_cut_later(tmp_path: Path) -> None:
    written = _written(tmp_path)
    written[1] = written[1][:100] + b"\n"
    places.ledger(tmp_path).write_bytes(b"".join(written))
    assert any(not flaw.torn for flaw in ledger.flaws(tmp_path))


def test_where_no_line_can_be_kept_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "adjust").write_text("no folder")
    with pytest.raises(StateError, match="adjust"):
        ledger.add(tmp_path, LensEntry.MOVE, "a move", actor="ada")


def test_a_line_is_json_with_its_version(tmp_path: Path) -> None:
    (line,) = _written(tmp_path, 1)
    assert json.loads(line)["schema_version"] == 1
