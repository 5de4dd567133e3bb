"""What may run: the list of ids and the site file, which have to say the same, and what a worker has for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.rigs.remote.hashing import FUNCTION, NAME

from mhfd import shim
from mhfd.site import Site
from mhfd_client.cli import main
from mhfd_client.compute.registration import pin_line
from mhfd_endpoint import folder, gpus
from mhfd_endpoint.explain import explain
from mhfd_endpoint.functions import functions

FOCUS: Final = "0b5e9d0e-6f3c-4b5e-9a53-6d0a5e7a8f10"
HASH: Final = "7c0a6f5e-1111-4b5e-9a53-6d0a5e7a8f10"

Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Make an endpoint's folder, on a workstation, as of a mhfd that has the third function."""
    tmp_path.chmod(0o755)
    for name in ("data", "out"):
        (tmp_path / name).mkdir(mode=0o755)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path / "home"))
    monkeypatch.setattr(gpus, "here", lambda: None)
    monkeypatch.setitem(shim.FUNCTIONS, NAME, FUNCTION)
    folders = ["--read", str(tmp_path / "data"), "--write", str(tmp_path / "out")]

    def make(*more: str) -> Path:
        done = run("init", "ep", "--force", "--site", "workstation", "--gpus", "1", *folders, *more)
        assert done.exit_code == 0, done.output
        return tmp_path / "home" / "ep"

    return make


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["endpoint", *arguments])


def said(where: Path) -> list[str]:
    return [str(one) for one in functions(where)]


def edited(where: Path, table: str) -> Path:
    """The site file with a table of that function."""
    path = where / folder.SITE
    head = path.read_text().partition("\n[functions.")[0]
    path.write_text(f"{head}\n[functions.{NAME}]\n{table}\n")
    return path


def test_a_further_function_gets_its_table(made: Made) -> None:
    site = Site.read(made("--function", NAME) / folder.SITE)
    assert site.limits_of(NAME).allowed
    assert site.limits_of(NAME).purpose is None
    site = Site.read(made("--function", NAME, "--train") / folder.SITE)
    assert site.limits_of(NAME).purpose == "train", "so that it keeps no image waiting, whoever forgets the option"
    done = run("init", "ep", "--force", "--site", "workstation", "--gpus", "0", "--read", "/data", "--function", "x")
    assert (done.exit_code, "--function: this mhfd has no 'x'; it has mhfd_focus" in done.output) == (2, True)


def test_names_stay_beside_their_ids(made: Made) -> None:
    where = made("--allow", FOCUS, "--allow", f"{NAME}={HASH}", "--function", NAME)
    assert folder.pinned(where) == {FOCUS: None, HASH: NAME}
    assert yaml.safe_load((where / "config.yaml").read_text())["allowed_functions"] == [FOCUS, HASH]
    assert run("pin", "ep", FOCUS, HASH).exit_code == 0
    assert folder.pinned(where) == {FOCUS: None, HASH: NAME}, "a name that is known is not forgotten"
    done = run("pin", "ep", f"{NAME}={HASH}", "--add")
    assert f"  {HASH}  {NAME}\n" in done.output
    assert run("pin", "ep", FOCUS).output.count("(no more)") == 1
    assert folder.pinned(where) == {FOCUS: None}
    for wrong in ("x", f"focus={FOCUS}", f"{NAME}=x", f"={NAME}", f"{FOCUS}={NAME}"):
        assert run("pin", "ep", wrong).exit_code == 2


def test_the_line_for_the_administrator_names_what_is_not_of_images() -> None:
    from uuid import UUID

    two = {"mhfd_focus": UUID(FOCUS), NAME: UUID(HASH)}
    assert pin_line(two) == f"mhfd endpoint pin NAME {FOCUS} {NAME}={HASH}"


def test_both_sides_say_the_same(made: Made) -> None:
    where = made("--allow", FOCUS, "--allow", f"{NAME}={HASH}", "--function", NAME)
    assert said(where) == [f"ok   functions: 2 may run, and nothing else; among them {NAME}"]


def test_what_only_one_side_lets_run(made: Made) -> None:
    where = made("--allow", FOCUS)
    done = run("pin", "ep", "--add", f"{NAME}={HASH}")
    assert f"fail functions: {NAME} is in the list, and {where / folder.SITE} does not let it run" in done.output
    assert said(where)[0].startswith("fail functions: ")
    edited(where, "allowed = false")
    assert said(where)[0].startswith("fail functions: ")
    edited(where, "")
    run("pin", "ep", FOCUS)
    assert (
        f"lets {NAME} run, and no id in the list is said to be its -> mhfd endpoint pin ep --add {NAME}="
        in said(where)[0]
    )


@pytest.mark.parametrize(
    ("more", "table", "found"),
    [
        ((), 'purpose = "train"', "this endpoint offers no training"),
        ((), "gpus = 2", "may have 2 GPUs, and a worker of any has 1"),
        (("--train-gpus", "2"), "gpus = 2", None),
        (("--train-gpus", "2"), 'gpus = 2\npurpose = "focus"', "a worker for focus has 1"),
        (("--train-gpus", "2"), 'gpus = 3\npurpose = "train"', "a worker for train has 2"),
        ((), 'read_roots = ["{data}/none"]', "which mhfd_hash_folder may read, is no folder here"),
        ((), 'write_roots = ["{out}/none"]', "which mhfd_hash_folder may write, is no folder here"),
    ],
)
def test_what_no_worker_could_give_it(
    made: Made, tmp_path: Path, more: tuple[str, ...], table: str, found: str | None
) -> None:
    where = made("--allow", FOCUS, "--allow", f"{NAME}={HASH}", *more)
    edited(where, table.format(data=tmp_path / "data", out=tmp_path / "out"))
    failed = [one for one in said(where) if one.startswith("fail ")]
    assert (found in failed[0] if found else failed == []) is True, failed


def test_a_name_that_nobody_has(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    where = made("--allow", FOCUS, "--allow", f"{NAME}={HASH}", "--function", NAME)
    monkeypatch.delitem(shim.FUNCTIONS, NAME)
    assert f"has a table for {NAME}, and this mhfd has no such function" in said(where)[0]


def test_it_is_said_what_a_further_function_may(made: Made) -> None:
    where = made("--allow", FOCUS, "--allow", f"{NAME}={HASH}", "--function", NAME, "--train")
    told = dict(explain(where))
    assert f"  {HASH} {NAME}" in told["May run what"]
    assert f"Of that {NAME} has what its table says: allowed True, purpose train." in told["On which data"]
