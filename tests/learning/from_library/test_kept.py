"""What is kept of a learning: the same words are the same, new labels another, and what is damaged is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mhfd.errors import UsageError
from mhfd_client.learning.from_library.kept import KeptLearning, learnings

ASKED: dict[str, Any] = {"dataset": "d" * 64, "instrument": "north scope/1", "task": "focus", "seed": 0}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def begun(asked: dict[str, Any] | None = None, **options: Any) -> KeptLearning:
    return KeptLearning.begun(asked or ASKED, **{"key": None, "afresh": False, "champion": None, **options})


def test_the_same_words_are_the_same_and_who_judged_then_is_kept() -> None:
    first = begun(champion="a" * 64)
    first.keep(assessment={"best": None})
    again = begun(champion="b" * 64)
    assert (again.key, again.champion, again.get("assessment")) == (first.key, "a" * 64, {"best": None})
    assert again.get("came") is None


def test_other_images_are_another_and_afresh_is_the_next() -> None:
    first = begun()
    assert begun(ASKED | {"dataset": "e" * 64}).key != first.key
    anew = begun(afresh=True, champion="c" * 64)
    assert (anew.key, anew.champion) == (f"{first.key}-2", "c" * 64)
    assert begun().key == anew.key, "from then on that one is gone on with"


def test_a_key_fits_the_longest_step_of_a_work() -> None:
    key = begun(ASKED | {"instrument": "x" * 64, "task": "segment"}).key
    assert len(f"{key}-12-benchmark-12") <= 64
    assert set(begun().key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_a_key_that_is_said_is_of_one_learning() -> None:
    assert begun(key="mine").key == "mine"
    assert begun(key="mine").key == "mine"
    with pytest.raises(UsageError, match="key: mine is that of something else that was learned"):
        begun(ASKED | {"seed": 1}, key="mine")


@pytest.mark.parametrize("key", ["a b", "../up", "", "x" * 51])
def test_a_key_that_no_work_could_have_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="key"):
        begun(key=key or " ")
    assert not list(learnings().glob("*"))


def test_what_was_kept_and_is_damaged_is_named() -> None:
    (learnings() / f"{begun().key}.json").write_text("{")
    with pytest.raises(UsageError, match=r"learned/learn-focus-.*\.json: what was kept cannot be read .*; remove it"):
        begun()
