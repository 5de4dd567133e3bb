"""`examine`: how this endpoint is, for `mhfd doctor --endpoint` and for whoever measures it.

Tells nothing of files outside the administrator's folders, writes nothing, and takes bounded time: at most so many
files, and no more of them is read than their hash needs.
"""

import hashlib
import os
import pwd
import socket
import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mhfd.contract.examination import Examination, ExamineRequest, FileSeen, RootSeen
from mhfd.contract.params import Params
from mhfd.contract.request import Code, Problem
from mhfd.detector.choose import choose
from mhfd.errors import MhfdError, SiteError
from mhfd.remote import worker
from mhfd.remote.refusal import Refusal, problem, problems
from mhfd.remote.roots import RootedFile, Roots
from mhfd.site import Site


def answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an ExamineRequest in, those of an Examination out."""
    worker.began()
    try:
        request = ExamineRequest.model_validate(dict(fields))
    except ValidationError as e:
        return _said(problems(e, "correct the request: see the reference of the function"))
    if request.only_echo:
        return _said([], echo=request.echo)
    try:
        site = Site.load()
    except SiteError as e:
        found = problem(Code.NO_SITE, str(e), "ask the endpoint's administrator: `mhfd endpoint check`")
        return _said([found], echo=request.echo)
    errors: list[Problem] = []
    backend, device = "none", "none"
    try:
        detector = choose(Params(), device=site.device, threads=site.threads)
        backend, device = detector.name, detector.device
    except MhfdError as e:
        remedy = "ask the endpoint's administrator: `device` in the site's configuration"
        errors.append(problem(Code.NO_DEVICE, str(e), remedy))
    files: list[FileSeen | None] = []
    for index, path in enumerate(request.paths):
        try:
            files.append(_file(site, path, hashed=request.hash))
        except Refusal as e:
            files.append(None)
            errors.append(e.problem.model_copy(update={"index": index}))
    return _said(
        errors,
        echo=request.echo,
        site=site.name,
        backend=backend,
        device=device,
        chosen=site.device,
        gpus=os.environ.get("CUDA_VISIBLE_DEVICES"),
        roots=(
            *(_root(str(root), "read") for root in site.read_roots),
            *(_root(str(r), "write") for r in site.write_roots),
        ),
        files=tuple(files),
    )


def _said(errors: list[Problem], **fields: Any) -> dict[str, Any]:
    return Examination(
        ok=not errors,
        errors=tuple(errors),
        versions=worker.versions(),
        user=worker.user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        since_ns=worker.started_ns,
        tasks_before=worker.tasks_before(),
        now_ns=time.time_ns(),
        **fields,
    ).model_dump(mode="json")


def _root(path: str, use: str) -> RootSeen:
    """Whether the account that tasks run as may do there what the administrator allows."""
    if not os.path.isdir(path):  # noqa: PTH112 - as the configuration has it
        return RootSeen(path=path, use=use, usable=False, why="there is no such folder")
    needed = os.R_OK | os.X_OK if use == "read" else os.W_OK | os.X_OK
    usable = os.access(path, needed)
    return RootSeen(path=path, use=use, usable=usable, why=None if usable else f"{worker.user()} may not {use} there")


def _file(site: Site, path: str, *, hashed: bool) -> FileSeen:
    with Roots(site.read_roots, use="read").file(path) as opened:
        status = opened.status
        return FileSeen(
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            owner=_name(status.st_uid),
            mode=f"{status.st_mode & 0o7777:04o}",
            writable=os.access(opened.real, os.W_OK),
            sha256=_hash(opened, site.max_bytes) if hashed else None,
        )


def _hash(opened: RootedFile, most: int) -> str | None:
    """Of the bytes, where the file is no larger than an image may be."""
    if opened.status.st_size > most:
        return None
    with open(opened.fd, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
