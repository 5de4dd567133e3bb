"""Every example in the documentation runs.

Blocks fenced as `python` run in order, one namespace a page; in blocks fenced as `console` each line that begins with
`$ ` runs as in a shell, and a following `# exit N` is the exit code it must have. Both find `tile.tif`, `run/*.tif`
and `blurred.tif` in their folder, but for those of tutorials, which make themselves what they need. Blocks fenced as
`shell-session` need Globus: tests/docs/test_docs_flow.py and tests/works/test_long_work_page.py type them. Those fenced
as `py` are modules of their own: tests/images/test_readers.py installs and runs them. Those fenced as `sh` install or
need a machine we don't have, and are not run. Links: tests/docs/test_site.py.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from tests.rigs import REPOSITORY
from tests.rigs.typed import typed_here

from mhfd import simulate

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
HOW_TO = REPOSITORY / "docs" / "how-to"
TUTORIALS = [
    *sorted((REPOSITORY / "docs" / "tutorial").glob("*.md")),
    HOW_TO / "adjust.md",
    HOW_TO / "train-a-network.md",
    HOW_TO / "learn-for-your-microscope.md",
]
MARKS = {  # learners are taught in these
    "teach": [pytest.mark.soak],
    "adjust": [pytest.mark.soak],
    "train-a-network": [pytest.mark.learn],
    "learn-for-your-microscope": [pytest.mark.learn],
}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS_SHELL = re.compile(r"[|&;<>$]|\*/ ")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "run").mkdir()
    sharp, blurred = simulate.focus_series((384, 384), seed=2, defocus_um=[0.0, 3.0])
    for name in ("tile.tif", "run/S_001.tif", "run/S_002.tif"):
        tifffile.imwrite(tmp_path / name, sharp)
    tifffile.imwrite(tmp_path / "blurred.tif", blurred)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if blocks(p, "python") and p not in TUTORIALS],
    ids=lambda p: str(p.relative_to(REPOSITORY)),
)
def test_python_examples_run(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for body in blocks(page, "python"):
        exec(compile(body, str(page), "exec"), names)  # noqa: S102 - our own documentation


def typed(command: str) -> tuple[int, str]:
    """Exit code, and what it says. What needs no shell runs in this process: most starts of Python are saved."""
    words = shlex.split(command, comments=True)
    if words[0] == "mhfd" and not NEEDS_SHELL.search(command):
        return typed_here(words[1:])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-c", command]
    done = subprocess.run(
        shell, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if blocks(p, "console") and p not in TUTORIALS],
    ids=lambda p: str(p.relative_to(REPOSITORY)),
)
def test_console_examples_run(page: Path, folder: Path) -> None:
    for body in blocks(page, "console"):
        follow(page, body)


def follow(page: Path, body: str) -> None:
    """Type what a block says is typed, and see what it says is seen."""
    lines = body.splitlines()
    for i, line in enumerate(lines):
        if not line.startswith("$ "):
            continue
        command, _, wanted = line[2:].partition("# exit ")
        code, told = typed(command)
        assert code == int(wanted or 0), f"{page}: {command}\n{told}"
        shown = lines[i + 1] if i + 1 < len(lines) and not lines[i + 1].startswith("$ ") else None
        if shown and not shown.startswith("..."):
            assert shown.split()[0] in told, f"{page}: {command} does not print {shown!r}"


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, id=p.stem, marks=MARKS.get(p.stem, [])) for p in TUTORIALS],
)
def test_a_tutorial_needs_nothing_but_what_it_makes_itself(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty folder, block after block, as a reader goes: whoever has the package alone gets to its end."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "console":
            follow(page, body)
        elif kind == "python":
            exec(compile(body, str(page), "exec"), names)  # noqa: S102 - our own documentation
