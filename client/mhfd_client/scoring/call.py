"""Many images scored on an endpoint for somebody who waits: handed over in batches, given back as they are done.

For `mhfd score` and notebooks; a station's batches are its runner's. No more is handed over than the endpoint needs to
be busy, because what the service has taken cannot be called back. Whatever dies, here or there, costs time and no
image: a call is found again by its token, and what has no answer is asked once more.
"""

from __future__ import annotations

import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

import mhfd
from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
from mhfd.contract.request import Code, Problem, ScoreRequest, ScoreResponse
from mhfd_client.compute.pace import Pace
from mhfd_client.compute.service import Task, connect
from mhfd_client.errors import (
    ComputeError,
    ComputeRefused,
    EndpointOffline,
    GroupUnknown,
    RequestTooLarge,
    ServiceBusy,
    ServiceUnreachable,
    TaskFailed,
    TaskUnknown,
    TaskUnsent,
    WorkerLost,
)
from mhfd_client.files import text_of
from mhfd_client.runners import set_aside
from mhfd_client.scoring.kept_call import Stored

if TYPE_CHECKING:
    from mhfd_client.compute.reach import ReachedEndpoint

_WINDOW: Final = 16  # batches out at once: enough for the workers of a node, few enough to be waited for
_BATCH: Final = 8
_TRIES: Final = 4
_LOOK_S: Final = 30.0  # nothing has come for so long: what does the service say of the endpoint?
_LOST_S: Final = 900.0  # ... and so long: what is out is asked again
_AGAIN_S: Final = 5.0
_ABSENT: Final = 4  # times that nobody was there when we looked, before that is the end
_WHOLE: Final = {Code.BAD_REQUEST, Code.NO_SITE, Code.NO_MHFD, Code.NO_DEVICE}
"""Problems that every image of the call would have."""
_LATER: Final = {Code.TOO_MANY, Code.LEFT_OUT, Code.OUT_OF_TIME, Code.CHANGED}
"""Problems that fewer images, or another try, may not have."""


