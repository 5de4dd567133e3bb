"""`instrument.toml`: what it says, and what is said where it cannot be used."""

import ast
import sys
from pathlib import Path

import pytest
from tests.rigs import REPOSITORY

from mhfd_client.errors import SettingsError
from mhfd_client.instruments.config import NAME, config_of

GOOD = """
kind = "pretend"
address = "/scope"
[limits]
low_um = 4000
high_um = 6000.5
"""


def test_a_file_is_read_and_allows_nothing_by_itself(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(GOOD.replace("4000", "4000.0"))
    config = config_of(tmp_path)
    assert (config.kind, config.allow, config.limits.step_um) == ("pretend", "off", 10.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = ", "is no TOML"),
        (GOOD.replace("pretend", "zeiss"), "kind"),
        (GOOD.replace("6000.5", "1.0"), "limits: low_um"),
        (GOOD.replace("4000", "-3"), "limits.low_um: -3 has to be 0 or more"),
        ('allow = "yes"\n' + GOOD, "allow"),
        ("step = 3\n" + GOOD, "step"),
        (GOOD + "step_um = 20.0", "limits.step_um"),
        ("x" * 70_000, "larger than 64 KiB"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(SettingsError, match=said):
        config_of(tmp_path)


def test_the_scale_of_a_focus_drive_may_be_negative(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(GOOD.replace("pretend", "micromanager").replace("4000", "-300"))
    assert config_of(tmp_path).limits.low_um == -300


def test_no_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no instrument is known; write one with kind, address and"):
        config_of(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such modes")
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / NAME
    file.write_text(GOOD)
    file.chmod(mode)
    with pytest.raises(SettingsError, match=r"others may write to it, .*; chmod go-w .*instrument.toml"):
        config_of(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such owners")
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).write_text(GOOD)
    owner = (tmp_path / NAME).stat().st_uid
    monkeypatch.setattr("mhfd_client.instruments.config.os.getuid", lambda: owner + 1)
    monkeypatch.setattr("mhfd_client.instruments.config._ROOT", owner + 2)
    with pytest.raises(SettingsError, match="belongs to another user"):
        config_of(tmp_path)


WRITERS = {"write_whole", "write_all_whole", "write_text", "write_bytes", "open", "touch", "rename", "replace", "chmod"}


def writes_it(module: Path) -> bool:
    """Whether it hands the file's name to something that writes; where it is read it is opened with `rb`."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in WRITERS:
            within = list(ast.walk(node))
            named = any(isinstance(one, ast.Name) and one.id == "NAME" for one in within)
            if named or any(isinstance(one, ast.Constant) and one.value == NAME for one in within):
                return True
    return False


def test_nothing_of_ours_writes_it_and_the_page_does_not_know_the_room(tmp_path: Path) -> None:
    modules = list((REPOSITORY / "client").rglob("*.py"))
    assert [module for module in modules if writes_it(module)] == []
    page = [module for module in modules if module.parent.name == "page"]
    assert page
    assert [module for module in page if "mhfd_client.instruments" in module.read_text(encoding="utf-8")] == []
    for text in ("files.write_whole(state / NAME, data)", '(state / "instrument.toml").write_text("")'):
        (tmp_path / "wrong.py").write_text(text)
        assert writes_it(tmp_path / "wrong.py")
