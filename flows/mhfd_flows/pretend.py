"""Providers that only pretend, for the dry run: files are names and sizes in memory, and what is to go wrong does.

They check what a definition asks of them as strictly as the documentation allows (`providers`): an unknown field or a
missing file fails. They are not the service: they know nothing of accounts, consents or networks, and their times are
made up.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from mhfd.errors import UsageError
from mhfd_flows.build import Fault, FlowRecipe, FunctionAsked, Kind
from mhfd_flows.definition import ERRORS, ActionError
from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Provider, VirtualClock
from mhfd_flows.providers import ActionProvider, provider_of

SOURCE: Final = "the microscope's collection"
STAGING: Final = "the endpoint's collection"
RESULTS: Final = "the collection for reports"
SEEN: Final = "/endpoint"
"""Where the endpoint sees its collection."""
UNDONE: Final[Mapping[Kind, ActionError]] = dict(zip(("unable", "failed", "stuck"), ERRORS, strict=True))
"""What goes wrong before anything is done, and the error that comes of it."""
_Doing = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""What is asked at a place is done, and answered."""


@dataclass
class World:
    """What there is, and what is done to it. `files` are sizes by collection and path."""

    clock: VirtualClock
    faults: Sequence[Fault] = ()
    files: dict[tuple[str, str], int] = field(default_factory=dict)
    folders: set[tuple[str, str]] = field(default_factory=set)
    came: Counter[str] = field(default_factory=Counter)
    """How often a fault has struck, a folder was seen and a work was taken up."""

    def of(self, flow: FlowRecipe) -> Mapping[str, Provider]:
        """By the states of a flow, whose places say what goes wrong there. UsageError."""
        doing: Mapping[str, _Doing] = {
            "ls": self._ls,
            "mkdir": self._mkdir,
            "transfer": self._transfer,
            "delete": self._delete,
        }
        asked = {state: stage.asked for stage in flow.stages for state in stage.places if stage.asked is not None}
        found: dict[str, Provider] = {}
        for state, place in flow.places.items():
            address = str(flow.document["States"][state]["ActionUrl"])
            provider = provider_of(address)
            do = doing.get(provider.name if provider else "")
            if provider is not None and provider.name == "compute":
                do = partial(_computed, self._function(asked.get(state)))
            if provider is None or do is None:
                raise UsageError(f"{flow.name}: {state}: nobody pretends to be {address}; try the definition as a file")
            act, strikes = partial(do, place), partial(self._error, place)
            found[state] = Pretender(self.clock, provider, act, strikes)
        return found

    def below(self, collection: str, folder: str) -> list[str]:
        """The paths of the files below a folder."""
        return sorted(path for where, path in self.files if where == collection and path.startswith(folder))

    def _size(self, collection: str, path: str) -> int:
        if (collection, path) not in self.files:
            raise LookupError(f"{path} is not there")
        return self.files[collection, path]

    def strikes(self, place: str, *kinds: Kind) -> Kind | None:
        """What goes wrong with the next action there, of these."""
        struck = self._struck(place, *kinds)
        return None if struck is None else struck.kind

    def _struck(self, place: str, *kinds: Kind) -> Fault | None:
        for one in self.faults:
            if one.place == place and one.kind in kinds and (one.times is None or self.came[one.name] < one.times):
                self.came[one.name] += 1
                return one
        return None

    def _function(self, asked: FunctionAsked | None) -> _Doing:
        return self._reports if asked is None or not asked.long else partial(self._turn, asked)

    def _error(self, place: str) -> ActionError | None:
        kind = self.strikes(place, *UNDONE)
        return None if kind is None else UNDONE[kind]

    def _ls(self, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        where, folder = str(asked["endpoint_id"]), str(asked["path"]).rstrip("/") + "/"
        names = {p.removeprefix(folder).split("/")[0]: p for p in self.below(where, folder)}
        if not names and (where, folder) not in self.folders:
            raise LookupError(f"{folder} is not there")
        self.came[where] += 1
        wrong = self.strikes(place, "full", "empty", "moving", "all known")
        many = [f"{i}.tif" for i in range(asked.get("limit", 1_000))]
        known = [_report(path) for path in self.below(SOURCE, "/")]
        listed = {"full": many, "empty": [], "all known": known}.get(wrong or "", sorted(names))
        found = [
            {
                "name": name,
                "type": "dir" if names.get(name, folder + name) != folder + name else "file",
                "size": self.came[where] if wrong == "moving" else self.files.get((where, folder + name), 4096),
                "last_modified": "2026-01-01 00:00:00+00:00",
            }
            for name in listed
        ]
        return {"DATA": found[: asked.get("limit")]}

    def _mkdir(self, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.folders.add((str(asked["endpoint_id"]), str(asked["path"])))
        if self.strikes(place, "there"):
            raise LookupError(f"{asked['path']} is there already")
        return {"code": "DirectoryCreated"}

    def _transfer(self, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        here, there = str(asked["source_endpoint"]), str(asked["destination_endpoint"])
        for item in asked["DATA"]:
            came, goes = str(item["source_path"]), str(item["destination_path"])
            found = self.below(here, came) if item.get("recursive") else [came]
            for path in found:
                self.files[there, goes + path.removeprefix(came)] = self._size(here, path)
            if not found:
                raise LookupError(f"{came} is not there")
        return {"status": "SUCCEEDED", "files_transferred": len(asked["DATA"])}

    def _delete(self, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        where = str(asked["endpoint"])
        for item in asked["DATA"]:
            for path in self.below(where, item["path"]):
                del self.files[where, path]
            self.folders -= {one for one in self.folders if one[0] == where and one[1].startswith(item["path"])}
        return {"status": "SUCCEEDED"}

    def _reports(self, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self.strikes(place, "refused"):
            return {"ok": False, "reports": [], "errors": [_problem("bad_request")]}
        paths, into = list(asked["paths"]), asked.get("write_to")
        expected = asked.get("expect") or [None] * len(paths)
        sizes = self._sizes(paths, place) if any(expected) else {}
        moved = [path for path, one in zip(paths, expected, strict=True) if one and sizes[path] != one["size"]]
        missing = [path for path in paths if path not in moved][-1:] if self.strikes(place, "some") else []
        reports: list[dict[str, Any] | None] = []
        for path in paths:
            if path in moved or path in missing:
                reports.append(None)
                continue
            reports.append({} if asked.get("detail") == "none" else {"path": path, "finding": "ok", "dof": 1000})
            if into:
                self.files[STAGING, f"{into}/{_report(path)}".removeprefix(SEEN)] = 20_000
        errors = [_problem("out_of_memory") | {"path": path} for path in missing]
        errors += [_problem("changed") | {"path": path} for path in moved]
        return {"ok": not errors, "reports": reports, "errors": errors}

    def _sizes(self, paths: Sequence[str], place: str) -> dict[str, int]:
        """Of files as the endpoint sees them: another, where they have changed on the way."""
        changed = {"all changed": len(paths), "changed": 1}.get(self.strikes(place, "all changed", "changed") or "", 0)
        sizes = {path: self._size(STAGING, path.removeprefix(SEEN)) for path in paths}
        return sizes | {path: sizes[path] + 1 for path in sorted(paths)[len(paths) - changed :]}

    def _turn(self, of: FunctionAsked, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One of long work, of which there are two; a file comes of it, in the work's own folder."""
        wrong = self.strikes(place, *_TURNS)
        work = f"{asked['into']}/mhfd-work-{asked['key']}"
        self.came[work] += wrong not in ("refused", "elsewhere")
        state, error = _TURNS[wrong] if wrong else ("done" if self.came[work] > 1 else "more", None)
        made = [{"path": f"{work}/files-1/result", "sha256": "0" * 64, "bytes": 2_000, "kind": "package"}]
        result = None
        if state == "done":
            otherwise = self._struck(place, "otherwise")
            result = of.rehearsed.get(otherwise.name if otherwise else "", {})
            self.files[STAGING, f"{work}/files-1/result".removeprefix(SEEN)] = 2_000
        return {
            "ok": error is None,
            "errors": [] if error is None else [_problem(error)],
            "key": asked["key"],
            "state": state,
            "progress": {"done": min(self.came[work], 2), "total": 2, "unit": "turns", "note": "", "at_ns": 0},
            "taken_up": self.came[work],
            "result": result,
            "artefacts": made if state == "done" else [],
        }


_TURNS: Final[Mapping[Kind, tuple[str | None, str | None]]] = {
    "refused": (None, "bad_request"),
    "elsewhere": ("elsewhere", None),
    "never done": ("more", None),
    "work failed": ("failed", "internal"),
    "cancelled": ("cancelled", None),
}
"""The state of work and the error with which a turn is answered that goes wrong."""


def _computed(answer: _Doing, place: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"results": [{"task_id": "a task", "output": answer(place, task["kwargs"])} for task in asked["tasks"]]}


def _report(image: str) -> str:
    return f"{image.rsplit('/', 1)[-1]}.0123456789ab.mhfd.json"


def _problem(code: str) -> dict[str, Any]:
    return {"code": code, "why": "it is pretended", "remedy": ""}


class Pretender:
    """Somebody who does an action: starts, unless something goes wrong, takes the time, and then does it.

    Args:
        provider: Who it is, if a document says so: what is asked is checked then.
        act: What it does and answers; LookupError: it fails.
        strikes: The error that is to come of the next action, if one is.
    """

    def __init__(
        self,
        clock: VirtualClock,
        provider: ActionProvider | None,
        act: Callable[[Mapping[str, Any]], Any],
        strikes: Callable[[], str | None],
    ) -> None:
        self._clock, self._provider, self._act, self._strikes = clock, provider, act, strikes
        self._name = "it" if provider is None else provider.name
        self._doing: dict[str, tuple[Mapping[str, Any], float, str | None]] = {}

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        """Start it. UnableToRun."""
        error = self._strikes()
        if error not in (None, "ActionFailedException", "ActionTimeout"):
            raise UnableToRun("it is pretended", error)
        one = self._provider
        if one is not None and one.standing == "current" and (wrong := one.refuses(parameters)):
            raise UnableToRun(f"{self._name}: {wrong}")
        action = f"{self._name}-{len(self._doing)}"
        self._doing[action] = parameters, self._clock.now() + (one.pretended_seconds if one else 0), error
        return self.status(action)

    def status(self, action_id: str) -> ActionAnswer:
        """How it stands now."""
        parameters, until, error = self._doing[action_id]
        if error == "ActionTimeout" or self._clock.now() < until:
            return ActionAnswer("ACTIVE", action_id)
        if error is not None:
            return ActionAnswer("FAILED", action_id, {"message": f"{self._name} failed, it is pretended"})
        try:
            return ActionAnswer("SUCCEEDED", action_id, self._act(parameters))
        except LookupError as e:
            return ActionAnswer("FAILED", action_id, {"message": str(e)})

    def cancel(self, action_id: str) -> None:
        """It need not go on."""
        self._doing.pop(action_id, None)
