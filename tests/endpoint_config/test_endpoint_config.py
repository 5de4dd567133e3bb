"""An endpoint's folder: every template renders with the endpoint's own code; nothing a user sends reaches a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mhfd.errors import MhfdError
from mhfd.site import Site
from mhfd_client.cli import main
from mhfd_endpoint import check as checks
from mhfd_endpoint import fast_results, queues, render
from mhfd_endpoint.choices import KINDS, read
from mhfd_endpoint.errors import OptionsRefused
from mhfd_endpoint.finding import Check, Level
from mhfd_endpoint.rights import all_can_reach
from mhfd_endpoint.usage import usage

FUNCTION = "0b5e9d0e-6f3c-4b5e-9a53-6d0a5e7a8f10"
OTHER = "7c0a6f5e-1111-4b5e-9a53-6d0a5e7a8f10"
_BATCH = ["--account", "lab", "--interface", "lo", "--gpus", "4"]
ARGUMENTS = {
    "workstation": ["--gpus", "2"],
    "slurm": [*_BATCH, "--queue", "gpu", "--filesystems=", "--walltime", "3h", "--workers", "4"],
    "polaris": [*_BATCH, "--queue", "capacity", "--filesystems", "home,eagle", "--walltime", "2h"],
}

# Parsl's address_by_interface leaves its socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


class Place:
    """Where endpoints are set up in a test."""

    def __init__(self, folder: Path) -> None:
        self.home, self.data, self.out = folder / "home", folder / "data", folder / "out"
        for path in (self.home, self.data, self.out):
            path.mkdir(mode=0o755)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, ["endpoint", *arguments], input=stdin)

    def init(self, kind: str, *more: str, name: str = "ep") -> Path:
        done = self.run(
            "init", name, "--site", kind, *ARGUMENTS[kind], "--read", str(self.data), "--write", str(self.out), *more
        )
        assert done.exit_code == 0, done.output
        return self.home / name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    tmp_path.chmod(0o755)
    place = Place(tmp_path)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(place.home))
    return place


Written = dict[str, tuple[Path, Any]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Of each kind a folder that nobody changes, and what is rendered of it where nobody asks for anything."""
    made: Written = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        folder.chmod(0o755)
        place = Place(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GLOBUS_COMPUTE_USER_DIR", str(place.home))
            where = place.init(kind)
        made[kind] = where, yaml.safe_load(render.render(where, {}))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_the_endpoint_takes_as_it_is(place: Place, kind: str) -> None:
    folder = place.init(kind)
    schema = render.schema_of(folder)
    assert schema["additionalProperties"] is False
    for options in render.extremes(schema):
        config = render.loaded(render.render(folder, options))
        assert config.engine.encrypted
        assert config.engine.max_workers_per_node == {"workstation": 2, "slurm": 4, "polaris": 4}[kind]
        assert config.engine.provider.min_blocks == 0
        assert f"export MHFD_SITE={folder / 'mhfd-site.toml'}" in config.engine.provider.worker_init
    config = render.loaded(render.render(folder, {}))
    assert len(config.engine.executor.available_accelerators) == config.engine.max_workers_per_node
    found = checks.examine(folder)
    wrong = [one.name for one in found if one.level is Level.FAIL]
    assert wrong == ([] if kind == "workstation" else ["scheduler"])  # there is none here


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["warm_minutes", "walltime_minutes", "worker_init", "account", "site", "x"])
@pytest.mark.parametrize(
    "value", ['"; touch /hostile; "', "1\nworker_init: touch /hostile", -1, 10**9, None, ["1"], 1.5]
)
def test_no_option_goes_beyond_its_bounds(written: Written, kind: str, option: str, value: Any) -> None:
    folder, honest = written[kind]
    with pytest.raises(OptionsRefused):
        render.render(folder, {option: value})
    without_schema = yaml.safe_load(render.render(folder, {option: value}, schema={}))
    assert without_schema["engine"]["provider"]["worker_init"] == honest["engine"]["provider"]["worker_init"]
    for name in ("max_idletime",):
        most = honest["engine"]["job_status_kwargs"][name]
        assert without_schema["engine"]["job_status_kwargs"][name] <= most
    assert "hostile" not in json.dumps(without_schema)


