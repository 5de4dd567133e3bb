"""README and the program's messages are read where there is no clone: what they link to is a page of the site.

The site is built from docs/ with one page a file (docs/a/b.md is a/b.html), so that each address leads back to a file.
Anchors: the site's build looks for them (tests/docs/test_site.py), README being its home page.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from tests.rigs import REPOSITORY

from mhfd import documentation

README: Final = (REPOSITORY / "README.md").read_text(encoding="utf-8")
DOCS: Final = REPOSITORY / "docs"
LINKS: Final = re.findall(r"\]\(([^)\s]+)\)", README)
PACKAGES: Final = ("client/mhfd_client", "functions/mhfd", "flows/mhfd_flows", "endpoint_config/mhfd_endpoint")
CODE: Final = [
    path
    for package in PACKAGES
    for path in (REPOSITORY / package).rglob("*")
    if path.suffix in {".py", ".html", ".js", ".j2", ".sh"} and "__pycache__" not in path.parts
]


def behind(address: str) -> Path:
    """The file of docs/ that an address of the site is made of."""
    path = urlsplit(address.removeprefix(documentation.HOME)).path
    return DOCS / (f"{path.removesuffix('.html')}.md" if path.endswith(".html") else path)


def wrong_with(address: str) -> str:
    """What is wrong with a link of README; empty when nothing is."""
    if not address.startswith("https://"):
        return "is not absolute: it leads nowhere on the page of the package's index"
    if not address.startswith(documentation.HOME):
        return ""
    if address == documentation.page("index"):
        return ""  # README itself
    page = behind(address)
    return "" if page.is_file() else f"has no {page.relative_to(REPOSITORY)} behind it"


def test_every_link_of_readme_leads_to_a_page_of_the_site() -> None:
    assert len(LINKS) > 10
    assert {link: why for link in LINKS if (why := wrong_with(link))} == {}


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("docs/how-to/login.md", "absolute"),
        (documentation.page("how-to/nothing"), "behind"),
        (documentation.HOME + "images/nothing.png", "behind"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(address: str, word: str) -> None:
    assert word in wrong_with(address)


def test_the_site_is_built_for_the_address_that_messages_have() -> None:
    built = (DOCS / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.findall(r"^site_url: (\S+)$", built, re.MULTILINE) == [documentation.HOME]


def test_the_first_screen_of_readme_has_what_a_stranger_needs() -> None:
    screen = "\n".join(README.splitlines()[:20])
    assert re.search(r"!\[.+\]\(https://\S+\.png\)", screen)
    assert [
        command for command in ("make demo", "make test", "pip install", "mhfd demo") if command not in screen
    ] == []


def test_messages_name_pages_that_are_there_and_no_files_of_a_clone() -> None:
    named = {
        one
        for path in CODE
        for one in re.findall(r"\bdocumentation\.page\([\"']([\w/-]+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert {one for one in named if not (DOCS / f"{one}.md").is_file()} == set()
    files = re.compile(r"docs/[\w/-]+\.md")
    assert {path.name: found for path in CODE if (found := files.findall("\n".join(said_by(path))))} == {}


def said_by(path: Path) -> list[str]:
    """What a file may say: of a module all strings but its own docstring, which is for whoever has the clone."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return [text]
    tree = ast.parse(text)
    strings = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [one for one in strings if inspect.cleandoc(one) != ast.get_docstring(tree)]


def test_the_package_names_the_same_documentation() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == documentation.HOME
