"""What crosses a process or a wire: its form, read from the code, and the version that it carries.

`schemas.json` beside this file keeps the digest of each form under its version. Who changes a form raises its version
where the code keeps it, and runs `python -m tests.contract.crossing`, which writes that file anew.
With `--release` it adds to what is kept of dated versions: `tests.contract.released_forms`.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
import json
import os
import re
import sys
import tempfile
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from tests.contract import small_files
from tests.contract.documents import PRINTED
from tests.contract.released_forms import breaks_a_release, released, released_with, write

import mhfd

KEPT: Final = Path(__file__).with_name("schemas.json")
COMMAND: Final = "python -m tests.contract.crossing"


@dataclass(frozen=True)
class Form:
    """How something that crosses looks. Lazy: nothing is imported before it is asked for."""

    version: Callable[[], int]
    kept_in: str
    """The file in which the code keeps the version."""
    read: Callable[[], Any]
    """A type, or plain JSON that says the form."""
    is_type: bool = False


@dataclass
class Description:
    """A type as plain JSON: names of fields, types, defaults and bounds; no words, and no names of classes.

    `classes`: those that it is made of, by name.
    """

    classes: set[str] = field(default_factory=set)
    _inside: list[type] = field(default_factory=list)

    def of(self, kind: Any) -> Any:
        """One type, with all that it is made of."""
        if kind is None or kind is types.NoneType:
            return "null"
        if origin := typing.get_origin(kind):
            parts = typing.get_args(kind)
            if origin is typing.Annotated:
                return self.of(parts[0])
            if origin is typing.Literal:
                return {"one of": [str(part) for part in parts]}
            name = "either" if origin in (typing.Union, types.UnionType) else str(getattr(origin, "__name__", origin))
            return {name: ["..." if part is Ellipsis else self.of(part) for part in parts]}
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._class(kind, lambda: {n: self._field(f) for n, f in kind.model_fields.items()})
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            hints = typing.get_type_hints(kind)
            return self._class(kind, lambda: {f.name: self.of(hints[f.name]) for f in dataclasses.fields(kind)})
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return self._class(kind, lambda: [str(member.value) for member in kind])
        return getattr(kind, "__name__", str(kind))

    def _class(self, kind: type, inside: Callable[[], Any]) -> Any:
        if kind in self._inside:
            return f"as {len(self._inside) - self._inside.index(kind)} further out"
        self.classes.add(kind.__name__)
        self._inside.append(kind)
        found = inside()
        self._inside.pop()
        return found

    def _field(self, info: Any) -> list[Any]:
        bounds = [repr(rule) for rule in info.metadata if type(rule).__module__ == "annotated_types"]
        default = [] if info.default is PydanticUndefined else [f"default {self._plain(info.default)}"]
        return [self.of(info.annotation), *bounds, *default]

    def _plain(self, value: Any) -> str:
        return value.model_dump_json() if isinstance(value, BaseModel) else json.dumps(value, default=str)


def names_in(value: Any, *, but: frozenset[str] = frozenset()) -> Any:
    """The names in a JSON document, without its values. `but`: names whose content has a form of its own, or any."""
    if isinstance(value, Mapping):
        return {key: "..." if key in but else names_in(inner, but=but) for key, inner in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [names_in(value[0], but=but)] if value else []
    return None


def without_words(schema: Any) -> Any:
    """A JSON Schema without what is written for people."""
    if isinstance(schema, Mapping):
        plain = {key: without_words(inner) for key, inner in schema.items() if key not in ("description", "examples")}
        return {key: inner for key, inner in plain.items() if key != "title" or isinstance(inner, Mapping)}
    return [without_words(inner) for inner in schema] if isinstance(schema, list) else schema


def statements(sql: str) -> str:
    """SQL without comments and line breaks."""
    return " ".join(re.sub(r"--.*", "", sql).split())


def _of_model(name: str, module: str) -> Form:
    """A pydantic model that has a `schema_version`."""

    def model() -> Any:
        return getattr(__import__(module, fromlist=[name]), name)

    return Form(lambda: int(model().model_fields["schema_version"].default), module, model, is_type=True)


def _summary() -> Any:
    from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
    from mhfd.contract.params import Params

    made = FocusReport(
        method=Method(id="mhfd-robust"),
        image=ImageInfo(path="a"),
        finding=Finding.OK,
        params=Params(),
        params_id="0",
        provenance=Provenance(version="0", backend="cpu", device="cpu", threads=1),
    )
    return names_in(made.summary(report_file="a.json"))


def _task_line() -> Any:
    from mhfd.remote.ledger import Ledger
    from mhfd.remote.tasklog import LoggedTask
    from mhfd.site import Site

    with tempfile.TemporaryDirectory() as folder:
        site = Site(log=Path(folder, "log"))
        ledger = Ledger("mhfd_focus", {"paths": ["/a"], "key": "a"})
        LoggedTask(site, ledger.line("done")).write(ledger.line("done"))
        return names_in(json.loads(Path(folder, "log").read_text()), but=frozenset({"problems"}))


def _checkpoint_head() -> Any:
    from mhfd.contract.work import Progress
    from mhfd.remote.long.checkpoints import head

    return names_in(json.loads(head(b"", Progress(done=0, unit="a", at_ns=0))))


def _quota_count() -> Any:
    from mhfd.remote.quota import Counted

    return names_in(json.loads(Counted("2026-01-01").to_bytes("somebody")))


def _flow_inputs() -> Any:
    from mhfd_flows.shipped import FLOWS

    return {name: without_words(flow.input_schema) for name, flow in FLOWS.items()}


def _constant(module: str, name: str) -> Callable[[], int]:
    return lambda: int(getattr(__import__(module, fromlist=[name]), name))


def _journal() -> Any:
    from mhfd_client.journal.schema import MIGRATIONS

    return [statements(sql) for sql in MIGRATIONS]


def _journal_version() -> int:
    return len(_journal())


def _worker_lines() -> Any:
    """The set-up and a job as they are written, and the kinds of replies as the worker's source names them."""
    from mhfd.contract.params import Params
    from mhfd_client.runners import Job, process, worker

    said: list[Any] = []
    talking = object.__new__(process.Worker)
    vars(talking)["_write"] = said.append
    talking.send(Job(1, "a", 1, 1, Params()))
    kinds = re.findall(r'(?:return |_reply\(replies, )"(\w+)"', inspect.getsource(worker))
    return [Description().of(process.SetUp), names_in(said[0], but=frozenset({"params"})), sorted(set(kinds))]


