"""The recipe of a container: what it names is there and fits the project; it is built where a tool for it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.house.code import ROOT

import mhfd
from mhfd_client.cli import main
from mhfd_endpoint import container

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def write(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["endpoint", "container", str(folder), *more])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    done = write(tmp_path / "recipe", "--gpu", "cuda12")
    assert done.exit_code == 0, done.output
    return tmp_path / "recipe"


def steps(recipe: Path) -> list[tuple[str, list[str]]]:
    """The instructions of the Dockerfile, with their words."""
    lines = [line for line in (recipe / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(words[0], words[1:]) for line in whole.splitlines() if (words := line.split())]


def sections(recipe: Path) -> dict[str, list[str]]:
    """The sections of the definition; the header is that of no name."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in (recipe / "mhfd-endpoint.def").read_text().splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            found[name] = []
        elif line.strip() and not line.lstrip().startswith("#"):
            found[name].append(line.strip())
    return found


def test_everything_that_is_copied_is_there(recipe: Path) -> None:
    copied = [word for verb, words in steps(recipe) if verb == "COPY" for word in words[:-1] if word[:2] != "--"]
    listed = [line.split()[0] for line in sections(recipe)["files"]]
    assert {name.rstrip("/") for name in copied} == set(listed)
    assert [name for name in listed if not (recipe / name).exists()] == []


def test_both_are_of_one_python_which_the_project_takes(recipe: Path) -> None:
    ((_, docker),) = [step for step in steps(recipe) if step[0] == "FROM"]
    python = dict(word.split("=") for verb, words in steps(recipe) if verb == "ARG" for word in words)["PYTHON"]
    assert "From: " + docker[0].replace("${PYTHON}", python) in sections(recipe)[""]
    assert "Bootstrap: docker" in sections(recipe)[""]
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    least = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"])
    assert least is not None
    assert tuple(map(int, python.split("."))) >= (int(least[1]), int(least[2]))


@pytest.mark.parametrize("cuda", ["none", "cuda12", "cuda13"])
def test_it_installs_this_mhfd_with_extras_that_there_are(tmp_path: Path, cuda: str) -> None:
    assert write(tmp_path, "--gpu", cuda).exit_code == 0
    first, *more = (tmp_path / "requirements.txt").read_text().splitlines()
    named = re.fullmatch(r"mhfd\[([a-z0-9,]+)\]==(.+)", first)
    assert named is not None
    assert named[2] == mhfd.__version__
    assert set(named[1].split(",")) == {"endpoint", *({cuda} - {"none"})} <= set(PROJECT["optional-dependencies"])
    assert bool(more) == (cuda != "none")
    told = (ROOT / "docs" / "how-to" / "gpu.md").read_text()
    assert all(f"`{name}`" in told for name in more)


def test_the_versions_are_those_that_run_here(recipe: Path) -> None:
    import globus_compute_endpoint
    import numpy

    pins = dict(line.split("==") for line in (recipe / "constraints.txt").read_text().splitlines())
    assert pins["globus-compute-endpoint"] == globus_compute_endpoint.__version__
    assert pins["numpy"] == numpy.__version__
    assert "mhfd" not in pins


def test_no_image_runs_as_root(recipe: Path) -> None:
    assert [words for verb, words in steps(recipe) if verb == "USER"] == [["mhfd"]]
    after = [verb for verb, _ in steps(recipe)]
    assert "RUN" not in after[after.index("USER") :]
    (point,) = [" ".join(words) for verb, words in steps(recipe) if verb == "ENTRYPOINT"]
    assert "/usr/local/bin/start-endpoint" in point
    assert 'exec /usr/local/bin/start-endpoint "$@"' in sections(recipe)["runscript"]


def test_nothing_is_replaced_unasked_and_one_tool_is_enough(tmp_path: Path) -> None:
    assert write(tmp_path, "--tool", "apptainer").exit_code == 0
    assert not (tmp_path / "Dockerfile").exists()
    (tmp_path / "start.sh").write_text("mine")
    refused = write(tmp_path)
    assert (refused.exit_code, "--force" in refused.output) == (1, True)
    assert (tmp_path / "start.sh").read_text() == "mine"
    said = write(tmp_path, "--force", "--gpu", "cuda13").output
    assert "mine" not in (tmp_path / "start.sh").read_text()
    assert "apptainer run --nv" in said
    assert "docker run --init --gpus all" in said


