"""Who asks is told to the workers, what they did is kept, and what a user may have can be counted."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from mhfd.remote import quota
from mhfd.site import Site
from mhfd_client.cli import main
from mhfd_endpoint import accounting, render
from mhfd_endpoint.choices import KINDS
from mhfd_endpoint.explain import explain
from mhfd_endpoint.finding import Check, Level
from mhfd_endpoint.usage import QuotaUsed

CLUSTER = ["--account", "lab", "--interface", "lo", "--queue", "capacity", "--filesystems", "home", "--walltime", "2h"]
ANN = "1f8f4c1e-5a5e-4ac2-8a6f-1c3b8a0f3f10"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path))
    return tmp_path


def init(home: Path, kind: str = "workstation", *more: str) -> Path:
    options = CLUSTER if kind != "workstation" else []
    gpus = "4" if kind == "polaris" else "0"
    done = CliRunner().invoke(
        main, ["endpoint", "init", "ep", "--site", kind, "--gpus", gpus, "--read", str(home), *options, *more]
    )
    assert done.exit_code == 0, done.output
    return home / "ep"


def allowed(folder: Path, **fields: Any) -> Site:
    file = folder / "mhfd-site.toml"
    site = Site.read(file).model_copy(update=fields)
    file.write_text(site.to_toml())
    return Site.read(file)


def rendered(folder: Path, identity: Any) -> str:
    """As the endpoint renders it for whoever it found."""
    from globus_compute_endpoint.endpoint.config.utils import (
        load_user_config_template,
        render_config_user_template,
    )
    from globus_compute_endpoint.endpoint.identity_mapper import MappedPosixIdentity

    myself = MappedPosixIdentity(pwd.getpwuid(os.getuid()), [], identity)
    path = folder / render.TEMPLATE
    text = render_config_user_template(
        render.core_config(folder), load_user_config_template(path), path, myself, render.schema_of(folder), {}, {}
    )
    return str(yaml.safe_load(text)["engine"]["provider"]["worker_init"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_workers_are_told_who_asks(home: Path, kind: str) -> None:
    folder = init(home, kind)
    for identity in (ANN, uuid.UUID(ANN)):
        assert rendered(folder, identity).endswith(f"\nexport MHFD_IDENTITY={ANN}")
    assert rendered(folder, None).endswith("\nexport MHFD_IDENTITY=")
    hostile = rendered(folder, '"; touch /hostile; "\n$(id)')
    assert set(hostile.rpartition("=")[2]) <= set("0123456789abcdef-")


def test_an_identity_of_the_shell_before_does_not_last(home: Path) -> None:
    last = rendered(init(home), None).rpartition("\n")[2]
    env = {"MHFD_IDENTITY": ANN, "PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", f'{last}; echo "<$MHFD_IDENTITY>"'], env=env, capture_output=True, check=True)
    assert done.stdout == b"<>\n"


def quotas_of(folder: Path) -> list[Check]:
    return list(accounting.quotas(folder))


def test_what_a_user_may_have_is_said(home: Path) -> None:
    folder = init(home)
    (none,) = quotas_of(folder)
    assert (none.level, "none" in none.what) == (Level.OK, True)
    state = home / "state"
    allowed(folder, state=state, max_images_a_day=50_000, max_device_s_a_day=3600.0)
    (gone,) = quotas_of(folder)
    assert (gone.level, gone.do) == (Level.FAIL, f"mkdir {state}")
    state.mkdir(mode=0o755)
    (good,) = quotas_of(folder)
    assert good.level is Level.OK
    assert "50,000 images, 3,600 s of work in a day" in good.what
    told = dict(explain(folder))["On which data"]
    assert "Each user has at most 50,000 images, 3,600 s of work in a day of UTC." in told
    state.chmod(0o777)
    (weak,) = quotas_of(folder)
    assert (weak.level, "begin anew" in weak.what) == (Level.FAIL, True)
    state.chmod(0o755)
    damaged = state / quota.file_name(ANN)
    damaged.write_text("rubbish")
    _, said = quotas_of(folder)
    assert (said.level, str(damaged) in said.do) == (Level.WARN, True)


def test_a_disk_without_locks_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = init(home)
    allowed(folder, state=home, max_images_a_day=5)

    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", none)
    assert ["without locks" in one.what for one in (*quotas_of(folder), *accounting.log(folder))] == [True, True]


def test_accounts_of_their_own_need_a_folder_that_each_may_add_to(home: Path) -> None:
    mapping = home / "identities.json"
    mapping.write_text("[]")
    folder = init(home, "workstation", "--identity-mapping", str(mapping), "--public", str(home), "--email", "a@b.org")
    state = home / "state"
    state.mkdir(mode=0o755)
    file = home / "mhfd-site.toml"
    file.write_text(Site.read(file).model_copy(update={"state": state, "max_images_a_day": 5}).to_toml())
    assert [(one.level, one.do) for one in quotas_of(folder)] == [(Level.FAIL, f"chmod 1733 {state}")]
    assert [one.level for one in accounting.asking(folder)] == [Level.OK]
    template = folder / render.TEMPLATE
    template.write_text(template.read_text().replace("MHFD_IDENTITY", "X"))
    assert [one.level for one in accounting.asking(folder)] == [Level.WARN]


def test_usage_prints_what_is_used(home: Path) -> None:
    folder = init(home)
    site = allowed(folder, state=home, max_images_a_day=50_000, log=home / "log")
    assert site.log is not None
    day = quota.utc_day(time.time())
    (home / quota.file_name(ANN)).write_bytes(quota.Counted(day, images=1234).to_bytes(ANN))
    (home / quota.file_name("bob")).write_bytes(quota.Counted("2020-01-01", images=1234).to_bytes("bob"))
    site.log.write_text("")
    said = CliRunner().invoke(main, ["endpoint", "usage", "ep"])
    assert said.output == f"no task has run yet\n\nused today, until 00:00 UTC:\n{ANN}: 1,234 of 50,000 images\n"
    told = json.loads(CliRunner().invoke(main, ["endpoint", "usage", "ep", "--json"]).output)
    assert told["quotas"] == [{"user": ANN, "limit": "images", "used": 1234, "most": 50_000}]
    assert list(told) == ["schema_version", "used", "refused", "quotas", "strange"]
    assert str(QuotaUsed(ANN, "images", None, 5)).startswith(ANN)


def test_how_much_a_log_may_grow_is_said(home: Path) -> None:
    folder = init(home)
    (said,) = accounting.log(folder)
    assert (said.level, "2.1 GB at most" in said.what) == (Level.OK, True)
