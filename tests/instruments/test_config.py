"""`instrument.toml`: what it says, and what is said where it cannot be used."""

import re
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


def test_nothing_of_ours_writes_it() -> None:
    """Who names the file in the code may read it: none of them writes a file, and the page does not name it."""
    naming = [
        module
        for module in (REPOSITORY / "client").rglob("*.py")
        if re.search(r"instruments\.config import [^\n]*\bNAME\b|^NAME: Final = \"instrument", module.read_text(), re.M)
    ]
    assert len(naming) > 1
    for module in naming:
        assert module.parent.name != "page"
        assert not re.search(r"\bwrite_\w+\(|\.replace\(|\"[wax]b?\"", module.read_text()), module
