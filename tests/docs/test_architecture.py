"""The drawn road, and the page below it, are the folders' own."""

from __future__ import annotations

import ast
import re
import runpy
from typing import Any

import pytest
from tests.rigs import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = (DOCS / "explanation" / "architecture.md").read_text("utf-8")
PACKAGES = ("client/mhfd_client", "functions/mhfd", "flows/mhfd_flows", "endpoint_config/mhfd_endpoint")
FOLDERS = {
    f"{init.parent.relative_to(REPOSITORY).as_posix()}/": init
    for package in PACKAGES
    for init in [REPOSITORY / package / "__init__.py", *(REPOSITORY / package).glob("*/__init__.py")]
}
"""The packages and the folders in them, as the page writes them; what lies deeper is on the map of development."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(DOCS / "figures"))
    return runpy.run_path(str(DOCS / "figures" / "architecture.py"))


def numbered() -> dict[str, str]:
    """The step of the road that a folder says it is, in the first word of its docstring."""
    said = {folder: ast.get_docstring(ast.parse(init.read_text("utf-8"))) or "" for folder, init in FOLDERS.items()}
    return {folder: step[1] for folder, words in said.items() if (step := re.match(r"\[(\w+)\]", words))}


def rows() -> dict[str, list[str]]:
    """The folders of each row of the page's first table, by the row's number."""
    table = PAGE.partition("## The road, step by step")[2].partition("\n## ")[0]
    cells = [re.split(r" \| |^\| | \|$", line) for line in table.splitlines() if line.startswith("|")][2:]
    return {cell[1]: re.findall(r"`([\w/]+/)`", line) for cell in cells if (line := cell[-2])}


def test_every_folder_is_on_the_page_and_none_that_is_not_there() -> None:
    assert set(re.findall(r"`((?:client|functions|flows|endpoint_config)/[\w/]+/)`", PAGE)) == set(FOLDERS) - {
        "client/mhfd_client/"
    }


def test_every_folder_that_is_drawn_is_there(script: dict[str, Any]) -> None:
    assert set(script["FOLDERS"]) <= set(FOLDERS)


def test_the_steps_are_the_folders_own(script: dict[str, Any]) -> None:
    """A folder that says it is a step is drawn as that step, and a step that is drawn says so."""
    drawn = {f"{script['STATION']}/{folder}/": number for number, _, folder, *_ in (*script["WAYS"], *script["STEPS"])}
    assert {folder: drawn.get(folder) for folder in numbered()} == numbered()
    seam = f"{script['STATION']}/runners/"  # [3] is a seam: its two far ways are 3a and 3b
    assert set(drawn) - set(numbered()) == {seam}


def test_the_page_and_the_picture_have_the_same_steps(script: dict[str, Any]) -> None:
    told = {number: folders[0] for number, folders in rows().items() if number.isdigit()}
    assert told == {number: f"{script['STATION']}/{folder}/" for number, _, folder, _ in script["STEPS"]}


def test_the_picture_is_of_the_script(script: dict[str, Any]) -> None:
    for name, drawn in script["road"]().items():
        assert drawn == (DOCS / "images" / name).read_text("utf-8"), "run: python docs/figures/architecture.py"
        assert f"../images/{name}" in PAGE


def test_every_word_of_the_picture_lies_within_its_box(script: dict[str, Any]) -> None:
    """As near as it can be told without drawing it: 7.6 units a letter of 14, bold."""
    words = [f"{number} {words}" for number, words, *_ in script["STEPS"]]
    assert max(len(one) for one in words) * 7.6 <= 132
    assert max(len(words) for _, words, _ in script["WAYS"]) * 7.6 <= 168
    assert max(len(words) for words, _ in script["SCORING"]) * 7.6 <= 150