def test_the_site_file_says_what_may_be_read(place: Place) -> None:
    folder = place.init("workstation")
    site = Site.read(folder / "mhfd-site.toml")
    assert (site.read_roots, site.write_roots) == ((place.data,), (place.out,))
    assert site.log == folder / "mhfd-tasks.jsonl"


def test_nothing_is_overwritten_without_being_told(place: Place) -> None:
    folder = place.init("workstation")
    before = {path.name: path.read_text() for path in folder.iterdir()}
    done = place.run("init", "ep", "--site", "workstation", "--gpus", "0", "--read", str(place.data))
    assert done.exit_code == 1
    assert "--force" in done.output
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    place.init("slurm", "--force")
    assert (folder / "user_config_template.yaml.j2~").read_text() == before["user_config_template.yaml.j2"]


@pytest.mark.parametrize("option", ["account", "queue", "walltime", "interface", "gpus", "read"])
def test_what_is_missing_is_named_by_its_option(place: Place, option: str) -> None:
    arguments = ["--account", "a", "--queue", "gpu", "--filesystems=", "--walltime", "60m", "--interface", "lo"]
    arguments += ["--gpus", "1", "--read", str(place.data)]
    at = arguments.index(f"--{option}")
    done = place.run("init", "ep", "--site", "slurm", *arguments[:at], *arguments[at + 2 :])
    assert done.exit_code == 2
    assert f"--{option}" in done.output
    assert not list(place.home.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--account", 'a"; touch /x'], "--account"),
        (["--queue", "debug", "--walltime", "2h"], "debug"),
        (["--queue", "prod"], "10"),
        (["--queue", "nowhere"], "nowhere"),
        (["--read", "data"], "absolute"),
        (["--walltime", "soon"], "soon"),
        (["--gpus", "-1"], "--gpus"),
    ],
)
def test_a_wrong_choice_is_named(place: Place, arguments: list[str], said: str) -> None:
    base = ["--read", str(place.data)] if "--read" not in arguments else []
    done = place.run("init", "ep", "--site", "polaris", *ARGUMENTS["polaris"], *base, *arguments)
    assert done.exit_code == 2, done.output
    assert said in done.output


