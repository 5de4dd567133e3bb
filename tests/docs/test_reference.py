"""The reference leaves out nothing that can be set, typed, found, said or rung: the lists are the code's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest
from tests.rigs import REPOSITORY
from tests.rigs.typed import every

import mhfd_client.doctor
import mhfd_endpoint
from mhfd.contract.focus_report import Finding
from mhfd_client.alerts.message import Event, Rule
from mhfd_client.arrival.events import Decision
from mhfd_client.journal.rows import Outcome
from mhfd_client.settings import options
from mhfd_client.verdicts.blur.advice import WORDS
from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.verdict import Cause
from mhfd_endpoint.finding import Level

REFERENCE = REPOSITORY / "docs" / "reference"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")}
COMMANDS = list(every())
SHARED = {"--config", "--set", "--state", "--json"}
"""Said once, at the head of the page of commands."""


def test_every_setting_has_its_row() -> None:
    """One row a key, with its default and its meaning as the model has them."""
    rows = {}
    for line in PAGES["settings.md"].splitlines():
        if match := re.fullmatch(r"\| `([a-z_]+\.[a-z_]+)` \| (.+?) \| (.+) \|", line):
            rows[match[1]] = (match[2], match[3])
    assert rows == {key: (default_of(field), field.description) for key, field in options.keys().items()}


def default_of(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (None, {}, ()):
        return "unset"
    if isinstance(value, tuple):
        return " ".join(f"`{part}`" for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize(("names", "command"), COMMANDS, ids=[" ".join(names) for names, _ in COMMANDS])
def test_every_command_and_each_of_its_options_is_there(names: tuple[str, ...], command: click.Command) -> None:
    said = "\n".join(told_of(names))
    assert said, f"no page tells of `mhfd {' '.join(names)}`"
    given = {one for parameter in command.params if isinstance(parameter, click.Option) for one in parameter.opts}
    long = {one for one in given if one.startswith("--")} - SHARED
    assert {one for one in long if not re.search(rf"{one}(?![\w-])", said)} == set()


def told_of(names: tuple[str, ...]) -> Iterator[str]:
    """The lines that have the command as it is typed, and usage and tables below the heading of its first word."""
    typed = re.compile(rf"mhfd {' '.join(names)}(?![\w-])")
    for page in PAGES.values():
        heading = ""
        for line in page.splitlines():
            if line.startswith("## "):
                heading = line[3:].split()[0]
            if typed.search(line) or (heading == names[0] and line.startswith(("|", "`"))):
                yield line


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("report.md", Finding),
        ("verdicts.md", Outcome),
        ("verdicts.md", Cause),
        ("verdicts.md", BlurKind),
        ("alerts.md", Rule),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_everything_that_is_found_said_or_rung_has_its_row(page: str, kind: type[StrEnum]) -> None:
    assert [one.value for one in kind if f"| `{one.value}` |" not in PAGES[page]] == []


def test_what_is_said_of_a_blur_is_there_in_the_programs_own_words() -> None:
    page = PAGES["verdicts.md"]
    assert [name for name in Blur.model_fields if not re.search(rf"^\| .*`{name}`.* \|", page, re.MULTILINE)] == []
    for kind, words in WORDS.items():
        assert f"| `{kind.value}` | {words.size} | {words.advice} |" in page


@pytest.mark.parametrize(
    ("page", "kind"),
    [("alerts.md", Event), ("cli-station.md", Decision), ("cli-station.md", Level)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_every_word_of_a_list_is_there(page: str, kind: type[StrEnum]) -> None:
    assert [one.value for one in kind if f"`{one.value}`" not in PAGES[page]] == []


@pytest.mark.parametrize("package", [mhfd_client.doctor, mhfd_endpoint], ids=lambda package: package.__name__)
def test_every_check_is_named(package: Any) -> None:
    """By the word that its line begins with."""
    found: set[str] = set()
    for module in Path(package.__file__).parent.glob("*.py"):
        found |= set(re.findall(r"\b(?:ok|warn|fail)\(\s*\"([^\"]+)\"", module.read_text(encoding="utf-8")))
    assert len(found) > 8
    pages = PAGES["cli-station.md"] + PAGES["cli-globus.md"]
    assert {name for name in found if f"`{name}`" not in pages} == set()
