"""The way that docs/how-to/long-work.md tells goes there: typed in order, with a function that does long work."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.rigs import REPOSITORY
from tests.rigs.facility import Facility
from tests.rigs.here import ID
from tests.rigs.remote import hashing
from tests.rigs.typed import typed_here
from tests.rigs.works_here import WorksHere

import mhfd_client
from mhfd import shim
from mhfd_client.works.kept_work import KeptWork

PAGE = (REPOSITORY / "docs" / "how-to" / "long-work.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```shell-session\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def facility(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facility:
    made = Facility(tmp_path, monkeypatch)
    made.allow(functions={hashing.NAME: {}})
    for name in ("a", "b", "c"):
        (made.data / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hash.json").write_text(json.dumps({"folder": str(made.data)}))
    return made


def test_who_follows_the_page_gets_there(here: WorksHere, facility: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_to_end = threading.Event()

    def hashed(**request: Any) -> dict[str, Any]:
        """The ninth is not begun before it is asked to end: a busy endpoint."""
        if request["key"] == "wafer9" and not request.get("cancel"):
            asked_to_end.wait()
        try:
            return hashing.hash_folder(**request)
        finally:
            if request.get("cancel"):
                asked_to_end.set()

    monkeypatch.setitem(shim.FUNCTIONS, hashing.NAME, hashing.FUNCTION)
    here.answers[hashing.NAME] = hashed
    steps = [step for block in BLOCKS for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    for step in steps:
        command, *wanted = step.replace("ENDPOINT", str(ID)).replace("/eagle/ours", str(facility.out)).splitlines()
        code, told = typed_here(command.split()[1:])
        assert code == 0, f"{command}\n{told}"
        pattern = ".*".join(re.escape(part) for part in re.split(r"\.\.\.", "\n".join(wanted)))
        assert re.search(pattern.replace(r"\n", "\n"), told, re.DOTALL), (
            f"{command}\ndoes not say\n{wanted}\nbut\n{told}"
        )
    assert {key: KeptWork.named(key).state for key in ("wafer7", "wafer8", "wafer9")} == {
        "wafer7": "done",
        "wafer8": "done",
        "wafer9": "cancelled",
    }
    (cell,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"mhfd_client": mhfd_client, "UUID": ID}
    exec(cell.replace("/eagle/sem/wafer7", str(facility.data)), names)  # noqa: S102 - our own documentation
    assert (names["answer"].ok, names["answer"].result["files"]) == (True, 3)
    (table,) = (facility.out / "mhfd-works" / "mhfd-work-wafer7").rglob("SHA256SUMS")
    assert table.read_bytes() == hashing.expected(facility.data)
