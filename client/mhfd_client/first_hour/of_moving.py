"""Questions about Transfer and its action providers: listings, refusals, and transfers that take too long."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from mhfd_client.errors import HourTrouble
from mhfd_client.first_hour.answers import Seen, told, unanswered, wrong
from mhfd_client.first_hour.asker import Asker
from mhfd_client.first_hour.definitions import probe, schema
from mhfd_client.first_hour.question import HourQuestion
from mhfd_client.flow.service import Run
from mhfd_flows.definition import ERRORS

_FIELDS: Final = ("name", "size", "type", "last_modified")
REFUSALS: Final = ("ls", "mkdir", "transfer", "delete", "compute")


def _lists(asker: Asker) -> Iterator[Seen]:
    asker.deploy(probe("first"), schema())
    run = asker.ran("list")
    error = (run.output.get("errors") or {}).get("list")
    if run.status != "SUCCEEDED" or error is not None:
        raise HourTrouble(f"the hour's folder could not be listed: {error or run.why or run.error}")
    details = (run.output.get("list") or {}).get("details") or {}
    listed = details.get("DATA")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    missing = [name for name in _FIELDS if name not in first]
    saw = f"details has {', '.join(sorted(details))}; an entry {', '.join(sorted(first)) or 'nothing'}"
    yield told("ls-fields", not missing and first.get("type") == "file", saw)
    count = len(listed or ())
    yield told("ls-limit", count == 1, f"{count} of {len(asker.images())} entries came with a limit of 1")


def _refusal(name: str) -> Callable[[Asker], Iterator[Seen]]:
    def ask(asker: Asker) -> Iterator[Seen]:
        guess = f"refusal-{name}"
        asker.deploy(probe("first"), schema())
        run = asker.ran(f"refuse-{name}")
        error = (run.output.get("errors") or {}).get(f"refused_{name}")
        if run.status != "SUCCEEDED":
            yield wrong(guess, f"it is {run.error or run.status}, which is none of {', '.join(ERRORS)}: {run.why}")
        elif error is None:
            yield unanswered(guess, "nothing was refused")
        else:
            named = error.get("Error") if isinstance(error, dict) else None
            yield told(guess, named in ERRORS, f"{named}: {str(error)[:400]}")

    return ask


def _late(asker: Asker) -> Iterator[Seen]:
    guess = "late-transfer"
    asker.deploy(probe("late", late_s=1), schema())
    asker.left.note("staged", asker.site.staging, asker.staged_folder)
    run = asker.ran("late")
    if (why := _not_late(run)) is not None:
        yield unanswered(guess, why)
        return
    task = _task_of(asker)
    if task is None:
        yield unanswered(guess, "Transfer does not show the task by its label")
        return
    before = task["status"]
    for _ in asker.while_waiting():
        task = asker.transfer.get_task(task["task_id"]).data
        if task["status"] in ("SUCCEEDED", "FAILED"):
            break
    saw = f"{before} when its action had timed out, {task['status']} in the end"
    yield told(guess, task["status"] == "SUCCEEDED", saw)


def _not_late(run: Run) -> str | None:
    if run.status != "SUCCEEDED":
        return f"the run ended as {run.error or run.status}: {run.why}"
    error = (run.output.get("errors") or {}).get("late")
    if error is None:
        return "the transfer was done within its second"
    named = error.get("Error") if isinstance(error, dict) else error
    return None if named == "ActionTimeout" else f"the transfer ended in {named}: {str(error)[:300]}"


def _task_of(asker: Asker) -> dict[str, Any] | None:
    """The transfer with the hour's label."""
    label = asker.staged_folder.rstrip("/").rpartition("/")[2]
    found = asker.transfer.task_list(limit=50, filter={"type": "TRANSFER"})
    return next((dict(one) for one in found["DATA"] if one.get("label") == label), None)


QUESTIONS: Final = (
    HourQuestion(("ls-fields", "ls-limit"), "has a run list the hour's folder", _lists),
    *(
        HourQuestion((f"refusal-{one}",), f"has a run ask for what is refused ({one})", _refusal(one))
        for one in REFUSALS
    ),
    HourQuestion(("late-transfer",), "moves one small file to the staging area with one second's time", _late),
)
