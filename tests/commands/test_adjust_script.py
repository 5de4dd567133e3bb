"""`mhfd adjust script` gives out what the operator runs at the microscope."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner

from mhfd_client.cli import main
from mhfd_client.instruments import scripts

KINDS = {"micromanager": "micromanager_bridge.py", "sbemimage": "lens_by_files.py", "serialem": "lens_by_files.py"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_file_whole_and_needs_nothing_of_ours(tmp_path: Path, kind: str) -> None:
    into = tmp_path / "script.py"
    written = CliRunner().invoke(main, ["adjust", "script", kind, "--into", str(into)])
    assert written.exit_code == 0, written.output
    assert into.read_bytes() == (Path(scripts.__path__[0]) / KINDS[kind]).read_bytes()
    printed = CliRunner().invoke(main, ["adjust", "script", kind])
    assert printed.output == into.read_text(encoding="utf-8")
    names = [node for node in ast.walk(ast.parse(printed.output)) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {getattr(node, "module", None) or node.names[0].name for node in names}
    assert not [name for name in imported if name.startswith("mhfd")]


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("mine")
    asked = CliRunner().invoke(main, ["adjust", "script", "sbemimage", "--into", str(tmp_path / "script.py")])
    assert asked.exit_code == 2
    assert "is there already; name a new file" in asked.output
