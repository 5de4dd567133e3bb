"""One version, said in three places: the package, the newest heading of CHANGELOG.md, and CITATION.cff."""

from __future__ import annotations

import datetime
import itertools
import re
from collections import Counter
from typing import Any

import pytest
import yaml

import mhfd
from tests.rigs import REPOSITORY
from tests.rigs.changelog import changes, dated

CITATION: dict[str, Any] = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
PAPERS = CITATION["references"]


def test_the_newest_version_is_the_packages() -> None:
    assert dated()[0].version == mhfd.__version__, "the newest dated heading of CHANGELOG.md and functions/mhfd"


def test_versions_and_dates_fall_from_the_newest_on() -> None:
    for newer, older in itertools.pairwise(dated()):
        assert newer.number > older.number, f"{newer.version} stands above {older.version}"
        assert newer.date is not None
        assert older.date is not None
        assert newer.date >= older.date, f"{newer.version} is older than {older.version}"


def test_what_waits_stands_above_every_version() -> None:
    waiting = [one for one in changes() if one.version is None]
    assert changes()[: len(waiting)] == waiting
    assert len(waiting) <= 1


def test_every_version_says_something_and_every_line_stands_once() -> None:
    assert [one.version for one in dated() if not one.lines] == []
    counted = Counter(line for one in changes() for line in one.lines)
    assert [line[:80] for line, times in counted.items() if times > 1] == [], "take out the second one"


@pytest.mark.parametrize("heading", ["## 0.9", "## 0.9.0", "## 0.9.0 - 30.11.2026", "## Next", "## 0.9.0 - 2026-13-01"])
def test_a_heading_that_is_no_version_is_named(heading: str) -> None:
    with pytest.raises(ValueError, match=re.escape(heading) if "13" not in heading else "month"):
        changes(f"# Changelog\n\n{heading}\n\n- a line\n")


def test_the_citation_is_of_this_version() -> None:
    assert CITATION["version"] == dated()[0].version
    assert CITATION["date-released"] == dated()[0].date


def test_the_citation_has_what_the_format_asks_for() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type", "license", "abstract", "url", "keywords"} <= set(CITATION)
    assert CITATION["type"] == "software"
    assert CITATION["license"] == "MIT"
    assert isinstance(CITATION["date-released"], datetime.date)
    for paper in PAPERS:
        assert {"type", "title", "authors", "year", "doi"} <= set(paper), paper["title"]
        assert all({"family-names", "given-names"} <= set(author) for author in paper["authors"])
        assert re.fullmatch(r"10\.\d{4,}/\S+", paper["doi"])


def test_the_three_papers_are_cited() -> None:
    assert [(paper["authors"][0]["family-names"], paper["year"], len(paper["authors"])) for paper in PAPERS] == [
        ("Levental", 2021, 5),
        ("Zinchuk", 2020, 2),
        ("Datta", 2019, 7),
    ]
    assert "2108.12050" in PAPERS[0]["doi"]


def test_nobody_elses_paper_stands_for_the_program() -> None:
    """`preferred-citation` would be cited instead of it: decision 47."""
    assert "preferred-citation" not in CITATION
    assert PAPERS[0]["title"] in CITATION["message"]
