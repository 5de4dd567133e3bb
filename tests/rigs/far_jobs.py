"""What the worker of an endpoint does in tests of the compute runner: the orders of `tests.rigs.jobs`, far away.

`focus` is what is registered: like `mhfd.shim`, complete in itself. `answer` runs on the endpoint and gives what
`mhfd.remote.run` gives, but that each file says what shall happen. `hang` ends when the file is removed.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from mhfd.contract.params import Params
from tests.rigs import jobs


def focus(**request: object) -> object:
    from tests.rigs.far_jobs import answer

    return answer(request)


def older_focus(**request: object) -> object:
    from tests.rigs.far_jobs import older_answer

    return older_answer(request)


def older_answer(request: Any) -> dict[str, Any]:
    """As an endpoint of method 1: it refuses what says that it is newer, in the words that such a one wrote."""
    if "schema_version" in request:
        refused: dict[str, Any] = older_wire()["refused"]
        return refused
    said = answer(request)
    for report in said["reports"]:
        if report is not None:
            report["params_id"] = Params.model_validate(report["params"]).id_by(1)
            report["schema_version"] = 2
            del report["profile"]
    return said


def older_wire() -> dict[str, Any]:
    """A request, its answer, the answer to a request of version 3, and an examination, as method 1 wrote them."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "older_wire.json").read_text())
    return found


def examine(**request: object) -> object:
    return {"ok": True, "errors": []}


def long(**request: object) -> object:
    from tests.rigs.far_jobs import work_answer

    return work_answer(request)


_turns: dict[str, int] = {}


def work_answer(request: Any) -> dict[str, Any]:
    """As long work answers, that takes so many turns."""
    done = _turns[request["key"]] = _turns.get(request["key"], 0) + 1
    over = done == request["turns"]
    return {
        "ok": True,
        "key": request["key"],
        "state": "done" if over else "more",
        "progress": {"done": done, "total": request["turns"], "unit": "turns", "at_ns": time.time_ns()},
        "result": {"turns": done} if over else None,
        "provenance": {"version": "1", "backend": "none", "device": "none", "threads": 0},
    }


def answer(request: Any) -> dict[str, Any]:
    params = Params.model_validate(request.get("params", {}))
    reports: list[dict[str, Any] | None] = []
    errors: list[dict[str, Any]] = []
    for index, (path, expected) in enumerate(zip(request["paths"], request["expect"], strict=True)):
        code, why = "", ""
        try:
            before = _stat(path)
            if before != (expected["size"], expected["mtime_ns"]):
                code, why = "changed", "the file changed before it was read"
            else:
                reports.append(_score(path, params))
                if _stat(path) != before:
                    reports.pop()
                    code, why = "changed", "the file changed while it was read"
        except OSError as e:
            code, why = "unavailable", f"the file cannot be opened: {e.strerror}"
        except Exception as e:
            code, why = "internal", f"makes scoring fail with {type(e).__name__}: {e}"
        if code:
            reports.append(None)
            errors.append({"code": code, "why": why, "remedy": "", "index": index})
    return {"schema_version": 1, "ok": not errors, "reports": reports, "errors": errors}


def _score(path: str, params: Params) -> dict[str, Any]:
    if Path(path).read_bytes().split(b"\n")[0] == b"hang":
        while os.path.exists(path):  # noqa: PTH110 - names that are no UTF-8
            time.sleep(0.02)
    return jobs.score(path, params=params, device="cpu", threads=1).model_dump(mode="json")


def _stat(path: str) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - as above
    return found.st_size, found.st_mtime_ns
