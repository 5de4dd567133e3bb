"""The way from the microscope to the GPU, as docs/how-to/microscope-to-gpu.md tells it, goes there.

Blocks fenced as `shell-session` are typed one after the other, by somebody who has the page, the stand-ins of Globus
and a real endpoint. What a command prints must hold the lines below it, in their order. A word in capitals stands for
an id: its first id is remembered, and it must be the same ever after. `...` stands for what is left out, a time or a
number of seconds for any.
"""

from __future__ import annotations

import inspect
import os
import pty
import re
import runpy
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tifffile
from tests.rigs import REPOSITORY
from tests.rigs.flow_inputs import INPUT_LIMIT
from tests.rigs.globus.auth import CLIENT_ID, CLIENT_SECRET
from tests.rigs.globus.auth_state import NATIVE_ID
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service
from tests.rigs.globus.stand_ins import code_of

from mhfd import simulate
from mhfd_client.flow import deployments
from mhfd_client.flow.folders import NAME_MOST
from mhfd_client.flow.images import BODY_BYTES
from mhfd_client.flow.own_runs import OwnRun
from mhfd_client.flow.run_words import label
from mhfd_client.flow.runner import LOOKS, FlowRunner
from mhfd_client.flow.service import BUSY_S, TAG
from mhfd_client.settings import load as settings
from mhfd_flows.shipped import FLOWS, MAX_IMAGES

DOCS = REPOSITORY / "docs"
PAGE = (DOCS / "how-to" / "microscope-to-gpu.md").read_text(encoding="utf-8")
ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\d+\.\d s"
DEADLINE_S = 120.0
QUICK = {"MHFD_FLOW_BATCH": "3", "MHFD_FLOW_WAIT_S": "60", "MHFD_FLOW_POLL_S": "0.1"}  # all three go together


def blocks(language: str) -> list[str]:
    return [match[1] for match in re.finditer(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


@dataclass
class Reader:
    """Somebody who types what stands there."""

    env: dict[str, str]
    folder: Path
    known: dict[str, str] = field(default_factory=dict)  # what the page calls something -> what it is here

    def here(self, text: str) -> str:
        for word in sorted(self.known, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/]){re.escape(word)}(?!\w)", self.known[word], text)
        return text

    def types(self, command: str) -> str:
        """All that it says; a watch is stopped when all is judged, and whoever logs in goes to the browser."""
        words = shlex.split(self.here(command))
        if words[1] == "watch":
            words += ["--no-page"]
        ours, theirs = pty.openpty()
        program = str(Path(sys.executable).with_name(words[0]))
        process = subprocess.Popen(
            [program, *words[1:]], env=self.env, cwd=self.folder, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        said, answered, stopped, end = "", False, False, time.monotonic() + DEADLINE_S
        try:
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.5)[0]:
                    try:
                        said += os.read(ours, 65536).decode(errors="replace")
                    except OSError:
                        break  # the terminal is closed: the command has ended
                if not answered and "The code: " in said:
                    address = re.search(r"http://127\S+", said)
                    assert address is not None, said
                    os.write(ours, f"{code_of(address[0])}\n".encode())
                    answered = True
                if not stopped and len(set(re.findall(r"S_\d{3}\.tif  \w+:", said))) == 3:
                    process.terminate()
                    stopped = True
        finally:
            os.close(ours)
            if time.monotonic() >= end:
                process.kill()
            code = process.wait()
        assert code == 0, f"{command}\n{said}"
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).replace("\r", "")

    def reads(self, command: str, said: str, wanted: list[str]) -> None:
        """It says what the page says that it does."""
        at = 0
        for line in wanted:
            if line.strip() == "...":
                continue
            pattern, names = "", []
            for part in re.split(rf"({TIME}|[A-Z]{{3,}}(?![a-z\w])|\.\.\.|\s+)", self.here(line.strip())):
                if part == "...":
                    pattern += ".*"
                elif re.fullmatch(TIME, part):
                    pattern += f"(?:{TIME})"
                elif part.isspace():
                    pattern += r"\s+"
                elif re.fullmatch("[A-Z]{3,}", part) and part not in self.known and part not in names:
                    names.append(part)
                    pattern += f"(?:(?P<{part}>{ID})|{part})"
                else:
                    pattern += re.escape(part)
            found = re.compile(pattern).search(said, at)
            assert found is not None, f"{command}\ndoes not say: {line}\nbut:\n{said[at:] or said}"
            self.known.update({name: found[name] for name in names if found[name]})
            at = found.end()

    def follows(self, block: str) -> None:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *wanted = part.splitlines()
            self.reads(command, self.types(command), wanted)


