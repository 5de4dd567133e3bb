"""No test is built on another: what two of them need is a rig."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.rigs import REPOSITORY

TESTS = REPOSITORY / "tests"


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, and every name that it takes from one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_test_is_imported() -> None:
    files = {path: imported(path) for path in TESTS.rglob("*.py")}
    assert len(files) > 100
    assert "tests.rigs.REPOSITORY" in files[Path(__file__)]
    tests = {"tests." + ".".join(path.relative_to(TESTS).with_suffix("").parts) for path in TESTS.rglob("test_*.py")}
    found = {str(path): sorted(names) for path, names in files.items() for name in names if within(name, tests)}
    assert found == {}


def within(name: str, modules: set[str]) -> bool:
    """It is one of these modules, or something in one; by its whole name or by its file's."""
    parts = name.split(".")
    return parts[0].startswith("test_") or any(".".join(parts[:count]) in modules for count in range(len(parts) + 1))


def test_no_rig_is_collected() -> None:
    assert list((TESTS / "rigs").rglob("test_*")) == []
