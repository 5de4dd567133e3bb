"""What several people say of one image is one row."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.labelled import row

from mhfd.learning.dataset import Dataset, Side
from mhfd.learning.dataset.settling import settled


@pytest.mark.parametrize(
    ("words", "bad"),
    [
        ([True], True),
        ([True, False], None),
        ([True, False, True], True),
        ([False, None], False),
        ([None, None], None),
        ([True, False, False, True], None),
    ],
)
def test_most_decide_and_even_is_unknown(tmp_path: Path, words: list[bool | None], bad: bool | None) -> None:
    rows = [row(tmp_path, "a.tif", bad=word, said_by=f"p{n}") for n, word in enumerate(words)]
    other = row(tmp_path, "b.tif", bad=False, said_by="p0")
    one, two = settled(Dataset((*rows, other), {"a": Side.TRAIN})).rows
    assert one.target.bad is bad
    assert one.said_by == ("p0" if len(words) == 1 else None)
    assert two == other
