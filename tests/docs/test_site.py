"""The site of docs/ is whole, loads nothing from outside, and opens from a disk.

The build itself checks links, anchors and that every page is in the navigation (`docs/mkdocs.yml`); what is built is
read here as a browser reads it.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import shutil
import socket
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from markdown_it import MarkdownIt
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from playwright.sync_api import Browser, expect
from tests.rigs import REPOSITORY

from mhfd.documentation import HOME

DOCS = REPOSITORY / "docs"
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
SAID_ONLY = {"canonical", "next", "prev", "generator"}
"""What a `link` may be without that a browser loads it."""
README = f"""[one]({HOME}one.html#one), [two](docs/two/two.md "With a title"), [three][3], [here]({HOME}), `{HOME}`

<a href="{HOME}two/two.html#two">four</a>

[3]: {HOME}two/two.html#at-the-end
"""
COUNTED = {"blockquote", "h1", "h2", "h3", "h4", "img", "li", "ol", "pre", "table", "td", "th", "ul"}


class Shown(HTMLParser):
    """What a page holds: what it loads, where it leads, its anchors, and how many of what it shows."""

    def __init__(self, text: str, *, whole: bool = False) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.classes: set[str] = set()
        self.inside = whole
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inside |= tag == "article"
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.classes |= set(given.get("class", "").split())
        if self.inside and tag in COUNTED:
            self.counts[tag] += 1
        if tag in LOADED and LOADED[tag] in given:
            self.loads.append(given[LOADED[tag]])
        if tag == "link" and given.get("rel") not in SAID_ONLY:
            self.loads.append(given["href"])
        if "style" in given:
            self.loads += addresses(given["style"])
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.loads += addresses(data)


def addresses(style: str) -> list[str]:
    """What a style sheet loads."""
    return [url for url in re.findall(r"(?:url\(|@import\s+)[\"']?([^\"')\s;]+)", style) if not url.startswith("data:")]


def is_outside(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def built(config: Path, into: Path) -> Path:
    """Without a network: whoever asks for one is told so."""

    def refused(*_: object) -> None:
        raise AssertionError("the build asks for a network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.setattr(socket.socket, "connect", refused)
        patch.setattr(socket, "getaddrinfo", refused)
        build(load_config(str(config), site_dir=str(into)))
    return into


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(DOCS / "mkdocs.yml", tmp_path_factory.mktemp("site"))


@functools.cache
def shown(page: Path) -> Shown:
    return Shown(page.read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_outside(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 80
    loaded = {url: page.name for page in pages for url in shown(page).loads}
    loaded |= {url: sheet.name for sheet in site.rglob("*.css") for url in addresses(sheet.read_text(encoding="utf-8"))}
    assert {url: page for url, page in loaded.items() if is_outside(url)} == {}


def test_the_theme_has_no_reason_to_fetch(site: Path) -> None:
    """Its script would fetch two things: a library where a page draws with Mermaid, and facts of a repository."""
    (script,) = site.glob("assets/javascripts/bundle.*.js")
    text = script.read_text(encoding="utf-8")
    fetched = set(re.findall(r"https?://(?!clipboardjs\.com)[\w.$-]*\{?\w*", text))
    assert fetched == {"https://api.github.com", "https://unpkg.com", "https://${e"}
    assert "mermaid" in text
    for page in site.rglob("*.html"):
        assert {"mermaid", "md-source"} & shown(page).classes == set(), page


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    lost = []
    for page in site.rglob("*.html"):
        here = page.relative_to(site).as_posix()
        base = "file:///" if here == "404.html" else f"file:///{here}"
        for address in {*shown(page).leads, *shown(page).loads}:
            if is_outside(address) or address.startswith("mailto:") or page.name == "404.html":
                continue
            parts = urlsplit(urljoin(base, address))
            target = site / unquote(parts.path).lstrip("/")
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in shown(target).anchors):
                lost.append(f"{here}: {address}")
    assert lost == []


def test_the_home_page_is_the_readme_with_links_that_stay_here(site: Path) -> None:
    home = shown(site / "index.html")
    assert home.counts["h1"] == 1
    assert {"images/page.png", "tutorial/first-watch.html"} <= {*home.loads, *home.leads}
    assert [url for url in home.leads if "readthedocs.io" in url] == []


def test_a_notebook_is_a_page_that_gives_the_file_too(site: Path) -> None:
    page = site / "how-to" / "use-an-endpoint-notebook.html"
    assert "use-an-endpoint.ipynb" in shown(page).leads
    assert shown(page).counts["pre"] == 6
    assert "use-an-endpoint-notebook.html" in shown(site / "how-to" / "use-an-endpoint.html").leads


def test_a_page_has_the_lists_and_tables_that_an_editor_shows(site: Path) -> None:
    """Two readers of Markdown differ: the site's wants a blank line before a list, four spaces before an inner one."""
    editor = MarkdownIt("commonmark").enable("table")
    other = {}
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS)
        wanted = Shown(editor.render(page.read_text(encoding="utf-8")), whole=True).counts
        found = shown(site / name.with_suffix(".html")).counts
        other[name.as_posix()] = {tag: (wanted[tag], found[tag]) for tag in COUNTED if wanted[tag] != found[tag]}
    assert {name: differs for name, differs in other.items() if differs} == {}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A docs/ of two pages beside a README, with our configuration but for its list of pages."""
    docs = tmp_path / "docs"
    shutil.copytree(DOCS / "site", docs / "site", ignore=shutil.ignore_patterns("__pycache__"))
    ours = (DOCS / "mkdocs.yml").read_text(encoding="utf-8")
    (docs / "mkdocs.yml").write_text(ours[: ours.index("nav:\n")] + "nav: [index.md, one.md, Two: two/*.md]\n")
    (docs / "two").mkdir()
    (docs / "one.md").write_text("# One\n\n[two](two/two.md#at-the-end)\n")
    (docs / "two" / "two.md").write_text("# Two\n\n## At the end\n\n[first](../../README.md)\n")
    (tmp_path / "README.md").write_text(README)
    return docs


def test_a_link_to_the_site_stays_where_it_is_read(small: Path, tmp_path: Path) -> None:
    into = built(small / "mkdocs.yml", tmp_path / "out")
    home = Shown((into / "index.html").read_text(encoding="utf-8"))
    leads = {"one.html#one", "two/two.html", "two/two.html#at-the-end", "two/two.html#two", "index.html"}
    assert leads <= set(home.leads)
    assert [url for url in home.leads if url.startswith(HOME)] == []
    assert "../index.html" in Shown((into / "two" / "two.html").read_text(encoding="utf-8")).leads


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        ("docs/one.md", "[two](two/three.md)", "two/three.md"),
        ("docs/one.md", "[two](two/two.md#nowhere)", "#nowhere"),
        ("docs/one.md", "[code](../pyproject.toml)", "pyproject.toml"),
        ("docs/three.md", "# In no list", "three.md"),
        ("docs/index.md", "# Home", "index.md"),
        ("docs/one.ipynb", json.dumps({"cells": [{"source": "1", "outputs": [{}]}]}), "one.ipynb has outputs"),
        ("README.md", "[one](HOME/three.html)", "three.md"),
        ("README.md", "[one](HOME/one.html#nowhere)", "#nowhere"),
        ("README.md", "![one](HOME/images/none.png)", "images/none.png"),
    ],
    ids=[
        "page",
        "anchor",
        "file that is no page",
        "page in no list",
        "two of a name",
        "outputs",
        "home: page",
        "home: anchor",
        "home: picture",
    ],
)
def test_what_leads_nowhere_ends_the_build(
    page: str, text: str, said: str, small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / page).write_text(text.replace("HOME/", HOME))
    with caplog.at_level(logging.WARNING, logger="mkdocs"), pytest.raises(Abort):
        built(small / "mkdocs.yml", tmp_path / "out")
    assert said in caplog.text


@pytest.mark.browser
def test_it_opens_from_a_disk_and_is_searched_there(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto((site / "index.html").as_uri())
    page.locator("[data-md-component=search-query]").click()
    page.keyboard.type("snooze")
    found = page.locator(".md-search-result__link", has_text="Be told at night")
    expect(found.first).to_be_visible(timeout=20_000)
    found.first.click()
    expect(page.locator("h1")).to_contain_text("Be told at night")
    page.close()
    assert [url for url in asked if not url.startswith(site.as_uri())] == []
    assert failed == []
