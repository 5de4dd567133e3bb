"""A facility's folders: what may be read and written, what may not, and the site file that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tifffile

from mhfd import simulate
from mhfd.contract.answer import Answer, ScoreResponse
from mhfd.contract.examination import Examination
from mhfd.remote import examine, run
from mhfd.site import VARIABLE, Site

SHARP = simulate.focus_series((192, 192), seed=3, defocus_um=[0.0])[0]


class Facility:
    """Folders that may be used, one that may not, and the site file that says so."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.out, self.secret = folder / "data", folder / "out", folder / "secret"
        for path in (self.data, self.out, self.secret):
            path.mkdir()
        self.log = folder / "tasks.jsonl"
        self.file, self._env = folder / "site.toml", monkeypatch
        self.allow()

    def allow(self, **fields: Any) -> None:
        site = Site.of(
            {"read_roots": [self.data], "write_roots": [self.out], "log": self.log, "device": "cpu"} | fields
        )
        self.file.write_text(site.to_toml())
        self._env.setenv(VARIABLE, str(self.file))

    def image(self, name: str, pixels: Any = SHARP, *, folder: Path | None = None) -> str:
        path = (folder or self.data) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, pixels)
        return str(path)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def asked(**request: Any) -> ScoreResponse:
    """As the service would carry it: JSON both ways."""
    return ScoreResponse.model_validate(json.loads(json.dumps(run(**json.loads(json.dumps(request))))))


def examined(**request: Any) -> Examination:
    """The same, of the other function."""
    return Examination.model_validate(json.loads(json.dumps(examine(**json.loads(json.dumps(request))))))


def codes(response: Answer) -> list[str]:
    return [error.code for error in response.errors]
