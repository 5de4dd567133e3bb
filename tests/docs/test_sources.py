"""What the page of sources says is built can be found: each row's command, setting, name or page is there.

A row is `| where | what it says | state | shown by, or why |`. What stands in backticks in its last column and looks
like a command, a setting or a Python name must be one; a page that is linked must exist. That the words of a row are
true is for who reads it to judge: no test can.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import click
import pytest
from tests.rigs import REPOSITORY
from tests.rigs.typed import every

from mhfd.contract import PRESETS, Finding, FocusReport
from mhfd_client.settings import options

DOCS = REPOSITORY / "docs"
FOLDER = DOCS / "explanation"
PAGE = (FOLDER / "sources.md").read_text(encoding="utf-8")
SOURCES = ("000", "001", "002", "003", "004")
STATES = ("built", "changed", "left out", "not yet")
LATER = ("any size and many processors",)
COMMANDS = dict(every())
MADE = set(re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
SETTINGS = options.keys()
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
KNOWN = {*PRESETS, *Finding, *FocusReport.model_fields}


@dataclass(frozen=True)
class Row:
    """One thing that a source says."""

    source: str
    cells: tuple[str, ...]
    line: int

    @property
    def state(self) -> str:
        return self.cells[2].partition(":")[0]

    @property
    def later(self) -> str:
        return self.cells[2].partition(": ")[2]

    @property
    def shown(self) -> str:
        return self.cells[3]


def rows_of(page: str) -> list[Row]:
    found, source = [], ""
    for number, line in enumerate(page.splitlines(), 1):
        if match := re.fullmatch(r"## Source (\d{3}): .+", line):
            source = match[1]
        elif line.startswith("## "):
            source = ""
        elif source and line.startswith("| ") and not line.startswith(("| where", "|---")):
            found.append(Row(source, tuple(cell.strip() for cell in line.strip("|").split(" | ")), number))
    return found


ROWS = rows_of(PAGE)


def named(text: str) -> tuple[list[str], list[str]]:
    """What a cell names that is there, and what it names that is not."""
    there: list[str] = []
    not_there: list[str] = []
    for quoted in re.findall(r"`([^`]+)`", text):
        known = is_there(quoted)
        if known is not None:
            (there if known else not_there).append(quoted)
    for target in LINK.findall(text):
        (there if (FOLDER / target).is_file() else not_there).append(target)
    return there, not_there


@functools.cache
def is_there(quoted: str) -> bool | None:
    """None: it is neither a command nor a setting nor a name of ours, and nothing is said of it."""
    words = quoted.split()
    if words[0] == "mhfd" and len(words) > 1:
        return is_command(words[1:])
    if words[0] == "make" and len(words) > 1:
        return words[1] in MADE
    if words[:2] == ["python", "-m"]:
        module = REPOSITORY / f"{words[2].replace('.', '/')}.py"
        options_of = [word for word in words[3:] if word.startswith("--") and word != "--help"]
        return module.is_file() and all(f'"{one}"' in module.read_text(encoding="utf-8") for one in options_of)
    if re.fullmatch(r"(mhfd|mhfd_\w+)(\.\w+)+(\(.*\))?", quoted):
        return is_name(quoted.partition("(")[0])
    if re.fullmatch(r"[a-z]+\.[a-z_]+( = .+)?", quoted) and quoted.partition(".")[0] in options.Settings.model_fields:
        return quoted.partition(" ")[0] in SETTINGS
    if re.fullmatch(r"\w+", quoted):
        return quoted in KNOWN or None
    return None


def is_command(words: list[str]) -> bool:
    """The command exists, and has each option that is named."""
    if words[0].startswith("-"):
        return words == ["--help"] or words == ["--version"]
    length = max((n for n in range(1, len(words) + 1) if tuple(words[:n]) in COMMANDS), default=0)
    if length == 0:
        return False
    command = COMMANDS[tuple(words[:length])]
    if isinstance(command, click.Group) and words[length:] and not words[length].startswith("-"):
        return False
    given = {one for parameter in command.params for one in parameter.opts} | {"--help"}
    return all(word.partition("=")[0] in given for word in words[length:] if word.startswith("-"))


def is_name(dotted: str) -> bool:
    """It can be imported, or is a field of a model that can."""
    first, *parts = dotted.split(".")
    path = first
    thing: Any = importlib.import_module(first)
    for part in parts:
        path += f".{part}"
        if part in getattr(thing, "model_fields", {}):
            return True
        if not hasattr(thing, part) and isinstance(thing, ModuleType) and find_spec(path) is not None:
            importlib.import_module(path)
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def test_each_row_has_a_state_and_says_where_or_why() -> None:
    wrong = []
    for row in ROWS:
        whole = len(row.cells) == 4 and all(row.cells) and row.state in STATES
        if not whole or (row.state == "not yet") != bool(row.later) or (row.later and row.later not in LATER):
            wrong.append((row.line, row.cells))
    assert wrong == []


def test_what_is_built_or_changed_can_be_looked_up() -> None:
    assert [
        (row.line, row.shown) for row in ROWS if row.state in ("built", "changed") and not named(row.shown)[0]
    ] == []


def test_whatever_a_row_names_is_there() -> None:
    assert [(row.line, missing) for row in ROWS if (missing := named(" ".join(row.cells))[1])] == []


def test_what_we_measured_is_what_the_benchmarks_page_says() -> None:
    """Times, and whatever has a decimal point, beside `python -m benchmarks.X`: there, or in a page that is linked."""
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "benchmarks").glob("*.md")]
    wrong = []
    for row in ROWS:
        if modules := re.findall(r"`python -m (benchmarks\.\w+)", row.shown):
            linked = [(FOLDER / target).read_text(encoding="utf-8") for target in LINK.findall(row.shown)]
            text = "\n".join(linked + [page for page in pages if any(module in page for module in modules)])
            said = re.findall(r"(?<![\w.])(\d*\.\d+|\d+(?= ms))(?!\w)", re.sub(r"`[^`]*`|\]\([^)]*\)", "", row.shown))
            wrong += [(row.line, one) for one in said if not re.search(rf"(?<!\d){re.escape(one)}(?!\d)", text)]
    assert wrong == []


def test_each_source_has_its_rows_and_the_count_is_right() -> None:
    counted = {source: Counter(row.state for row in ROWS if row.source == source) for source in SOURCES}
    assert {row.source for row in ROWS} == set(SOURCES)
    said = {
        match[1]: [int(cell) for cell in match[2].split(" | ")]
        for match in re.finditer(r"^\| \[(\d{3})\]\(.*?\).* \| (\d+ \| \d+ \| \d+ \| \d+) \|$", PAGE, re.MULTILINE)
    }
    assert said == {source: [count[state] for state in STATES] for source, count in counted.items()}


@pytest.mark.parametrize(
    ("quoted", "there"),
    [
        ("mhfd watch DIR --runner compute", True),
        ("mhfd watch --focus", False),
        ("mhfd flow deploy", True),
        ("mhfd flow fly", False),
        ("mhfd train focus DATASET", True),
        ("mhfd unlearn", False),
        ("make demo", True),
        ("make coffee", False),
        ("python -m benchmarks.speed", True),
        ("python -m benchmarks.station --memory 20000", True),
        ("python -m benchmarks.station --mass 20000", False),
        ("python -m benchmarks.weight", False),
        ("mhfd.Params.n", True),
        ("mhfd.Params.m", False),
        ("mhfd_client.score(endpoint=...)", True),
        ("mhfd_client.train", True),
        ("mhfd_client.untrain", False),
        ('score.device = "gpu"', True),
        ("score.devices", False),
        ("paper_text", True),
        ("argmax", None),
    ],
)
def test_a_name_that_leads_nowhere_is_noticed(quoted: str, there: bool | None) -> None:
    assert is_there(quoted) is there
