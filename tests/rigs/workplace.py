"""Folders in which real stations are started and killed, and what must be true once the last has ended."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params


class Workplace:
    """Folders, and stations that are started in them."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state, self.log = folder / "root", folder / "state", folder / "scored.log"
        self.root.mkdir()

    def start(self, *, until_idle: float, more: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """`more`: who scores, and whether people are heard (`station_under_test`)."""
        path = os.pathsep.join(p for p in sys.path if p)
        folders = str(self.root), str(self.state)
        return subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.station_under_test", *folders, str(until_idle), *more],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "MHFD_TEST_LOG": str(self.log)},
        )

    def processes(self) -> list[int]:
        """Every live process that was started for this workplace."""
        mark = os.fsencode(f"MHFD_TEST_LOG={self.log}")
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it ended meanwhile
        return found


def check(workplace: Workplace, images: int) -> None:
    db = sqlite3.connect(workplace.state / "journal.db")
    try:

        def ask(sql: str) -> list[Any]:
            return db.execute(sql).fetchall()

        assert ask("PRAGMA integrity_check") == [("ok",)]
        assert ask("PRAGMA foreign_key_check") == []
        assert ask("SELECT state, count(*), count(DISTINCT path), max(revision) FROM image GROUP BY state") == [
            ("recorded", images, images, 1)
        ]
        # The unique constraints make this so; here it is counted all the same.
        assert ask("SELECT count(*), count(DISTINCT image), min(params_id), max(params_id) FROM report") == [
            (images, images, Params().id, Params().id)
        ]
        assert ask("SELECT count(*), count(DISTINCT image) FROM verdict") == [(images, images)]
        assert ask("SELECT count(*) FROM record JOIN image ON image.verdict = record.verdict") == [(images,)]
        reports = dict(ask("SELECT path, json FROM image JOIN report ON report.id = image.report"))
        handed = ask("SELECT sum(attempts) FROM image")[0][0]
    finally:
        db.close()
    sidecars = {
        path.name.removesuffix(".1.json"): path.read_text() for path in (workplace.state / "sidecars").iterdir()
    }
    assert sidecars == reports  # every one, whole; and nothing else, no temporary file either
    findings = {FocusReport.model_validate_json(text).finding for text in reports.values()}
    assert findings == {Finding.OK}, "an image was blamed for its station's death"

    computed = Counter(workplace.log.read_bytes().splitlines())
    assert set(computed) == {os.fsencode(workplace.root / path) for path in reports}
    assert not workplace.processes(), "workers outlived their station"
    twice = sum(computed.values()) - images
    print(f"{images} images: {handed - images} handed over again, {twice} computed again")  # noqa: T201
