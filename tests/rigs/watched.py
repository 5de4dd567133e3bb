"""A watched folder, and the real `mhfd watch` processes that watch it one after the other: they can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from mhfd import simulate
from mhfd_client.errors import StateMissing
from mhfd_client.journal.rows import State, TroubleRow
from mhfd_client.journal.view import JournalView
from tests.rigs.globus.waiting import until

MHFD = str(Path(sys.executable).with_name("mhfd"))
SCORING = ("mhfd.api", "mhfd.detector", "mhfd.images", "mhfd.native", "scipy", "tifffile", "imagecodecs", "cupy")
"""What a station whose images are scored elsewhere has no use for."""
SHARP = simulate.focus_series((192, 192), seed=5, defocus_um=[0.0])[0]


def picture(number: int) -> np.ndarray[Any, Any]:
    """A sharp image; each number's has other bytes."""
    made = SHARP.copy()
    made[0, :2] = np.frombuffer(np.uint16(number).tobytes(), np.uint8).astype(made.dtype)
    return made


class Watched:
    """The folder `root`, watched with these options of `mhfd watch`. Everything else is kept in `folder`."""

    def __init__(self, root: Path, folder: Path, env: Mapping[str, str], options: Sequence[str]) -> None:
        self.root, self.state = root, folder / "state"
        self.made = 0
        self._said, self._modules, self._options = folder / "said.txt", folder / "modules.txt", list(options)
        self._env = {**env, "MHFD_TEST_IMPATIENT": "1", "MHFD_TEST_MODULES": str(self._modules)}
        self._running: list[subprocess.Popen[bytes]] = []

    def images(self, count: int) -> None:
        """New images, moved in whole, as much at once as can be."""
        parts = [self.root / f"{self.made + n:04}.part" for n in range(1, count + 1)]
        for part in parts:
            tifffile.imwrite(part, picture(int(part.stem)))
        for part in parts:
            part.rename(self.root / f"S_{part.stem}.tif")
        self.made += count

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        command = [MHFD, "watch", str(self.root), "--state", str(self.state), "--no-page", *self._options, *more]
        with self._said.open("ab") as said:
            self._running.append(subprocess.Popen(command, env=self._env, stdout=said, stderr=said))
        return self._running[-1]

    def kill(self) -> None:
        """SIGKILL: it has no time for anything."""
        self._running[-1].kill()
        self._running[-1].wait()

    def stop(self, *signals: signal.Signals) -> int:
        """What its exit code is."""
        for one in signals:
            self._running[-1].send_signal(one)
        return self._running[-1].wait(90)

    def end(self) -> None:
        """Every image is recorded, then the watch ends cleanly."""
        self.recorded(self.made)
        assert self.stop(signal.SIGTERM) == 0, self.said()

    def close(self) -> None:
        for one in self._running:
            one.kill()
            one.wait()

    def alive(self) -> bool:
        """True; AssertionError with what it said when it has ended."""
        assert self._running[-1].poll() is None, self.said()
        return True

    def said(self) -> str:
        """What all of them said."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""

    def modules(self) -> set[str]:
        """What it has imported by now, as it says itself."""
        self._modules.unlink(missing_ok=True)
        self._running[-1].send_signal(signal.SIGUSR2)
        until(lambda: self.alive() and self._modules.exists(), "it does not say what it has imported")
        return set(self._modules.read_text().splitlines())

    def ask(self, question: Callable[[JournalView], Any]) -> Any:
        """None while there is no journal."""
        try:
            with JournalView.read(self.state) as journal:
                return question(journal)
        except StateMissing:
            return None

    def recorded(self, count: int) -> None:
        def enough() -> bool:
            counts = self.ask(JournalView.counts)
            return self.alive() and counts is not None and counts[State.RECORDED] >= count

        until(enough, lambda: f"{self.ask(JournalView.counts)}\n{self.said()}")

    def trouble(self, kind: str, words: str = "") -> TroubleRow:
        """It is in the journal that this is or was wrong."""

        def found() -> TroubleRow | None:
            rows = self.ask(lambda journal: journal.troubles()) or []
            return next((row for row in rows if row.kind == kind and words in row.why), None)

        return until(found, lambda: f"no trouble {kind} {words}\n{self.said()}")  # type: ignore[return-value]

    def loads_no_scoring(self) -> None:
        """The live process has imported nothing that scores, by itself or by what it uses."""
        modules = self.modules()
        assert "mhfd_client.station.loop" in modules
        scoring = sorted(name for name in modules if f"{name}.".startswith(tuple(f"{one}." for one in SCORING)))
        assert not scoring, scoring

    def check(self, endpoint: str) -> None:
        """One report and one verdict an image, all of them of this endpoint's making."""
        with JournalView.read(self.state) as journal:
            rows = journal.images(limit=10_000)
            assert len(rows) == self.made
            assert [row.state for row in rows] == [State.RECORDED] * self.made
            assert journal._db.execute("SELECT count(*) FROM report").fetchone() == (self.made,)
            for row in rows:
                assert row.report is not None
                report = journal.report(row.report)
                assert report.finding == "ok"
                assert report.provenance.endpoint == endpoint
        assert len(list((self.state / "records").rglob("*.mhfd.json"))) == self.made
