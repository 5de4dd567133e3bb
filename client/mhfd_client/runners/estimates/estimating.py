"""In a worker: the learned packages of a station, and what they say of each image once it has its report.

A package that cannot be used is named once and then left out. Who is champion and challenger is looked up for each
image: a watch runs for days, and somebody may promote another one meanwhile. Called in worker processes only: it
imports what learns. What is to be done about a package that fails or hangs is the parent's: it is told which one is
asked, before it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mhfd.contract.estimate import EstimateMade
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.errors import MhfdError
from mhfd.learning.features.part import LARGEST, part_of, part_of_array
from mhfd.learning.inference import NetworkSession, Session, opened, runtime
from mhfd.learning.inference.meaning import not_measured
from mhfd.learning.inference.network import LARGEST_PICTURE
from mhfd.learning.inference.session import Features, features_by_name
from mhfd.rows import Rows
from mhfd_client.runners.estimates.found_packages import TakenSeat, found, taken_seats
from mhfd_client.runners.process import NO_PACKAGE

if TYPE_CHECKING:
    from mhfd.learning.packages import Package

Line = tuple[str, str]
"""The kind and the payload of a line to the parent."""


class Estimator:
    """The packages that were named.

    Args:
        wanted: `champion`, `challenger`, `shipped`, a package's name or the beginning of it, or its folder.
        library: Where a name is looked up; nothing: the usual place.
        instrument: The microscope; nothing: no one in particular.
    """

    def __init__(self, wanted: Sequence[str], library: Path, instrument: str | None = None) -> None:
        runtime.loaded()  # before a worker's memory is bounded: the library is large, and known
        self._wanted, self._library, self._instrument = wanted, library, instrument
        self._sessions: list[Session | NetworkSession] | None = None
        self._seats: tuple[TakenSeat, ...] = ()
        self._largest = LARGEST_PICTURE
        """Pixels along a side that are kept of an image: a network is shown more of it than features are taken of."""
        self._part: NDArray[Any] | None = None
        self._unseen: str | None = None

    def look(self, rows: Rows) -> None:
        """Keep what packages need of an image. Never raises: the report is more than they are."""
        self._part = self._unseen = None
        try:
            self._part = part_of(rows, self._largest)
        except Exception as e:
            self._unseen = f"the image could not be kept for it: {type(e).__name__}: {e}"

    def says(self, report: FocusReport, job: Mapping[str, Any]) -> Iterator[Line]:
        """What is to be told of one image, line by line: each package before it is asked, and what it said."""
        aside: Mapping[str, str] = job["aside"]
        part, self._part = self._part, None
        sha256 = report.image.sha256
        if NO_PACKAGE in aside:
            return
        yield "asking", NO_PACKAGE
        if (speakers := self._taken_up()) is not None:
            yield "speakers", speakers
        sessions = self._sessions or []
        asked = [session for session in sessions if session.package.name not in aside]
        features: dict[tuple[str, ...], dict[str, float]] = {}
        began = time.perf_counter()
        if part is not None and report.finding is Finding.OK:  # no stranger's doing, if it hangs
            ways: dict[tuple[str, ...], set[str]] = {}
            for session in asked:
                if session.families:
                    ways.setdefault(session.preparation, set()).update(session.families)
            for way, families in ways.items():
                try:
                    features[way] = features_by_name(part_of_array(part), report, families, way)
                except Exception as e:  # a defect of ours costs what packages say, and nothing else
                    self._unseen = f"its features could not be taken: {type(e).__name__}: {e}"
        took_s = time.perf_counter() - began
        for session in sessions:
            name = session.package.name
            if session not in asked:
                yield "said", EstimateMade.silent(name, session.card.title, aside[name], sha256).to_json()
                continue
            yield "asking", name
            if isinstance(session, NetworkSession):
                yield "said", self._by_pixels(session, part, report, features.get((), {})).to_json()
            elif session.preparation not in features and report.finding is Finding.OK:
                why = self._unseen or "the image was not kept for it"
                yield "said", EstimateMade.silent(name, session.card.title, why, sha256).to_json()
            else:
                shown = features.get(session.preparation, {})
                yield "said", session.made(shown, report, job["baselines"].get(name), took_s=took_s).to_json()

    def _by_pixels(
        self, session: NetworkSession, part: NDArray[Any] | None, report: FocusReport, rings: Features
    ) -> EstimateMade:
        """What a network says of an image."""
        if part is not None:
            return session.made(part, report, rings)
        why = "the image was not kept for it" if self._unseen is None else self._unseen
        if report.finding is not Finding.OK:
            why = not_measured(report)
        return EstimateMade.silent(session.package.name, session.card.title, why, report.image.sha256)

    def _taken_up(self) -> str | None:
        """What is to be told of the packages, where nobody was opened yet or a seat has another one now."""
        looked_ns = time.monotonic_ns()
        seats = taken_seats(self._wanted, self._library, self._instrument)  # first: a change meanwhile is seen next
        if self._sessions is not None and seats == self._seats:
            return None
        self._seats = seats
        self._sessions, refused = self._opened()
        if not (seats or any(isinstance(one, NetworkSession) for one in self._sessions)):
            self._largest = LARGEST
        titles = {one.package.name: one.card.title for one in self._sessions}
        return json.dumps(
            {
                "speakers": [{"package": name, "title": title} for name, title in titles.items()],
                "refused": refused,
                "seats": [
                    {
                        "role": seat.role,
                        "task": seat.task,
                        "package": seat.package,
                        "title": titles.get(seat.package or "", ""),
                    }
                    for seat in seats
                    if not seat.damaged
                ],
                "looked_ns": looked_ns,
            }
        )

    def _opened(self) -> tuple[list[Session | NetworkSession], list[str]]:
        """The packages, each opened once, and why others cannot be used."""
        refused: list[str] = []
        packages: dict[str, tuple[str, Package]] = {}
        for wanted in self._wanted:
            with _named(wanted, refused):
                for package in found(wanted, self._library, self._instrument):
                    packages.setdefault(package.name, (wanted, package))
        open_now = {one.package.name: one for one in self._sessions or () if one.package.name in packages}
        self._sessions = None  # who is asked no more is let go of, before another one takes its memory
        sessions = []
        for name, (wanted, package) in packages.items():
            with _named(wanted, refused):
                sessions.append(open_now.get(name) or opened(package))
        return sessions, refused


@contextmanager
def _named(wanted: str, refused: list[str]) -> Iterator[None]:
    """Why a package cannot be used is kept, with the word that means it; it stops no other."""
    try:
        yield
    except (MhfdError, OSError) as e:
        refused.append(f"{wanted}: {e}")
    except Exception as e:  # onnxruntime's have no base of their own
        refused.append(f"{wanted}: {type(e).__name__}: {e}")
