"""What an index of packages and a lawyer read first: the licence, its id, who made it, where its pages are."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from tests.rigs import REPOSITORY


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    whole: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(whole["project"])


def test_the_licence_is_mit_and_travels(project: dict[str, Any]) -> None:
    assert project["license"] == "MIT"
    assert project["license-files"] == ["LICENSE"]
    lines = (REPOSITORY / "LICENSE").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "MIT License"
    assert lines[2] == "Copyright (c) 2026 the mhfd authors"


def test_no_classifier_says_the_licence_again(project: dict[str, Any]) -> None:
    """An index refuses both: the id took the classifiers' place (PEP 639)."""
    assert [one for one in project["classifiers"] if one.startswith("License ::")] == []


def test_whoever_finds_the_package_finds_its_pages(project: dict[str, Any]) -> None:
    assert project["urls"]["Documentation"] == "https://mhfd.readthedocs.io/en/latest/"
    assert project["authors"] == [{"name": "the mhfd authors"}]
