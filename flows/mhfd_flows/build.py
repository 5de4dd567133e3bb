"""What a flow's stages say of themselves: what may go wrong, how it ends, how far a run has come. It runs nothing."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal

PARTS: Final = 5
"""Of the road of a run."""

PERSONAL: Final = "is Globus Connect Personal running, its folder allowed, the machine awake?"
MAY_WRITE: Final = "is Globus Connect Personal running, may the folder of reports be written?"
QUEUED: Final = "is the endpoint online, are its nodes queued? `mhfd doctor --endpoint` says"
ASK_DOCTOR: Final = "`mhfd doctor --endpoint {endpoint}` says whether it is online and lets you"

Kind = Literal[
    "unable",
    "failed",
    "stuck",
    "moving",
    "full",
    "empty",
    "refused",
    "changed",
    "all changed",
    "some",
    "never done",
    "elsewhere",
    "work failed",
    "cancelled",
]
"""How something goes wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run has come, as a person sees it.

    `part`: of `PARTS`; 0: it has no place on the road. `late`: what it may be when a run stays there.
    """

    name: str
    words: str
    part: int
    late: str = ""

    ASK: ClassVar["Step"]
    SEEK: ClassVar["Step"]
    BEGIN: ClassVar["Step"]
    SETTLE: ClassVar["Step"]
    MOVE: ClassVar["Step"]
    SCORE: ClassVar["Step"]
    RETURN: ClassVar["Step"]
    CLEAN: ClassVar["Step"]
    CONSENT: ClassVar["Step"]
    OVER: ClassVar["Step"]
    OTHER: ClassVar["Step"]


Step.ASK = Step("ASK", "being asked for", 1)
Step.SEEK = Step("SEEK", "looked for at Globus: its start was not answered", 1)
Step.BEGIN = Step("BEGIN", "beginning", 1)
Step.SETTLE = Step("SETTLE", "waiting for files to stand still", 1)
Step.MOVE = Step("MOVE", "moving images", 2, PERSONAL)
Step.SCORE = Step("SCORE", "scoring", 3, QUEUED)
Step.RETURN = Step("RETURN", "bringing reports back", 4, MAY_WRITE)
Step.CLEAN = Step("CLEAN", "cleaning", 5)
Step.CONSENT = Step("CONSENT", "waiting for a consent", 0)
Step.OVER = Step("OVER", "over, its reports are looked at", 5)
Step.OTHER = Step("OTHER", "under way", 0)


@dataclass(frozen=True, slots=True)
class EndingWords:
    """What is the matter with a run that ended so, and what a person does about it.

    `do` may hold {endpoint}, and {leftover} where the run could not clean up.
    """

    what: str
    do: str = ""

    @property
    def cleaned(self) -> bool:
        """Whether the run has left nothing behind."""
        return "{leftover}" not in self.do


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong with the action of a place. `times`: so often; None: always.

    `end`: the error that a run with it alone ends in; None: it gets over it. `late`: it says so at the end, when what
    there is has come back. `takes`: so many of the files come to nothing; `none_left`: the error when no other is left.
    """

    name: str
    words: str
    place: str
    kind: Kind
    end: str | None = None
    times: int | None = None
    takes: int | Literal["all"] = 0
    none_left: str = ""
    late: bool = False
