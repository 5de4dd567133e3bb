"""In a worker: the learned packages of a station, and what they say of each image once it has its report.

A package that cannot be used is named once and then left out. Called in worker processes only: it imports what learns.
What is to be done about a package that fails or hangs is the parent's: it is told which one is asked, before it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mhfd.contract.estimate import EstimateMade
from mhfd.contract.focus_report import Finding, FocusReport
from mhfd.errors import MhfdError
from mhfd.learning.features.part import LARGEST, part_of, part_of_array
from mhfd.learning.inference import NetworkSession, Session, opened, runtime
from mhfd.learning.inference.meaning import not_measured
from mhfd.learning.inference.network import LARGEST_PICTURE
from mhfd.learning.inference.session import features_by_name
from mhfd.rows import Rows
from mhfd_client.runners.found_packages import found
from mhfd_client.runners.process import NO_PACKAGE

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
        if self._sessions is None:
            yield "asking", NO_PACKAGE
            self._sessions, refused = self._opened()
            if not any(isinstance(one, NetworkSession) for one in self._sessions):
                self._largest = LARGEST
            speakers = [{"package": one.package.name, "title": one.card.title} for one in self._sessions]
            yield "speakers", json.dumps({"speakers": speakers, "refused": refused})
        asked = [session for session in self._sessions if session.package.name not in aside]
        features: dict[tuple[str, ...], dict[str, float]] = {}
        began = time.perf_counter()
        if part is not None and report.finding is Finding.OK:
            yield "asking", NO_PACKAGE  # no stranger's doing, if it hangs
            by_features = [session for session in asked if isinstance(session, Session)]
            for way in {session.preparation for session in by_features}:
                families = {one for session in by_features if session.preparation == way for one in session.families}
                try:
                    features[way] = features_by_name(part_of_array(part), report, families, way)
                except Exception as e:  # a defect of ours costs what packages say, and nothing else
                    self._unseen = f"its features could not be taken: {type(e).__name__}: {e}"
        took_s = time.perf_counter() - began
        for session in self._sessions:
            name = session.package.name
            if session not in asked:
                yield "said", EstimateMade.silent(name, session.card.title, aside[name], sha256).to_json()
                continue
            yield "asking", name
            if isinstance(session, NetworkSession):
                yield "said", self._by_pixels(session, part, report).to_json()
            elif session.preparation not in features and report.finding is Finding.OK:
                why = self._unseen or "the image was not kept for it"
                yield "said", EstimateMade.silent(name, session.card.title, why, sha256).to_json()
            else:
                shown = features.get(session.preparation, {})
                yield "said", session.made(shown, report, job["baselines"].get(name), took_s=took_s).to_json()

    def _by_pixels(self, session: NetworkSession, part: NDArray[Any] | None, report: FocusReport) -> EstimateMade:
        """What a network says of an image."""
        if part is not None:
            return session.made(part, report)
        why = "the image was not kept for it" if self._unseen is None else self._unseen
        if report.finding is not Finding.OK:
            why = not_measured(report)
        return EstimateMade.silent(session.package.name, session.card.title, why, report.image.sha256)

    def _opened(self) -> tuple[list[Session | NetworkSession], list[str]]:
        """The packages, opened once, and why others cannot be used."""
        sessions: dict[str, Session | NetworkSession] = {}
        refused: list[str] = []
        for wanted in self._wanted:
            try:
                for package in found(wanted, self._library, self._instrument):
                    if package.name not in sessions:
                        sessions[package.name] = opened(package)
            except (MhfdError, OSError) as e:
                refused.append(f"{wanted}: {e}")
            except Exception as e:  # onnxruntime's have no base of their own
                refused.append(f"{wanted}: {type(e).__name__}: {e}")
        return list(sessions.values()), refused
