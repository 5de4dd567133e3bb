"""What a library may get wrong is bounded over its life."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mhfd.errors import UsageError
from mhfd.learning.promotion.life import FILE, LIFE, Life, Turn, key_of, share_of


class Shelf:
    """A library's home, for the file of tests alone."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.held = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Counts how often."""
        self.held += 1
        yield

    def append(self, path: Path, document: dict[str, Any]) -> None:
        """One line."""
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")


def made(life: Life, name: str, *, promoted: bool = False) -> Turn:
    """One test, from its turn to its line."""
    key = key_of({"what": name})
    with life.turn(key) as turn:
        life.record(turn, key, "promoted" if promoted else "kept", "because")
    return turn


def test_all_tests_of_a_life_together_have_the_life_s_doubt() -> None:
    assert share_of(1) * LIFE == pytest.approx(0.025)
    shares = [share_of(number) for number in range(1, 200_001)]
    assert sum(shares) < 1
    assert sum(shares) > 0.995
    assert shares == sorted(shares, reverse=True)


def test_each_test_asks_for_more_than_the_one_before(tmp_path: Path) -> None:
    life = Life(Shelf(tmp_path))
    turns = [made(life, f"test {number}") for number in range(4)]
    assert [turn.number for turn in turns] == [1, 2, 3, 4]
    assert [turn.alpha for turn in turns] == [pytest.approx(LIFE * share_of(number)) for number in (1, 2, 3, 4)]
    assert [one.reason for one in life.done()] == ["because"] * 4


def test_the_same_test_again_is_no_new_one(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first, other, again = (made(Life(shelf), name) for name in ("one", "two", "one"))
    assert again == first
    assert other.number == 2
    assert len(Life(shelf).done()) == 2
    assert shelf.held == 3


def test_what_a_promotion_took_goes_to_the_next(tmp_path: Path) -> None:
    life = Life(Shelf(tmp_path))
    made(life, "one", promoted=True)
    second, third = made(life, "two"), made(life, "three")
    assert second.alpha == pytest.approx(LIFE * (share_of(1) + share_of(2)))
    assert third.alpha == pytest.approx(LIFE * share_of(3))


@pytest.mark.parametrize("damage", ["not json\n", "{}\n", ""])
def test_a_damaged_file_promotes_nothing_and_says_which_line(tmp_path: Path, damage: str) -> None:
    life = Life(Shelf(tmp_path))
    for name in ("one", "two"):
        made(life, name)
    path = tmp_path / FILE
    first, second = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text(damage + second if not damage else first + damage, "utf-8")
    with pytest.raises(UsageError, match=rf"{FILE}, line {1 if not damage else 2}: .*models\.home"):
        made(life, "three")
