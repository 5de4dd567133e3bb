"""`mhfd doctor --endpoint`: is all there that scoring on an endpoint needs, and what to do about what is not.

Asks: who we are, whether the endpoint is online, which functions may run, and then `mhfd_examine` itself, on a worker,
about one image too. Each step takes bounded time, and the first that nothing can follow is the last. What the answers
mean is said in `findings`. It scores nothing and writes nothing, but for the registration of a function.
"""

import hashlib
import os
import statistics
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from mhfd.contract.examination import Examination
from mhfd.errors import ExtraMissing, MhfdError, UsageError
from mhfd.site import FREE
from mhfd_client.compute import registration
from mhfd_client.compute.paths import PathMap
from mhfd_client.compute.reach import hurried
from mhfd_client.compute.service import EndpointService, client_of, let_go
from mhfd_client.doctor import endpoint_words as findings
from mhfd_client.doctor.endpoint_words import Sample
from mhfd_client.doctor.images import some_images
from mhfd_client.errors import (
    ComputeError,
    ComputeRefused,
    EndpointOffline,
    FunctionNotAllowed,
    FunctionObsolete,
    LoginError,
    ServiceBusy,
    ServiceUnreachable,
    TaskFailed,
)
from mhfd_client.settings.options import ArrivalSettings
from mhfd_endpoint.finding import Check, fail, ok, warn

WAIT_S: Final = 120.0
"""For the first answer: an endpoint that sleeps has to start a worker, on a cluster after a queue."""
_ECHOES: Final = 5
_ECHO_S: Final = 30.0
_POLLED_MS: Final = 400.0  # an endpoint as it comes looks for results every half second
_LOOKED_AT: Final = 200
_CHUNK: Final = 1 << 20
_NEW: Final = "functions"
"""The field of an ExamineRequest that an endpoint of before refuses."""

_DO: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ExtraMissing, "pip install 'mhfd[globus]'"),
    (LoginError, "mhfd login; `mhfd whoami` says what is missing"),
    (EndpointOffline, "where it runs: globus-compute-endpoint start NAME"),
    (FunctionNotAllowed, "give that line to the endpoint's administrator"),
    (FunctionObsolete, "install the same mhfd on both sides, then `mhfd function register` and pin its ids"),
    (ComputeRefused, "check the id and the login; ask the endpoint's administrator to let you use it"),
    (ServiceBusy, "wait a minute, then ask again"),
    (ServiceUnreachable, "check the network and its proxy, then ask again"),
    (TaskFailed, "the endpoint's administrator finds more in its log: install mhfd[endpoint] for the workers"),
)


class _End(Exception):
    """Nothing can follow. `check` says why."""

    def __init__(self, check: Check) -> None:
        super().__init__(check)
        self.check = check


@contextmanager
def _or_end(name: str, kinds: tuple[type[MhfdError], ...] = (ComputeError, LoginError)) -> Iterator[None]:
    """What goes wrong is a failed check, and the last one."""
    try:
        yield
    except kinds as error:
        raise _End(_failed(name, error)) from None


@dataclass(frozen=True, slots=True)
class _Answer:
    told: Examination
    sent: float
    """By this machine's clock, seconds since 1970, as `came`."""
    came: float
    took_s: float


def examine(
    endpoint: UUID,
    *,
    maps: PathMap | None = None,
    directory: str | None = None,
    arrival: ArrivalSettings | None = None,
    wait_s: float = WAIT_S,
) -> Iterator[Check]:
    """Every check, as it is done. Raises nothing for what it finds.

    Args:
        endpoint: Which.
        maps: Where the endpoint has this machine's folders; nothing for the same names on both sides.
        directory: A folder of this machine: one of its images is looked at from both sides.
        arrival: Which of its files are images; nothing for the defaults.
        wait_s: How long the first answer of a worker may take.
    """
    client = None
    try:
        with _or_end("login", (MhfdError,)):  # settings too: they say who logs in
            client = hurried(client_of())
            far = EndpointService(client, endpoint)
        try:
            yield from _examine(client, far, maps or PathMap(), directory, arrival or ArrivalSettings(), wait_s)
        finally:
            far.close()
    except _End as end:
        yield end.check
    finally:
        if client is not None:
            let_go(client)


def _examine(
    client: Any, far: EndpointService, maps: PathMap, directory: str | None, arrival: ArrivalSettings, wait_s: float
) -> Iterator[Check]:
    yield from _service(far)
    function = yield from _functions(client, far.id)
    sample = None
    if directory is not None:
        try:
            sample = _sample(directory, maps, arrival)
        except (OSError, UsageError) as error:
            yield fail("image", str(error), "correct the folder, or --map HERE=THERE")
    paths = () if sample is None or sample.there is None else (sample.there,)
    answer = _looked(far, function, {"paths": paths, "hash": True}, wait_s)
    yield from findings.of(answer.told, sent=answer.sent, came=answer.came, took_s=answer.took_s)
    if sample is not None:
        yield from findings.of_sample(sample, answer.told)
    yield _round_trip(far, function)


