"""Questions about Compute, its action provider, and the whole road of an image through focus_check."""

import inspect
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from mhfd.contract.examination import Examination
from mhfd.contract.params import Params
from mhfd.contract.request import Code
from mhfd_client.compute import registration
from mhfd_client.errors import HourTrouble
from mhfd_client.first_hour.answers import Seen, holds, told, unanswered, wrong
from mhfd_client.first_hour.asker import Asker
from mhfd_client.first_hour.question import HourQuestion
from mhfd_client.flow.asking import ask
from mhfd_client.flow.image_load import body_of
from mhfd_client.flow.service import Run
from mhfd_client.flow.steps import Did, steps
from mhfd_client.runners import Job
from mhfd_flows.shipped import FLOWS

SHIPPED: Final = FLOWS["focus_check"]
SHORT_S: Final = 60.0
_SHORT: Final = frozenset(
    name
    for name, state in SHIPPED.document["States"].items()
    if state["Type"] == "Action" and state["ActionUrl"].endswith(("/mkdir", "/ls"))
)
"""Its actions that are short."""
_OPTIONS: Final = ("verify_checksum", "encrypt_data")


def _direct(asker: Asker) -> Iterator[Seen]:
    with asker.compute() as client, asker.endpoint(client) as far:
        status = far.status()
        if not status.online:
            raise HourTrouble(f"the endpoint is {status.words}")
        function = registration.find(client, "mhfd_examine", endpoint=far.id)
        answer = far.submit(function, {"echo": "x", "only_echo": True}).result(asker.wait_s / asker.hurry)
    try:
        there = Examination.model_validate(answer).versions.get("mhfd", "nothing")
    except ValueError as error:
        yield wrong("compute-direct", f"the answer has another form: {error}")
        return
    yield holds("compute-direct", f"it answers; mhfd {there} there")


def _functions(asker: Asker) -> Iterator[Seen]:
    function = UUID(asker.function())
    with asker.compute() as client:
        document = dict(client.get_function(function))
        code = document.get("function_code")
        shown = isinstance(code, str) and inspect.getsource(registration.source_of("mhfd_focus")) in code
        yield told("function-source", shown, f"it shows {', '.join(sorted(document))}; our source: {shown}")
        try:
            allowed = dict(client.get_allowed_functions(UUID(asker.site.endpoint)))
        except Exception as error:  # whatever the SDK makes of a refusal
            if (status := getattr(error, "http_status", None)) is None:
                raise
            yield wrong("allowed-functions", f"the service answers {status}")
            return
    good = {"restricted", "functions"} <= allowed.keys()
    count = len(allowed.get("functions") or ())
    yield told("allowed-functions", good, f"restricted: {allowed.get('restricted')}, with {count} functions")


def _provider(asker: Asker) -> Iterator[Seen]:
    asker.function()
    asker.deploy(SHIPPED.document, SHIPPED.input_schema)
    found = ask(asker.service, asker.folders(), wait_s=asker.wait_s / asker.hurry)
    if found.serializer_refused:
        yield wrong("compute-json", f"the endpoint does not unpack what the action provider sent: {found.why}")
        return
    if found.output is None:
        raise HourTrouble(found.why)
    yield holds("compute-json", f"the endpoint took the task, and answered within {found.took_s:.1f} s")
    good = found.codes == (Code.UNAVAILABLE,)
    yield told("compute-answer", good, f"asked for an image that is not there: {', '.join(found.codes) or 'no error'}")


def _whole(asker: Asker) -> Iterator[Seen]:
    asker.function()
    asker.deploy(SHIPPED.document, SHIPPED.input_schema)
    files, key = asker.images(), uuid.uuid4().hex
    folders = asker.folders()
    jobs = [Job(n, str(file), file.stat().st_size, file.stat().st_mtime_ns, Params()) for n, file in enumerate(files)]
    run = asker.start(
        body_of(folders, key, jobs, [folders.name(job) for job in jobs]), label="mhfd first hour: three images", key=key
    )
    asker.left.note("staged", asker.site.staging, f"{asker.site.staging_path.rstrip('/')}/mhfd-{run}/")
    end = asker.end_of(run)
    yield _came_back(asker, end, len(files), sorted(folders.results_here.rglob("*.mhfd.json")))
    log = asker.service.log(run)
    did = {one.state: one for one in steps(log)}
    yield _logged(log, did)
    yield _paced(did)
    yield _options(asker, end)


def _came_back(asker: Asker, end: Run, images: int, reports: list[Any]) -> Seen:
    staged = f"mhfd-{end.id}"
    left = [str(one["name"]) for one in asker.transfer.operation_ls(asker.site.staging, path=asker.site.staging_path)]
    good = [file for file in reports if json.loads(file.read_bytes()).get("finding")]
    saw = f"{end.status} {end.error or ''}: {len(good)} of {images} reports are back"
    if staged in left:
        return wrong("whole-run", f"{saw}; its folder is left in the staging area")
    asker.left.gone("staged", asker.site.staging, f"{asker.site.staging_path.rstrip('/')}/{staged}/")
    if end.error == "NotScored":
        return unanswered("whole-run", f"{saw}; {end.why}")
    return told("whole-run", end.status == "SUCCEEDED" and len(good) == images, f"{saw}; its folder is gone")


def _logged(log: list[dict[str, Any]], did: Mapping[str, Did]) -> Seen:
    codes = sorted({str(entry.get("code")) for entry in log})
    seen = did.get("BringImages")
    good = seen is not None and seen.kind == "Action" and seen.took_s is not None
    return told("log-entries", good, f"codes: {', '.join(codes)}")


def _paced(did: Mapping[str, Did]) -> Seen:
    actions = [one for one in did.values() if one.kind == "Action" and one.took_s is not None]
    short = [one.took_s for one in actions if one.state in _SHORT and one.took_s is not None]
    every = ", ".join(f"{one.state} {one.took_s:.1f} s" for one in actions)
    if not short:
        return unanswered("pace", f"the log does not say how long short actions took: {every or 'nothing'}")
    return told("pace", max(short) < SHORT_S, every)


def _options(asker: Asker, end: Run) -> Seen:
    """What Transfer says of the transfers of this run."""
    wanted = {"verify_checksum": True}
    shipped = SHIPPED.document["States"]["BringImages"]["Parameters"]
    wanted |= {name: shipped[name] for name in _OPTIONS if name in shipped}
    said: dict[str, Any] = {}
    for state in ("brought", "returned"):
        details = (end.output.get(state) or {}).get("details") or {}
        if (task := details.get("task_id")) is None:
            return unanswered("transfer-options", f"$.{state} names no task of Transfer")
        told_of = asker.transfer.get_task(task).data
        said |= {f"{state}.{name}": told_of.get(name) for name in wanted}
    bad = [name for name, value in said.items() if value != wanted[name.partition(".")[2]]]
    return told("transfer-options", not bad, ", ".join(f"{name}: {value}" for name, value in said.items()))


QUESTIONS: Final = (
    HourQuestion(("compute-direct",), "calls a function on the endpoint that does nothing", _direct),
    HourQuestion(("function-source", "allowed-functions"), "reads our function and the endpoint's list", _functions),
    HourQuestion(
        ("compute-json", "compute-answer"), "has the flow ask the endpoint for an image that is not there", _provider
    ),
    HourQuestion(
        ("whole-run", "log-entries", "pace", "transfer-options"),
        "runs focus_check with three small images: moves them to the staging area, scores them, brings reports back",
        _whole,
    ),
)
