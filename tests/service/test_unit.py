"""The unit as systemd reads it, whatever the folder is called."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.service.systemd import verified

from mhfd.errors import UsageError
from mhfd_client.service import quoting, unit
from mhfd_client.service.scope import Account, Scope
from mhfd_client.service.unit import Watched

NASTY = st.text(alphabet=" \"'\\%$;#=-@~{}[]()*?!|&<>^`:,.+aZ9é猫🔬\t\x7f\u202e", min_size=1, max_size=12)


def watched(folder: str, *, state: str = "/var/tmp/state", **other: object) -> Watched:  # noqa: S108 - a name only
    given: dict[str, object] = {"words": (), "variables": {}, "far": False, "commands": False}
    return Watched(folder, state, **(given | other))  # type: ignore[arg-type]


def scope(kind: str = "system") -> Scope:
    home = Path("/home/some body")
    return Scope(kind, Path("/units"), Account("daemon", 1, 1, home), {"XDG_STATE_HOME": "/s t"})  # type: ignore[arg-type]


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ["user", "system"])
@pytest.mark.parametrize("other", [{}, {"far": True, "commands": True, "variables": {"A": "b"}}], ids=["here", "far"])
def test_systemd_takes_it(kind: str, other: dict[str, object], tmp_path: Path) -> None:
    folder = '/mnt/a "b" c%d/é猫 \\x $HOME;'
    text = unit.text(watched(folder, state=folder + "/s", words=("--set", "a=%h $X \t"), **other), scope(kind))
    path = tmp_path / "mhfd-x.service"
    path.write_text(text)
    assert verified([path], tmp_path, user=kind == "user") == ""
    path.write_text(text.replace("Restart=on-failure", "Restart=sometimes"))
    assert "sometimes" in verified([path], tmp_path, user=kind == "user")  # it looks


@settings(max_examples=3, phases=[Phase.generate])
@given(st.lists(NASTY, min_size=40, max_size=40, unique=True))
def test_systemd_reads_every_name_as_it_was(names: list[str]) -> None:
    """It says what it read of assignments that name nothing, and of paths that are not whole."""
    told, lines = [], ["[Service]", "ExecStart=/bin/true"]
    for number, name in enumerate(names):
        lines.append(f"Environment={quoting.setting(f'-{number}:{name}:')}")
        told.append(f"Invalid environment assignment, ignoring: -{number}:{name}:")
        if name.isprintable():
            lines.append(f"ReadOnlyPaths=/x {quoting.path(f'{number}:{name}:', 'it')} /y")
            told.append(f"ReadOnlyPaths= path is not absolute, ignoring: {number}:{name}:")
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "mhfd-x.service"
        path.write_text("\n".join(lines))
        said = verified([path], Path(made)).split("\n")
    assert [line.split(": ", 1)[1] for line in said] == told


def test_a_word_of_a_command_has_no_variables() -> None:
    assert quoting.word("$HOME %h") == '"$$HOME %%h"'
    assert quoting.word("a\nb\udcff") == '"a\\x0ab\\xff"'


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a ", "a\udcff", "a\u202eb"])
def test_what_systemd_cannot_be_told_of_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="make a link"):
        unit.text(watched(f"/mnt/{name}"), scope())


@given(st.text(alphabet=st.characters(), min_size=0, max_size=20))
def test_what_it_notes_comes_back(folder: str) -> None:
    assert quoting.told(quoting.kept(folder)) == folder


def test_what_must_not_start_it_again_does_not() -> None:
    text = unit.text(watched("/mnt/a"), scope())
    assert values(text, "Restart") == ["on-failure"]
    assert values(text, "RestartPreventExitStatus") == ["2 3"]


def test_it_waits_for_the_network_only_where_somebody_far_away_scores() -> None:
    assert values(unit.text(watched("/mnt/a"), scope()), "After") == []
    assert values(unit.text(watched("/mnt/a", far=True), scope()), "After") == ["network-online.target"]
    assert values(unit.text(watched("/mnt/a", far=True), scope("user")), "After") == []  # it has no such target


def test_the_images_are_only_read_and_the_command_of_an_alert_keeps_its_rights() -> None:
    text = unit.text(watched("/mnt/a"), scope())
    assert values(text, "ProtectSystem") == ["strict"]
    assert values(text, "ReadOnlyPaths") == ['"-/mnt/a"']
    assert values(text, "ReadWritePaths") == ['"/var/tmp/state" "-/tmp" "-/var/tmp" "-/home/some body"']
    assert values(text, "NoNewPrivileges") == ["yes"]
    assert values(text, "User") == ["daemon"]
    assert values(unit.text(watched("/mnt/a", commands=True), scope()), "NoNewPrivileges") == []
    mine = unit.text(watched("/mnt/a"), scope("user"))
    assert values(mine, "User") == values(mine, "ProtectSystem") == []
    assert '"XDG_STATE_HOME=/s t"' in values(mine, "Environment")


@pytest.mark.parametrize(
    ("folder", "name", "called"),
    [
        ("/mnt/wafer7", None, "mhfd-wafer7.service"),
        ("/mnt/Wafer 7 (é)/", None, "mhfd-Wafer-7.service"),
        ("/mnt/wafer7", "left", "mhfd-left.service"),
        ("/mnt/wafer7", "mhfd-left.service", "mhfd-left.service"),
    ],
)
def test_it_is_called_as_the_folder(folder: str, name: str | None, called: str) -> None:
    assert unit.file_name(folder, name) == called


@pytest.mark.parametrize(("folder", "name"), [("/", None), ("/mnt/猫", None), ("/mnt/a", "a/b"), ("/mnt/a", "a b")])
def test_a_name_that_is_none_is_refused(folder: str, name: str | None) -> None:
    with pytest.raises(UsageError, match="--name"):
        unit.file_name(folder, name)
