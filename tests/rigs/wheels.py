"""`make wheels`: a source distribution, a wheel for each of six platforms, and the proof that they are what they say.

The wheels are built from the source distribution, so that whoever has only that can build them. `twine check --strict`
reads them all, `auditwheel` those for Linux. This machine's wheel and the source distribution are then installed each
into an empty environment, with no compiler to be found, and score images there. The others are built and not run:
the table at the end says so. Needs an index of packages; runs in the environment that the Makefile makes for it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from tests.rigs import REPOSITORY

TARGETS: Mapping[str, Any] = importlib.import_module("hatch_build").TARGETS


class Untrue(Exception):
    """What a distribution says of itself does not hold."""


def main(arguments: list[str] | None = None) -> int:
    """The whole of it; the exit code is 1 when a part does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    options = parser.parse_args(arguments)
    into: Path = options.into.absolute()
    into.mkdir(parents=True, exist_ok=True)
    for old in [*into.glob("mhfd-*.whl"), *into.glob("mhfd-*.tar.gz")]:
        old.unlink()
    try:
        with tempfile.TemporaryDirectory() as folder:
            proven(Path(folder), into, options.targets)
    except subprocess.CalledProcessError as e:
        say(f"FAILED: {' '.join(map(str, e.cmd))}\n{e.stdout}{e.stderr}")
        return 1
    except Untrue as e:
        say(f"FAILED: {e}")
        return 1
    return 0


def proven(folder: Path, into: Path, targets: list[str]) -> None:
    """Builds all into `into`, asks of each what can be asked here, and says what was not run."""
    sdist, built = build(folder, into, targets)
    run("-m", "twine", "check", "--strict", sdist, *built.values())
    for name, wheel in built.items():
        if name.startswith("linux"):
            audited(wheel)
    ran = {name for name, wheel in built.items() if parse_wheel_filename(wheel.name)[3] & set(sys_tags())}
    scores = [score(folder / name, built[name]) for name in sorted(ran)]
    scores.append(score(folder / "sdist", sdist))
    if any(one != scores[0] for one in scores):
        raise Untrue(f"the wheel and what is built from the source distribution score differently: {scores}")
    say("")
    for name, path in {"source": sdist, **built}.items():
        what = "installed and run here" if name in ran or path == sdist else "built, not run"
        say(f"{path.name:<75} {path.stat().st_size / 1e6:4.1f} MB  {what}")


def build(folder: Path, into: Path, targets: list[str]) -> tuple[Path, dict[str, Path]]:
    """The source distribution, and from it the wheel of each target."""
    say("the source distribution")
    run("-m", "build", "--sdist", "--no-isolation", "--outdir", into, REPOSITORY)
    (sdist,) = into.glob("mhfd-*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    (source,) = folder.glob("mhfd-*")
    built = {}
    for name in targets:
        say(f"the wheel for {name}")
        here = folder / "wheel"
        environ = {**os.environ, "MHFD_TARGET": name}
        run("-m", "build", "--wheel", "--no-isolation", "--outdir", here, source, environ=environ)
        (made,) = here.glob("*.whl")
        built[name] = Path(shutil.move(made, into / made.name))
    return sdist, built


def audited(wheel: Path) -> None:
    """That `auditwheel` finds it good for one of the platforms that its name says."""
    told = " ".join(run("-m", "auditwheel", "show", wheel).split())
    found = re.search(r'consistent with the following platform tag: "(\w+)"', told)
    said = {tag.platform for tag in parse_wheel_filename(wheel.name)[3]}
    if found is None or found[1] not in said:
        raise Untrue(f"{wheel.name}: auditwheel says: {told}")


def score(folder: Path, distribution: Path) -> list[float]:
    """What images score that are made and scored by an empty environment that has nothing but `distribution`."""
    say(f"{distribution.name} in an empty environment")
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python, mhfd = scripts / "python", scripts / "mhfd"
    kept = {name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "MHFD_", "CC"))}
    # No compiler is found on this path. Nor is the repository: programs start in a folder of their own.
    environ = {**kept, "PATH": str(scripts)}
    run("-m", "pip", "install", "--quiet", "--no-cache-dir", distribution, program=python, environ=environ, cwd=folder)
    kernel = "from mhfd import native; print(native.kernel_info().available)"
    if run("-c", kernel, program=python, environ=environ, cwd=folder).strip() != "True":
        raise Untrue(f"{distribution.name}: no kernel was loaded")
    asked = ("--into", "images", "--sections", "2", "--failures", "0", "--at-once")
    run("simulate", *asked, program=mhfd, environ=environ, cwd=folder)
    images = sorted((folder / "images").rglob("*.tif"))
    lines = run("score", "--json", *images, program=mhfd, environ=environ, cwd=folder).splitlines()
    reports: list[dict[str, Any]] = [json.loads(line) for line in lines]
    if len(reports) != len(images) or not images:
        raise Untrue(f"{distribution.name}: {len(images)} images were made and {len(reports)} scored")
    return [one["dof"] for one in reports]


def run(
    *arguments: str | Path,
    program: str | Path = sys.executable,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """What a program prints."""
    done = subprocess.run(
        [program, *arguments], env=environ, cwd=cwd or REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout


def say(line: str) -> None:
    """To whoever waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
