"""The recipe of a watch's container: what it names is there, it opens no port, and its start runs as it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.house.code import ROOT
from tests.rigs.typed import typed_here

import mhfd
from mhfd_client.journal.journal import Journal
from mhfd_client.service import container
from mhfd_client.settings.places import state_dir


def write(folder: Path, *more: str) -> tuple[int, str]:
    return typed_here(["service", "container", str(folder), *more])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    code, said = write(tmp_path / "recipe")
    assert code == 0, said
    return tmp_path / "recipe"


def steps(recipe: Path) -> list[tuple[str, list[str]]]:
    """The instructions of the Dockerfile, with their words."""
    lines = [line for line in (recipe / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(words[0], words[1:]) for line in whole.splitlines() if (words := line.split())]


def test_everything_that_is_copied_is_there(recipe: Path) -> None:
    copied = {word for verb, words in steps(recipe) if verb == "COPY" for word in words[:-1] if word[:2] != "--"}
    definition = (recipe / "mhfd-station.def").read_text()
    files = definition.partition("%files\n")[2].partition("\n\n")[0]
    assert {line.split()[0] for line in files.splitlines()} == {name.rstrip("/") for name in copied}
    assert [name for name in copied if not (recipe / name).exists()] == []
    assert (recipe / "requirements.txt").read_text() == f"mhfd[globus,station]=={mhfd.__version__}\n"


def test_both_know_the_same_environment_and_nobody_is_root(recipe: Path) -> None:
    (said,) = [words for verb, words in steps(recipe) if verb == "ENV"]
    docker = dict(word.split("=", 1) for word in said)
    text = (recipe / "mhfd-station.def").read_text()
    lines = [line.split()[1] for line in text.splitlines() if line.strip().startswith("export ")]
    assert dict(line.split("=", 1) for line in lines) | {"HOME": "/home/mhfd"} == docker
    verbs = [verb for verb, _ in steps(recipe)]
    assert [words for verb, words in steps(recipe) if verb == "USER"] == [["mhfd"]]
    assert "RUN" not in verbs[verbs.index("USER") :]


def test_no_port_is_opened_and_no_image_can_be_written(recipe: Path) -> None:
    yaml = pytest.importorskip("yaml")
    (service,) = yaml.safe_load((recipe / "compose.yaml").read_text())["services"].values()
    assert service["network_mode"] == "host"
    assert [key for key in ("ports", "expose", "privileged") if key in service] == []
    assert service["volumes"][0].endswith(":/images:ro")
    assert service["read_only"] is True
    assert "EXPOSE" not in [verb for verb, _ in steps(recipe)]
    for line in container.commands(recipe, cuda="none", tools=tuple(container.TOOLS)):
        assert "--publish" not in line
        assert "/images" not in line or "/images:ro" in line or "exec" in line


def test_its_health_is_a_command_that_tells_whether_a_watch_runs(recipe: Path, tmp_path: Path) -> None:
    ((_, words),) = [step for step in steps(recipe) if step[0] == "HEALTHCHECK"]
    first, *more = json.loads(" ".join(words[words.index("CMD") + 1 :]))
    assert first == "mhfd"
    folder = tmp_path / "images"
    folder.mkdir()
    here = [word.replace("/images", str(folder)) for word in more]
    assert typed_here(here)[0] == 1
    with Journal.open(state_dir(folder), root=str(folder)) as journal:
        journal.beat("watching", in_flight=0, capacity=1)
        assert typed_here(here) == (0, "watching\n")
        journal.beat("stopped", in_flight=0, capacity=1)
        assert typed_here(here) == (1, "stopped\n")


def test_one_tool_is_enough_and_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    assert write(tmp_path, "--tool", "apptainer", "--gpu", "cuda12")[0] == 0
    assert not (tmp_path / "Dockerfile").exists()
    assert "cuda12]==" in (tmp_path / "requirements.txt").read_text()
    (tmp_path / "start.sh").write_text("mine")
    code, said = write(tmp_path)
    assert (code, "--force" in said, (tmp_path / "start.sh").read_text()) == (1, True, "mine")
    assert "apptainer run --nv" in write(tmp_path, "--force", "--gpu", "cuda13")[1]


class Inside:
    """As it is in the container, but for where it lies: an account, the folders, and this environment's mhfd."""

    def __init__(self, folder: Path, recipe: Path) -> None:
        self.images, self.state, self._bin = folder / "images", folder / "state", folder / "bin"
        self._bin.mkdir()
        (self._bin / "mhfd").symlink_to(Path(sys.executable).parent / "mhfd")
        self.account(1000)
        self._start = folder / "start.sh"
        text = (recipe / "start.sh").read_text()
        self._start.write_text(text.replace("/images", str(self.images)).replace("/state", str(self.state)))

    def account(self, number: int) -> None:
        """Who it runs as."""
        (self._bin / "id").write_text(f"#!/bin/sh\necho {number}\n")
        (self._bin / "id").chmod(0o755)

    def start(self, *words: str) -> tuple[int, str]:
        """Start it, until it ends."""
        env = {"PATH": f"{self._bin}:{os.environ['PATH']}", "HOME": "/", "XDG_STATE_HOME": str(self.state)}
        done = subprocess.run(["sh", self._start, *words], env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def test_its_start_watches_the_folder_and_says_what_is_missing(recipe: Path, tmp_path: Path) -> None:
    inside = Inside(tmp_path, recipe)
    code, said = inside.start()
    assert (code, "mount the watched folder there" in said) == (66, True)
    inside.images.mkdir()
    assert inside.start()[0] == 73
    inside.state.mkdir()
    code, said = inside.start("--no-page", "--until-idle", "0.1", "--workers", "1")
    assert (code, f"state: {inside.state}/mhfd/images-" in said) == (0, True), said
    assert inside.start("mhfd", "--version") == (0, f"mhfd, version {mhfd.__version__}\n")
    inside.account(0)
    assert inside.start()[0] == 77


@pytest.mark.soak
@pytest.mark.parametrize("tool", list(container.TOOLS))
def test_it_is_built_and_a_watch_runs_in_it(tool: str, tmp_path: Path) -> None:
    """Where the tool is: some minutes, and an index of packages and of images."""
    program = shutil.which(tool)
    if program is None or (tool == "docker" and subprocess.run([program, "info"], capture_output=True).returncode):
        pytest.skip(f"no {tool} that could build here: install it (and start its daemon), then `make soak` again")
    write(tmp_path, "--tool", tool)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "wheels")]
    subprocess.run([*pip, str(ROOT)], check=True)
    images, state = tmp_path / "images", tmp_path / "state"
    images.mkdir()
    state.mkdir()
    if tool == "docker":
        numbers = ["--build-arg", f"UID={os.getuid() or 1000}", "--build-arg", f"GID={os.getgid() or 1000}"]
        build = ["docker", "build", *numbers, "--tag", "mhfd-station-test", "."]
        run = ["docker", "run", "--rm", "--init", "--volume", f"{images}:/images:ro", "mhfd-station-test"]
    else:
        build = ["apptainer", "build", "mhfd-station.sif", "mhfd-station.def"]
        binds = ["--bind", f"{images}:/images:ro", "--bind", f"{state}:/state"]
        run = ["apptainer", "run", "--containall", *binds, "mhfd-station.sif"]
    subprocess.run(build, cwd=tmp_path, check=True)
    ended = [*run, "--no-page", "--until-idle", "1"]
    said = subprocess.run(ended, cwd=tmp_path, check=True, capture_output=True, text=True).stderr
    assert "watching /images" in said
