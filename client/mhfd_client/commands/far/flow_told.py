"""What `mhfd flow validate` and `dry-run` read and tell: definitions from files, findings, and the road of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mhfd_client.commands.common import echo, say
from mhfd_client.files import json_in
from mhfd_client.times import elapsed

if TYPE_CHECKING:
    from mhfd_flows.definition import State
    from mhfd_flows.dry_run import Rehearsal
    from mhfd_flows.findings import FlowFinding
    from mhfd_flows.interpreter import Execution
    from mhfd_flows.trial import Trial


@dataclass(frozen=True, slots=True)
class FlowDocument:
    """A definition that is to be looked at, and the schema of its input, where there is one."""

    name: str
    definition: Any
    input_schema: dict[str, Any] | None


def documents_of(file: Path | None, schema: Path | None) -> list[FlowDocument]:
    """Those that we ship, or the one in a file: a definition, or an object that has one beside its input_schema."""
    from mhfd_flows.shipped import FLOWS

    if file is None:
        return [FlowDocument(one.name, one.document, one.input_schema) for one in FLOWS.values()]
    definition, own = json_in(file), None
    if isinstance(definition, dict) and isinstance(definition.get("definition"), dict) and "States" not in definition:
        definition, own = definition["definition"], definition.get("input_schema")
    if schema is not None:
        own = json_in(schema)
    return [FlowDocument(str(file), definition, own if isinstance(own, dict) and own else None)]


def findings_told(
    documents: list[FlowDocument], found: Mapping[str, list[FlowFinding]], service: Mapping[str, str | None]
) -> Iterator[str]:
    """Line by line, with a last one that counts; then what the service said."""
    for one in documents:
        findings = found[one.name]
        for finding in findings:
            yield f"{one.name}: {finding}"
        states = one.definition.get("States") if isinstance(one.definition, dict) else None
        count = len(states) if isinstance(states, dict) else 0
        broken = {rule: sum(f.rule == rule for f in findings) for rule in ("language", "ours")}
        if not findings:
            yield f"{one.name}: {count} states, no rule is broken"
        else:
            yield (
                f"{one.name}: {count} states; broken rules of the language: {broken['language']}; "
                f"of ours, which Globus takes: {broken['ours']}"
            )
        if one.input_schema is None:
            yield f"{one.name}: {_input_needed(one.definition)}"
    for name, said in service.items():
        yield f"{name}: {'Globus Flows takes it' if said is None else said}"


def _input_needed(document: object) -> str:
    from mhfd_flows.checks import examined, needed
    from mhfd_flows.paths import written

    definition, _ = examined(document)
    names = [] if definition is None else sorted({written(steps) for steps in needed(definition).needs})
    said = "no schema of the input (--schema)"
    return f"{said}: it must have {', '.join(names)}" if names else f"{said}, and nothing of it is read"


def try_file(
    file: Path, faults: list[str], *, told: str | None, schema: Path | None, answers: str | None, as_json: bool
) -> bool:
    """Run the definition of a file with everybody pretending. Whether it ended as the definition says."""
    from mhfd_flows.checks import checked, needed
    from mhfd_flows.definition import ERRORS, Does
    from mhfd_flows.trial import made_up, trial_faults, try_out

    document = documents_of(file, schema)[0]
    definition = checked(document.definition, document.input_schema, strict=False)
    if faults == ["list"]:
        for name, state in definition.states.items():
            if isinstance(state, Does):
                echo(f"{name:24} {', '.join(ERRORS)}")
        return True
    body = None if told is None else object_of("--input", told)
    chosen = trial_faults(definition, faults)
    given = made_up(needed(definition), document.input_schema) if body is None else body
    done = try_out(definition, given, chosen, None if answers is None else object_of("--answers", answers))
    say(_trial_as_json(document.name, done), _trial_told(done, was_given=body is not None), as_json=as_json)
    return done.ended != "broken"


def rehearsal_told(done: Rehearsal) -> Iterator[str]:
    """A dry run of a flow that we ship."""
    yield "a dry run: no service is asked, nothing is moved, and the times are made up"
    for fault in done.faults:
        yield f"fault: {fault.words}"
    yield from _road(done.execution, done.flow.definition.states)
    ended = f"failed: {done.found.error}" if done.found.error else "succeeded"
    yield f"{elapsed(done.execution.log[-1].at)}  {ended}"
    if done.flow.asked.long:
        yield f"files back: {done.found.reports}"
    else:
        yield f"reports {'back' if done.flow.moves else 'scored'}: {done.found.reports}, of {done.images} images"
    yield f"left in the staging area: {', '.join(done.found.left) or 'nothing'}"
    if done.as_it_should:
        yield "as it should with these faults" if done.faults else "as it should"
    else:
        wanted = done.expected
        yield (
            f"NOT as it should: expected {wanted.error or 'success'}, {wanted.reports} reports, left: "
            f"{', '.join(wanted.left) or 'nothing'}"
        )


def rehearsal_as_json(done: Rehearsal) -> dict[str, Any]:
    """The same for programs."""
    return {
        "flow": done.flow.name,
        "digest": done.flow.digest,
        "faults": [fault.name for fault in done.faults],
        **_execution_as_json(done.execution),
        "found": asdict(done.found),
        "expected": asdict(done.expected),
        "as_it_should": done.as_it_should,
    }


def _trial_told(done: Trial, *, was_given: bool) -> Iterator[str]:
    yield "a dry run: no service is asked, nothing is moved; answers and times are made up"
    if not was_given:
        yield f"the input is made up: {json.dumps(done.body, ensure_ascii=False)[:300]}; give yours with --input"
    for address in done.pretended:
        yield f"{address}: nobody that we know; it is pretended that it succeeds, and answers nothing"
    for fault in done.faults:
        yield f"fault: {fault}"
    yield from _road(done.execution, done.definition.states)
    error = done.execution.error
    words = {"succeeded": "succeeded", "failed": "failed, as the definition says", "broken": "ended by an error"}
    said = "" if error is None else f": {error[0]}: {error[1]}" if error[1] else f": {error[0]}"
    yield f"{elapsed(done.execution.log[-1].at)}  {words[done.ended]}{said}"


def _trial_as_json(name: str, done: Trial) -> dict[str, Any]:
    return {
        "definition": name,
        "faults": [str(fault) for fault in done.faults],
        "input": dict(done.body),
        "pretended": list(done.pretended),
        **_execution_as_json(done.execution),
        "ended": done.ended,
        "error": None if done.execution.error is None else list(done.execution.error),
    }


def _execution_as_json(execution: Execution) -> dict[str, Any]:
    log = [{"at_s": entry.at, **entry.as_json()} for entry in execution.log]
    return {"log": log, "largest_state": execution.largest}


def _road(execution: Execution, states: Mapping[str, State]) -> Iterator[str]:
    """The states that were entered, when, and what went wrong."""
    for entry in execution.log:
        if entry.code == "ActionFailed":
            yield f"{'':10} ! {entry.details['error']}: {_cause(entry.details['cause'])}"
        elif entry.state is not None and entry.code.endswith("Started"):
            words = states[entry.state].comment or getattr(states[entry.state], "cause", None) or ""
            yield f"{elapsed(entry.at)}  {entry.state:18} {words}".rstrip()


def _cause(cause: object) -> str:
    details = cause.get("details") if isinstance(cause, dict) else None
    return str(details.get("message", cause)) if isinstance(details, dict) else str(cause)


def object_of(option: str, told: str) -> dict[str, Any]:
    """An object that is typed, or in a file."""
    from mhfd.errors import UsageError

    file = Path(told.removeprefix("@"))
    if told.lstrip().startswith("{"):
        try:
            found = json.loads(told)
        except ValueError as e:
            raise UsageError(f"{option}: it is no JSON: {e}") from None
    elif file.is_file():
        found = json_in(file)
    else:
        raise UsageError(f"{option}: {told!r} is neither a JSON object nor a file")
    if not isinstance(found, dict):
        raise UsageError(f"{option}: {file} holds no JSON object")
    return found
