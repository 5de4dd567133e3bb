"""What the stand-in of Globus Transfer knows and does: collections that are folders, and tasks that really copy.

Read in public documentation: three transfers and three deletions of one person are worked on at a time and others
wait; a submission id is used once and repeating it gives the same task; files are written under their own names;
where a task asks for it, checksums are compared, and a file that differs is transferred again, which is a fault and not
a failure; its owner gets mails unless a task asks for none (`transfer_options`); what cannot be read or written is
tried again until the deadline, but for a few errors that end a task at once. Guessed: how often a file is tried again
(here `TRIES`), and the words of messages. Not here: encryption itself, sync levels, filters, links, bandwidth.
"""

from __future__ import annotations

import hashlib
import os
import queue
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from tests.rigs.globus.unprivileged import hand_over

ACTIVE_LIMIT: Final = 3
TRIES: Final = 5
_CHUNK: Final = 1 << 20

Kind = Literal["mapped", "guest", "personal"]
TroubleKind = Literal["checksum", "checksum_always", "stuck", "permission", "inactive"]
_ENTITY: Final = {
    "mapped": "GCSv5_mapped_collection",
    "guest": "GCSv5_guest_collection",
    "personal": "GCP_mapped_collection",
}


class Refusal(Exception):
    """What Transfer answers instead: code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.more = code, message, status, more


@dataclass(slots=True)
class Collection:
    """A folder that plays a collection, and writes as the folder's owner. `connected`: of Globus Connect Personal,
    whether the program is running.
    """

    id: str
    name: str
    root: Path
    kind: Kind = "guest"
    writable: bool = True
    connected: bool = True

    def path(self, text: str) -> Path:
        """Where something of the collection is on this machine; nothing leads out of it."""
        inside = os.path.normpath("/" + text.removeprefix("/~/").lstrip("/"))
        return self.root / inside.lstrip("/")

    def as_json(self) -> dict[str, Any]:
        return {
            "DATA_TYPE": "endpoint",
            "id": self.id,
            "display_name": self.name,
            "entity_type": _ENTITY[self.kind],
            "high_assurance": False,
            "gcp_connected": self.connected if self.kind == "personal" else None,
            "gcp_paused": False if self.kind == "personal" else None,
            "disable_verify": False,
            "force_verify": False,
            "DATA": [],
        }


@dataclass(frozen=True, slots=True)
class Item:
    """Of a transfer: from, to. Of a deletion: what."""

    source: str
    destination: str = ""
    recursive: bool = False
    checksum: str | None = None  # what the submitter says it must have


@dataclass(eq=False, slots=True)
class Trouble:
    """What goes wrong with the next `times` tasks that match: `match` is searched for in 'TRANSFER source destination
    path' or 'DELETE endpoint path', with the first path. `checksum`: a file arrives damaged, once; `checksum_always`:
    each time; `stuck`: nothing moves until lifted; `inactive`: suspended until lifted; `permission`: the task fails at
    once.
    """

    kind: TroubleKind
    match: str = ""
    times: int = 1
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def lift(self) -> None:
        self.times = 0
        self.lifted.set()


@dataclass(eq=False)
class Task:
    """A transfer or a deletion."""

    id: str
    kind: Literal["TRANSFER", "DELETE"]
    owner: str
    source: Collection
    destination: Collection | None
    items: tuple[Item, ...]
    options: dict[str, Any]
    label: str | None
    deadline: float
    requested: float = field(default_factory=time.time)
    status: str = "ACTIVE"
    completed: float | None = None
    nice: str = "Queued"
    fatal: tuple[str, str] | None = None
    files: int = 0
    transferred: int = 0
    moved_bytes: int = 0
    faults: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    """What its owner was told by mail: the status that it came to."""
    canceled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def note(self, code: str, description: str, *, error: bool = False, details: str = "") -> None:
        if error:
            self.faults += 1
        self.events.insert(
            0,
            {
                "DATA_TYPE": "event",
                "code": code,
                "is_error": error,
                "description": description,
                "details": details,
                "time": _when(time.time()),
            },
        )

    def mail(self, status: str) -> None:
        """To its owner, unless that is not wanted."""
        if self.options[f"notify_on_{status.lower()}"]:
            self.mails.append(status)

    def end(self, status: str, code: str, description: str) -> None:
        if status == "FAILED":
            self.fatal = (code, description)
        self.note(code, description, error=status == "FAILED" and code != "CANCELED")
        self.mail(status)
        self.completed, self.nice, self.status = time.time(), code if status == "FAILED" else "OK", status
        self.done.set()

    def as_json(self) -> dict[str, Any]:
        active = self.status in ("ACTIVE", "INACTIVE")
        nice = self.nice if active else None
        where = self.destination
        return {
            "DATA_TYPE": "task",
            "task_id": self.id,
            "type": self.kind,
            "status": self.status,
            "label": self.label,
            "owner_id": self.owner,
            "request_time": _when(self.requested),
            "completion_time": None if self.completed is None else _when(self.completed),
            "deadline": _when(self.deadline),
            "source_endpoint_id": self.source.id,
            "source_endpoint_display_name": self.source.name,
            "destination_endpoint_id": None if where is None else where.id,
            "destination_endpoint_display_name": None if where is None else where.name,
            "verify_checksum": self.options["verify_checksum"] if self.kind == "TRANSFER" else False,
            "encrypt_data": self.options.get("encrypt_data", False),
            "command": "API 0.10",
            "directories": 0,
            "files": self.files,
            "files_skipped": 0,
            "files_transferred": self.transferred,
            "bytes_transferred": self.moved_bytes,
            "bytes_checksummed": self.moved_bytes,
            "effective_bytes_per_second": int(
                self.moved_bytes / max(0.001, (self.completed or time.time()) - self.requested)
            ),
            "faults": self.faults,
            "subtasks_total": self.files,
            "subtasks_succeeded": self.transferred,
            "subtasks_pending": max(0, self.files - self.transferred) if active else 0,
            "subtasks_failed": 0,
            "subtasks_canceled": 0,
            "subtasks_expired": 0,
            "subtasks_retrying": 0,
            "fatal_error": None if self.fatal is None else {"code": self.fatal[0], "description": self.fatal[1]},
            "is_ok": (nice in ("OK", "Queued")) if self.status == "ACTIVE" else None,
            "is_paused": False,
            "nice_status": nice,
            "nice_status_short_description": nice,
            "nice_status_details": self.events[0]["details"] if self.events and nice not in (None, "OK") else None,
            "nice_status_expires_in": -1 if active else None,
            "history_deleted": False,
            "skip_source_errors": self.options.get("skip_source_errors", False),
            "fail_on_quota_errors": self.options.get("fail_on_quota_errors", False),
            "canceled_by_admin": None,
            "canceled_by_admin_message": None,
            "event_list": self.events[:10],
        }


class TransferState:
    """Collections, tasks, and those who work on them. Thread-safe."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.tasks: dict[str, Task] = {}
        self.most_active = 0
        """How many transfers of one person were ever worked on at once."""
        self._by_submission: dict[str, str | None] = {}
        self._troubles: list[Trouble] = []
        self._queues: dict[tuple[str, str], queue.SimpleQueue[Task | None]] = {}
        self._workers: list[threading.Thread] = []
        self._active: dict[str, int] = {}
        self._closing = threading.Event()
        self._lock = threading.RLock()

    def add(
        self,
        root: Path,
        *,
        name: str = "collection",
        kind: Kind = "guest",
        id: str | None = None,  # noqa: A002
    ) -> Collection:
        """A folder becomes a collection."""
        made = Collection(id or str(uuid.uuid4()), name, root, kind)
        with self._lock:
            self.collections[made.id] = made
        return made

    def trouble(self, kind: TroubleKind, match: str = "", times: int = 1) -> Trouble:
        """Make the next tasks that match go wrong."""
        made = Trouble(kind, match, times)
        with self._lock:
            self._troubles.append(made)
        return made

    def reset(self) -> None:
        """Well again: what was stuck goes on."""
        with self._lock:
            troubles, self._troubles = self._troubles, []
            self.most_active = 0
        for one in troubles:
            one.lift()

    def close(self) -> None:
        self.reset()
        self._closing.set()
        with self._lock:
            tasks, workers = list(self.tasks.values()), list(self._workers)
            for waiting in self._queues.values():
                for _ in range(ACTIVE_LIMIT):
                    waiting.put(None)
        for task in tasks:
            task.canceled.set()
        for worker in workers:
            worker.join()

    def collection(self, wanted: str) -> Collection:
        try:
            return self.collections[wanted]
        except KeyError:
            raise Refusal("EndpointNotFound", f"No such endpoint: {wanted}", 404) from None

    # Operations that answer at once

    def ls(self, collection: Collection, path: str, *, limit: int = 100_000, offset: int = 0) -> dict[str, Any]:
        folder = self._reached(collection, path)
        if not folder.is_dir():
            raise Refusal("ExternalError.DirListingFailed.NotDirectory", f"'{path}' is not a directory", 502)
        found = [file_json(one) for one in sorted(folder.iterdir())]
        return {
            "DATA_TYPE": "file_list",
            "endpoint": collection.id,
            "path": path,
            "absolute_path": None,
            "rename_supported": True,
            "symlink_supported": False,
            "length": len(found[offset : offset + limit]),
            "total": len(found),
            "DATA": found[offset : offset + limit],
        }

    def stat(self, collection: Collection, path: str) -> dict[str, Any]:
        return file_json(self._reached(collection, path))

    def mkdir(self, collection: Collection, path: str) -> dict[str, Any]:
        self._reached(collection, "/")
        folder = collection.path(path)
        if not collection.writable:
            raise Refusal("EndpointPermissionDenied", f"Denied by endpoint: mkdir {path}", 403)
        try:
            folder.mkdir()
        except FileExistsError:
            raise Refusal("ExternalError.MkdirFailed.Exists", f"'{path}' already exists", 502) from None
        except FileNotFoundError:
            raise Refusal("EndpointError", f"the folder above '{path}' does not exist", 502) from None
        hand_over(folder, collection.root)
        return {
            "DATA_TYPE": "mkdir_result",
            "code": "DirectoryCreated",
            "message": "The directory was created successfully",
        }

    def _reached(self, collection: Collection, path: str) -> Path:
        if not collection.connected:
            message = f"Globus Connect Personal of '{collection.name}' is not connected"
            raise Refusal("ExternalError.DirListingFailed.GCDisconnected", message, 502)
        found = collection.path(path)
        if not found.exists():
            raise Refusal("NotFound", f"Path not found: '{path}' on {collection.name} ({collection.id})", 404)
        return found

    # Tasks

    def submission_id(self) -> str:
        made = str(uuid.uuid4())
        with self._lock:
            self._by_submission[made] = None
        return made

    def submit(
        self,
        kind: Literal["TRANSFER", "DELETE"],
        owner: str,
        source: Collection,
        destination: Collection | None,
        items: tuple[Item, ...],
        *,
        submission: str,
        options: dict[str, Any],
    ) -> tuple[Task, bool]:
        """The task, and whether this submission made it."""
        with self._lock:
            if submission not in self._by_submission:
                raise Refusal("ClientError.BadRequest.InvalidSubmissionId", "unknown submission_id")
            if (known := self._by_submission[submission]) is not None:
                return self.tasks[known], False
            task = Task(
                str(uuid.uuid4()),
                kind,
                owner,
                source,
                destination,
                items,
                options,
                options.get("label"),
                _deadline(options.get("deadline")),
            )
            self._by_submission[submission], self.tasks[task.id] = task.id, task
            key = (owner, kind)
            if key not in self._queues:
                self._queues[key] = queue.SimpleQueue()
                for number in range(ACTIVE_LIMIT):
                    name = f"{kind.lower()}-{number}"
                    worker = threading.Thread(target=self._work, args=(key, self._queues[key]), name=name, daemon=True)
                    self._workers.append(worker)
                    worker.start()
            self._queues[key].put(task)
        return task, True

    def task(self, wanted: str, owner: str) -> Task:
        found = self.tasks.get(wanted)
        if found is None or found.owner != owner:
            raise Refusal("TaskNotFound", f"No such task: {wanted}", 404)
        return found

    def cancel(self, task: Task) -> None:
        task.canceled.set()
        if task.nice == "Queued" and task.status == "ACTIVE":
            task.end("FAILED", "CANCELED", "canceled")

    def _work(self, key: tuple[str, str], waiting: queue.SimpleQueue[Task | None]) -> None:
        while (task := waiting.get()) is not None and not self._closing.is_set():
            if task.status != "ACTIVE":
                continue
            with self._lock:
                self._active[task.owner] = self._active.get(task.owner, 0) + (task.kind == "TRANSFER")
                self.most_active = max(self.most_active, self._active[task.owner])
            try:
                self._do(task)
            except OSError as e:  # a disk that is full, a folder without rights
                task.end("FAILED", "ENDPOINT_ERROR", e.strerror or type(e).__name__)
            finally:
                with self._lock:
                    self._active[task.owner] -= task.kind == "TRANSFER"

    def _do(self, task: Task) -> None:
        task.nice = "OK"
        task.note("STARTED", "started")
        trouble = self._next_trouble(task)
        if trouble is not None and trouble.kind == "permission":
            task.end("FAILED", "PERMISSION_DENIED", "Permission denied")
            return
        if trouble is not None and trouble.kind in ("stuck", "inactive"):
            task.note("ENDPOINT_ERROR", "endpoint error", error=True, details="no bytes have moved")
            task.nice = "ENDPOINT_ERROR"
            if trouble.kind == "inactive":
                task.status = "INACTIVE"
                task.mail("INACTIVE")
            if not self._until(task, trouble.lifted.is_set):
                return
            task.status, task.nice = "ACTIVE", "OK"
        both = [task.source, *([task.destination] if task.destination else [])]
        if not all(one.connected for one in both):
            task.nice = "GC_NOT_CONNECTED"
            task.note(
                "ENDPOINT_ERROR", "endpoint error", error=True, details="Globus Connect Personal is not connected"
            )
            if not self._until(task, lambda: all(one.connected for one in both)):
                return
            task.nice = "OK"
        if task.kind == "DELETE":
            self._delete(task)
        else:
            self._copy_all(task, trouble)

    def _until(self, task: Task, over: Callable[[], bool]) -> bool:
        """Wait; False when the task ended meanwhile."""
        while not over():
            if task.canceled.wait(0.02) or self._closing.is_set():
                task.end("FAILED", "CANCELED", "canceled")
                return False
            if time.time() > task.deadline:
                task.end("FAILED", "EXPIRED", "expired")
                return False
        return True

    def _next_trouble(self, task: Task) -> Trouble | None:
        about = f"{task.kind} {task.source.id}" + (f" {task.destination.id}" if task.destination else "")
        about += f" {task.items[0].source}"
        with self._lock:
            for one in self._troubles:
                if one.times > 0 and re.search(one.match, about):
                    one.times -= 1
                    one.hits += 1
                    return one
        return None

    def _copy_all(self, task: Task, trouble: Trouble | None) -> None:
        assert task.destination is not None
        if not task.destination.writable:
            task.end("FAILED", "PERMISSION_DENIED", "Permission denied")
            return
        pairs: list[tuple[Path, Path, Item]] = []
        for item in task.items:
            source = task.source.path(item.source)
            target = task.destination.path(item.destination)
            if not source.exists():
                task.end("FAILED", "FILE_NOT_FOUND", f"No such file: {item.source}")
                return
            if source.is_dir():
                if not item.recursive:
                    task.end("FAILED", "NOT_A_FILE", f"is a directory: {item.source}")
                    return
                target.mkdir(parents=True, exist_ok=True)
                hand_over(target, task.destination.root)
                inside = sorted(one for one in source.rglob("*") if one.is_file())
                pairs += [(one, target / one.relative_to(source), item) for one in inside]
            else:
                pairs.append((source, target, item))
        task.files = len(pairs)
        for number, (source, target, item) in enumerate(pairs):
            if task.canceled.is_set():
                task.end("FAILED", "CANCELED", "canceled")
                return
            damage = 0
            if number == 0 and trouble is not None and trouble.kind.startswith("checksum"):
                damage = 1 if trouble.kind == "checksum" else TRIES
            if not self._copy(task, source, target, item, damage):
                return
            hand_over(target, task.destination.root)
            where = {"source_path": item.source, "destination_path": item.destination}
            task.moved.append({"DATA_TYPE": "successful_transfer", **where})
        task.end("SUCCEEDED", "SUCCEEDED", "succeeded")

    def _copy(self, task: Task, source: Path, target: Path, item: Item, damage: int) -> bool:
        """Write the file under its own name, compare, and again if it differs."""
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(TRIES):
            wanted, size = hashlib.sha256(), 0
            try:
                with source.open("rb") as f, target.open("wb") as out:
                    while chunk := f.read(_CHUNK):
                        wanted.update(chunk)
                        size += len(chunk)
                        out.write(_damaged(chunk) if attempt < damage else chunk)
            except FileNotFoundError:
                task.end("FAILED", "FILE_NOT_FOUND", f"No such file: {item.source}")
                return False
            if not task.options["verify_checksum"] or _sha256(target) == wanted.hexdigest():
                task.transferred, task.moved_bytes = task.transferred + 1, task.moved_bytes + size
                return True
            task.note("VERIFY_CHECKSUM", "file corruption detected", error=True, details=f"File: {item.destination}")
        task.end("FAILED", "VERIFY_CHECKSUM", f"file corruption detected {TRIES} times: {item.destination}")
        return False

    def _delete(self, task: Task) -> None:
        if not task.source.writable:
            task.end("FAILED", "PERMISSION_DENIED", "Permission denied")
            return
        for item in task.items:
            path = task.source.path(item.source)
            if not path.exists():
                if task.options.get("ignore_missing"):
                    continue
                task.end("FAILED", "FILE_NOT_FOUND", f"No such file: {item.source}")
                return
            if path.is_dir():
                if not task.options.get("recursive"):
                    task.end("FAILED", "NOT_A_FILE", f"is a directory: {item.source}")
                    return
                shutil.rmtree(path)
            else:
                path.unlink()
        task.end("SUCCEEDED", "SUCCEEDED", "succeeded")


def file_json(path: Path) -> dict[str, Any]:
    """A file as Transfer describes it: the time has whole seconds."""
    about = path.stat()
    return {
        "DATA_TYPE": "file",
        "name": path.name,
        "type": "dir" if path.is_dir() else "file",
        "size": about.st_size,
        "last_modified": _when(int(about.st_mtime)).replace("T", " "),
        "permissions": f"{about.st_mode & 0o7777:04o}",
        "user": "operator",
        "group": "operator",
        "link_target": None,
        "link_size": None,
        "link_last_modified": None,
        "link_user": None,
        "link_group": None,
    }


def _deadline(text: object) -> float:
    if isinstance(text, str) and text:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise Refusal("ClientError.BadRequest", f"deadline: {text!r} is no time") from None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return time.time() + 86400


def _when(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat()


def _damaged(chunk: bytes) -> bytes:
    return bytes([chunk[0] ^ 0xFF]) + chunk[1:]


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
