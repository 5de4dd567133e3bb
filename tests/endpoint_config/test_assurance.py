"""High assurance and administrators: what `init` takes, and what of it `check` finds missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from mhfd_client.cli import main
from mhfd_endpoint import explain, render
from mhfd_endpoint.access import assurance
from mhfd_endpoint.finding import Check, Level

POLICY, SUBSCRIPTION = "2d6d8ea8-6d3f-4a33-9be2-0d0f3ed5f5a1", "600ba9ac-ef16-4387-30ad-60c6cc3a6853"
ANNA, BELA = "b34bb069-3b68-4d38-b4e6-bc1e4fc95332", "1c6dbe57-4a3e-44e5-826e-0280003585ae"
ASSURED = ["--high-assurance", "--authentication-policy", POLICY, "--subscription-id", SUBSCRIPTION]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path))
    return tmp_path


def init(home: Path, *more: str) -> Result:
    base = ["endpoint", "init", "ep", "--site", "workstation", "--gpus", "0", "--read", str(home), "--force"]
    return CliRunner().invoke(main, [*base, *more])


def found(home: Path) -> list[Check]:
    return list(assurance(home / "ep"))


def test_the_endpoint_takes_what_init_writes(home: Path) -> None:
    log = home / "audit.log"
    done = init(home, *ASSURED, "--admin", ANNA, "--admin", BELA.upper(), "--admin", ANNA, "--audit-log", str(log))
    assert done.exit_code == 0, done.output
    config = render.core_config(home / "ep")
    assert (config.high_assurance, config.authentication_policy) == (True, POLICY)
    assert (config.subscription_id, config.admins, config.audit_log_path) == (SUBSCRIPTION, (ANNA, BELA), log)
    (one,) = found(home)
    assert one.level is Level.OK
    assert "the service says at the first start" in one.what
    told = dict(explain.explain(home / "ep"))["Who"]
    assert any(f"{ANNA}, {BELA}" in sentence for sentence in told)
    assert any("high assurance" in sentence for sentence in told)


def test_without_them_nothing_is_asked_for(home: Path) -> None:
    assert init(home).exit_code == 0
    written = yaml.safe_load((home / "ep" / "config.yaml").read_text())
    assert not {"high_assurance", "admins", "subscription_id", "audit_log_path"} & set(written)
    assert found(home) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--high-assurance"], "--authentication-policy is missing"),
        (["--high-assurance", "--authentication-policy", POLICY], "--subscription-id is missing"),
        (["--admin", ANNA], "--subscription-id is missing: --admin needs"),
        (["--admin", "anna@example.org", "--subscription-id", SUBSCRIPTION], "--admin: 'anna@example.org' is no id"),
        (["--subscription-id", "ours"], "--subscription-id: 'ours' is no id"),
        (["--authentication-policy", "strict"], "--authentication-policy: 'strict' is no id"),
        (["--audit-log", "/var/log/audit.log"], "only an endpoint of --high-assurance"),
    ],
)
def test_what_is_missing_is_named(home: Path, arguments: list[str], said: str) -> None:
    done = init(home, *arguments)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not (home / "ep").exists()


@pytest.mark.parametrize(
    ("name", "before", "after", "level", "said"),
    [
        ("config.yaml", f"subscription_id: {SUBSCRIPTION}\n", "", Level.FAIL, "high assurance needs a subscription"),
        ("config.yaml", f"authentication_policy: {POLICY}\n", "", Level.FAIL, "needs an authentication policy"),
        ("config.yaml", "audit_log_path:", "debug: false\n#", Level.WARN, "no audit log"),
        ("config.yaml", "high_assurance: true\n", "", Level.WARN, "the audit log stays empty"),
        (
            "user_config_template.yaml.j2",
            "encrypted: true",
            "encrypted: false",
            Level.FAIL,
            "must enable the `encrypted`",
        ),
        ("user_config_template.yaml.j2", "engine:\n", "high_assurance: true\nengine:\n", Level.FAIL, "would start"),
    ],
)
def test_what_is_taken_out_by_hand_is_found(
    home: Path, name: str, before: str, after: str, level: Level, said: str
) -> None:
    assert init(home, *ASSURED, "--audit-log", str(home / "audit.log")).exit_code == 0
    path = home / "ep" / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    first = found(home)[0]
    assert first.level is level
    assert said in first.what


def test_who_may_change_or_read_the_audit_log(home: Path) -> None:
    log = home / "logs" / "audit.log"
    assert init(home, *ASSURED, "--audit-log", str(log)).exit_code == 0
    assert "no folder" in found(home)[0].what
    log.parent.mkdir(mode=0o755)
    assert [one.level for one in found(home)] == [Level.OK]
    log.touch(mode=0o644)
    assert "may read" in found(home)[0].what
    log.parent.chmod(0o777)
    assert (found(home)[0].level, "proves nothing" in found(home)[0].what) == (Level.FAIL, True)


def test_administrators_alone(home: Path) -> None:
    assert init(home, "--admin", ANNA, "--subscription-id", SUBSCRIPTION).exit_code == 0
    assert [one.what for one in found(home)] == ["1 may administer it beside its owner"]
    config = home / "ep" / "config.yaml"
    config.write_text(config.read_text().replace(f"subscription_id: {SUBSCRIPTION}\n", ""))
    assert found(home)[0].level is Level.FAIL
    told = CliRunner().invoke(main, ["endpoint", "check", "ep", "--json"]).output
    assert [one["level"] for one in json.loads(told) if one["name"] == "assurance"] == ["fail"]