class Call:
    """One call: what waits, what is out, what has come.

    Args:
        stored: What is asked, and what of it is known already.
        opened: Opens the way to the endpoint; not asked for when everything is known.
        say: Told in words what is being waited for, when that takes long.
    """

    def __init__(
        self,
        stored: Stored,
        opened: Callable[[], ReachedEndpoint],
        *,
        say: Callable[[str], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stored, self._opened, self._say, self._clock = stored, opened, say, clock
        self._done: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._out: dict[Task, tuple[int, ...] | None] = {}  # None: of an earlier process, which did not say
        self._waiting: deque[tuple[int, ...]] = deque()
        self._tries: Counter[int] = Counter()
        self._pace = Pace()
        self._heard = self._looked = clock()
        self._absent = 0

    def results(self) -> Generator[tuple[int, FocusReport], None, None]:
        """Each image's report with its place in the call, in the order of completion. ComputeError.

        Closing it early gives up what waits; what the service has taken goes on there, and is found by the token.
        """
        try:
            yield from sorted(self._stored.reports.items())
            if self._missing():
                way = self._opened()
                self._function = way.function
                self._endpoint = connect(way.endpoint, client=way.client, sent=self._sent)
                try:
                    self._adopt()
                    if not self._out:
                        self._wait_for(self._missing())
                    yield from self._run()
                finally:
                    self._endpoint.close()
            self._stored.finish()
        finally:
            self._stored.close()

    def _run(self) -> Iterator[tuple[int, FocusReport]]:
        while self._waiting or self._out:
            self._hand_over()
            for task in self._next():
                for index, report in self._answered(task):
                    if index not in self._stored.reports:
                        self._stored.scored(index, report)
                        yield index, report

    def _missing(self) -> list[int]:
        return [index for index in range(len(self._stored.items)) if index not in self._stored.reports]

    def _wait_for(self, indices: Sequence[int], size: int | None = None) -> None:
        """Queue images, in batches that keep several workers busy until the end."""
        size = size or max(1, min(_BATCH, len(indices) // (2 * _WINDOW)))
        self._waiting += [tuple(indices[i : i + size]) for i in range(0, len(indices), size)]

    def _adopt(self) -> None:
        """Listen for what an earlier process of this call has out. Until that is answered nothing new goes out."""
        for group in self._stored.groups:
            try:
                for task in self._endpoint.tasks(group):
                    self._watch(task, None)
            except (ComputeRefused, GroupUnknown):
                continue  # too long ago: asked again

    def _hand_over(self) -> None:
        adopted = any(indices is None for indices in self._out.values())
        if adopted or len(self._out) > _WINDOW // 2 or not self._waiting or not self._pace.free:
            return
        self._pace.spend()  # the SDK puts what is submitted at once into one request
        while self._waiting and len(self._out) < _WINDOW:
            indices = tuple(index for index in self._waiting.popleft() if index not in self._stored.reports)
            if indices:
                self._tries.update(indices)
                self._watch(self._endpoint.submit(self._function, self._request(indices)), indices)

    def _request(self, indices: Sequence[int]) -> dict[str, Any]:
        paths = tuple(self._stored.items[index].there for index in indices)
        request: dict[str, Any] = ScoreRequest(paths=paths, params=self._stored.params).model_dump(
            mode="json", exclude_defaults=True
        )
        return request | {"paths": list(paths)}  # as they are: a name may hold bytes that are no text

    def _watch(self, task: Task, indices: tuple[int, ...] | None) -> None:
        self._out[task] = indices
        task.then(lambda: self._done.put(task))

    def _sent(self, _: list[Task]) -> None:
        """The service has taken tasks: from now on they can be found again. In a thread of the SDK's."""
        group = self._endpoint.group
        if group is not None:
            self._stored.grouped(group)

    def _next(self) -> Iterator[Task]:
        """Tasks that are done; waits a moment for the first."""
        try:
            yield self._done.get(timeout=min(1.0, max(0.05, self._pace.due())) if self._waiting else 1.0)
            while True:
                yield self._done.get_nowait()
        except queue.Empty:
            self._look()

    def _look(self) -> None:
        """When nothing has come for long: is anybody there?"""
        now = self._clock()
        if not self._out or now - max(self._heard, self._looked) < _LOOK_S:
            return
        self._looked = now
        try:
            status = self._endpoint.status()
        except ServiceUnreachable as error:
            self._absent += 1
            self._say(str(error))
            if self._absent >= _ABSENT:
                raise
            return
        except ServiceBusy as error:
            self._pace.hold(error.wait_s)
            return
        if not status.online:
            self._absent += 1
            self._say(f"the endpoint is {status.words}")
            if self._absent >= _ABSENT:
                raise EndpointOffline(
                    f"endpoint {self._endpoint.id} went {status.words} with {len(self._out)} tasks out"
                )
            return
        self._say(f"nothing for {now - self._heard:.0f} s; the endpoint is online: it may be waiting for a node")
        idle = all(status.details.get(key) == 0 for key in ("outstanding_tasks", "pending_tasks"))
        if (idle and self._absent) or now - self._heard > _LOST_S:
            self._lose()
        self._absent = 0

    def _lose(self) -> None:
        """The endpoint is back and has none of ours, or kept silent for too long: ask again."""
        lost, self._out = self._out, {}
        self._heard = self._clock()
        for indices in lost.values():
            if indices is None:
                self._wait_for(self._missing())
                return
            self._again(indices, TaskUnknown("the endpoint lost the task"))

    def _answered(self, task: Task) -> Iterator[tuple[int, FocusReport]]:
        """What a task that is done says."""
        if task not in self._out:
            return  # given up, and asked again
        indices = self._out.pop(task)
        self._heard, self._absent = self._clock(), 0
        try:
            response = _read(task.result(0))
        except ComputeError as error:
            if indices is not None:
                yield from self._failed(indices, error)
        else:
            if (whole := next((e for e in response.errors if e.code in _WHOLE), None)) is not None:
                raise ComputeRefused(f"endpoint {self._endpoint.id}: {whole.why}; {whole.remedy}")
            yield from self._told(response, indices)
        if indices is None and None not in self._out.values():
            self._wait_for(self._missing())

    def _failed(self, indices: tuple[int, ...], error: ComputeError) -> Iterator[tuple[int, FocusReport]]:
        match error:
            case ServiceBusy():
                self._pace.hold(error.wait_s)
                self._again(indices, error)
            case TaskUnsent():
                self._waiting.appendleft(indices)
            case GroupUnknown():
                self._endpoint.new_group()
                self._again(indices, error)
            case ServiceUnreachable() | TaskUnknown():
                self._pace.hold(_AGAIN_S)
                self._say(str(error))
                self._again(indices, error)
            case RequestTooLarge() | TaskFailed() if len(indices) > 1:
                self._wait_for(indices, 1)
            case WorkerLost() if max(self._tries[index] for index in indices) < _TRIES:
                self._wait_for(indices, 1)
            case WorkerLost():
                yield from ((index, self._aside(index, f"could not be scored: {error}")) for index in indices)
            case _:
                raise error

    def _again(self, indices: tuple[int, ...], error: ComputeError) -> None:
        if max(self._tries[index] for index in indices) >= _TRIES:
            raise error
        self._waiting.appendleft(indices)

    def _told(self, response: ScoreResponse, indices: tuple[int, ...] | None) -> Iterator[tuple[int, FocusReport]]:
        """The reports of a response, each with its place in the call; what was left out waits again."""
        places: list[int | None] = list(indices) if indices is not None else self._places(response)
        left: list[int] = []
        for place, plain in zip(places, response.reports, strict=False):
            if plain is not None and place is not None:
                yield place, self._named(place, _report(plain, self._stored))
        for number, place in enumerate(places):
            if place is None or (number < len(response.reports) and response.reports[number] is not None):
                continue
            why = next((e for e in response.errors if _covers(e, number)), None)
            alone = len(places) == 1
            if why is None or (why.code in _LATER and not (alone and self._tries[place] >= _TRIES)):
                left.append(place)
            else:
                yield place, self._aside(place, f"could not be scored: {why.why}; {why.remedy}")
        if left and indices is not None:
            self._wait_for(left, max(1, len(left) // 2))
            self._worn(left)

    def _worn(self, left: Sequence[int]) -> None:
        if max(self._tries[index] for index in left) > _TRIES + _BATCH:
            raise TaskFailed("the endpoint leaves images out however few it is asked for; its log says why")

    def _places(self, response: ScoreResponse) -> list[int | None]:
        """Where the reports of an earlier process's task belong: by the endpoint's path."""
        free: dict[str, deque[int]] = {}
        for index in self._missing():
            free.setdefault(text_of(self._stored.items[index].there), deque()).append(index)
        paths = [_path_of(plain) for plain in response.reports]
        return [free[path].popleft() if path is not None and free.get(path) else None for path in paths]

    def _named(self, index: int, report: FocusReport) -> FocusReport:
        """Under the caller's name of the file, and with where it was scored."""
        image = report.image.model_copy(update={"path": text_of(self._stored.items[index].path)})
        made = report.provenance.model_copy(update={"endpoint": str(self._stored.endpoint)})
        return report.model_copy(update={"image": image, "provenance": made})

    def _aside(self, index: int, why: str) -> FocusReport:
        return set_aside(self._stored.items[index].path, self._stored.params, why)


def _read(answer: object) -> ScoreResponse:
    try:
        return ScoreResponse.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ComputeRefused(
            f"the endpoint's mhfd answers in a way that this one ({mhfd.__version__}) does not know ({where}: "
            f"{first['msg']}): install the same version on both sides; `mhfd doctor --endpoint` shows them"
        ) from None


def _covers(problem: Problem, number: int) -> bool:
    if problem.index is None:
        return True
    return problem.index <= number <= (problem.index if problem.through is None else problem.through)


def _path_of(plain: dict[str, Any] | None) -> str | None:
    if plain is None:
        return None
    image = plain.get("image")
    path = image.get("path") if isinstance(image, dict) else plain.get("path")
    return path if isinstance(path, str) else None


def _report(plain: dict[str, Any], stored: Stored) -> FocusReport:
    """A report as it came, or what a summary tells where there was no room for more."""
    if "method" in plain:
        return FocusReport.model_validate(plain)
    return FocusReport(
        method=Method(id="summary"),
        image=ImageInfo(path=plain.get("path"), sha256=plain.get("sha256")),
        finding=Finding(plain["finding"]),
        finding_detail=plain.get("finding_detail"),
        dof=plain.get("dof"),
        density=plain.get("density"),
        cross_spectrum=plain.get("cross_spectrum"),
        tissue=plain.get("tissue"),
        params=stored.params,
        params_id=stored.params.id,
        provenance=Provenance(version="unknown", backend="unknown", device="unknown", threads=0),
    )
