"""Runs that carry one work of a registered function each: its request, what it says, and the files that it has made.

The flow sets where the function works (`into`) and where the files that were brought are; the rest of the request is
the asker's. What the function says last is found by the work's key, in the run's output or, of a run that has failed,
in its log. Of a flow that asks for several works, each has that key with the name of its part, and they are told as
one: what each has come to by its part, and the last one's files.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from mhfd.contract.request import Problem
from mhfd.contract.work import ENDS, Artefact, WorkAnswer, WorkState
from mhfd_client.flow.artefacts import Brought, brought
from mhfd_client.flow.folders import Folders
from mhfd_client.flow.images import FlowWorks
from mhfd_client.flow.loads import Load
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.run_end import Fate, GivenBack, RunEnd
from mhfd_client.flow.run_words import work_label
from mhfd_client.flow.service import FOLDER_TAG, FlowService, Run, answers_in, leftover_of
from mhfd_client.runners import Job
from mhfd_client.runners.pending import PendingWork
from mhfd_client.runners.work import Work
from mhfd_flows.build import FlowRecipe

BEFORE: Final = "StagingThere"
"""Where a run finds that an earlier one has left its folder."""
THE_FLOWS: Final = frozenset({"into", "cancel", "schema_version", "client"})
"""Of a request, what a run does not take from who asks, unless its schema names it."""


class WorkLoad(Load[PendingWork]):
    """See `flow.loads`.

    Args:
        folders: Where files are, by each side's name.
        recipe: The flow: which field of a request names a folder here that it brings, and what its input has.
    """

    recipe: FlowRecipe
    waits, foreign = "the work waits", "this flow carries work of a function, and no images"

    def __init__(self, folders: Folders, recipe: FlowRecipe) -> None:
        self._folders, self.recipe = folders, recipe
        self._brings, self._takes = recipe.asked.brings, recipe.input_schema["properties"]
        self._parts = recipe.parts
        self.line = FlowWorks()

    def pending(self, token: str, asked: Job | Work, now: float) -> PendingWork | None:
        return PendingWork(token=token, work=asked) if isinstance(asked, Work) else None

    def unmovable(self, one: PendingWork) -> str:
        if self._brings is None:
            return ""
        folder = one.work.request.get(self._brings)
        if not isinstance(folder, str) or not os.path.isabs(folder):  # noqa: PTH117
            return f"{self._brings}: must be the absolute path of a folder of this machine, which the flow brings"
        why = self._folders.unmovable(folder)
        return f"{self._brings} = {folder!r}: {why}" if why else ""

    def name(self, one: PendingWork) -> str:
        return one.work.key

    def unfit(self, own: OwnRun[PendingWork]) -> Callable[[], list[tuple[str, bool] | None]]:
        folders = [self._brought(one) for one in own.carried]
        return lambda: [_no_folder(folder) for folder in folders]

    def _last(self, own: OwnRun[PendingWork], run: Run) -> WorkAnswer | None:
        """What was said of its work last."""
        if not own.open:
            return None
        work = own.open[0].work
        return in_parts(work, self._parts, run) if self._parts else _last(work, run)

    def _brought(self, one: PendingWork) -> str | None:
        return None if self._brings is None else str(one.work.request.get(self._brings))

    def body(self, own: OwnRun[PendingWork]) -> dict[str, Any]:
        one = own.carried[0]
        wanted = self._takes["request"]["properties"]
        flows = (THE_FLOWS | {self._brings}) - wanted.keys()
        request = {name: value for name, value in one.work.request.items() if name not in flows}
        body = self._folders.surrounded(own.key) | {"request": request | {"key": one.work.key}}
        if (folder := self._brought(one)) is not None:
            body["source"] = {"id": self._folders.source, "path": self._folders.there(folder)}
        if self.recipe.keeping is not None:
            body["folder"] = one.token  # the same for each run of this work
        return {name: value for name, value in body.items() if name in self._takes}

    def tags(self, own: OwnRun[PendingWork]) -> tuple[str, ...]:
        return () if self.recipe.keeping is None else (FOLDER_TAG + own.carried[0].token,)

    def label(self, own: OwnRun[PendingWork]) -> str:
        one = own.carried[0]
        return work_label(one.work.function, one.work.key)

    def look(self, service: FlowService, run: str) -> Run:
        return service.look(run, answers=True)

    def going(self, own: OwnRun[PendingWork], run: Run) -> WorkAnswer | None:
        answer = self._last(own, run)
        if answer is not None and answer.state is WorkState.DONE and self._parts:  # what it made is not here yet
            answer = answer.model_copy(update={"state": WorkState.MORE, "artefacts": ()})
        if answer is None or answer.state in (None, *ENDS) or answer == own.heard:
            return None
        own.heard = answer
        there = answer.provenance.model_copy(update={"endpoint": self._folders.endpoint})
        return answer.model_copy(update={"provenance": there})

    def collect(self, own: OwnRun[PendingWork]) -> Callable[[], Brought]:
        answer = None if own.ending is None else self._last(own, own.ending)
        folder, made = self._folders.results_here / own.key, () if answer is None else answer.artefacts
        if own.ending is not None and (answer is None or answer.state is not WorkState.DONE):
            made = self._worth(own, own.ending)
        return lambda: brought(folder, made)

    def _worth(self, own: OwnRun[PendingWork], run: Run) -> tuple[Artefact, ...]:
        """What earlier parts have made, where the run came to nothing later."""
        keeping = self.recipe.keeping
        if keeping is None or not own.open:
            return ()
        said = by_part(own.open[0].work, self._parts, run)
        done = (said[part] for part in keeping.made if part in said and said[part].state is WorkState.DONE)
        return tuple(one for answer in done for one in answer.artefacts if one.kind == "package")

    def _began(self, own: OwnRun[PendingWork], run: Run) -> bool:
        """Whether something of it is worth more than being begun anew."""
        keeping = self.recipe.keeping
        return keeping is not None and any(part in by_part(own.open[0].work, self._parts, run) for part in keeping.made)

    def _kept(self, own: OwnRun[PendingWork], run: Run, found: Brought) -> str:
        """What stays of a run that came to nothing, so that another goes on there, in words."""
        keeping = self.recipe.keeping
        if keeping is None or run.status == "SUCCEEDED" or not own.wanted:
            return ""
        made, error = self._worth(own, run), run.error
        home = f"what was trained is in {self._folders.results_here / own.key}" if found.here else ""
        if error in self.recipe.at_once:
            return home
        before = f"{BEFORE}Completed" in run.moments
        if error and not keeping.stays(error, made=bool(made) or before) and not (made and found.wrong):
            return home
        there = f"{leftover_of(self._folders.staging_path, run)} of collection {self._folders.staging}"
        return "; ".join(filter(None, (home, f"what is done of it stays in {there}, where it goes on")))

    def end(self, own: OwnRun[PendingWork], run: Run, found: Brought, now_ns: int) -> RunEnd[PendingWork]:
        answer, kept = self._last(own, run), self._kept(own, run, found)
        fate = _fate(own, run, found, answer)
        if isinstance(fate, WorkAnswer) and kept:
            fate = fate.model_copy(update={"notes": (*fate.notes, Problem(code="kept", why=kept, remedy=""))})
        if fate is None and run.status == "ENDED" and self._began(own, run):
            fate = GivenBack(_not_again(run, kept, own.open[0].work.key), blame=True)
        return RunEnd(
            own=own,
            run=run,
            fates=[] if fate is None else [(one, fate) for one in own.open],
            left=own.open if fate is None else [],
            answered=isinstance(fate, WorkAnswer) and fate.state is not None,
            may_come_late=found.missing and run.status == "SUCCEEDED",
            lacking="has no answer of the function, or one that this mhfd does not know",
            goes_again="the work is begun again",
            kept=kept,
        )


def _fate(own: OwnRun[PendingWork], run: Run, found: Brought, answer: WorkAnswer | None) -> Fate | None:
    """What becomes of the work; None where its run ended before it, or before what it made was back."""
    if answer is not None and answer.state in ENDS and not (found.wrong and answer.state is WorkState.DONE):
        return answer.model_copy(update={"artefacts": found.here})
    if not own.wanted:
        return GivenBack("cancelled")
    if answer is not None and answer.state is None:
        return answer
    if not found.wrong:
        return None
    why = f"what run {run.id} brought back is not what the endpoint has made: {found.wrong}"
    return GivenBack(why, blame=True) if run.status == "SUCCEEDED" else None


def _last(work: Work, run: Run) -> WorkAnswer | None:
    """What the function said of this work last."""
    output = ({"details": {"output": value}} for value in run.output.values())
    for plain in [*answers_in(output), *reversed(run.answers)]:
        try:
            answer = work.read(plain)
        except ValueError:
            continue
        if answer.key in (work.key, None):
            return answer
    return None


def in_parts(work: Work, parts: Sequence[str], run: Run) -> WorkAnswer | None:
    """What was said last of a work in parts, as one answer: done when the last of them is; `result` is by part."""
    said = by_part(work, parts, run)
    if not said:
        return None
    last = next(reversed(said))
    answer, result = said[last], dict[str, Any]()
    for part in parts:
        if (of := said.get(part)) is None or of.state is not WorkState.DONE:
            continue
        name, _, number = part.rpartition("-")
        if number.isdigit():
            others = result.setdefault(name, [])
            if int(number) == len(others) + 1:  # else one before it was not heard of
                others.append(of.result)
        else:
            result[part] = of.result
    whole: dict[str, Any] = {"result": result or None}
    if answer.progress is not None:
        note = f"{last}: {answer.progress.note}".removesuffix(": ")
        whole["progress"] = answer.progress.model_copy(update={"note": note})
    if answer.state is WorkState.DONE and last != parts[-1]:
        whole |= {"state": WorkState.MORE, "artefacts": ()}
    return answer.model_copy(update=whole)


def by_part(work: Work, parts: Sequence[str], run: Run) -> dict[str, WorkAnswer]:
    """What was said last of each part, the part that was heard of last at the end."""
    output = ({"details": {"output": value}} for value in run.output.values())
    said: dict[str, WorkAnswer] = {}
    last = ""
    for plain in [*run.answers, *answers_in(output)]:
        key = plain.get("key")
        part = next((one for one in parts if key == f"{work.key}-{one}"), last if key is None else None)
        if part is None:
            continue
        try:
            answer = work.read({**plain, "key": None if key is None else work.key})
        except ValueError:
            continue
        said.pop(part, None)
        said[part], last = answer, part
    return said


def _not_again(run: Run, kept: str, key: str) -> str:
    return (
        f"run {run.id} was cancelled by a person or is gone, and is not begun again by itself: {kept} with `mhfd work "
        f"follow {key}`; or delete that folder by hand"
    )


def _no_folder(folder: str | None) -> tuple[str, bool] | None:
    if folder is None or Path(folder).is_dir():
        return None
    return f"{folder} is no folder that can be opened", True
