"""A whole `mhfd watch --runner flow` with its page: what an operator sees of the runs, and where the time went."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rigs.flow_rig import Site, site
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import until

from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.page import panels
from mhfd_client.page.model import PageModel
from mhfd_client.results import run_report
from mhfd_client.results.latency import MOMENTS, SPANS, spans, waiting_times
from mhfd_client.settings import load as settings

MHFD = str(Path(sys.executable).with_name("mhfd"))


@pytest.fixture
def lab(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    for name in ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    with site(service, quick_endpoint, tmp_path, environment(service.url, tmp_path / "globus")) as made:
        yield made


class Watch:
    """`mhfd watch`, from its settings file."""

    def __init__(self, lab: Site) -> None:
        self.state, self._said, self._lab = lab.folder / "station", lab.folder / "said.txt", lab
        config = lab.folder / "mhfd.toml"
        config.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in lab.pairs.items()))
        self.where = [str(lab.root), "--state", str(self.state), "--config", str(config)]
        more = ["--set", "flow.batch=4", "--set", "flow.wait_s=3600", "--set", "arrival.settle_s=0.2"]
        with self._said.open("ab") as said:
            self._process = subprocess.Popen([MHFD, "watch", *self.where, *more], env=lab.env, stdout=said, stderr=said)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(90)
            finally:
                self._process.kill()
                self._process.wait()

    def said(self) -> str:
        assert self._process.poll() is None, self._said.read_text(errors="replace")
        return self._said.read_text(errors="replace")

    def page(self) -> str:
        """The page, as a browser without scripts gets it."""
        address = until(lambda: re.search(r"page: (\S+)", self.said()), self.said)[1]  # type: ignore[index]
        browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        for one in (address, address.partition("?")[0]):
            with browser.open(one, timeout=60) as answer:
                html = answer.read().decode()
        return str(html)

    def asked(self, *arguments: str) -> str:
        done = subprocess.run(
            [MHFD, *arguments], env=self._lab.env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.asked("status", *self.where, "--json"))["runs"]
        return found

    def recorded(self, count: int) -> None:
        def enough() -> bool:
            self.said()
            with JournalView.read(self.state) as journal:
                return journal.counts()[State.RECORDED] >= count

        until(enough, self.said)


@pytest.mark.skipif(os.name != "posix", reason="it is stopped by a signal here")
def test_the_runs_are_on_the_page_and_their_moments_in_the_ledger(lab: Site) -> None:
    reached = lab.globus.flows.hold("BringImages")
    jobs = lab.images(4)
    with Watch(lab) as watch:
        until(lambda: "<strong>Moving images</strong>" in watch.page(), watch.page)
        assert reached.wait(90)
        assert "4 images: <bdi>S_000" in watch.page()
        (first,) = watch.runs()
        assert (first["run"], first["step"]) == (lab.runs()[0].id, "moving images")
        assert sorted(first["images"]) == [f"S_{n:04}.tif" for n in range(1, 5)]
        jobs += lab.images(3)
        until(lambda: "3 images wait for the next run." in watch.page(), watch.page)
        jobs += lab.images(1)
        until(lambda: watch.page().count("<strong>Moving images</strong>") == 2, watch.page)
        assert "Runs of the flow (2)" in watch.page()
        second = lab.runs()[1].id
        told = watch.asked("run", "show", second[:12], "--config", watch.where[-1], "--state", str(watch.state))
        assert f"images (4), of the station in {watch.state}:\n" in told
        assert "  S_0008.tif  submitted\n" in told
        scoring = lab.globus.flows.hold("Score")
        lab.globus.flows.release("BringImages")
        assert scoring.wait(90)
        until(lambda: "<strong>Scoring</strong>" in watch.page(), watch.page)
        lab.globus.flows.release("Score")
        watch.recorded(8)
        until(lambda: "None is out." in watch.page(), watch.page)
        assert watch.runs() == []

    with JournalView.read(watch.state) as journal:
        rows = journal.images(limit=100)
        assert len(rows) == len(jobs)
        for row in rows:
            assert list(spans(row)) == list(SPANS)
            moments = [getattr(row, f"{name}_ns") for name in MOMENTS]
            assert None not in moments
            assert moments == sorted(moments)
            record = json.loads((watch.state / "records" / f"{row.path}.mhfd.json").read_bytes())
            assert set(MOMENTS[:-1]) <= set(record["times"])
            assert set(SPANS) <= set(record["steps_ms"])
        asked = {row.submitted_ns for row in rows}
        assert len(asked) == 2, "of each image it is when its run was asked for"
        found = waiting_times(rows, target_s=60)
        model = PageModel(journal, confirm=3)
        model.refresh()
        table = panels.panels(panels.templates(), model)["times"]
        drawn = panels.waits(model)["spans"]
        report = run_report.render(journal, settings.load(env={}))
        for name, span in SPANS.items():
            assert found.spans[name].count == len(rows)
            assert span.words in table
            assert len(drawn[name]) == len(rows)
            assert span.words in report
            assert span.colour in report


@pytest.mark.soak  # what the station does about it is in tests/flow/test_flow_station.py, what the command says in
@pytest.mark.skipif(os.name != "posix", reason="it is stopped by a signal here")  # tests/commands/test_run_commands.py
def test_images_of_a_run_that_a_person_cancels_go_again(lab: Site) -> None:
    reached = lab.globus.flows.hold("BringImages")
    lab.images(4)
    with Watch(lab) as watch:
        until(lambda: "<strong>Moving images</strong>" in watch.page(), watch.page)
        assert reached.wait(90)
        (run,) = lab.runs()
        said = watch.asked("run", "cancel", run.id[:8], "--config", watch.where[-1])
        assert "the station asks again for them" in said
        lab.globus.flows.release("BringImages")
        watch.recorded(4)
        assert (len(lab.runs()), lab.scored()) == (2, 4)
        with JournalView.read(watch.state) as journal:
            whys = [trouble.why for trouble in journal.troubles()]
        assert any("cancelled by a person" in why and f"/mhfd-{run.id}/" in why for why in whys), whys
        assert f"/mhfd-{run.id}/" in said
