"""What tests of works share: a state home of their own, and an endpoint in this process with a function that digs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.works_here import WorksHere

from mhfd import shim
from mhfd_client.runners import far

DIG = "mhfd_dig"


class Digging:
    """A function that takes three turns, as an endpoint says it; what it is asked for is as the test wants it."""

    def __init__(self) -> None:
        self.turns: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.instead: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        """Another answer than usual."""
        self.artefacts: list[dict[str, Any]] = []

    def __call__(self, **request: Any) -> dict[str, Any]:
        if (other := self.instead(request)) is not None:
            return other
        key = request["key"]
        if request.get("cancel"):
            self.cancelled.add(key)
        if key in self.cancelled:
            return said("cancelled", key, self.turns.get(key, 0))
        self.turns[key] = min(3, self.turns.get(key, 0) + 1)
        if self.turns[key] < 3:
            return said("more", key, self.turns[key])
        return said("done", key, 3, result={"depth_m": 12}, artefacts=self.artefacts)


def said(state: str | None, key: str, done: int = 0, **fields: Any) -> dict[str, Any]:
    """An answer of an endpoint whose mhfd is newer: it says more than is known here."""
    progress = {"done": done, "total": 3, "unit": "pits", "note": f"pit {done}", "at_ns": 1, "mood": "fine"}
    return {
        "schema_version": 1,
        "ok": not fields.get("errors"),
        "key": key,
        "state": state,
        "progress": progress if state else None,
        "taken_up": 1,
        "provenance": {"version": "9.0", "backend": "none", "device": "none", "threads": 0},
        "said_since_9": True,
        **fields,
    }


def refused(code: str, why: str, remedy: str = "", **fields: Any) -> dict[str, Any]:
    return {"code": code, "why": why, "remedy": remedy, **fields}


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "mhfd"


@pytest.fixture
def digging(monkeypatch: pytest.MonkeyPatch) -> Digging:
    made = Digging()
    monkeypatch.setitem(shim.FUNCTIONS, DIG, made)
    return made


@pytest.fixture
def here(digging: Digging, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorksHere]:
    monkeypatch.setattr(far, "_PAUSE_S", 0.01)  # before it is asked again what another worker has
    with closing(WorksHere(monkeypatch)) as made:
        yield made
