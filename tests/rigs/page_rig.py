"""A run for the tests of the page: a real journal, real files, real small pictures, and no scoring.

The reports are made up (`focus_reports`); who judges them, keeps them and hears people is the real thing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.contract.params import Params
from mhfd.rows import InMemory
from mhfd_client.adjustment.beside.modes import AdjustMode
from mhfd_client.arrival.events import Whole
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.journal import Journal
from mhfd_client.naming import Place
from mhfd_client.page.process import Serving, bound
from mhfd_client.page.token import token_of
from mhfd_client.runners.thumbnails import jpeg
from mhfd_client.settings import load as settings
from mhfd_client.station.inbox import Inbox, take_in
from mhfd_client.verdicts.blur.blur import Blur
from mhfd_client.verdicts.from_journal import JournalJudge
from tests.rigs.blurs import blurred
from tests.rigs.focus_reports import DENSITY, RATIO, report, wobble

SIDE = 192


class Rig:
    """A station without a loop: the test says what happens."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "run", folder / "state"
        self.root.mkdir(exist_ok=True)
        self.blurs: dict[int, Blur] = {}
        self.loaded = settings.load(args={"state.dir": str(self.state)}, env={})
        self.open()

    def open(self) -> None:
        """Start, or start again."""
        self.journal = Journal.open(self.state, root=self.root)
        self._judge = JournalJudge(self.journal, self.loaded.settings.verdict)
        self._inbox = Inbox(self.state, self._judge)
        self.beat()

    def close(self, *, doing: str = "stopped") -> None:
        self.journal.beat(doing, in_flight=0, capacity=2)
        self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.journal.close()

    def beat(self, doing: str = "watching") -> None:
        self.journal.beat(doing, in_flight=0, capacity=2)

    def image(
        self,
        section: int | None,
        *,
        factor: float = 1.0,
        tile: str | None = None,
        name: str | None = None,
        finding: Finding = Finding.OK,
        detail: str | None = None,
        file: bool = True,
        picture: bool = True,
        blur: Blur | None = None,
    ) -> int:
        """An image comes, is scored and judged. `factor`: of the density and the cross-spectrum. `blur`: what is
        to be said of it.
        """
        now = time.time()
        path = name or f"S_{section:04d}{'' if tile is None else '_' + tile}.tif"
        size, mtime = 1000, 10**18
        pixels = _picture(section or 0, blurred=factor < 0.8) if picture else np.zeros((SIDE, SIDE), np.uint8)
        if file:
            tifffile.imwrite(self.root / path, pixels)
            stat = (self.root / path).stat()
            size, mtime = stat.st_size, stat.st_mtime_ns
        row = self.journal.arrived(Whole(path, size, mtime, now - 2.0, now - 1.4), Place(section, tile))
        assert row is not None
        self.journal.intent([row.id], f"token-{row.id}", "test", Params(), durable=False)
        self.journal.scored(row.id, self._report(section or 0, factor, finding, detail))
        if picture:
            target = picture_of(thumbnails(self.state), row.id)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(jpeg(InMemory(pixels)))
        if blur is not None:
            self.blurs[row.id] = blur
        self._judge_it(row.id)
        return row.id

    def run(self, count: int = 12, *, confirm: int = 0) -> list[int]:
        """Sharp sections, of which some are confirmed."""
        ids = [self.image(i) for i in range(1, count + 1)]
        for image in ids[:confirm]:
            self.journal.labelled(image, sharp=True, who="Ann")
            for other, verdict in self._judge.hear(image, sharp=True):
                self.journal.judged(other, verdict)
        self._notes()
        return ids

    def take_in(self) -> int:
        """What the station does once a second."""
        changed = take_in(self.journal, self._inbox)
        self.beat()
        return changed

    def _report(self, i: int, factor: float, finding: Finding, detail: str | None) -> FocusReport:
        if finding is not Finding.OK:
            return report(finding=finding, detail=detail)
        made = report(DENSITY * wobble(i) * factor, RATIO * wobble(i + 7, 0.06) * factor)
        return made.model_copy(update={"image": made.image.model_copy(update={"shape": (SIDE, SIDE)})})

    def _judge_it(self, image: int) -> None:
        row = self.journal.image(image)
        assert row.report is not None
        for other, verdict in self._judge.judge(row, self.journal.report(row.report)):
            self.journal.judged(other, blurred(verdict, self.blurs[other]) if other in self.blurs else verdict)
        self._notes()

    def _notes(self) -> None:
        for name, text in self._judge.notes().items():
            self.journal.note(name, text)


@dataclass(frozen=True, slots=True)
class Served:
    """A page that is being served."""

    base: str
    token: str

    @property
    def address(self) -> str:
        return f"{self.base}/?token={self.token}"


@contextmanager
def served(rig: Rig, *, port: int | None = None, adjust: AdjustMode | None = None) -> Iterator[Served]:
    """The page in this process, by the real server on a real port. `adjust`: what its watch may do with a lens."""
    from mhfd_client.page.serving import serve  # with Bokeh: not for a test that is only collected

    token = token_of(rig.state)
    listening = bound("127.0.0.1", port or 0)  # 0: any that is free
    ended = threading.Event()
    serving = Serving(rig.state, rig.loaded, "127.0.0.1", adjust)
    thread = threading.Thread(target=serve, args=(serving, listening), kwargs={"ended": ended}, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", token)
    finally:
        ended.set()
        thread.join(timeout=60)
        listening.close()
        assert not thread.is_alive()


def _picture(seed: int, *, blurred: bool) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random((SIDE, SIDE)), 6 if blurred else 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    grey: NDArray[np.uint8] = (smooth * 200 + rng.random((SIDE, SIDE)) * 55).astype(np.uint8)
    return grey
