"""`mhfd_benchmark`: packages compared with who judges at a microscope, before anything of them is brought from there.

The images of the test side are opened, and nothing of the other. What is kept for the next turn: what was measured,
what bars a package, and what was decided. So however often a worker dies, one test is made in the microscope's life,
and one decision, which is written down before the library follows it. The library lies below a read root, and below a
write root too: the tests of a life, and who is champion, are kept there.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mhfd.contract.benchmarking import Benchmarked, BenchmarkRequest
from mhfd.contract.request import Code
from mhfd.errors import LibraryDamaged, LibraryUnwritable
from mhfd.learning.dataset import Side
from mhfd.learning.packages import MHFD, Library, Package
from mhfd.remote.given.dataset import RootedDataset, rooted
from mhfd.remote.given.library import brought, package_of
from mhfd.remote.long.running import LongVerb, LongWork, answer
from mhfd.remote.refusal import Refusal, mendable, problem
from mhfd.remote.roots import Roots

NAME: Final = "mhfd_benchmark"
_MEASURED: Final = "measured"
_PACKAGES: Final = "packages"
_REPORT: Final = "report"
_MOST_ENTRIES: Final = 100_000
"""Files and folders of a library: so many are looked at for links."""


def answered(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a BenchmarkRequest in, those of a WorkAnswer out."""
    return answer(LongVerb(NAME, BenchmarkRequest, _benchmarked), request)


def _benchmarked(request: BenchmarkRequest, work: LongWork) -> dict[str, Any]:
    turn = _BenchmarkTurn(request, work, rooted(request.dataset, work.site, Side.TEST))
    with _library(request.library, work) as library, _said():
        turn.begin(library)
        if turn.decided is None:
            turn.decide(library)
        return turn.follow(library)


class _BenchmarkTurn:
    """What happens in one turn of a benchmark, from what earlier ones kept."""

    def __init__(self, request: BenchmarkRequest, work: LongWork, data: RootedDataset) -> None:
        self._request, self._work, self._data = request, work, data
        kept: dict[str, Any] = json.loads(work.saved() or b"{}")
        self._dataset = kept.get("dataset", data.dataset.digest)
        self._before: str | None = kept.get("before")
        self._barred: dict[str, list[str]] = kept.get("barred", {})
        found = kept.get("decided")
        self.decided = None if found is None else Benchmarked.model_validate(found)
        self._trained: list[Package] = []
        self._against: list[Package] = []
        self._champion: Package | None = None
        self._done = 0

    def begin(self, library: Library) -> None:
        """Every package that is asked lies in the work's folder, as it was opened."""
        self._data.refuse_another(self._dataset, "benchmark", self._request.dataset)
        self._work.ledger.reads(self._data.bytes, images=self._data.images)
        self._say("taking packages in hand")
        into = self._work.folder / _PACKAGES
        self._trained = [self._just_trained(one, into) for one in self._request.trained]
        self._against = [self._of_library(one, into, "against") for one in self._request.against]
        if self._request.champion is not None:
            self._champion = self._of_library(self._request.champion, into, "champion")
        if self._before is None:
            self._before = library.champion_name(self._request.task, self._request.instrument)
            self._save("nothing is measured yet")

    def decide(self, library: Library) -> None:
        """The comparison, its report in the work's folder, and from here on this decision."""
        from mhfd.learning.benchmarking import benchmark

        found = benchmark(
            self._data.dataset,
            library=library,
            instrument=self._request.instrument,
            task=self._request.task,
            trained=[one.folder for one in (*self._trained, *self._against)],
            champion=self._champion,
            prevalence=self._request.prevalence,
            miss_cost=self._request.miss_cost,
            seed=self._request.seed,
            out=self._work.folder / _REPORT,
            cache=self._work.folder / _MEASURED,
            gate=self._bars,
            told=self._told,
            said=self._say,
        )
        self.decided = found
        self._save(found.line)

    def follow(self, library: Library) -> dict[str, Any]:
        """The library follows what was decided; the report and the package are the work's artefacts."""
        found = self.decided
        assert found is not None  # noqa: S101  it was decided
        chosen = next((one for one in self._packages() if one.name == found.challenger), None)
        if found.decision == "promoted" and chosen is not None:
            self._promote(library, chosen, found)
        for name in sorted(os.listdir(self._work.folder / _REPORT)):  # noqa: PTH208 - through what is open
            if not name.startswith("."):
                self._work.artefact(Path(_REPORT, name), "report")
        if chosen is not None:
            for file in sorted(chosen.folder.iterdir()):
                self._work.artefact(Path(_PACKAGES, chosen.folder.name, file.name), "package")
        return found.model_dump(mode="json")

    def _promote(self, library: Library, chosen: Package, found: Benchmarked) -> None:
        """Unless somebody else has changed meanwhile who is champion there: then the microscope alone may say it."""
        request = self._request
        told, now = request.champion or MHFD, library.champion_name(request.task, request.instrument)
        known = (one for one in library.history(request.task, request.instrument) if one.in_effect)
        if any(one.change.decision == found.report for one in known):
            return  # an earlier turn did
        if now not in (told, self._before):
            self._say(f"{found.line}; the library has another champion since, who stays")
            return
        if now != told:
            why = "so it is at the microscope, as whoever asks says"
            library.follow(told, request.task, instrument=request.instrument, why=why)
        report = self._work.folder / _REPORT / "report.json"
        library.promote(chosen, report, instrument=request.instrument)

    def _packages(self) -> Iterator[Package]:
        yield from self._trained
        yield from self._against

    def _just_trained(self, folder: str, into: Path) -> Package:
        site = self._work.site
        try:
            listed = brought(folder, into, site, reads=self._work.ledger.reads)
        except Refusal as refused:
            # A training has made it, in a folder that need not be one that is read.
            if refused.problem.code != Code.REFUSED_PATH or Roots.of(site, "write").outside(folder):
                raise
            listed = brought(folder, into, site, use="write", reads=self._work.ledger.reads)
        if listed.package is None:
            remedy = "train it again, or name another"
            raise Refusal(problem(Code.BAD_REQUEST, str(listed.refused), remedy, field="trained", path=folder))
        return listed.package

    def _of_library(self, name: str, into: Path, field: str) -> Package:
        return package_of(self._request.library, name, into, self._work.site, field=field)

    def _bars(self, one: Package) -> tuple[str, ...]:
        """What bars a package, found once: it is measured, and so is not the same twice."""
        from mhfd.learning.promotion import gates

        if one.name not in self._barred:
            self._say(f"asking {one.card.title} where nothing can be known")
            self._barred[one.name] = list(gates.barred(one))
            self._save(f"asked {one.card.title} where nothing can be known")
        return tuple(self._barred[one.name])

    # -- how far it is

    def _told(self, done: int, total: int) -> None:
        self._done = done
        self._work.beat(done, total or None, "images", "measuring")

    def _say(self, words: str) -> None:
        self._work.beat(self._done, None, "images", words)

    def _save(self, note: str) -> None:
        kept = {
            "dataset": self._dataset,
            "before": self._before,
            "barred": self._barred,
            "decided": None if self.decided is None else self.decided.model_dump(mode="json"),
        }
        self._work.save(json.dumps(kept).encode(), self._done, None, "images", note)


