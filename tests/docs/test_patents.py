"""What the page says of the two patents holds: what they touch comes in extras, and is not what happens by default."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.rigs import REPOSITORY

from mhfd_client.instruments.config import InstrumentConfig
from mhfd_client.settings.options import Settings

PAGE = (REPOSITORY / "docs" / "explanation" / "sources.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NOT_BY_DEFAULT = {"cupy", "globus", "torch", "onnxruntime", "scikit"}


def packages(requirements: list[str]) -> set[str]:
    """The first word of each name: `cupy-cuda12x` is cupy's."""
    return {match[0] for line in requirements if (match := re.match(r"[A-Za-z]+", line))}


def words() -> str:
    return PAGE.partition("\n## Patents and the licence\n")[2].partition("\n## ")[0]


def test_the_extras_that_are_named_are_there_and_bring_what_nothing_else_brings() -> None:
    extras = {name for name in re.findall(r"`(\w+)`", words()) if name in EXTRAS}
    assert extras == {"cuda12", "cuda13", "globus", "endpoint", "learn", "models", "train"}
    assert all(packages(EXTRAS[extra]) & NOT_BY_DEFAULT for extra in extras)


def test_what_is_installed_without_asking_brings_none_of_it() -> None:
    assert packages(PROJECT["dependencies"]) & NOT_BY_DEFAULT == set()
    assert packages(EXTRAS["station"]) & NOT_BY_DEFAULT == set()


def test_images_stay_on_this_machine_unless_somebody_says_otherwise() -> None:
    settings = Settings()
    assert "the default runner is this machine" in words()
    assert (settings.runner.kind, settings.compute.endpoint, settings.flow.id) == ("local", None, None)
    assert (settings.models.retest_every, settings.models.retest_by, settings.models.library) == (0, "local", None)


def test_no_lens_is_moved_unless_the_operator_says_so() -> None:
    assert 'nothing is moved without `allow = "apply"`' in words()
    assert InstrumentConfig.model_fields["allow"].default == "off"


def test_both_patents_and_the_licence_are_named() -> None:
    assert PROJECT["license"] == "MIT"
    assert "It grants nothing under the patents of others" in words()
    assert re.findall(r"\]\(#source-(\d{3})-", words()) == ["000", "004"]