def _page_line() -> Any:
    from mhfd_client.page.process import Serving, line_of
    from mhfd_client.settings.load import load

    return names_in(line_of(Serving(Path("/a"), load(env={}), "localhost"), 3), but=frozenset({"settings", "origins"}))


def _sidecar() -> Any:
    """One as it is written: of an image with neighbours, so that nothing in it is left out."""
    from tests.rigs.blurs import blur
    from tests.rigs.runs import Run

    from mhfd_client.results.sidecars import Recorder
    from mhfd_client.settings.load import load

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        for section in range(1, 10):
            run.image(section)
        image = run.image(10, blur=blur(2.0))
        row = run.journal.image(image)
        assert row.report is not None
        assert row.verdict is not None
        report, verdict = run.journal.report(row.report), run.journal.verdict(row.verdict)
        _, data = Recorder(run.state, run.journal, load(env={})).sidecar(row, report, verdict)
        run.close()
    return json.loads(data)


def _status() -> Any:
    """What `mhfd status --json` says of a run with an image to take again, and a gap."""
    from tests.rigs.blurs import blur
    from tests.rigs.runs import Run

    from mhfd_client.results.status import status
    from mhfd_client.settings.options import NamesSettings

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        for section in (*range(1, 10), 12):
            run.image(section)
        run.image(13, density=500.0, ratio=0.001, blur=blur(2.0))
        run.journal.trouble("disk", None, "full")
        told = status(run.journal, NamesSettings()).as_json()
        run.close()
    return told


def _alerts() -> Any:
    from mhfd_client.alerts import store

    return statements(store.SCHEMA)


def _call() -> Any:
    """The lines of a call, from its beginning to its end."""
    from uuid import UUID

    from tests.rigs.focus_reports import report

    from mhfd.contract.params import Params
    from mhfd_client.scoring.items import Item
    from mhfd_client.scoring.kept_call import Stored

    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_STATE_HOME=folder):
        stored = Stored.new(UUID(int=1), Params(), [Item("a", "/a")])
        stored.scored(0, report())
        stored.finish()
        stored.close()
        (file,) = Path(folder).rglob("*.jsonl")
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _work() -> Any:
    """The lines of a work, from its beginning to its end."""
    from uuid import UUID

    from mhfd.contract.focus_report import Provenance
    from mhfd.contract.work import WorkAnswer, WorkState
    from mhfd_client.runners.work import Ended
    from mhfd_client.works.kept_work import KeptWork

    nobody = Provenance(version="1", backend="none", device="none", threads=0)
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_STATE_HOME=folder):
        kept = KeptWork.new("k", "mhfd_examine", UUID(int=1), {})
        kept.heard(Ended(kept.token, 0, WorkAnswer(ok=True, state=WorkState.DONE, provenance=nobody), 1))
        (file,) = Path(folder).rglob("*.jsonl")
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _notes() -> Any:
    """What the two runners note of a task and of a run that are out: their modules hold a dataclass each."""
    from mhfd_client.compute import tasks_out
    from mhfd_client.flow import runs_out

    modules = (tasks_out, runs_out)
    kinds = [k for m in modules for k in vars(m).values() if isinstance(k, type) and k.__module__ == m.__name__]
    return [Description().of(kind) for kind in kinds if dataclasses.is_dataclass(kind)]


