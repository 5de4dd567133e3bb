"""Forms that dated versions have: kept for good, in `released.json` beside this file.

A form that a dated version of CHANGELOG.md has is released: somebody's programs and files rely on it. It stands under
the first such version that had it; who dates a version runs `python -m tests.contract.crossing --release`, which adds
to the file and changes nothing of it. A number that was released never stands for another form, and none falls below
what was released.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

RELEASED: Final = Path(__file__).with_name("released.json")


def released() -> dict[str, dict[str, dict[str, Any]]]:
    """For each version of mhfd since 0.7.0 the forms that it was the first to have, the oldest version first."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(RELEASED.read_text("utf-8")) if RELEASED.is_file() else {}
    return found


def breaks_a_release(name: str, now: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]) -> str | None:
    """How a form goes against one that was released, and what to do."""
    for version, forms in before.items():
        then = forms.get(name)
        if then is None:
            continue
        if now["version"] < then["version"]:
            return (
                f"schema {name!r} is {now['version']} and was {then['version']} in mhfd {version}: a number only rises"
            )
        if now["version"] == then["version"] and now["digest"] != then["digest"]:
            return (
                f"schema {name!r} changed, and mhfd {version} has its {then['version']} already: "
                "raise its version where the code keeps it and run python -m tests.contract.crossing"
            )
    return None


def released_with(
    version: str, now: Mapping[str, dict[str, Any]], before: Mapping[str, dict[str, dict[str, Any]]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """`before`, and what a new version of mhfd is the first to have."""
    known = {(name, form["version"]) for forms in before.values() for name, form in forms.items()}
    new = {name: form for name, form in now.items() if (name, form["version"]) not in known}
    return {**before, version: {**before.get(version, {}), **new}}


def write(forms: Mapping[str, Mapping[str, Any]]) -> None:
    """One form a line, so that a release can be read as a difference."""
    text = re.sub(r'(?<=\{)(?="[^"]+": \{)|(?<=\}, )(?=")', "\n", json.dumps(forms))
    RELEASED.write_text(text.replace(", \n", ",\n") + "\n", "utf-8")
