"""`run`: a request -> reports, one image after the other.

Joins the parts of this package; reads no file itself. What is wrong with a request or with one of its images is said
in the response; nothing that a caller can send makes it raise.
"""

import logging
import os
import stat
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import mhfd
from mhfd import api, images
from mhfd.contract.answer import ScoreResponse
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import FocusReport, Provenance, report_file
from mhfd.contract.request import Code, Expected, Problem, ScoreRequest
from mhfd.detector import ON_GPU, Detector
from mhfd.detector.choose import choose
from mhfd.errors import DeviceUnavailable, UsageError
from mhfd.ranks import launch
from mhfd.ranks.rank_request import RankRequest
from mhfd.remote import alarm, placing, worker
from mhfd.remote.budget import Budget
from mhfd.remote.ledger import Ledger
from mhfd.remote.refusal import Refusal, problem, read
from mhfd.remote.roots import RootedFile, Roots
from mhfd.remote.task import Verb, perform
from mhfd.site import Site

log = logging.getLogger("mhfd.remote")


def answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a ScoreRequest in, those of a ScoreResponse out."""
    began = time.time_ns()

    def work(request: ScoreRequest, site: Site, ledger: Ledger) -> ScoreResponse:
        _allowed(request, site)
        detector = _detector(request, site)
        with ExitStack() as stack:
            folder = None
            if request.write_to is not None:
                roots = Roots.of(site, "write")
                folder = stack.enter_context(roots.folder(request.write_to, make=True))
            return _Run(site, request, detector, folder, ledger, began).response()

    def turned_away(found: list[Problem], _request: ScoreRequest | None) -> ScoreResponse:
        return ScoreResponse(
            ok=False,
            reports=(),
            errors=tuple(found),
            provenance=_provenance(None),
            began_ns=began,
            ended_ns=time.time_ns(),
        )

    return perform(Verb("mhfd_focus", _request, work, turned_away), fields)


class _Run:
    """One request that can be taken."""

    def __init__(
        self,
        site: Site,
        request: ScoreRequest,
        detector: Detector,
        folder: int | None,
        ledger: Ledger,
        began: int,
    ) -> None:
        self._site, self._request, self._detector, self._folder = site, request, detector, folder
        self._ledger, self._began = ledger, began
        self._roots = Roots.of(site, "read")
        self._limits = site.limits
        self._budget = Budget(site.max_response_bytes, len(request.paths), detail=request.detail)
        self._started = _ranks(site)
        self._until = None if site.max_seconds is None else time.monotonic() + site.max_seconds
        ledger.device = detector.device

    def response(self) -> ScoreResponse:
        self._score_all()
        reports, left_out = self._budget.reports()
        return ScoreResponse(
            ok=not self._budget.errors,
            reports=reports,
            errors=tuple(self._budget.errors),
            notes=left_out,
            provenance=_provenance(self._detector),
            began_ns=self._began,
            ended_ns=time.time_ns(),
        )

    def _score_all(self) -> None:
        until = self._until
        for index, path in enumerate(self._request.paths):
            if not self._budget.room:
                why = "the response has no room for more images"
                return self._budget.stop(Code.LEFT_OUT, why, "ask for these again, fewer at once")
            if until is not None and time.monotonic() > until:
                why = f"this endpoint begins no further image after {self._site.max_seconds:g} s"
                return self._budget.stop(Code.OUT_OF_TIME, why, "ask for these again, fewer at once")
            try:
                self._score(index, path)
            except Refusal as e:
                if e.problem.code == Code.QUOTA:  # of whoever asks, not of this image
                    return self._budget.stop(Code.QUOTA, e.problem.why, e.problem.remedy)
                self._budget.error(e.problem.model_copy(update={"index": index}))
        return None

    def _score(self, index: int, path: str) -> None:
        with self._roots.file(path) as opened:
            if self._request.expect is not None:
                _compare(path, opened, self._request.expect[index])
            size = opened.status.st_size if stat.S_ISREG(opened.status.st_mode) else 0
            self._ledger.reads(size if size <= self._site.max_bytes else 0, images=1)
            with self._ledger.working():
                report = self._measured(path, opened)
        height, width = report.image.shape or (0, 0)
        self._ledger.pixels += height * width
        if report.provenance.backend in ON_GPU:
            self._ledger.gpu_s += report.timing_ms.get("detect", 0.0) / 1000
        name = None
        if self._folder is not None:
            name = report_file(path, self._request.params.id)
            data = report.model_dump_json().encode() + b"\n"
            self._ledger.writes(len(data))
            placing.put(self._folder, name, data)
        self._ledger.scored += 1
        self._budget.report(report, file=name)

    def _measured(self, path: str, opened: RootedFile) -> FocusReport:
        left = self._site.max_image_seconds
        if self._until is not None:
            left = min(left, self._until - time.monotonic())
        try:
            with alarm.ended_after(left):
                return self._scored_now(path, opened)
        except alarm.Overdue:
            why = f"work on it was ended after {left:.3g} s"
            remedy = "ask for it alone, crop it, or ask the endpoint's administrator for more time"
            raise Refusal(problem(Code.OUT_OF_TIME, why, remedy, path=path)) from None

    def _scored_now(self, path: str, opened: RootedFile) -> FocusReport:
        try:
            if self._started and opened.status.st_size >= self._site.ranks_from_bytes:
                return launch.score(self._for_ranks(path, opened), self._started)
            return api.score(
                images.OpenFile(path, opened.fd, beside=lambda name: self._beside(path, name)),
                params=self._request.params,
                device=self._site.device,
                threads=self._site.threads,
                limits=self._limits,
                fft_bytes=self._site.fft_bytes,
            )
        except launch.NotThatFile as e:
            raise Refusal(problem(Code.CHANGED, str(e), "ask again once it is whole there", path=path)) from None
        except MemoryError:
            why = "the worker has not enough memory for this image"
            raise Refusal(
                problem(Code.OUT_OF_MEMORY, why, "ask for it alone, or raise the memory", path=path)
            ) from None
        except DeviceUnavailable as e:
            remedy = "ask for it again, or the endpoint's administrator for a device with more memory"
            raise Refusal(problem(Code.OUT_OF_MEMORY, str(e), remedy, path=path)) from None
        except Exception as e:
            log.exception("an image failed")
            why = f"scoring failed with {type(e).__name__}: {e}"
            remedy = "report this defect with the image"
            raise Refusal(problem(Code.INTERNAL, why, remedy, path=path)) from None

    def _for_ranks(self, path: str, opened: RootedFile) -> RankRequest:
        status = opened.status
        return RankRequest(
            path=path,
            real=opened.real,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            inode=status.st_ino,
            params=self._request.params,
            device=self._site.device,
            max_bytes=self._limits.max_bytes,
            max_pixels=self._limits.max_pixels,
        )

    def _beside(self, path: str, name: str) -> int | None:
        """What an instrument wrote of an image lies in its folder: opened by the same rules as any path."""
        folder, slash, _ = path.rpartition("/")
        try:
            with self._roots.file(f"{folder}{slash}{name}") as opened:
                return os.dup(opened.fd)
        except Refusal:  # not there, or not for us: the same to whoever asks
            return None


def _request(fields: Mapping[str, Any]) -> ScoreRequest:
    request = read(ScoreRequest, fields)
    if request.of_old_station:
        why = f"this station's mhfd is older than the endpoint's {mhfd.__version__} (method 1 against {METHOD_VERSION})"
        remedy = "upgrade the station: pip install --upgrade mhfd"
        raise Refusal(problem(Code.OLD_STATION, why, remedy, field="schema_version"))
    return request


def _allowed(request: ScoreRequest, site: Site) -> None:
    if len(request.paths) > site.max_images:
        why = f"{len(request.paths)} paths; this endpoint takes {site.max_images} at once"
        raise Refusal(problem(Code.TOO_MANY, why, "send fewer at once", field="paths"))


def _detector(request: ScoreRequest, site: Site) -> Detector:
    """Chosen once, so that a missing device is said once."""
    try:
        return choose(request.params, device=site.device, threads=site.threads, fft_bytes=site.fft_bytes)
    except UsageError as e:
        remedy = "ask the endpoint's administrator: `device` in the site's configuration"
        raise Refusal(problem(Code.NO_DEVICE, str(e), remedy, field="params")) from None


def _ranks(site: Site) -> list[str]:
    """What starts ranks; nothing where the worker scores alone. Looked for once, so that it is said once."""
    if site.ranks == 1:
        return []
    try:
        return launch.command(site.launcher, site.ranks)
    except UsageError as e:
        remedy = "ask the endpoint's administrator: `ranks` and `launcher` in the site's configuration"
        raise Refusal(problem(Code.NO_DEVICE, str(e), remedy)) from None


def _compare(path: str, opened: RootedFile, expected: Expected | None) -> None:
    if expected is None:
        return
    now = opened.status
    seen = [] if expected.size == now.st_size else [f"{now.st_size} bytes instead of {expected.size}"]
    if expected.mtime_ns is not None and expected.mtime_ns != now.st_mtime_ns:
        seen.append("another time of change")
    if seen:
        why = f"it is not the file that was asked for: {', '.join(seen)}"
        raise Refusal(problem(Code.CHANGED, why, "wait until it is whole on this side, and ask again", path=path))


def _provenance(detector: Detector | None) -> Provenance:
    name, device, threads = (detector.name, detector.device, detector.threads) if detector else ("none", "none", 0)
    versions = worker.versions()
    return Provenance(version=versions["mhfd"], backend=name, device=device, threads=threads, versions=versions)
