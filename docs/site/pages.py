"""What the site is made of: a hook of MkDocs.

The pages lie in docs/, which MkDocs refuses as the folder of its pages because mkdocs.yml lies there too; here they
are added. So are texts from beside docs/ (the README is the home page) and notebooks, each as a page. Nothing is
copied in the repository, and nothing is loaded from outside.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS: Final = Path(__file__).parents[1]
BESIDE: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CITATION.cff": "project/citation.md",
    "LICENSE": "project/license.md",
}
"""Texts that lie beside docs/ -> what they are called in the site."""
SHOWN: Final = {".md", ".png", ".svg", ".ipynb"}
"""What of docs/ is in the site; scripts that draw its figures are not."""
LINK: Final = re.compile(r'(\]\(|^\[[^\]\n]+\]: +|\b(?:src|href)=")([^)\s#"<>]+)(#[^)\s"<>]*)?', re.MULTILINE)
"""What stands before the target of a link, in Markdown or HTML; the target; its anchor."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder that the navigation names by `*` is listed whole, in the order of its names."""
    every = sorted([*named(), *(notebook_page(name) for name in named() if name.endswith(".ipynb"))])
    for entry in config.nav or []:
        for title, pages in entry.items() if isinstance(entry, dict) else ():
            if isinstance(pages, str) and pages.endswith("/*.md"):
                folder = pages.removesuffix("*.md")
                entry[title] = [name for name in every if name.startswith(folder) and name.endswith(".md")]
    config.watch.append(str(DOCS))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """All that the site shows, by the names that it has there."""
    for name, path in named().items():
        if name.endswith(".md") and path.suffix != ".md":
            files.append(File.generated(config, name, content=of_text(path)))
        else:
            files.append(File.generated(config, name, abs_src_path=str(path)))
        if path.suffix == ".ipynb":
            files.append(File.generated(config, notebook_page(name), content=of_notebook(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site needs them: within itself, and to the page of a notebook, not to its file."""
    here = page.file.src_uri
    folder = posixpath.dirname(next((top for top, name in BESIDE.items() if name == here), f"{DOCS.name}/{here}"))

    def turned(link: re.Match[str]) -> str:
        before, target, anchor = link.groups(default="")
        if target.startswith(str(config.site_url)):
            name = target.removeprefix(str(config.site_url)) or "index.html"
            name = re.sub(r"\.html$", ".md", name)
        elif re.match(r"[a-z]+:", target):
            return link[0]
        else:
            whole = posixpath.normpath(posixpath.join(folder, target))
            name = BESIDE.get(whole, whole.removeprefix(f"{DOCS.name}/"))
        if name.endswith(".ipynb") and notebook_page(name) != here:
            name = notebook_page(name)
        if before.endswith('="'):  # MkDocs leaves what is HTML already as it is
            name = re.sub(r"\.md$", ".html", name)
        return before + posixpath.relpath(name, posixpath.dirname(here) or ".") + anchor

    return LINK.sub(turned, markdown)


def named() -> dict[str, Path]:
    """What a file is called in the site -> where it lies."""
    found = {
        path.relative_to(DOCS).as_posix(): path
        for path in sorted(DOCS.rglob("*"))
        if path.suffix in SHOWN and not path.is_relative_to(Path(__file__).parent)
    }
    beside = {name: DOCS.parent / top for top, name in BESIDE.items() if (DOCS.parent / top).exists()}
    if both := found.keys() & beside.keys():
        raise PluginError(
            f"in docs/ and beside it: {', '.join(sorted(both))}; name one otherwise, in docs/site/pages.py"
        )
    return beside | found


def notebook_page(name: str) -> str:
    """The page of a notebook; a page of its own name may lie beside it."""
    return f"{name.removesuffix('.ipynb')}-notebook.md"


def of_text(path: Path) -> str:
    """What is no page by itself, as one: word by word, below its name."""
    kind = "yaml" if path.suffix == ".cff" else "text"
    return f"# {path.stem.title()}\n\n````{kind}\n{path.read_text(encoding='utf-8')}\n````\n"


def of_notebook(path: Path) -> str:
    """Its cells as a page: what was written stands as it is, what runs in a block."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    if any(cell.get("outputs") for cell in cells):
        raise PluginError(f"{path.name} has outputs, which age: clear them before it is committed")
    title, *others = (
        "".join(cell["source"]) if cell["cell_type"] == "markdown" else f"```python\n{''.join(cell['source'])}\n```"
        for cell in cells
    )
    return "\n\n".join([title, f"[This notebook as a file]({path.name})", *others])