@pytest.fixture
def reader(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, globus_env: dict[str, str]
) -> Iterator[Reader]:
    """Who has done what the page asks for in words: the collections, the folders, the endpoint, an application."""
    sem, home = tmp_path / "sem", tmp_path / "operator"
    staging = quick_endpoint.root / f"staging-{tmp_path.name}"
    for made in (sem / "wafer7", home / "mhfd-reports", staging):
        made.mkdir(parents=True)
    picture = simulate.focus_series((192, 192), seed=5, defocus_um=[0.0])[0]
    for number in range(1, 4):
        picture[0, 0] = number
        tifffile.imwrite(sem / "wafer7" / f"S_{number:03}.tif", picture)
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        globus_env.pop(name)
    flows = service.globus.flows.flows
    for flow in [one for one in flows.values() if "mhfd:focus_check" in one.document.get("keywords", ())]:
        del flows[flow.id]  # another test's
    root = Path("/")  # as Globus Connect names files on Linux
    guest = service.globus.collection(root, name="shared")
    yield Reader(
        {
            **globus_env,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_STATE_HOME": str(home / "state"),
            "COLUMNS": "200",
            **QUICK,
        },
        tmp_path,
        {
            "APPLICATION": NATIVE_ID,
            "SEM": service.globus.collection(root, name="microscope", kind="personal").id,
            "STAGING": service.globus.collection(root, name="cluster", kind="mapped").id,
            "GUEST": guest.id,
            "ENDPOINT": quick_endpoint.id,
            "/mnt/sem": str(sem),
            "/home/operator": str(home),
            "/eagle/ours/mhfd-staging": str(staging),
        },
    )
    assert list(staging.iterdir()) == []


def config_of(reader: Reader, text: str) -> None:
    config = Path(reader.env["HOME"]) / ".config" / "mhfd" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(reader.here(text))
    settings.load(config, env={"HOME": "/h"})


def test_who_follows_the_page_gets_there(reader: Reader, service: Service) -> None:
    (whole,) = [block for block in blocks("toml") if "[flow]" in block]
    config_of(reader, "".join(whole.splitlines(keepends=True)[:2]))
    for number, block in enumerate(blocks("shell-session")):
        if number == 1:
            config_of(reader, whole)
        reader.follows(block)
    runs = [run for run in list(service.globus.flows.runs.values()) if run.flow.id == reader.known["FLOW"]]
    assert [(run.status, run.body.get("only_ask", False)) for run in runs] == [
        ("SUCCEEDED", True),
        ("SUCCEEDED", True),
        ("SUCCEEDED", False),
        ("SUCCEEDED", False),
    ]
    assert service.globus.timers.timers == {}


def test_a_station_nobody_logs_in_to(reader: Reader, service: Service) -> None:
    """A client with a secret does the same, on collections that were shared with it."""
    (whole,) = [block for block in blocks("toml") if "[flow]" in block]
    secret = Path(reader.env["HOME"]) / "secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o600)
    reader.known["APPLICATION"] = CLIENT_ID
    named = whole.replace("[globus]", f"[globus]\nsecret_file = '{secret}'")
    for word, line in (("SEM", "GUEST"), ("STAGING", "GUEST"), ('mapped = ["GUEST"]', "")):
        named = named.replace(word, line)
    config_of(reader, named.partition("[runner]")[0])
    reader.types("mhfd login --for flow")
    reader.reads("register", reader.types("mhfd function register"), ["mhfd_focus FUNCTION current"])
    reader.reads("deploy", reader.types("mhfd flow deploy"), ["focus_check  FLOW  deployed"])
    config_of(reader, named)
    reader.reads("login", reader.types("mhfd login --flow-id FLOW"), ["acts as itself"])
    reader.reads("watch", reader.types("mhfd watch /mnt/sem/wafer7"), ["scored by: runs of flow FLOW", "S_003.tif"])
    (run,) = [run for run in list(service.globus.flows.runs.values()) if run.flow.id == reader.known["FLOW"]]
    assert (run.status, run.starter.client) == ("SUCCEEDED", CLIENT_ID)


def test_the_limits_are_those_of_the_code() -> None:
    """What docs/reference/flow.md says in its table of limits."""
    text = (DOCS / "reference" / "flow.md").read_text(encoding="utf-8")
    table = text[text.index("## Limits") : text.index("Started without a list")]
    for said in (
        f"at most {MAX_IMAGES} images and {INPUT_LIMIT // 1000} KB of input",
        f"at most {BODY_BYTES // 1000} KB of images",
        "searched four times within at least a minute",
        f"else {BUSY_S:.0f} seconds",
        f"a tag of {len(TAG + OwnRun([], []).key)} characters",
        f"more than {NAME_MOST} characters below the source folder",
    ):
        assert said in table, said
    assert (LOOKS, inspect.signature(FlowRunner).parameters["lag_s"].default) == (4, 60)
    assert len(label("w" * 200, MAX_IMAGES)) == 64
    about = deployments._about(FLOWS["focus_check"])
    assert max(len(about["title"]), len(about["subtitle"])) <= 128
    assert sum(map(len, about["keywords"])) <= 1024
    states = FLOWS["focus_check"].document["States"]
    tries = {"BringImages": 3, "Score": 3, "ReturnReports": 3, "Clean": 3, "MakeStaging": 1}
    longest = sum(states[name]["WaitTime"] * count for name, count in tries.items()) + 8 * 60
    assert f"some {-(-longest // 3600)} hours at most" in table


def test_the_pictures_are_of_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "figures"))  # as it is for a script that is run
    drawing = runpy.run_path(str(DOCS / "figures" / "globus.py"))
    for name, drawn in {**drawing["parts"](), **drawing["steps"]()}.items():
        assert drawn == (DOCS / "images" / name).read_text(encoding="utf-8"), "run: python docs/figures/globus.py"
