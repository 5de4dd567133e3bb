"""`mhfd_assess`: every package of a library about the first images of a microscope, as long work.

After each package there is a checkpoint, and what it said is kept: whoever takes the work up asks the next one. The
library is looked at once, when the work begins; what is asked is a copy of it. Only training groups are opened.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mhfd.contract.assessing import Assessment, AssessRequest
from mhfd.contract.request import Code
from mhfd.errors import PackageRefused
from mhfd.learning.packages import Library, Listed, Package, read_package
from mhfd.remote.given import library
from mhfd.remote.given.dataset import RootedDataset, rooted
from mhfd.remote.long.running import LongVerb, LongWork, answer
from mhfd.remote.refusal import Refusal, mendable, problem

NAME: Final = "mhfd_assess"
FILE: Final = "assessment.json"
"""The artefact."""
_COPY: Final = "library"
_CACHE: Final = "measured"


def answered(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an AssessRequest in, those of a WorkAnswer out."""
    return answer(VERB, request)


def _assessed(request: AssessRequest, work: LongWork) -> dict[str, Any]:
    turn = _Turn(request, work, rooted(request.dataset, work.site))
    turn.begin()
    from mhfd.learning.assessing import assess

    with mendable("models"):
        found = assess(
            turn.data.dataset,
            turn.packages,
            instrument=request.instrument,
            task=request.task,
            champion=turn.champion(),
            learner=request.learner,
            train_at_most=request.train_at_most,
            seed=request.seed,
            cache=work.folder / _CACHE,
            told=turn.told,
            beat=turn.alive,
        )
    return turn.result(found)


class _Turn:
    """What happens in one turn of an assessment, told to the work that it is."""

    def __init__(self, request: AssessRequest, work: LongWork, data: RootedDataset) -> None:
        self._request, self._work, self.data = request, work, data
        self.packages: tuple[Listed, ...] = ()
        self._asked, self._note = 0, ""

    def begin(self) -> None:
        """The packages lie in the work's folder, those that are whole."""
        before: dict[str, Any] | None = json.loads(self._work.saved() or b"null")
        if before is not None:
            self.data.refuse_another(before["dataset"], "assessment", self._request.dataset)
        self._work.ledger.reads(self.data.bytes, images=self.data.images)
        if before is None:
            self.packages = tuple(self._brought())
            self._save()
        else:
            self._asked = before["asked"]
            self.packages = tuple(self._again(Path(folder), refused) for folder, refused in before["packages"])

    def _brought(self) -> list[Listed]:
        """Each package of the library as a copy."""
        found = []
        for name in library.names(self._request.library, self._work.site):
            found.append(self._copied(name))
            self.alive()
        return found

    def _copied(self, name: str) -> Listed:
        folder, into = f"{self._request.library.rstrip('/')}/{library.FOLDER}/{name}", self._work.folder / _COPY
        try:
            return library.brought(folder, into, self._work.site, reads=self._work.ledger.reads)
        except Refusal as refused:
            if refused.problem.code != Code.REFUSED_PATH:
                raise
            self._work.ledger.refused(folder)
            return Listed(Path(folder), shipped=False, package=None, refused=refused.problem.why)

    def _again(self, folder: Path, refused: str | None) -> Listed:
        """One that an earlier turn has brought; what became of it since is seen by who asks it."""
        if refused is not None:
            return Listed(folder, shipped=False, package=None, refused=refused)
        copy = self._work.folder / _COPY / folder.name
        if not copy.is_dir():  # the machine died before it was on the disk
            return self._copied(folder.name)
        try:
            return Listed(copy, shipped=False, package=read_package(copy), refused=None)
        except PackageRefused as error:
            return Listed(copy, shipped=False, package=None, refused=str(error))

    def champion(self) -> Package | None:
        """Who judges there; a `Refusal` where it is neither in the library nor ships with mhfd."""
        name = self._request.champion
        if name is None:
            return None
        ours = (one.package for one in self.packages)
        for one in (*ours, *Library(self._work.folder / _COPY).shipped()):
            if one is not None and one.name == name:
                return one
        why = f"the champion {name[:12]} is not in the library, or damaged there"
        remedy = "put it there (`mhfd models add`), or ask without a champion: then it is mhfd that is to be reached"
        raise Refusal(problem(Code.BAD_REQUEST, why, remedy, field="champion", path=self._request.library))

    def told(self, asked: int, _count: int, title: str) -> None:
        """A package has been asked: from here on the work goes on."""
        self._note = title
        if asked > self._asked:
            self._asked = asked
            self._save()

    def alive(self) -> None:
        """An image was looked at."""
        self._work.beat(self._asked, len(self.packages) or None, "packages", self._note)

    def _save(self) -> None:
        pointer = {
            "dataset": self.data.dataset.digest,
            "asked": self._asked,
            "packages": [(str(one.folder), one.refused) for one in self.packages],
        }
        self._work.save(json.dumps(pointer).encode(), self._asked, len(self.packages), "packages", self._note)

    def result(self, found: Assessment) -> dict[str, Any]:
        """What the answer says, which is an artefact too."""
        try:
            (self._work.folder / FILE).write_text(found.model_dump_json(), "utf-8")
        except OSError as error:
            why = f"the assessment could not be written: {error.strerror or error}"
            raise Refusal(problem(Code.CANNOT_WRITE, why, "free the disk, and ask again with the same key")) from None
        self._work.artefact(Path(FILE), "assessment")
        return found.model_dump(mode="json")


VERB: Final = LongVerb(NAME, AssessRequest, _assessed)
"""The function."""
