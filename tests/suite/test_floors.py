"""The lowest releases that we say we take are those that `make test-lowest` runs with."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.version import Version
from tests.rigs import REPOSITORY

NO_FLOORS_OF = {"bench", "cuda12", "cuda13", "dev", "docs", "learn", "models", "train"}
"""Extras that this run leaves out: of a GPU, of peers in benchmarks, of the site, of what is learned, and what works on
the code."""


def pinned(name: str) -> dict[str, str]:
    """Package -> release, of a file of constraints."""
    lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line and not line.startswith("#")]
    assert all(found), f"{name} holds something that is no NAME==RELEASE"
    return {one[1].lower().replace("_", "-"): one[2] for one in found if one is not None}


def floors() -> dict[str, set[str]]:
    """Package -> the lowest releases that it is said to be good with; more than one is a contradiction."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert extras.keys() >= NO_FLOORS_OF
    lines = [*project["dependencies"], *(one for name in extras.keys() - NO_FLOORS_OF for one in extras[name])]
    found: dict[str, set[str]] = {}
    for requirement in map(Requirement, lines):
        lowest = [one.version for one in requirement.specifier if one.operator == ">="]
        assert lowest, f"{requirement.name} has no floor"
        found.setdefault(requirement.name.lower(), set()).update(lowest)
    return found


def test_the_lowest_run_has_every_floor_and_no_other() -> None:
    assert {name: {release} for name, release in pinned("constraints-lowest.txt").items()} == floors()


def test_what_the_tests_run_with_is_no_older_than_a_floor() -> None:
    newest = pinned("constraints.txt")
    older = {
        name: (newest[name], lowest)
        for name, (lowest,) in ((name, sorted(some)) for name, some in floors().items())
        if Version(newest[name]) < Version(lowest)
    }
    assert older == {}