def _page() -> Any:
    """The events that a browser gets at first, each under its name, and the drawings that it asks for."""
    from tests.rigs.loops import alone
    from tests.rigs.runs import Run

    from mhfd_client.journal.view import JournalView
    from mhfd_client.page import live, panels, server
    from mhfd_client.page.model import PageModel
    from mhfd_client.settings.load import load

    async def first(page: live.Live) -> Any:
        told: dict[str, Any] = {}
        async for event in page.stream(0, page.now.identity):
            name, data = re.findall(r"^(?:event|data): (.*)$", event, re.MULTILINE)
            told[name] = json.loads(data)
            if name == "tick":
                break
        routes = server._Routes(page, mock.Mock(), page.model.journal.path.parent, "/a", load(env={}), "")
        drawings = await routes.chart(mock.Mock(query_params={}))
        columns = len(told.pop("points")[0])
        kinds = sorted(set(re.findall(r'_event\("(\w+)"', inspect.getsource(live))))
        but = frozenset({"item", "spans", "words"})
        return [
            kinds,
            columns,
            names_in(told, but=but),
            names_in(json.loads(bytes(drawings.body)), but=but | {"waits"}),
        ]

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.image(1)
        with JournalView.read(run.state) as view:
            found = alone(first(live.Live(PageModel(view, confirm=3), panels.templates())))
        run.close()
    return found


def _truth() -> Any:
    from mhfd_client.microscope import truth

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "truth.csv")
        truth.write_truth(file, ())
        return [file.read_text("utf-8"), Description().of(truth.Shot)]


def _retakes() -> Any:
    from mhfd_client.results.tables import as_csv

    return as_csv(())


def _others() -> Any:
    from mhfd_client.results.tables import others_csv

    return others_csv((), root=Path(), state_dir=Path())


def _alert_variables() -> Any:
    from mhfd_client.alerts.command import Command
    from mhfd_client.alerts.message import sample

    with mock.patch("subprocess.Popen") as started:
        Command(["a"], timeout_s=1.0)._start(sample("", 0.0))
    return sorted(set(started.call_args.kwargs["env"]) - set(os.environ))


def _type_of(module: str, name: str) -> Callable[[], Any]:
    """Of a function what it returns, else the type itself."""

    def described() -> Any:
        found = getattr(__import__(module, fromlist=[name]), name)
        return Description().of(found if isinstance(found, type) else typing.get_type_hints(found)["return"])

    return described


def _document(command: str, read: Callable[[], Any]) -> Form:
    """What `--json` of a command prints."""
    kept_in = "mhfd_client.commands.common"
    return Form(lambda: int(__import__(kept_in, fromlist=["VERSIONS"]).VERSIONS[command]), kept_in, read)


def _printed(name: str) -> Callable[[], Any]:
    return lambda: names_in(PRINTED[name](), but=frozenset({"details", "facts"}))