@contextmanager
def _library(named: str, work: LongWork) -> Iterator[Library]:
    """The library in that folder, through the open one, so that nobody can lead it elsewhere; no link is in it."""
    with Roots.of(work.site, "read").folder(named), Roots.of(work.site, "write").folder(named) as opened:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=opened)
        try:
            _refuse_links(fd, named)
            yield Library(Path(f"/proc/{os.getpid()}/fd/{fd}"))
        finally:
            os.close(fd)


def _refuse_links(fd: int, named: str) -> None:
    """What is written there could land elsewhere."""
    seen = 0
    for folder, folders, files, inside in os.fwalk(".", dir_fd=fd):
        for name in (*folders, *files):
            seen += 1
            if seen > _MOST_ENTRIES:
                raise _wrong(f"has more than {_MOST_ENTRIES} files and folders", named)
            if os.path.islink(f"/proc/self/fd/{inside}/{name}"):  # noqa: PTH114 - of what is open
                where = f"{folder}/{name}".removeprefix("./")
                raise _wrong(f"{where!r} in it is a link, and a library holds its files itself", named)


def _wrong(why: str, path: str) -> Refusal:
    return Refusal(problem(Code.BAD_REQUEST, why, "correct the library, and ask again", field="library", path=path))


@contextmanager
def _said() -> Iterator[None]:
    """The same of a library, and of the disk that it lies on."""
    try:
        with mendable("models"):
            yield
    except LibraryDamaged as error:
        raise Refusal(problem(Code.DAMAGED, str(error), "mend the library, and ask again", field="library")) from None
    except LibraryUnwritable as error:
        raise Refusal(problem(Code.CANNOT_WRITE, str(error), "free the disk, and ask again", field="library")) from None
    except OSError as error:
        why = f"{error.filename or 'the library'}: {error.strerror or error}"
        raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk or correct the folder's rights")) from None
