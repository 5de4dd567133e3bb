"""Providers that only pretend, for the dry run: files are names and sizes in memory, and what is to go wrong does.

They check what a definition asks of them as strictly as the documentation allows (`providers`): an unknown field or a
missing file fails. They are not the service: they know nothing of accounts, consents or networks, and their times are
made up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mhfd_flows.build import Kind
from mhfd_flows.errors import UnableToRun
from mhfd_flows.interpreter import ActionAnswer, Provider, VirtualClock
from mhfd_flows.providers import PROVIDERS, ActionProvider

SOURCE: Final = "the microscope's collection"
STAGING: Final = "the endpoint's collection"
RESULTS: Final = "the collection for reports"
SEEN: Final = "/endpoint"
"""Where the endpoint sees its collection."""


_FOR: Final[Mapping[tuple[str, str], str]] = {
    ("ls", SOURCE): "look",
    ("ls", RESULTS): "reports",
    ("mkdir", STAGING): "stage",
    ("transfer", STAGING): "bring",
    ("transfer", RESULTS): "return",
    ("delete", STAGING): "clean",
}


@dataclass(slots=True)
class Strike:
    """What goes wrong at a place. `left`: so many times; None: always."""

    place: str
    kind: Kind
    left: int | None = None


@dataclass
class World:
    """What there is, and what is done to it. `files` are sizes by collection and path."""

    clock: VirtualClock
    strikes: list[Strike] = field(default_factory=list)
    files: dict[tuple[str, str], int] = field(default_factory=dict)
    folders: set[tuple[str, str]] = field(default_factory=set)
    looks: int = 0

    def providers(self) -> dict[str, Provider]:
        """By the addresses of the real ones."""
        doing: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "ls": self._ls,
            "mkdir": self._mkdir,
            "transfer": self._transfer,
            "delete": self._delete,
            "compute": self._compute,
        }
        known = {one.name: one for one in PROVIDERS if one.name in doing}
        return {one.addresses[0]: _Pretender(self, one, doing[name]) for name, one in known.items()}

    def below(self, collection: str, folder: str) -> list[str]:
        """The paths of the files below a folder."""
        return sorted(path for where, path in self.files if where == collection and path.startswith(folder))

    def has(self, place: str, kind: Kind) -> bool:
        """Whether that goes wrong there."""
        return any((one.place, one.kind) == (place, kind) for one in self.strikes)

    def next_strike(self, place: str) -> Kind | None:
        """What goes wrong with the next action there, if its provider itself does."""
        for one in self.strikes:
            if one.place == place and one.kind in ("unable", "failed", "stuck") and one.left != 0:
                if one.left is not None:
                    one.left -= 1
                return one.kind
        return None

    def _ls(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        where, folder = str(asked["endpoint_id"]), str(asked["path"]).rstrip("/") + "/"
        names = {p.removeprefix(folder).split("/")[0]: p for p in self.below(where, folder)}
        if not names and (where, folder) not in self.folders:
            raise LookupError(f"{folder} is not there")
        found: list[dict[str, Any]] = []
        for name, path in sorted(names.items()):
            kind, size = ("file", self.files[where, path]) if path == folder + name else ("dir", 4096)
            found.append({"name": name, "type": kind, "size": size, "last_modified": "2026-01-01 00:00:00+00:00"})
        if where == SOURCE:
            found = self._as_seen(found)
        return {"DATA": found[: asked.get("limit")]}

    def _as_seen(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.looks += 1
        if self.has("look", "full"):
            return [found[0] | {"name": f"{i}.tif"} for i in range(100)]
        if self.has("look", "empty"):
            return []
        return [one | {"size": self.looks} for one in found] if self.has("look", "moving") else found

    def _mkdir(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.folders.add((str(asked["endpoint_id"]), str(asked["path"])))
        return {"code": "DirectoryCreated"}

    def _transfer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        here, there = str(asked["source_endpoint"]), str(asked["destination_endpoint"])
        for item in asked["DATA"]:
            came, goes = str(item["source_path"]), str(item["destination_path"])
            found = self.below(here, came) if item.get("recursive") else [came]
            for path in found:
                if (here, path) not in self.files:
                    raise LookupError(f"{path} is not there")
                self.files[there, goes + path.removeprefix(came)] = self.files[here, path]
            if not found:
                raise LookupError(f"{came} is not there")
        return {"status": "SUCCEEDED", "files_transferred": len(asked["DATA"])}

    def _delete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        where = str(asked["endpoint"])
        for item in asked["DATA"]:
            for path in self.below(where, item["path"]):
                del self.files[where, path]
            self.folders -= {one for one in self.folders if one[0] == where and one[1].startswith(item["path"])}
        return {"status": "SUCCEEDED"}

    def _compute(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"results": [{"task_id": "a task", "output": self._scored(task["kwargs"])} for task in asked["tasks"]]}

    def _scored(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self.has("score", "refused"):
            return {"ok": False, "reports": [], "errors": [{"code": "bad_request", "why": "it is pretended"}]}
        paths, into = list(asked["paths"]), asked.get("write_to")
        expected = asked.get("expect") or [None] * len(paths)
        moved = [path for path, one in zip(paths, expected, strict=True) if one and self._size(path) != one["size"]]
        missing = [path for path in paths if path not in moved][-1:] if self.has("score", "some") else []
        reports: list[dict[str, Any] | None] = []
        for path in paths:
            if path in moved or path in missing:
                reports.append(None)
                continue
            reports.append({} if asked.get("detail") == "none" else {"path": path, "finding": "ok", "dof": 1000})
            if into:
                name = f"{path.rsplit('/', 1)[-1]}.0123456789ab.mhfd.json"
                self.files[STAGING, f"{into}/{name}".removeprefix(SEEN)] = 20_000
        errors = [{"code": "out_of_memory", "why": "it is pretended", "path": path} for path in missing]
        errors += [{"code": "changed", "why": "it is pretended", "path": path} for path in moved]
        return {"ok": not errors, "reports": reports, "errors": errors}

    def _size(self, path: str) -> int:
        """Of a file as the endpoint sees it: another, where it has changed on the way."""
        here = self.below(STAGING, path.removeprefix(SEEN).rpartition("/")[0] + "/")
        other = self.has("came", "all changed") or (self.has("came", "changed") and path.removeprefix(SEEN) == here[-1])
        return self.files[STAGING, path.removeprefix(SEEN)] + other


class _Pretender:
    """One provider: starts, takes its time, and then does it."""

    def __init__(
        self, world: World, provider: ActionProvider, act: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> None:
        self._world, self._provider, self._act = world, provider, act
        self._name, self._seconds = provider.name, provider.pretended_seconds
        self._doing: dict[str, tuple[Mapping[str, Any], float, Kind | None]] = {}

    def run(self, parameters: Mapping[str, Any]) -> ActionAnswer:
        if wrong := self._provider.refuses(parameters):
            raise UnableToRun(f"{self._name}: {wrong}")
        strike = self._world.next_strike(self._place(parameters))
        if strike == "unable":
            raise UnableToRun(f"{self._name}: refused, it is pretended")
        action = f"{self._name}-{len(self._doing)}"
        self._doing[action] = parameters, self._world.clock.now() + self._seconds, strike
        return self.status(action)

    def status(self, action_id: str) -> ActionAnswer:
        parameters, until, strike = self._doing[action_id]
        if strike == "stuck" or self._world.clock.now() < until:
            return ActionAnswer("ACTIVE", action_id)
        if strike == "failed":
            return ActionAnswer("FAILED", action_id, {"message": f"{self._name} failed, it is pretended"})
        try:
            return ActionAnswer("SUCCEEDED", action_id, self._act(parameters))
        except LookupError as e:
            return ActionAnswer("FAILED", action_id, {"message": str(e)})

    def cancel(self, action_id: str) -> None:
        self._doing.pop(action_id, None)

    def _place(self, parameters: Mapping[str, Any]) -> str:
        if self._name == "compute":
            return "score"
        where = next(str(parameters[key]) for key in _WHERE if key in parameters)
        try:
            return _FOR[self._name, where]
        except KeyError:
            raise UnableToRun(f"{self._name}: nothing of the kind is pretended on {where}") from None


_WHERE: Final = ("endpoint_id", "destination_endpoint", "endpoint")