CONTRACT: Final = "mhfd.contract.base"
FORMS: Final[Mapping[str, Form]] = {
    **{
        name: dataclasses.replace(_of_model(name, module), kept_in=CONTRACT)
        for name, module in (
            ("ScoreRequest", "mhfd.contract.request"),
            ("ScoreResponse", "mhfd.contract.answer"),
            ("FocusReport", "mhfd.contract.focus_report"),
            ("ExamineRequest", "mhfd.contract.examination"),
            ("Examination", "mhfd.contract.examination"),
            ("WorkRequest", "mhfd.contract.work"),
            ("WorkAnswer", "mhfd.contract.work"),
            ("TrainRequest", "mhfd.contract.training"),
            ("AssessRequest", "mhfd.contract.assessing"),
            ("Assessment", "mhfd.contract.assessing"),
            ("BenchmarkRequest", "mhfd.contract.benchmarking"),
            ("Benchmarked", "mhfd.contract.benchmarking"),
            ("PicturesBenchmark", "mhfd.learning.pictures.benchmark"),
        )
    },
    "row of a dataset": _of_model("DatasetRow", "mhfd.learning.dataset.rows"),
    "test of a library of models": _of_model("TestDone", "mhfd.learning.promotion.life"),
    "first line of a dataset": _of_model("DatasetHeader", "mhfd.learning.dataset.rows"),
    "Estimate": _of_model("Estimate", "mhfd.contract.estimate"),
    "card of a package": dataclasses.replace(
        _of_model("Card", "mhfd.learning.packages.card"),
        version=_constant("mhfd.learning.packages.card", "CARD_VERSION"),
    ),
    "line of the history of champions": _of_model("ChampionChange", "mhfd.learning.packages.history"),
    "who is champion": _of_model("ChampionAlias", "mhfd.learning.packages.history"),
    "summary of a report": Form(_constant(CONTRACT, "SCHEMA_VERSION"), CONTRACT, _summary),
    "site file of an endpoint": _of_model("Site", "mhfd.site"),
    "line of a task in the endpoint's log": Form(
        _constant("mhfd.remote.tasklog", "SCHEMA_VERSION"), "mhfd.remote.tasklog", _task_line
    ),
    "claim on long work": _of_model("Claim", "mhfd.remote.long.claims"),
    "head of a checkpoint": Form(
        _constant("mhfd.remote.long.checkpoints", "SCHEMA_VERSION"), "mhfd.remote.long.checkpoints", _checkpoint_head
    ),
    "count of a user's day": Form(_constant("mhfd.remote.quota", "SCHEMA_VERSION"), "mhfd.remote.quota", _quota_count),
    "input of a flow's run": Form(_constant("mhfd_flows.shipped", "INPUT_VERSION"), "mhfd_flows.shipped", _flow_inputs),
    "lines of a worker": Form(
        _constant("mhfd_client.runners.process", "SCHEMA_VERSION"), "mhfd_client.runners.process", _worker_lines
    ),
    "lines of what is out": Form(
        _constant("mhfd_client.runners.line_file", "SCHEMA_VERSION"), "mhfd_client.runners.line_file", _notes
    ),
    "line to the page's process": Form(
        _constant("mhfd_client.page.process", "SCHEMA_VERSION"), "mhfd_client.page.process", _page_line
    ),
    "sidecar": Form(
        lambda: int(_sidecar()["schema_version"]),
        "mhfd_client.results.sidecars",
        lambda: names_in(_sidecar(), but=frozenset({"report", "detail", "settings"})),
    ),
    "status --json": Form(
        lambda: int(_status()["schema_version"]), "mhfd_client.results.status", lambda: names_in(_status())
    ),
    "memory of alerts": Form(_constant("mhfd_client.alerts.store", "VERSION"), "mhfd_client.alerts.store", _alerts),
    "file of a call": Form(
        lambda: int(_call()[0]["schema_version"]),
        "mhfd_client.scoring.kept_call",
        lambda: [names_in(line, but=frozenset({"report", "params", "options"})) for line in _call()],
    ),
    "file of a work": Form(
        _constant("mhfd_client.works.kept_work", "SCHEMA_VERSION"),
        "mhfd_client.works.kept_work",
        lambda: [names_in(line, but=frozenset({"request", "options", "settings", "answer"})) for line in _work()],
    ),
    "line of the ledger of a lens": _of_model("LedgerLine", "mhfd_client.adjustment.ledger"),
    "what a lens has to go back to": _of_model("Outstanding", "mhfd_client.adjustment.outstanding"),
    "report of adjust learn": _of_model("AdjustReport", "mhfd.learning.manifold.comparing"),
    "move that was recorded": _of_model("RecordedMove", "mhfd_client.adjustment.recording.recorded_move"),
    "job of a repair": _of_model("RepairJob", "mhfd_client.adjustment.beside.repair"),
    "job of what listens to a lens": _of_model("ListenJob", "mhfd_client.adjustment.beside.listen"),
    "how a repair ended": _of_model("RepairTold", "mhfd_client.adjustment.beside.repair"),
    "job of a training": _of_model("TrainingJob", "mhfd.contract.training"),
    "head of a training's checkpoint": _of_model("TrainingState", "mhfd.learning.training.workers.checkpoint"),
    "what a sweep found": _of_model("Swept", "mhfd.learning.training.launching.swept"),
    "label that waits": _of_model("GivenLabel", "mhfd_client.station.inbox"),
    "job of a re-test": _of_model("RetestJob", "mhfd_client.retesting.job"),
    "told of a re-test": _of_model("RetestTold", "mhfd_client.retesting.told"),
    "answer of a re-test": _of_model("RetestAnswer", "mhfd_client.results.retested"),
    "wish that waits": _of_model("Wish", "mhfd_client.station.wishes"),
    "Verdict": _of_model("Verdict", "mhfd_client.verdicts.verdict"),
    "Calibration": _of_model("Calibration", "mhfd_client.verdicts.blur.calibration"),
    "Alert": _of_model("Alert", "mhfd_client.alerts.message"),
    "variables of an alert's command": Form(
        _of_model("Alert", "mhfd_client.alerts.message").version, "mhfd_client.alerts.message", _alert_variables
    ),
    "ids of functions and flows": Form(
        lambda: int(small_files.ids()[0]["schema_version"]),
        "mhfd_client.kept",
        lambda: [names_in(file) for file in small_files.ids()],
    ),
    "tokens": Form(
        _constant("mhfd_client.globus.tokens", "FORMAT"),
        "mhfd_client.globus.tokens",
        lambda: names_in(small_files.tokens()),
    ),
    "lock of a state folder": Form(
        lambda: int(small_files.lock()["schema_version"]),
        "mhfd_client.journal.folder",
        lambda: names_in(small_files.lock()),
    ),
    "what a browser is sent": Form(
        _constant("mhfd_client.page.live", "SCHEMA_VERSION"), "mhfd_client.page.live", _page
    ),
    "truth of a simulated run": Form(
        _constant("mhfd_client.microscope.truth", "TABLE_VERSION"), "mhfd_client.microscope.truth", _truth
    ),
    "retake --csv": Form(
        _constant("mhfd_client.results.tables", "TABLE_VERSION"), "mhfd_client.results.tables", _retakes
    ),
    "retake --others --csv": Form(
        _constant("mhfd_client.results.tables", "OTHERS_VERSION"), "mhfd_client.results.tables", _others
    ),
    **{f"{name} --json": _document(name, _printed(name)) for name in PRINTED},
    **{
        f"{name} --json": _document(name, _type_of(module, kind))
        for name, module, kind in (
            ("doctor", "mhfd_endpoint.finding", "Check"),
            ("evaluate", "mhfd.learning.evaluation.benchmark", "Benchmark"),
            ("models assess", "mhfd.contract.assessing", "Assessment"),
            ("endpoint check", "mhfd_endpoint.finding", "Check"),
            ("endpoint explain", "mhfd_endpoint.explain", "explain"),
            ("endpoint who", "mhfd_endpoint.identities.examining", "Becomes"),
            ("endpoint usage", "mhfd_endpoint.usage", "Usage"),
        )
    },
    "journal": Form(_journal_version, "mhfd_client.journal.schema (append a migration)", _journal),
}
"""All that crosses, by what people call it."""


