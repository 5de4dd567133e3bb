"""`mhfd service install|status|remove`, in front of a systemctl that writes down what it is told."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rigs.typed import typed_here
from tests.service.systemd import StandIn, verified

from mhfd.errors import UsageError
from mhfd_client.errors import ServiceManagerError
from mhfd_client.journal.journal import Journal
from mhfd_client.service import installing, scope, watching
from mhfd_client.service.systemctl import Systemctl
from mhfd_client.settings.load import load

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def systemd(tmp_path: Path) -> StandIn:
    folder = tmp_path / "systemd"
    folder.mkdir()
    return StandIn(folder)


@pytest.fixture
def wafer(tmp_path: Path) -> Path:
    folder = tmp_path / "wafer 7"
    folder.mkdir()
    return folder


@pytest.fixture
def typed(tmp_path: Path, systemd: StandIn) -> Typed:
    """A command as somebody types it who has a home."""

    def typed(*words: object, **env: str) -> tuple[int, str]:
        given = {"HOME": str(tmp_path / "home"), "PATH": f"{systemd.bin}:/usr/bin:/bin", **env}
        return typed_here(["service", *map(str, words)], given)

    return typed


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".config" / "systemd" / "user" / "mhfd-wafer-7.service"


def test_it_is_written_enabled_and_started(typed: Typed, systemd: StandIn, wafer: Path, unit: Path) -> None:
    code, said = typed("install", wafer, "--user", "--no-page")
    assert (code, "mhfd-wafer-7.service (user)" in said) == (0, True), said
    assert systemd.told == [
        "--user --no-pager daemon-reload",
        "--user --no-pager enable mhfd-wafer-7.service",
        "--user --no-pager restart mhfd-wafer-7.service",
    ]
    assert f'"watch" "{wafer}" "--state" ' in unit.read_text()
    assert verified([unit], unit.parent, user=True) == ""


def test_a_dry_run_only_prints(typed: Typed, systemd: StandIn, wafer: Path, unit: Path) -> None:
    systemd.is_not_booted()  # not even a systemd is needed
    code, said = typed("install", wafer, "--user", "--dry-run")
    assert (code, "ExecStart=" in said, unit.exists(), systemd.told) == (0, True, False, [])


def test_a_lens_that_may_not_be_looked_after_is_said_before_anything_is_written(
    typed: Typed, wafer: Path, unit: Path, tmp_path: Path
) -> None:
    state, shared = tmp_path / "st", tmp_path / "shared"
    state.mkdir()
    toml = f'kind = "pretend"\naddress = "{shared}"\nallow = "propose"\n[limits]\nlow_um = 1.0\nhigh_um = 2.0\n'
    (state / "instrument.toml").write_text(toml)
    code, said = typed("install", wafer, "--user", "--state", state, "--adjust", "apply")
    assert (code, 'says allow = "propose"' in said, unit.exists()) == (2, True, False), said
    code, said = typed("install", wafer, "--user", "--state", state, "--adjust", "propose")
    assert code == 0, said
    assert '"--adjust" "propose"' in unit.read_text()
    system = ("--system", "--account", "daemon", "--dry-run")
    code, said = typed("install", wafer, *system, "--state", state, "--adjust", "propose")
    assert (code, f'"-{shared}"' in said) == (0, True), said


def test_what_was_typed_reaches_the_watch(
    typed: Typed, wafer: Path, unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are whole, secrets are on no command line, and variables of this shell are kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").touch()
    (tmp_path / "list.txt").write_text("1\n")
    options = ("--config", "c.toml", "--params", "paper_text", "--no-page", "--map", "/a=/b", "--map", "/c=/d")
    sets = ("--set", "alerts.webhook=https://x.org/${TOKEN}", "--set", "names.expected=list.txt")
    code, said = typed("install", "wafer 7", "--user", *options, *sets, MHFD_ARRIVAL_SETTLE_S="7", TOKEN='se"cret')  # noqa: S106
    assert code == 0, said
    text = unit.read_text()
    for words in (
        f'"--config" "{tmp_path}/c.toml"',
        '"--params" "paper_text"',
        '"--map" "/a=/b" "--map" "/c=/d"',
        '"--no-page"',
        f'"--set" "names.expected={tmp_path}/list.txt"',
    ):
        assert words in text
    assert "cret" not in text
    assert "webhook" not in text
    (kept,) = (tmp_path / "home" / ".local" / "state" / "mhfd").glob("wafer-7-*/service.env")
    assert kept.read_text().splitlines() == [
        'MHFD_ALERTS_WEBHOOK="https://x.org/\\${TOKEN}"',
        'MHFD_ARRIVAL_SETTLE_S="7"',
        'TOKEN="se\\"cret"',
    ]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert typed("install", "wafer 7", "--user")[0] == 0
    assert not kept.exists()


def test_another_install_says_what_changes(typed: Typed, wafer: Path, unit: Path) -> None:
    typed("install", wafer, "--user")
    assert f"unchanged: {unit}" in typed("install", wafer, "--user")[1]
    said = typed("install", wafer, "--user", "--no-page")[1]
    assert "\n+ExecStart=" in f"\n{said}"
    assert f"replaced {unit}" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--set", "arrival.settle=5"), "arrival.settle_s"),
        (("--account", "daemon"), "--account goes with --system"),
        (("--name", "a/b"), "--name"),
        (("--state", "{wafer}/state"), "lies in the watched folder"),
        (("--system", "--account", "no-such-account"), "there is no such account"),
    ],
)
def test_wrong_usage_writes_nothing(
    words: tuple[str, ...], named: str, typed: Typed, systemd: StandIn, wafer: Path, unit: Path
) -> None:
    kind = () if "--system" in words else ("--user",)
    code, said = typed("install", wafer, *kind, *(word.format(wafer=wafer) for word in words))
    assert (code, named in said) == (2, True), said
    assert (unit.exists(), systemd.told) == (False, [])


def test_a_unit_of_somebody_else_stays(typed: Typed, systemd: StandIn, wafer: Path, unit: Path) -> None:
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/mine\n")
    code, said = typed("install", wafer, "--user")
    assert (code, "was not written by mhfd" in said) == (2, True)
    assert typed("remove", "--user", "--name", "wafer-7")[0] == 1
    assert (unit.read_text(), systemd.told) == ("[Service]\nExecStart=/bin/mine\n", [])


def test_a_name_is_of_one_folder_and_a_folder_of_one_name(typed: Typed, wafer: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "wafer 7"
    other.mkdir(parents=True)
    assert typed("install", wafer, "--user")[0] == 0
    code, said = typed("install", other, "--user")
    assert (code, "another one with --name" in said) == (2, True)
    assert typed("install", other, "--user", "--name", "other")[0] == 0
    assert "has the service mhfd-wafer-7.service already" in typed("install", wafer, "--user", "--name", "new")[1]
    code, said = typed("status", "--user")
    assert (code, said.count("mhfd-")) == (1, said.count("mhfd-other") + said.count("mhfd-wafer-7"))


def test_remove_takes_away_what_install_wrote_and_leaves_the_state(
    typed: Typed, systemd: StandIn, wafer: Path, unit: Path, tmp_path: Path
) -> None:
    typed("install", wafer, "--user", "--set", "alerts.webhook=https://x.org/")
    (state,) = (tmp_path / "home" / ".local" / "state" / "mhfd").iterdir()
    code, said = typed("remove", wafer, "--user")
    assert (code, "the state stays" in said) == (0, True), said
    assert systemd.told[-2:] == [
        "--user --no-pager disable --now mhfd-wafer-7.service",
        "--user --no-pager daemon-reload",
    ]
    assert (unit.exists(), list(state.iterdir())) == (False, [])
    assert typed("remove", wafer, "--user")[0] == 1
    assert typed("remove")[0] == 2


def test_a_unit_that_cannot_be_stopped_is_not_deleted(typed: Typed, systemd: StandIn, wafer: Path, unit: Path) -> None:
    typed("install", wafer, "--user")
    systemd.refuses("disable")
    code, said = typed("remove", wafer, "--user")
    assert (code, "Access denied" in said, unit.exists()) == (1, True, True)


def test_where_there_is_no_systemd_it_says_what_to_do(typed: Typed, systemd: StandIn, wafer: Path, unit: Path) -> None:
    systemd.is_not_booted()
    code, said = typed("install", wafer, "--user")
    assert (code, "mhfd service container" in said, unit.exists()) == (1, True, False)
    code, said = typed("install", wafer, "--user", PATH=str(unit.parent))
    assert (code, "no systemctl" in said, unit.exists()) == (1, True, False)


def test_a_watch_by_hand_is_to_be_stopped_first(typed: Typed, wafer: Path, unit: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Journal.open(state, root=str(wafer)) as journal:
        journal.beat("watching", in_flight=0, capacity=1)
        code, said = typed("install", wafer, "--user", "--state", state)
    assert (code, f"process {os.getpid()}" in said, unit.exists()) == (1, True, False)


def statuses(typed: Typed) -> tuple[int, list[dict[str, object]]]:
    code, said = typed("status", "--user", "--json")
    return code, json.loads(said)["services"]


def test_status_says_how_it_stands_and_what_to_do(typed: Typed, systemd: StandIn, wafer: Path, tmp_path: Path) -> None:
    assert statuses(typed) == (1, [])
    state = tmp_path / "state"
    typed("install", wafer, "--user", "--state", state)
    code, (one,) = statuses(typed)
    assert (code, one["doing"]) == (1, "no station has run yet")
    with Journal.open(state, root=str(wafer)) as journal:
        journal.beat("watching", in_flight=0, capacity=1)
    code, (one,) = statuses(typed)
    assert (code, one["running"], one["doing"], one["do"]) == (0, True, "watching", [])
    systemd.lingers("no")
    code, (one,) = statuses(typed)
    assert (code, "sudo loginctl enable-linger" in str(one["do"])) == (1, True)
    systemd.lingers("yes")
    systemd.is_now(ActiveState="failed", UnitFileState="disabled", Result="exit-code", ExecMainStatus="3")
    code, (one,) = statuses(typed)
    assert (code, "another watch has the folder" in str(one["do"]), "enable mhfd-" in str(one["do"])) == (1, True, True)
    assert "do: it ended" in typed("status", wafer, "--user")[1]
    systemd.is_now(ActiveState="inactive", UnitFileState="enabled", Result="success", Job="4")
    assert "list-jobs" in str(statuses(typed)[1][0]["do"])


def test_the_machines_service_runs_as_an_account_and_leaves_root_nothing(tmp_path: Path, wafer: Path) -> None:
    with pytest.raises(UsageError, match="--account: name the account"):
        scope.system({})
    assert scope.system({"SUDO_USER": "daemon"}).account.name == "daemon"
    machine = scope.system({"MHFD_CLIENT_SECRET": "s"}, account="daemon", units=tmp_path / "units")
    state = tmp_path / "var" / "state"
    with pytest.raises(UsageError, match="daemon has no home of its own"):
        watching.watched(str(wafer), machine, load(env={}), words=(), pairs=())
    found = watching.watched(str(wafer), machine, load(env={}, args={"state.dir": state}), words=(), pairs=())
    plan = installing.planned(found, machine)
    assert f"EnvironmentFile=-{state}/service.env\n" in plan.text
    assert "User=daemon\n" in plan.text
    assert "/usr/sbin" not in plan.text  # which is what it has for a home
    known = [one.name for _, one in installing.found([machine], str(wafer), None)]
    assert known == []


def test_rights_are_missed_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UsageError, match=r"sudo .*mhfd service install '/mnt/a b' --system"):
        scope.rights(scope.system({}, account="daemon"), ["service", "install", "/mnt/a b", "--system"])


def test_what_systemctl_refuses_is_said(systemd: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{systemd.bin}:/usr/bin:/bin")
    systemd.refuses("enable")
    with pytest.raises(ServiceManagerError, match=r"enable a\.service: Access denied"):
        Systemctl(scope.system({}, account="daemon")).tell("enable", "a.service")
