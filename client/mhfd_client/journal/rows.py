"""What the journal's rows are to whoever reads them: frozen values, no SQL."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mhfd.contract.estimate import SHORT
from mhfd_client.naming import Place

EDGE: Final = 1.0
"""Beyond it an image lies outside of all that a package was taught with."""


class State(StrEnum):
    """How far an image has come. Before `whole` it is arrival's; the rescan would see it again."""

    WHOLE = "whole"
    SUBMITTED = "submitted"
    SCORED = "scored"
    JUDGED = "judged"
    RECORDED = "recorded"
    REPLACED = "replaced"  # overwritten before it was scored: its bytes are gone, a newer revision took its place


class Outcome(StrEnum):
    """What is said of an image."""

    IN_FOCUS = "in_focus"
    OUT_OF_FOCUS = "out_of_focus"
    UNDETERMINED = "undetermined"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One revision of one file. Times are UTC nanoseconds; None: not yet."""

    id: int
    path: str
    revision: int
    size: int
    mtime_ns: int
    section: int | None
    tile: str | None
    state: State
    token: str | None
    attempts: int  # how often it was handed to a runner
    faults: int  # how often it was given back for a fault of its own
    why: str | None  # of the last time it was given back
    report: int | None
    verdict: int | None
    arrived_ns: int
    whole_ns: int
    submitted_ns: int | None
    started_ns: int | None
    scored_ns: int | None
    judged_ns: int | None
    recorded_ns: int | None
    transferred_ns: int | None = None  # these two: by a runner far away only
    returned_ns: int | None = None

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return Place(self.section, self.tile)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A verdict as the journal keeps it. `detail` is JSON: the numbers, the threshold, where it came from."""

    outcome: Outcome
    sentence: str
    provisional: bool = False
    reason: str | None = None  # why it was judged again; None for the first
    detail: str = "{}"
    id: int = 0  # given by the journal
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What lists and alerts need of an image: what was measured, and the current verdict."""

    image: int
    path: str
    section: int | None
    tile: str | None
    finding: str
    dof: int | None
    density: float | None
    outcome: Outcome | None
    provisional: bool | None
    cross_spectrum: float | None = None
    verdict: int | None = None  # the current one's id


@dataclass(frozen=True, slots=True)
class Told:
    """An image with its report's measures and its current verdict: one line of a list."""

    image: ImageRow
    score: ScoreRow
    verdict: VerdictRow
    first: int  # the id of its first verdict: images were judged in this order


@dataclass(frozen=True, slots=True)
class By:
    """Who said something, and when."""

    who: str | None
    at_ns: int


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What stands of an image once a person has said something of it, in two parts that do not touch each other:
    whether it is sharp, which teaches, and what is to be done about it, which does not.
    """

    image: int
    sharp: bool | None
    after: int  # the newest verdict at that moment
    fine: bool = False  # nothing has to be done about it
    who: str | None = None
    at_ns: int = 0
    again: bool = False  # it is to be taken again, whatever its verdict
    note: str | None = None  # why
    sharp_by: By | None = field(default=None, compare=False)  # whose word each part is
    task_by: By | None = field(default=None, compare=False)

    @property
    def says(self) -> bool:
        """Whether anything stands: not all was taken back."""
        return self.sharp is not None or self.fine or self.again

    @property
    def words(self) -> str:
        """What stands, in a few words."""
        focus = {True: "sharp", False: "not sharp", None: ""}[self.sharp]
        task = "take again" if self.again else "fine as it is" if self.fine else ""
        return ", ".join(filter(None, (focus, task)))


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """Work that a runner has and the journal has no answer for."""

    token: str
    runner: str
    params: str  # JSON
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Beat:
    """The station's last sign of life."""

    at_ns: int
    started_ns: int
    pid: int
    host: str
    doing: str
    in_flight: int
    capacity: int


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """Something that is or was wrong around the station."""

    kind: str
    path: str | None
    why: str
    since_ns: int
    until_ns: int | None


class RetestReason(StrEnum):
    """Why a test of who judges is due."""

    COUNT = "count"  # so many images were judged since the one before
    DRIFT = "drift"  # many of the last images are unlike what the champion was taught with


@dataclass(frozen=True, slots=True)
class ChampionTold:
    """Who judges in this run, as the station was told last. `package`: None is mhfd."""

    package: str | None
    title: str = ""
    since_ns: int | None = field(default=None, compare=False)  # when the station was told; None: it is to be told
    before: str | None = field(default=None, compare=False)  # who it was, in words; None: nobody had been told

    @property
    def speaker(self) -> str:
        """Who it is, for a person."""
        return self.title or "mhfd" if self.package is None else f"{self.title} {self.package[:SHORT]}".strip()


@dataclass(frozen=True, slots=True)
class Lies:
    """How one image lies to what a package was taught with."""

    far: float | None  # of its rings; 1 is the edge. None: nobody knows it, or it was estimated before that was kept
    unlike: bool  # the package refused to speak of it for that

    @property
    def beyond(self) -> bool:
        """Whether the package never saw anything like it."""
        return self.unlike or (self.far is not None and self.far > EDGE)


@dataclass(frozen=True, slots=True)
class ChampionStrays:
    """Who judges, and since when most images are unlike what it was taught with; None: they are not."""

    champion: ChampionTold
    since_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RetestRow:
    """A test of who judges, with an image of the run. Numbers are given for each reason apart."""

    number: int
    reason: RetestReason
    image: int  # the last one that was judged then
    judged: int  # images then
    package: str | None
    """The champion then; of one that was counted, once it was asked, the one that was asked. None: mhfd."""
    due_ns: int
    tries: int = 0  # that failed
    why: str | None = None  # the last one did
    answer: str | None = None  # JSON; None: it is still to be made
    done_ns: int | None = None

    @property
    def name(self) -> str:
        """What tells it from the others of its run."""
        return f"{self.reason.value}-{self.number}"