def entry(form: Form) -> dict[str, Any]:
    """What is kept of a form: its version, and the digest of its description."""
    found = form.read()
    plain = Description().of(found) if form.is_type else found
    return {"version": form.version(), "digest": digest_of(plain)}


def digest_of(plain: Any) -> str:
    """Of a description as plain JSON."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def classes() -> dict[str, str]:
    """The names of the classes that cross, each with the form that it is part of."""
    found: dict[str, str] = {}
    for name, form in FORMS.items():
        description = Description()
        if form.is_type:
            description.of(form.read())
        found |= dict.fromkeys(sorted(description.classes), name)
    return found


def kept() -> dict[str, dict[str, Any]]:
    """What was written down last."""
    found: dict[str, dict[str, Any]] = json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {}
    return found


def what_is_wrong(name: str, now: Mapping[str, Any], then: Mapping[str, Any] | None) -> str | None:
    """How a form differs from what was kept of it, and what to do."""
    if then is None:
        return f"schema {name!r} is new: run {COMMAND}"
    if now["version"] == then["version"] and now["digest"] != then["digest"]:
        return f"schema {name!r} changed: raise its version in {FORMS[name].kept_in} and run {COMMAND}"
    return None if now == then else f"schema {name!r} has another version: run {COMMAND}"


def main(arguments: list[str]) -> int:
    """Write down the forms as they are; 1 when one has changed under its old version, or under one that is released.

    With `--release` the forms of the package's version are released.
    """
    before, now = kept(), {name: entry(form) for name, form in FORMS.items()}
    wrong = [what_is_wrong(name, now[name], before.get(name)) or "" for name in FORMS]
    refused = [line for line in wrong if "raise its version" in line]
    refused += [line for name in FORMS if (line := breaks_a_release(name, now[name], released()))]
    if refused:
        sys.stderr.write("\n".join(refused) + "\n")
        return 1
    KEPT.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
    if arguments == ["--release"]:
        write(released_with(mhfd.__version__, now, released()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
