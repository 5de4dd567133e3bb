"""What the methods page says was measured is what its benchmark wrote."""

from __future__ import annotations

import re

import numpy as np
import pytest
from benchmarks import _laws
from tests.rigs import REPOSITORY

from mhfd.contract.params import PRESETS

PAGE = (REPOSITORY / "docs" / "explanation" / "methods.md").read_text(encoding="utf-8")
MEASURED = (REPOSITORY / "docs" / "benchmarks" / "methods.md").read_text(encoding="utf-8")
QUOTED = re.compile(r"\[([^\]]+)\]\(\.\./benchmarks/methods\.md\):\n\n((?:\|.*\n)+)")
FIGURE = re.compile(r"(?<![\w.])[+-]?\d\.\d{3,4}\b")


def cells(table: str) -> dict[tuple[str, str], str]:
    """What stands in each row under each column."""
    head, _, *body = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines())
    return {(row[0], column): value for row in body for column, value in zip(head[1:], row[1:], strict=True)}


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", MEASURED, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


QUOTES = QUOTED.findall(PAGE)


@pytest.mark.parametrize(("section", "table"), QUOTES, ids=[section for section, _ in QUOTES])
def test_a_quoted_table_is_as_it_was_measured(section: str, table: str) -> None:
    whole = sections()[section]
    measured = cells(whole[whole.index("\n|") + 1 :].split("\n\n")[0])
    quoted = cells(table)
    assert quoted
    assert {place: measured.get(place) for place in quoted} == quoted


def test_every_figure_in_the_text_is_of_the_benchmark() -> None:
    said = set(FIGURE.findall(re.sub(r"^\|.*$", "", PAGE, flags=re.MULTILINE)))
    assert said
    assert said - set(FIGURE.findall(MEASURED)) == set()


def test_it_tells_of_every_preset() -> None:
    assert [name for name in PRESETS if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("law", _laws.LAWS)
def test_a_law_is_found_by_what_it_made(law: str) -> None:
    z = np.linspace(-1.0, 1.4, 9)
    logs = 5 + _laws.LAWS[law](np.abs(z - 0.2) / 2.0)
    errors = {other: _laws.left_out(other, z, logs, focus=0.2) for other in _laws.LAWS}
    assert min(errors, key=lambda other: errors[other]) == law
    for focus in (None, 0.2):
        found = _laws.fit(law, z, logs, focus=focus)
        assert (found.level, found.length, found.focus) == pytest.approx((5, 2, 0.2), abs=0.01)