def test_the_questions_are_asked_on_a_terminal(place: Place) -> None:
    program = Path(sys.executable).with_name("mhfd")
    code = f"import pty, sys; sys.exit(pty.spawn([{str(program)!r}, 'endpoint', 'init', 'ep', '--gpus', '0']) >> 8)"
    answers = f"workstation\n{place.data}\n\n"
    done = subprocess.run(
        [sys.executable, "-c", code], input=answers, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Folders with images" in done.stdout
    assert Site.read(place.home / "ep" / "mhfd-site.toml").read_roots == (place.data,)


def test_only_pinned_functions_may_run(place: Place) -> None:
    folder = place.init("workstation")
    assert yaml.safe_load((folder / "config.yaml").read_text())["allowed_functions"] == []
    assert place.run("pin", "ep", FUNCTION).exit_code == 0
    assert place.run("pin", "ep", OTHER, "--add").exit_code == 0
    assert [str(one) for one in render.core_config(folder).allowed_functions] == [FUNCTION, OTHER]
    comments = [line for line in (folder / "config.yaml").read_text().splitlines() if line.startswith("#")]
    assert comments
    wrong = place.run("pin", "ep", "all")
    assert wrong.exit_code == 2
    assert "'all'" in wrong.output
    assert place.run("pin", "nobody", FUNCTION).exit_code == 1


def test_a_folder_that_others_can_change_fails(place: Place) -> None:
    folder = place.init("workstation")
    (folder / "mhfd-site.toml").chmod(0o666)
    done = place.run("check", "ep")
    assert done.exit_code == 1
    assert "fail site file" in done.output
    told = json.loads(place.run("check", "ep", "--json").output)
    assert {one["level"] for one in told} <= {"ok", "warn", "fail"}, "as `mhfd doctor --json` spells them"
    assert [one["level"] for one in told if one["name"] == "site file"] == ["fail"]
    (folder / "mhfd-site.toml").chmod(0o644)
    place.data.rmdir()
    assert "fail data" in place.run("check", "ep").output


def test_users_that_run_as_accounts_of_their_own(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root: it does not start without a contact, and each account writes its own log."""
    mapping = tmp_path / "map.json"
    rule = {"source": "{username}", "match": "(.*)@example\\.org", "output": "{0}"}
    mapping.write_text(json.dumps([{"DATA_TYPE": "expression_identity_mapping#1.0.0", "mappings": [rule]}]))
    mapping.chmod(0o600)
    shared = ["--identity-mapping", str(mapping), "--public", str(tmp_path / "public")]
    base = ["init", "ep", "--site", "workstation", "--gpus", "0", "--read", str(place.data)]
    refused = place.run(*base, *shared)
    assert refused.exit_code == 2
    assert "--email" in refused.output
    folder = place.init("workstation", *shared, "--email", "gpu@example.org")
    assert render.core_config(folder).email == "gpu@example.org"
    logs = Site.read(tmp_path / "public" / "mhfd-site.toml").log
    assert logs == tmp_path / "public" / "mhfd-tasks"
    assert logs.stat().st_mode & 0o7777 == 0o1733
    assert place.run("usage", "ep").output == "no task has run yet\n"

    def found() -> dict[str, Check]:
        return {one.name: one for one in checks.examine(folder)}

    def told() -> str:
        wrong = [one for one in checks.examine(folder) if one.name == "identities" and one.level is Level.FAIL]
        return "; ".join(map(str, wrong))

    reached = all_can_reach(logs)  # not below a home of root
    assert found()["log"].level is (Level.OK if reached else Level.FAIL)
    assert found()["identities"].level is (Level.OK if os.getuid() == 0 else Level.WARN)
    logs.chmod(0o755)
    assert "chmod 1733" in found()["log"].do
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("email: gpu@example.org\n", ""))
    assert "email" in told()
    mapping.chmod(0o666)
    assert "become any account" in told()
    mapping.write_text("[{}]")
    assert "the endpoint cannot load it" in told()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != mapping)
    assert found()["identities"].level is Level.WARN
    assert "cannot be read by this account" in found()["identities"].what


def test_a_loose_schema_fails(place: Place) -> None:
    folder = place.init("workstation")
    schema = render.schema_of(folder) | {"additionalProperties": True}
    schema["properties"]["note"] = {"type": "string"}
    (folder / "user_config_schema.json").write_text(json.dumps(schema))
    found = {one.name for one in checks.examine(folder) if one.level is Level.FAIL}
    assert "schema" in found


def test_a_template_that_lets_text_through_fails(place: Place) -> None:
    folder = place.init("workstation")
    template = folder / "user_config_template.yaml.j2"
    template.write_text(template.read_text() + "\n# {{ warm_minutes | default(0) }}\n")
    found = {one.name: one for one in checks.examine(folder)}
    assert (found["options"].level, "'warm_minutes'" in found["options"].what) == (Level.FAIL, True)


def test_it_says_who_may_do_what_at_what_cost(place: Place) -> None:
    place.init("polaris")
    place.run("pin", "ep", FUNCTION)
    said = place.run("explain", "ep").output
    for words in ("On which data", str(place.data), "24 node-hours a day", FUNCTION, "capacity", "no text"):
        assert words in said
    assert json.loads(place.run("explain", "ep", "--json").output)


def test_polaris_queues_have_their_rules(place: Place) -> None:
    for queue, wrong in (("debug", "--walltime 2h"), ("prod", "--max-nodes 4"), ("capacity", "--max-nodes 5")):
        done = place.run(
            "init", "ep", "--site", "polaris", *ARGUMENTS["polaris"], "--read", str(place.data), "--queue", queue,
            *wrong.split(),
        )  # fmt: skip
        assert done.exit_code == 2, queue
        assert queue in done.output
    assert set(queues.POLARIS) >= {"debug", "prod", "capacity", "preemptable"}


def test_the_wrapper_lowers_one_default_and_nothing_else(place: Place) -> None:
    folder = place.init("workstation", "--fast-results")
    wrapper = folder / "bin" / "globus-compute-endpoint"
    assert os.access(wrapper, os.X_OK)
    assert yaml.safe_load((folder / "user_environment.yaml").read_text())["PATH"].startswith(f"{wrapper.parent}:")
    done = subprocess.run([wrapper, "version"], capture_output=True, text=True, timeout=120, check=True)
    assert "4." in done.stdout
    code = (
        "from mhfd_endpoint import fast_results; print(fast_results.lower())\n"
        "from globus_compute_endpoint.endpoint.rabbit_mq import ResultPublisher\n"
        "print(ResultPublisher.__init__.__kwdefaults__['poll_period_s'])\n"
        "print(fast_results.lower())"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
    assert "instead of 0.5 s" in lines
    assert str(fast_results.SECONDS) in lines
    assert "nothing to lower" in lines


def test_a_release_without_the_parameter_is_only_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    from globus_compute_endpoint.endpoint import rabbit_mq

    class Other:
        def __init__(self, *, period: float = 0.5) -> None: ...

    monkeypatch.setattr(rabbit_mq, "ResultPublisher", Other)
    assert "as slow as it makes them" in fast_results.lower()


def test_a_release_that_starts_processes_by_another_command_is_only_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    went: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: went.append(arguments))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / fast_results.PROGRAM), "_start-process", "ep"])
    fast_results.main()
    assert went[0][1:] == ["_start-process", "ep"]
    assert "this release has _start-process and no _start-user-endpoint: nothing was lowered" in capfd.readouterr().err


def test_choices_are_read_back_from_the_template(place: Place) -> None:
    folder = place.init("slurm", "--qos", "normal", "--memory", "64")
    path = folder / render.TEMPLATE
    choices = read(path.read_text(), where=path)
    assert choices.model_dump()["qos"] == "normal"
    path.write_text(path.read_text().replace('"normal"', '"a b; rm"'))
    with pytest.raises(MhfdError, match="qos"):
        read(path.read_text(), where=path)


TASK = {"at": "2026-11-25T10:00:00.000+00:00", "user": "ann", "version": "0.1.0", "code": "abc", "images": 3}
TASK |= {"bytes": 3_000_000_000, "wall_s": 1.5, "cpu_s": 1.0, "gpu_s": 0.25}


def test_usage_is_summed_by_day_account_and_version(place: Place) -> None:
    folder = place.init("workstation")
    lines = [TASK, TASK, {**TASK, "user": "bob"}, {**TASK, "at": "2026-11-26"}, {"at": "x"}, {**TASK, "images": "9"}]
    (folder / "mhfd-tasks.jsonl").write_text("\n".join([*map(json.dumps, lines), "rubbish", "[]"]) + "\n")
    done = place.run("usage", "ep")
    assert done.exit_code == 0
    assert "2026-11-25  ann  mhfd_focus  mhfd 0.1.0 abc: 2 requests, 6 images, 6.00 GB, 0.5 GPU-seconds" in done.output
    assert "4 lines" in done.output
    found = usage(map(json.dumps, lines))
    assert (len(found.used), found.strange) == (3, 2)


def test_usage_tells_works_from_requests() -> None:
    """Long work is asked for many times: what counts is how many works, and how many have come to an end."""
    line = {**TASK, "schema_version": 3, "function": "mhfd_train", "outcome": "done", "bytes_read": 0, "device_s": 9.0}
    line |= {"images": 0, "bytes_written": 5}
    states = [("a", "more"), ("a", "elsewhere"), ("a", "done"), ("a", "done"), ("b", "more"), ("c", "cancelled")]
    works = [{**line, "work": {"key": key, "state": state, "taken_up": 1}} for key, state in states]
    found = usage(map(json.dumps, [*works, {**line, "work": None}, {**line, "work": "rubbish"}]))
    (used,) = found.used
    assert (used.requests, used.works, used.works_ended, found.strange) == (7, 3, 2, 1)
    assert "mhfd_train  mhfd 0.1.0 abc: 7 requests for 3 works, 2 ended, 0.00 GB" in str(used)


def test_usage_without_a_log_says_why(place: Place) -> None:
    place.init("workstation")
    done = place.run("usage", "ep")
    assert done.exit_code == 1
    assert "no task has run yet" in done.output


@pytest.mark.parametrize("package", ["globus_compute_endpoint", "jsonschema", "yaml"])
def test_without_the_extra_one_line_names_it(place: Place, package: str) -> None:
    place.init("workstation")
    code = f"import sys; sys.modules[{package!r}] = None; from mhfd_client.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "endpoint", "check", "ep"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: the endpoint's program is not installed here: pip install 'mhfd[endpoint]'"
    ]