class Inside:
    """As it is in the container: programs that only say that they ran, and an account."""

    def __init__(self, folder: Path, recipe: Path) -> None:
        self.home, self._bin, self._script = folder / "home", folder / "bin", recipe / "start.sh"
        self.endpoint = self.home / ".globus_compute" / "mhfd-gpu"
        for path in (self.endpoint, self._bin):
            path.mkdir(parents=True)
        self.program("mhfd", 'echo mhfd "$@"')
        self.program("globus-compute-endpoint", 'echo globus-compute-endpoint "$@"')
        self.program("id", "echo 1000")

    def program(self, name: str, line: str) -> None:
        path = self._bin / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def start(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", self._script, *arguments],
            env={"HOME": str(self.home), "PATH": f"{self._bin}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def inside(tmp_path: Path, recipe: Path) -> Inside:
    return Inside(tmp_path, recipe)


def test_it_starts_an_endpoint_that_is_fit(inside: Inside) -> None:
    code, said = inside.start("mhfd-gpu")
    assert (code, "no endpoint in" in said) == (66, True)
    (inside.endpoint / "config.yaml").touch()
    code, said = inside.start("mhfd-gpu")
    assert code == 0
    assert set(said.splitlines()) == {"mhfd endpoint check mhfd-gpu", "globus-compute-endpoint start mhfd-gpu"}
    inside.program("mhfd", "echo fail data; exit 1")
    assert inside.start("mhfd-gpu") == (78, "fail data\n")
    inside.program("id", "echo 0")
    assert inside.start("mhfd-gpu")[0] == 77


def test_it_runs_commands_as_they_are(inside: Inside) -> None:
    assert inside.start("mhfd", "endpoint", "init", "a b") == (0, "mhfd endpoint init a b\n")
    assert inside.start("globus-compute-endpoint", "login") == (0, "globus-compute-endpoint login\n")
    assert inside.start()[0] == inside.start("--help")[0] == 64


@pytest.mark.parametrize("offline", ["0", "1"])
def test_it_installs_from_the_wheels_alone_when_told(recipe: Path, tmp_path: Path, offline: str) -> None:
    """With a Python that makes an environment whose programs say how they were called."""
    fake = tmp_path / "python"
    fake.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\nfor p in python mhfd globus-compute-endpoint; do\n'
        '  printf \'#!/bin/sh\\necho %s "$@"\\n\' $p >"$3/bin/$p"; chmod +x "$3/bin/$p"\ndone\n'
    )
    fake.chmod(0o755)
    env = {**os.environ, "PYTHON": str(fake), "TARGET": str(tmp_path / "opt"), "OFFLINE": offline}
    done = subprocess.run(["sh", recipe / "install.sh"], env=env, capture_output=True, text=True, check=True)
    assert f"--find-links {recipe / 'wheels'} --constraint {recipe / 'constraints.txt'}" in done.stdout
    assert ("--no-index" in done.stdout) == (offline == "1")
    assert "mhfd --version" in done.stdout


def _tools() -> Iterator[str]:
    """The tools that could build here: Docker's program alone builds nothing."""
    docker, apptainer = shutil.which("docker"), shutil.which("apptainer")
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
        yield "docker"
    if apptainer:
        yield "apptainer"


@pytest.mark.soak
@pytest.mark.parametrize("tool", list(container.TOOLS))
def test_it_is_built_and_an_endpoint_is_set_up_in_it(tool: str, tmp_path: Path) -> None:
    """Where the tool is: some minutes, and an index of packages and of images."""
    if tool not in _tools():
        pytest.skip(f"no {tool} that could build here: install it (and start its daemon), then `make soak` again")
    write(tmp_path, "--tool", tool)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "wheels")]
    subprocess.run([*pip, str(ROOT)], check=True)
    if tool == "docker":
        build = ["docker", "build", "--tag", "mhfd-endpoint-test", "."]
        run = ["docker", "run", "--rm", "--init", "mhfd-endpoint-test"]
    else:
        build = ["apptainer", "build", "mhfd-endpoint.sif", "mhfd-endpoint.def"]
        run = ["apptainer", "run", "--containall", "--writable-tmpfs", "mhfd-endpoint.sif"]
    subprocess.run(build, cwd=tmp_path, check=True)
    said = subprocess.run([*run, "mhfd", "--version"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert mhfd.__version__ in said
    init = ["mhfd", "endpoint", "init", "ep", "--site", "workstation", "--gpus", "0", "--read", "/home"]
    done = subprocess.run([*run, *init], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "mhfd endpoint check ep" in done.stdout
