"""`make demo-learn`: two microscopes, one library of three networks, a real endpoint, and a run that drifts.

The web service is a stand-in; broker, endpoint, its workers and those of the training, SDK and every `mhfd` that is
typed are not. North's first images go to the endpoint: the library is assessed with them, the best is trained further
by two workers and benchmarked, and what came of it comes home. Then 400 images arrive at north, faster than this
machine judges them, while its light fades: each is judged once, every 20th is sent up for a test of who judges; the
watch is killed on the way. At last a promotion is rolled back. Exit code 1, with the reason, where a bar fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mhfd_client.errors import StateMissing
from mhfd_client.journal.rows import State
from mhfd_client.journal.view import JournalView
from mhfd_client.results.keeping_up import backlog_now
from mhfd_client.results.retested import retested
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.demo_microscopes import EAST, NORTH, SOUTH, WEST, DriftingRun, SimulatedMicroscope
from tests.rigs.globus.demo_stage import MHFD, Waiting, played, say
from tests.rigs.globus.loopback import loopback
from tests.rigs.globus.processes import Program
from tests.rigs.globus.sdk import environment
from tests.rigs.globus.service import Service

IMAGES: Final = 400
EVERY: Final = 20
NETWORK: Final = ("--learner", "small", "--batch", "16", "--workers", "2", "--device", "cpu", "--copies", "turns")
TABLES: Final = "".join(f"[functions.{name}]\n" for name in ("mhfd_assess", "mhfd_train", "mhfd_benchmark"))
STALE_S: Final = 240.0
"""With nothing judged nor tested for so long, it has failed."""
COMMAND_S: Final = 400.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--every", type=int, default=EVERY, help="images from one test of who judges to the next")
    options = parser.parse_args(arguments)

    def whole(folder: Path) -> int:
        say("a broker (RabbitMQ) and stand-ins of Globus' web services: starting, some 5 s ...")
        with loopback(folder) as service:
            say("an endpoint, whose administrator lets it assess, train and benchmark ...")
            started = ChildEndpoint(service, folder / "endpoint", workers=2, site=TABLES, env={"MHFD_PURPOSE": "train"})
            with started as endpoint:
                return Demo(service, endpoint, folder, options.images, options.every).played()

    return played(whole)


@dataclass
class MicroscopePc:
    """The machine beside a microscope: its own user, library and settings."""

    microscope: SimulatedMicroscope
    env: dict[str, str]
    folder: Path

    def __post_init__(self) -> None:
        settings = self.folder / "config" / "mhfd" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[models]\ninstrument = "{self.microscope.name}"\n')
        self.env = self.env | {
            f"XDG_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE", "DATA")
        }

    def types(self, *words: str, fails: bool = False, shown: bool = True) -> str:
        """A command of mhfd; what it prints is shown, and given. AssertionError where it ends as it should not."""
        say(f"[{self.microscope.name}] $ mhfd {' '.join(_short(word) for word in words)}")
        done = subprocess.run(
            [MHFD, *words],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        told = done.stdout + (done.stderr if fails or done.returncode else "")
        if shown or done.returncode:
            for line in told.splitlines():
                say(f"  {line[:240]}")
        assert (done.returncode != 0) == fails, f"mhfd {words[0]} ended with exit code {done.returncode}\n{done.stderr}"
        return told


class Demo:
    """See the module."""

    def __init__(self, service: Service, endpoint: ChildEndpoint, folder: Path, images: int, every: int) -> None:
        self._service, self._endpoint, self._folder = service, endpoint, folder
        self._images, self._every = images, every
        self._library = endpoint.root / "library"
        env = environment(service.url, folder / "globus") | {"OMP_NUM_THREADS": "1"}
        self.north = MicroscopePc(NORTH, env, folder / "north")
        self.south = MicroscopePc(SOUTH, env, folder / "south")
        self.run = DriftingRun(NORTH, folder / "run", images, every_s=0.01)
        self.state = folder / "state"

    def played(self) -> int:
        """All of it, and the last line."""
        began = time.monotonic()
        sets = self._drawn()
        self._library_of_three(sets)
        south = self._learns(self.south, sets["south"])
        north = self._learns(self.north, sets["north"])
        _bar(len(north["assessment"]["packages"]) >= 3, "fewer than three packages were assessed")
        trained = [one for one in north["trainings"] if one["workers"] == 2]
        _bar(len(trained) == 1, f"{len(trained)} networks were trained by 2 workers, and one was to be")
        losses = f"{trained[0]['before']:.3f} before, {trained[0]['after']:.3f} after"
        _bar(trained[0]["after"] < trained[0]["before"], f"validated no better than untrained: {losses}")
        self._refused_elsewhere(north)
        tests = self._watched()
        rolled_back = self._rolled_back(north, south)
        once = self._judged_once()
        say(f"took {(time.monotonic() - began) / 60:.1f} min")
        decision = north["benchmark"]["decision"]
        assessed = len(north["assessment"]["packages"])
        line = (
            f"assessed {assessed}; trained {len(trained)} by 2 workers; {decision}; re-tested {tests[0]} of {tests[1]}"
        )
        say(f"{line}; rolled back {rolled_back}; {once} of {self._images} judged once")
        _bar(tests[0] == tests[1] == self._images // self._every, "a test of who judges is missing, or one too many")
        _bar(once == self._images, "an image was lost, or judged twice")
        return 0

    def _drawn(self) -> dict[str, Path]:
        """What each lab brings, and the run: drawn beforehand by both cores."""
        say(f"drawing the first images of four microscopes, and {self._images} of the run ...")
        with ProcessPoolExecutor(2) as pool:
            run = pool.submit(self.run.draw, self._folder / "drawn")
            asked = {
                "north": pool.submit(NORTH.labelled, self._endpoint.root / "north", specimens=60, each=6),
                "south": pool.submit(SOUTH.labelled, self._endpoint.root / "south", specimens=50, each=6, first=40),
                **{
                    f"library {one.name}": pool.submit(one.labelled, self._folder / f"{one.name}-first", specimens=16)
                    for one in (SOUTH, EAST, WEST)
                },
            }
            self.run.made = run.result()
            return {name: found.result() for name, found in asked.items()}

    def _library_of_three(self, sets: dict[str, Path]) -> None:
        """Networks that were trained at three microscopes, none of them north."""
        for one in (SOUTH, EAST, WEST):
            pc = self.south if one is SOUTH else MicroscopePc(one, self.south.env, self._folder / one.name)
            dataset, package = pc.folder / "labelled", pc.folder / "trained"
            pc.types("dataset", "build", str(sets[f"library {one.name}"]), "--out", str(dataset), shown=False)
            words = (*NETWORK, "--epochs", "8", "--title", f"small of {one.name}", "--licence", "CC0-1.0")
            pc.types("train", "focus", str(dataset), *words, "--out", str(package), shown=False)
            (made,) = (path for path in package.iterdir() if not path.name.startswith("."))
            pc.types("models", "add", str(made), "--set", f"models.home={self._library}")

    def _learns(self, pc: MicroscopePc, table: Path) -> dict[str, Any]:
        """First images up; assessed, trained, benchmarked there; what came of it comes home."""
        dataset = table.parent / "dataset"
        pc.types("dataset", "build", str(table), "--out", str(dataset), shown=False)
        far = ("--endpoint", self._endpoint.id, "--library", str(self._library), "--into", str(self._endpoint.root))
        words = (*NETWORK, "--epochs", "12", "--prevalence", "0.1", "--licence", "CC0-1.0")
        asked = ("learn", str(dataset), "--instrument", pc.microscope.name, *words, *far)
        pc.types(*asked)
        found: dict[str, Any] = json.loads(_document(pc.types(*asked, "--json", shown=False)))
        return found

    def _refused_elsewhere(self, north: dict[str, Any]) -> None:
        """What was learned at north says nothing at south."""
        image = next(self._endpoint.root.glob("south/south-*.tif"))
        told = self.south.types("score", str(image), "--model", str(north["folder"]), fails=True)
        _bar("north" in told and "south" in told, "a package of north was not refused at south by name")

    # -- the run

    def _watched(self) -> tuple[int, int]:
        """Until every image is judged and every test made: how many tests, of how many."""
        stopped = threading.Event()
        microscope = threading.Thread(target=self.run.arrive, args=(self._folder / "drawn", stopped), daemon=True)
        waiting, killed, said, most = Waiting(), False, "", 0
        moved, before = time.monotonic(), (-1, -1)
        microscope.start()
        try:
            while True:
                with self._watch() as station:
                    while not station.over():
                        judged, tests = self._far_along()
                        if (judged, tests[0]) != before:
                            before, moved = (judged, tests[0]), time.monotonic()
                        _bar(time.monotonic() - moved < STALE_S, f"nothing moves any more:\n{station.said()}")
                        behind, words = self._behind()
                        said, most = words or said, max(most, behind)
                        waiting.on(f"{judged} of {self._images} judged, {tests[0]} of {tests[1]} tests made")
                        if not killed and judged > self._images // 3:
                            station.kill()
                            killed = True
                            say("  the watch was killed (-9), and starts again")
                            break
                        time.sleep(0.2)
                judged, tests = self._far_along()
                if killed and judged == self._images and tests[0] == tests[1] and not microscope.is_alive():
                    break
        finally:
            stopped.set()
            microscope.join()
        _bar(most > self._images // 10, f"images came no faster than they were judged: {most} waited at most")
        say(f"  {most} images waited at most, in the journal" + (f"; the watch said: {said}" if said else ""))
        with JournalView.read(self.state) as journal:
            drift = [one for one in retested(journal) if one.row.reason.value == "drift"]
            last = [one for one in retested(journal) if one.answer is not None][-1:]
        for one in (*drift[:1], *last):
            say(f"  {one.words}")
        return tests

    @contextmanager
    def _watch(self) -> Iterator[Program]:
        settings = {
            "models.use": "champion,challenger",
            "models.retest_every": self._every,
            "models.retest_by": "compute",
            "models.library": self._library,
            "models.retest_folder": self._endpoint.root / "retests",
            "compute.endpoint": self._endpoint.id,
        }
        pairs = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        say(f"[north] $ mhfd watch run --set models.retest_every={self._every} --set models.retest_by=compute ...")
        words = ("watch", str(self.run.folder), "--state", str(self.state))
        command = [MHFD, *words, "--no-page", "--quiet", "--until-idle", "6", *pairs]
        output = self._folder / "watch.out"
        station = Program(command, env=self.north.env, cwd=self._folder, output=output, name="mhfd watch")
        try:
            yield station
        finally:
            station.stop()

    def _far_along(self) -> tuple[int, tuple[int, int]]:
        with suppress(StateMissing), JournalView.read(self.state) as journal:  # it is being made
            tests = [one for one in journal.retests() if one.reason.value == "count"]
            return journal.counts()[State.RECORDED], (sum(one.answer is not None for one in tests), len(tests))
        return 0, (0, 0)

    def _behind(self) -> tuple[int, str]:
        """How many images wait to be judged, and what is said of it once one has waited for long."""
        with suppress(StateMissing), JournalView.read(self.state) as journal:
            counts, found = journal.counts(), backlog_now(journal, now_ns=time.time_ns())
            waits = sum(counts[state] for state in (State.WHOLE, State.SUBMITTED, State.SCORED))
            return waits, "" if found is None or found.ended_ns is not None else found.words
        return 0, ""

    def _judged_once(self) -> int:
        with JournalView.read(self.state) as journal:
            rows = journal.images(limit=10 * self._images)
            return len({row.path for row in rows if row.state is State.RECORDED and row.revision == 1})

    def _rolled_back(self, *learned: dict[str, Any]) -> int:
        """One promotion, by one command, with the endpoint's services gone from sight."""
        for pc, found in zip((self.north, self.south), learned, strict=True):
            if found["benchmark"]["decision"] == "promoted":
                pc.types("models", "rollback", "focus", "--why", "the demo goes back")
                return 1
        _bar(False, "nobody was promoted, so that there is nothing to roll back")
        return 0


def _bar(holds: bool, why: str) -> None:
    assert holds, why


def _short(word: str) -> str:
    """Folders of the demo by their names, and long names by their beginning."""
    name, equals, value = word.rpartition("=")
    value = os.path.basename(value) if value.startswith("/") else value  # noqa: PTH119
    return f"{name}{equals}{value[:12]}..." if len(value) > 60 else f"{name}{equals}{value}"


def _document(told: str) -> str:
    return told[told.index("{\n") : told.rindex("}") + 1]


if __name__ == "__main__":
    sys.exit(main())
