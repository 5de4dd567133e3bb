"""Which runs are out, as others than the station see them: page, status and report read its runs file as it grows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mhfd.contract.params import Params
from mhfd_client.arrival.events import Whole
from mhfd_client.commands.results import _lines
from mhfd_client.flow.runs_out import RUNS_FILE, RunsFile, RunsReader
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.view import JournalView
from mhfd_client.naming import Place
from mhfd_client.page import panels
from mhfd_client.page.model import PageModel
from mhfd_client.results import run_report
from mhfd_client.results import status as summary
from mhfd_client.results.under_way import UnderWay, under_way
from mhfd_client.settings import load as settings
from mhfd_flows.build import Step

FLOW = "6d686664-0000-4000-8000-0000000000f1"
RUN = "6d686664-0000-4000-8000-0000000000a1"


class Station:
    """A journal and a runs file, and whoever writes them."""

    def __init__(self, folder: Path, *, flow: str = FLOW) -> None:
        self.state, self.root = folder / "state", folder / "run"
        self.root.mkdir(exist_ok=True)
        self.journal = Journal.open(self.state, root=self.root)
        self.file = self.state / RUNS_FILE
        self.book = RunsFile(self.file, flow)
        self.made = 0

    def images(self, count: int, *, of: str = "t", runner: str = "flow", name: str = "S_{:03}.tif") -> list[int]:
        """Handed to a runner."""
        ids = []
        for _ in range(count):
            self.made += 1
            row = self.journal.arrived(Whole("d/" + name.format(self.made), 8, 1, 1.0, 2.0), Place(self.made))
            assert row is not None
            ids.append(row.id)
        self.journal.intent(ids, of, runner, Params(), durable=True)
        return ids

    def ask(self, key: str, ids: list[int], *, of: str = "t") -> None:
        self.book.asking(key, [(of, image) for image in ids], [f"i{image}" for image in ids], 5_000_000_000)

    def see(self, reader: RunsReader | None = None) -> UnderWay:
        return under_way(self.journal, reader)

    def panel(self, *, flow: bool = False) -> str:
        with JournalView.read(self.state) as store:
            model = PageModel(store, confirm=3, flow=flow)
            model.refresh()
            return panels.panels(panels.templates(), model)["runs"]


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    yield made
    made.book.close()
    made.journal.close()


def test_a_run_is_followed_from_the_asking_to_its_end(station: Station) -> None:
    reader, ids = RunsReader(station.state), station.images(5)
    assert (station.see(reader).runs, station.see(reader).waiting) == ((), 5)
    station.ask("k1", ids[:3])
    (out,) = station.see(reader).runs
    assert (out.step, out.since_ns, out.short) == (Step.ASK, 5_000_000_000, "k1")
    assert (out.images, out.first, out.last) == (
        ("d/S_001.tif", "d/S_002.tif", "d/S_003.tif"),
        "S_001.tif",
        "S_003.tif",
    )
    assert station.see(reader).waiting == 2
    seen = [out.step]
    station.book.seen("k1", "LOST", "")
    seen.append(station.see(reader).runs[0].step)
    station.book.made("k1", RUN)
    assert station.see(reader).runs[0].short == RUN[:8]
    for status, state in (
        ("ACTIVE", ""),
        ("ACTIVE", "MakeStaging"),
        ("ACTIVE", "BringImages"),
        ("INACTIVE", "BringImages"),
        ("ACTIVE", "WaitScore"),
        ("ACTIVE", "ReturnReports"),
        ("ACTIVE", "Clean"),
        ("FAILED", "NotScored"),
    ):
        station.book.seen("k1", status, state)
        seen.append(station.see(reader).runs[0].step)
    wanted = "ASK SEEK BEGIN BEGIN MOVE CONSENT SCORE RETURN CLEAN OVER"
    assert [step.name for step in seen] == wanted.split()
    assert station.see().runs == station.see(reader).runs, "who comes late sees the same"
    station.book.done("k1")
    assert not station.see(reader)


def test_since_is_when_the_step_began_also_after_a_restart(station: Station) -> None:
    station.ask("k1", station.images(1))
    station.book.made("k1", RUN)
    station.book.seen("k1", "ACTIVE", "Score")
    since = station.see().runs[0].since_ns
    size = station.file.stat().st_size
    station.book.seen("k1", "ACTIVE", "Score")
    assert station.file.stat().st_size == size, "the same again is not written"
    station.book.close()
    station.book = RunsFile(station.file, FLOW)
    station.book.seen("k1", "ACTIVE", "Score")
    assert station.see().runs[0].since_ns == since
    station.book.seen("unknown", "ACTIVE", "Score")


def test_what_is_half_written_is_read_the_next_time(station: Station) -> None:
    reader = RunsReader(station.state)
    station.ask("k1", station.images(2))
    line = json.dumps({"seen": "k1", "status": "ACTIVE", "state": "Score", "since_ns": 7}) + "\n"
    station.book.made("k1", RUN)
    with station.file.open("a") as other:
        other.write(line[:20])
        other.flush()
        assert station.see(reader).runs[0].step is Step.BEGIN
        other.write(line[20:])
    assert station.see(reader).runs[0].step is Step.SCORE


def test_lines_that_make_no_sense_disturb_nothing(station: Station) -> None:
    station.ask("k1", station.images(1))
    with station.file.open("ab") as other:
        other.write(b'\x00\xff\n[]\n3\nnull\n{"seen": "k1"}\n{"key": "k2"}\n{"seen": []}\n{"done": {}}\n{}\n\n')
    reader = RunsReader(station.state)
    assert [out.key for out in station.see(reader).runs] == ["k1"]
    station.book.made("k1", RUN)
    assert station.see(reader).runs[0].run == RUN


def test_a_runs_file_that_is_written_anew_is_read_anew(station: Station) -> None:
    reader = RunsReader(station.state)
    ids = station.images(2)
    station.ask("k1", ids[:1])
    assert len(station.see(reader).runs) == 1
    station.book.close()
    station.book = RunsFile(station.file, "of another flow")
    assert station.see(reader).runs == ()
    station.ask("k2", ids[1:])
    assert [out.key for out in station.see(reader).runs] == ["k2"]
    station.file.unlink()
    assert station.see(reader).runs == ()
    station.file.mkdir()
    assert station.see(reader).runs == ()
    station.file.rmdir()
    station.book.close()
    station.book = RunsFile(station.file, FLOW)
    station.ask("k3", ids[1:])
    assert [out.key for out in station.see(reader).runs] == ["k3"]


def test_a_run_that_nobody_waits_for_is_none(station: Station) -> None:
    """Its images were given to another runner since, or have their reports."""
    ids = station.images(2)
    station.ask("k1", ids)
    station.journal.returned("t", "gone", ids=ids, blame=False)
    assert station.see() == UnderWay()
    station.journal.intent(ids, "u", "local", Params(), durable=True)
    assert station.see() == UnderWay()
    assert station.panel() == ""


def test_the_page_the_status_and_the_report_show_what_is_out(station: Station) -> None:
    assert station.panel() == ""
    assert "None is out." in station.panel(flow=True)
    ids = station.images(2) + station.images(1, of="u", name="<b>{}\u202e.tif")
    assert "3 images wait for the next run." in station.panel(flow=True)
    station.ask("k1", ids[:2])
    station.book.made("k1", RUN)
    station.book.seen("k1", "ACTIVE", "BringImages")
    station.ask("k2", ids[2:], of="u")
    for html in (station.panel(), station.panel(flow=True)):
        assert "Runs of the flow (2)" in html
        assert "<strong>Moving images</strong>" in html
        assert "2 images: <bdi>S_001.tif</bdi> to <bdi>S_002.tif</bdi>; run <code>6d686664</code>" in html
        assert "1 image: <bdi>&lt;b&gt;3\\u202e.tif</bdi>; run <code>k2</code>" in html
        assert "Being asked for" in html
        assert "None is out" not in html
    station.book.seen("k2", "LOST", "")
    assert "<strong>Looked for at Globus:" in station.panel()
    assert "without it" in station.panel(), "nobody looks at them"
    station.journal.beat("watching", in_flight=3, capacity=9)
    assert "without it" not in station.panel()
    now = summary.status(station.journal, settings.load(env={}).settings.names)
    told = json.loads(json.dumps(now.as_json(), default=str))["runs"]
    assert [(run["run"], run["step"]) for run in told] == [
        (RUN, "moving images"),
        (None, "looked for at Globus: its start was not answered"),
    ]
    assert told[0]["images"] == ["d/S_001.tif", "d/S_002.tif"]
    (line, _) = [line for line in _lines(now, "run") if line.startswith("run ")]
    assert line.startswith("run 6d686664: moving images since ")
    assert line.endswith("; 2 image(s): S_001.tif to S_002.tif")
    later = summary.status(station.journal, settings.load(env={}).settings.names, clock=lambda: time.time() + 3600)
    assert any("without the station" in line for line in _lines(later, "run"))
    assert not any("without the station" in line for line in _lines(now, "run"))
    page = run_report.render(station.journal, settings.load(env={}))
    assert "<h2>Runs that are out</h2>" in page
    assert f"<td>{RUN}</td>" in page
    assert "&lt;b&gt;3\\u202e.tif" in page
