"""The map of the code has every folder, with the words that it has for itself."""

from __future__ import annotations

import ast
import re

from tests.rigs import REPOSITORY

PAGE = (REPOSITORY / "docs" / "explanation" / "development.md").read_text(encoding="utf-8")
PACKAGES = ("client/mhfd_client", "functions/mhfd", "flows/mhfd_flows", "endpoint_config/mhfd_endpoint")


def test_every_folder_is_on_the_map_with_its_own_first_line() -> None:
    found = {}
    for package in PACKAGES:
        for init in [*(REPOSITORY / package).rglob("__init__.py")]:
            said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
            found[f"{init.parent.relative_to(REPOSITORY).as_posix()}/"] = said.splitlines()[0]
    assert dict(re.findall(r"^\| `([\w/]+/)` \| (.+) \|$", PAGE, re.MULTILINE)) == found


def test_the_tests_lie_in_the_same_folders() -> None:
    folders = {init.parent.name for package in PACKAGES for init in (REPOSITORY / package).glob("*/__init__.py")}
    ours = {path.name for path in (REPOSITORY / "tests").iterdir() if any(path.rglob("*.py"))} - {"tests"}
    packages = {"flows", "endpoint_config", "docs", "house", "rigs", "stand_ins", "suite"}
    assert ours - packages <= folders
    assert folders <= ours, "a folder without tests"


def test_every_command_of_make_that_it_names_is_there() -> None:
    made = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", PAGE)) <= made
