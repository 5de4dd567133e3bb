"""`mhfd train --endpoint` on a real endpoint, by the real SDK, with torch: whoever is killed, one network.

The web service is a stand-in; broker, endpoint, its two workers and the training's own are not.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.waiting import until
from tests.rigs.little_training import taught
from tests.rigs.typed import typed_here

from mhfd.learning.packages import read_package

pytestmark = pytest.mark.learn

PLAN = ("--learner", "small", "--batch", "6", "--warmup", "1", "--workers", "1", "--device", "cpu")

EPOCHS = 60
"""So many that it is not over before it is cancelled."""


class Trained:
    """Whoever trains there, and what is seen of it from outside."""

    def __init__(self, endpoint: ChildEndpoint, folder: Path, env: dict[str, str]) -> None:
        self.endpoint, self.out, self._env = endpoint, folder / "packages", env
        self.dataset = taught(endpoint.root / "labelled")
        self.words = ["train", "focus", str(self.dataset), *PLAN, "--epochs", "4"]
        self._there = ["--endpoint", endpoint.id, "--out", str(self.out), "--json"]

    @property
    def far(self) -> list[str]:
        """The same on the endpoint."""
        return [*self.words, *self._there]

    def here(self, folder: Path) -> dict[str, Any]:
        """The same on this machine."""
        code, told = typed_here([*self.words, "--out", str(folder), "--json"])
        assert code == 0, told
        return document(told)

    @contextmanager
    def begun(self) -> Iterator[subprocess.Popen[str]]:
        """The command as a process of its own."""
        command = [sys.executable, "-c", "from mhfd_client.cli import main; main(prog_name='mhfd')", *self.far]
        with subprocess.Popen(
            command, env=self._env, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def works(self) -> list[Path]:
        """The folders of works, the first begun first."""
        found = (self.endpoint.root / "mhfd-works").glob("mhfd-work-*")
        return sorted(found, key=lambda one: (len(one.name), one.name))

    def saved(self, work: int) -> int:
        """The last step that is saved of that work's training; 0: none."""
        found = [
            one for folder in self.works()[work : work + 1] for one in folder.glob("files-*/training/checkpoints/*")
        ]
        return max((int(one.stem.split("-")[1]) for one in found if one.suffix == ".ckpt"), default=0)

    def holder(self, work: int) -> int:
        """The endpoint's worker that has it."""
        newest = max(self.works()[work].glob("claim-*"))
        return int(json.loads(newest.read_text())["holder"]["pid"])


def document(told: str) -> dict[str, Any]:
    """What `--json` printed, among what was said beside."""
    found: dict[str, Any] = json.loads(told[told.index("{\n") : told.rindex("}") + 1])
    return found


@pytest.fixture
def trained(
    compute_endpoint: Callable[..., ChildEndpoint],
    globus_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trained:
    for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))
        globus_env[name] = str(tmp_path / folder)
    endpoint = compute_endpoint(workers=2, site="[functions.mhfd_train]\n", env={"MHFD_PURPOSE": "train"})
    return Trained(endpoint, tmp_path, globus_env)


def test_what_is_trained_there_is_what_is_trained_here(trained: Trained, tmp_path: Path) -> None:
    code, told = typed_here(trained.far)
    assert code == 0, told
    far, here = document(told), trained.here(tmp_path / "here")
    assert far["network"]["digest"] == here["network"]["digest"]
    assert far["package"] == here["package"], "and so is its package, to the byte"
    assert Path(far["folder"]) == trained.out / far["package"]
    code, told = typed_here(trained.far)
    assert (code, document(told)) == (0, far), "typed again it is known"
    assert len(trained.works()) == 1


def test_a_package_of_its_library_is_trained_further_there_as_here(trained: Trained, tmp_path: Path) -> None:
    parent = Path(trained.here(tmp_path / "library" / "packages")["folder"])
    shutil.copytree(tmp_path / "library", trained.endpoint.root / "library")
    trained.words += ["--from", parent.name]
    where = ["--library", str(trained.endpoint.root / "library"), "--learner", "small"]
    code, told = typed_here([*trained.far, *where])
    assert code == 0, told
    far = document(told)
    trained.words[-1] = str(parent)
    here = trained.here(tmp_path / "here")
    assert (far["package"], far["network"]["digest"]) == (here["package"], here["network"]["digest"])
    untrained = far["network"]["untrained"]
    assert untrained == here["network"]["untrained"]
    assert read_package(Path(far["folder"])).card.parent == parent.name


@pytest.mark.soak
def test_cancelled_gone_on_with_and_killed_it_is_the_same_network(trained: Trained, tmp_path: Path) -> None:
    """The client by -9, then a cancel; the same command under a new key, and its worker by -9: one network."""
    trained.words[-1] = str(EPOCHS)
    with trained.begun() as client:
        until(lambda: client.poll() is not None or (trained.works() and trained.saved(0)), "the first has not begun")
        assert client.poll() is None, client.communicate()
        client.kill()
    (key,) = (one.name.removeprefix("mhfd-work-") for one in trained.works())
    code, told = typed_here(["work", "cancel", key])
    assert code == 0, told
    cancelled_at = trained.saved(0)
    with trained.begun() as client:
        until(lambda: len(trained.works()) == 2 and trained.saved(1) > cancelled_at, "the second does not go on")
        os.kill(trained.holder(1), signal.SIGKILL)
        out, err = client.communicate(timeout=200)
    assert client.returncode == 0, err
    assert f"goes on where {key} was" in err
    far, here = document(out), trained.here(tmp_path / "here")
    assert (far["network"]["digest"], far["package"]) == (here["network"]["digest"], here["package"])
    assert [row["epoch"] for row in far["network"]["epochs"]] == list(range(1, EPOCHS + 1))
    assert len(trained.works()) == 2