def _service(far: EndpointService) -> Iterator[Check]:
    with _or_end("service"):
        far.check()
    yield ok("service", f"Globus Compute answers ({far.client.web_service_address})")
    with _or_end("endpoint"):
        status = far.status()
    if not status.online:
        what = f"{far.id} is {status.words}: nothing was handed over"
        raise _End(fail("endpoint", what, "where it runs: globus-compute-endpoint start NAME"))
    yield ok("endpoint", f"{far.id} is online{findings.load(status.details)}")


def _functions(client: Any, endpoint: UUID) -> Generator[Check, None, UUID]:
    """The functions of images may run there, and which of the others; gives the one that examines."""
    found: dict[str, UUID] = {}
    for name in registration.NAMES:
        try:
            found[name] = registration.find(client, name, endpoint=endpoint)
        except (ComputeError, LoginError) as error:
            failed = _failed(f"function {name}", error)
            needed = name in FREE or not isinstance(error, FunctionNotAllowed)
            yield failed if needed else warn(failed.name, failed.what, f"nothing for images; to run it, {failed.do}")
        else:
            yield ok(f"function {name}", f"{found[name]}, of this mhfd's code")
    if "mhfd_examine" not in found:
        what = "the endpoint could not be asked how it is, because mhfd_examine may not run there"
        raise _End(fail("worker", what, "see the line of mhfd_examine"))
    return found["mhfd_examine"]


def _looked(far: EndpointService, function: UUID, request: Mapping[str, Any], wait_s: float) -> _Answer:
    """The one look at everything. An endpoint of before does not know the newest question: it is asked without."""
    answer = _asked(far, function, {**request, _NEW: True}, wait_s)
    older = any(problem.field == _NEW for problem in answer.told.errors)
    return _asked(far, function, request, wait_s) if older else answer


def _asked(far: EndpointService, function: UUID, request: Mapping[str, Any], wait_s: float) -> _Answer:
    """One call. `_End`: there is no answer, or not one that we understand."""
    sent, began = time.time(), time.monotonic()
    try:
        with _or_end("worker"):
            said = far.submit(function, request).result(wait_s)
    except TimeoutError:
        what = f"no answer within {wait_s:g} s: no worker runs yet, or none can be started"
        do = "give the cluster's queue time: ask again, with a longer --wait; else see its log, where it runs"
        raise _End(fail("worker", what, do)) from None
    took_s, came = time.monotonic() - began, time.time()
    try:
        return _Answer(Examination.model_validate(said), sent, came, took_s)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = f"the answer is not one that this mhfd understands: {where}: {first['msg']}"
        raise _End(fail("worker", what, "install the same mhfd on both sides")) from None


def _round_trip(far: EndpointService, function: UUID) -> Check:
    """The median of a few calls that do nothing."""
    took = [_asked(far, function, {"echo": "x", "only_echo": True}, _ECHO_S).took_s * 1000 for _ in range(_ECHOES)]
    what = f"median {statistics.median(took):.0f} ms of {_ECHOES} calls that do nothing (longest {max(took):.0f} ms)"
    slow = "half a second of it is the endpoint's own waiting: `mhfd endpoint init --fast-results` lowers it"
    return ok("round trip", what, slow if statistics.median(took) >= _POLLED_MS else "")


def _sample(directory: str, maps: PathMap, arrival: ArrivalSettings) -> Sample:
    """A small image of the folder, as this machine has it. OSError; UsageError."""
    root = os.path.abspath(directory)  # noqa: PTH100 - links in it stay
    if not Path(root).is_dir():
        raise UsageError(f"{root} is no folder of this machine")
    images = ((path, status.st_size) for path, status in some_images(root, arrival, _LOOKED_AT) if status.st_size)
    smallest = min(images, key=lambda image: image[1], default=None)
    if smallest is None:
        return Sample(root, maps.there(root))
    path = smallest[0]
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        status = os.fstat(file.fileno())
        while part := file.read(_CHUNK):
            digest.update(part)
    return Sample(path, maps.there(path), status.st_size, status.st_mtime_ns, digest.hexdigest())


def _failed(name: str, error: Exception) -> Check:
    do = next((do for kind, do in _DO if isinstance(error, kind)), "do as the message says")
    name = "login" if isinstance(error, LoginError) else name
    return fail(name, str(error), do)
