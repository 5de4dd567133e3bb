"""Flows from stages: each brings its states, what of it can go wrong, and what a person is told then.

A stage knows none of the others: its states go on to `ON`, where the next one begins, or to `OVER`, where a run is
cleaned up and says how it ended. A recipe puts stages together, counts their tries, and adds what every flow has. It
makes documents, and words about them; it runs nothing and asks nobody.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

from mhfd_flows.checks import checked
from mhfd_flows.definition import Definition
from mhfd_flows.errors import DefinitionRefused
from mhfd_flows.parts.schemas import joined, thing
from mhfd_flows.parts.states import ON, OVER, States, choice, computed, counts, fixed, led

_FIRST: Final = ("source", "staging", "results", "compute")
_SHARED: Final = ("compute", "request")
"""What several stages ask for parts of."""
_LAST: Final = ("params", "user_endpoint_config", "key", "only_ask")
_KEY: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "title": "Key",
    "description": "A name of the starter's own, by which this run can be found again.",
}


_CLEAN: Final = "The staging area is clean."

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
    "all known",
    "refused",
    "changed",
    "all changed",
    "some",
    "never done",
    "elsewhere",
    "work failed",
    "cancelled",
    "there",
    "otherwise",
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
    there is has come back. `takes`: so many of the files come to nothing; `none_left`: the error when no other is left,
    where it is another. `skips`: places that the run does not come to then.
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
    skips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadEnd:
    """A way for a run to fail: what the service shows, and the words for a person."""

    error: str
    cause: str
    what: str
    do: str = ""
    cleaned: str = _CLEAN
    """What the cause says too when the run was cleaned up before."""


@dataclass(frozen=True, slots=True)
class FunctionAsked:
    """A registered function that a stage asks.

    Attributes:
        function: Its name.
        brings: The field of its request that says where the brought folder is; None: it is asked for images.
        long: It is asked again until its work has ended.
        part: What its work is of a flow that asks for several; the end of the work's key.
        worth: What it makes is not lost with a run that comes to nothing later.
        rehearsed: The result of long work in a dry run, by the fault with which it is so, if it is by one.
    """

    function: str
    brings: str | None = None
    long: bool = False
    part: str | None = None
    worth: bool = False
    rehearsed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keeping:
    """When a run that comes to nothing leaves its folder, so that another run goes on there.

    Attributes:
        made: The parts whose artefacts are worth it.
        final: Errors after which another run would end in the same way.
        cut_off: Errors that leave something of these parts half done.
        words: What the ends of a run say of the staging area.
    """

    made: tuple[str, ...]
    final: tuple[str, ...]
    cut_off: tuple[str, ...]
    words: str

    def stays(self, error: str, *, made: bool) -> bool:
        """Whether the folder of a run is there that ended so.

        `made`: one of its parts was done, or an earlier run had left the folder.
        """
        return error in self.cut_off or (made and error not in self.final)


@dataclass(frozen=True, kw_only=True)
class FlowStage:
    """A part of a flow.

    Attributes:
        states: In order; the first is where the stage begins.
        step: Of the road, which its states are.
        places: Of each action, what faults call it.
        plan: What is computed before all else, for `$.plan`.
        asks: What the input of a run has for it, as JSON Schemas.
        needs: Those of `asks` that cannot be left out.
        ends: How it can end a run that is cleaned up then.
        fails: How it can end a run at once.
        faults: In the order in which they strike.
        steps: Those of its states and errors that are another step.
        asked: The registered function that it asks, if it does.
        keeping: When a run's folder stays, where it does.
    """

    step: Step
    states: States
    places: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ends: tuple[BadEnd, ...] = ()
    fails: tuple[BadEnd, ...] = ()
    faults: tuple[Fault, ...] = ()
    steps: Mapping[str, Step] = field(default_factory=dict)
    asked: FunctionAsked | None = None
    keeping: Keeping | None = None


@dataclass(frozen=True)
class FlowRecipe:
    """A flow, made of stages.

    Attributes:
        done: What a run that went well has come to.
        comment: Of the definition; left out: the subtitle.
        most: Images of a run.
    """

    name: str
    title: str
    subtitle: str
    stages: tuple[FlowStage, ...]
    done: str = "All is done; the staging area is clean."
    comment: str = ""
    most: int = 1

    def __post_init__(self) -> None:
        if not self.stages:
            raise DefinitionRefused(f"{self.name}: a flow has at least one stage")
        names = [n for s in self.stages for n in (*s.states, *(end.error for end in (*s.ends, *s.fails)))]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DefinitionRefused(f"{self.name}: two stages have {', '.join(twice)}; give one of them another name")
        makes = any("stage.=" in stage.plan for stage in self.stages)
        if makes != self._cleans:
            raise DefinitionRefused(f"{self.name}: what brings files ends with clean(), and nothing else does")

    @cached_property
    def document(self) -> dict[str, Any]:
        """The definition as it is deployed."""
        states = self._begun() | dict(self._led())
        if self._cleans:
            ways = [("Done", ""), *((end.error, end.error) for end in self._ends)]
            last = ways.pop()[0] if self._ends else "Done"
            rules = [{"Variable": "$.outcome.error", "StringEquals": said, "Next": name} for name, said in ways]
            states["Ending"] = choice("How it ended is said once the staging area is clean.", rules, last)
        states["Done"] = fixed(self.done, {"error": ""}, "outcome", None)
        for end in self._ends:
            states[end.error] = _fail(end, f" {self._left_by(end)}" if self._cleans else "")
        for stage in reversed(self.stages):
            states |= {end.error: _fail(end) for end in stage.fails}
        comment = self.comment or f"mhfd: {self.subtitle[0].lower()}{self.subtitle[1:]}."
        return {"Comment": comment, "StartAt": next(iter(states)), "States": states}

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of a run's input."""
        asks: dict[str, Any] = {"key": _KEY}
        for name, schema in (one for stage in self.stages for one in stage.asks.items()):
            asks[name] = joined(asks[name], schema) if name in asks and name in _SHARED else schema
        own = [name for name in asks if name not in (*_FIRST, *_LAST)]
        order = [name for name in (*_FIRST, *own, *_LAST) if name in asks]
        needs = {name for stage in self.stages for name in stage.needs}
        title = self.title.removeprefix("mhfd: ")
        return thing(
            title[0].upper() + title[1:], {name: asks[name] for name in order}, [n for n in order if n in needs]
        )

    @cached_property
    def definition(self) -> Definition:
        """The definition, typed and checked."""
        return checked(self.document, self.input_schema)

    @cached_property
    def digest(self) -> str:
        """Short hash of definition and schema: a deployed flow that has another is obsolete."""
        text = json.dumps([self.document, self.input_schema], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def asked(self) -> FunctionAsked:
        """The registered function that it is for; one without a name, if it asks none."""
        return next((stage.asked for stage in self.stages if stage.asked is not None), FunctionAsked(""))

    @property
    def function(self) -> str:
        """That function's name."""
        return self.asked.function

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The names of all that it asks."""
        return tuple(dict.fromkeys(stage.asked.function for stage in self.stages if stage.asked is not None))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Of a flow that asks for several works: what each is called, in order; else nothing."""
        return tuple(stage.asked.part for stage in self.stages if stage.asked and stage.asked.part)

    @property
    def work(self) -> str:
        """What the work of a run is called: by its function, where that is one, else as the flow."""
        return self.name if self.parts else self.function

    @property
    def moves(self) -> bool:
        """Whether it brings something back; else its answer tells all."""
        return "return" in self.places.values()

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """What can go wrong, in the order in which it strikes."""
        return tuple(fault for stage in self.stages for fault in stage.faults)

    @cached_property
    def places(self) -> Mapping[str, str]:
        """What faults call each action."""
        return {state: place for stage in self.stages for state, place in stage.places.items()}

    @cached_property
    def endings(self) -> Mapping[str, EndingWords]:
        """What a person is told, by the error that a run ended in."""
        return {
            end.error: EndingWords(end.what, end.do) for stage in self.stages for end in (*stage.ends, *stage.fails)
        }

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """Which step of the road each state is."""
        found = dict.fromkeys(self.document["States"], Step.BEGIN)
        found |= dict.fromkeys(("Ending", "Done"), Step.CLEAN)
        for stage in self._road:
            found |= dict.fromkeys((*stage.states, *(end.error for end in stage.fails)), stage.step)
            found |= dict.fromkeys((end.error for end in stage.ends), Step.CLEAN) | dict(stage.steps)
        return {name: found[name] for name in self.document["States"]}

    @property
    def _ends(self) -> tuple[BadEnd, ...]:
        return tuple(end for stage in self.stages for end in stage.ends)

    @property
    def _counters(self) -> dict[str, int]:
        told = [s["Parameters"] for stage in self.stages for s in stage.states.values() if counts(s)]
        return {name.removesuffix(".="): 0 for names in told for name in names}

    def _left_by(self, end: BadEnd) -> str:
        """What is said of the staging area."""
        if self.keeping is None:
            return end.cleaned
        return self.keeping.words if end.cleaned == _CLEAN else f"{end.cleaned} {self.keeping.words}"

    @cached_property
    def at_once(self) -> frozenset[str]:
        """The errors in which a run ends without being cleaned up."""
        return frozenset(end.error for stage in self.stages for end in stage.fails)

    @property
    def keeping(self) -> Keeping | None:
        """When a run's folder stays, so that another goes on there; None: never."""
        return self.stages[-1].keeping

    @property
    def _cleans(self) -> bool:
        return self.stages[-1].step is Step.CLEAN

    @property
    def _road(self) -> list[FlowStage]:
        """The stages, and one that says that all went well where none of them does."""
        states = [state for stage in self.stages for state in stage.states.values()]
        if not self._cleans or any(s.get("ResultPath") == "$.outcome" and s.get("Next") == ON for s in states):
            return [*self.stages]
        well = {"Well": fixed("All went well.", {"error": ""}, "outcome")}
        return [*self.stages[:-1], FlowStage(step=Step.CLEAN, states=well), self.stages[-1]]

    def _begun(self) -> States:
        plan = {name: text for stage in reversed(self.stages) for name, text in stage.plan.items()}
        own = (
            "work has: the staging folder is called as it is asked, or"
            if self.keeping
            else "run has: the staging folder is called"
        )
        said = f"Names that no other {own} after the run."
        counting = "Every loop has its counter." if len(self._counters) > 1 else "The loop has its counter."
        begun = {"Plan": computed(said, plan, "plan", "StartCounting")} if plan else {}
        first = next(iter(self.stages[0].states))
        return begun | {"StartCounting": fixed(counting, self._counters, "tries", first)}

    def _led(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The stages' states, with the ways between them and the counters of all."""
        begins = [next(iter(stage.states)) for stage in self._road]
        clean = begins[-1] if self._cleans else None
        for stage, then in zip(self._road, [*begins[1:], "Ending" if clean else "Done"], strict=True):
            ends = {n: str(s["Parameters"]["error"]) for n, s in stage.states.items() if s.get("Next") == OVER}
            ways = {ON: then} | ({OVER: clean} if clean else ends)
            for name, state in stage.states.items():
                if clean or name not in ends:
                    found = led(state, ways)
                    if counts(found):
                        told = {f"{one}.=": f"tries.{one}" for one in self._counters}
                        found["Parameters"] = told | found["Parameters"]
                    yield name, found


# What can go wrong


def _fail(end: BadEnd, more: str = "") -> dict[str, Any]:
    return {"Type": "Fail", "Error": end.error, "Cause": end.cause + more}


def troubles(
    place: str, short: str, subject: str, end: str, refused: tuple[str, str] | None = None
) -> tuple[Fault, ...]:
    """What can go wrong with an action that is tried three times."""
    return (
        Fault(f"{short}-fails-once", f"{subject} fails, once", place, "failed", times=1),
        *([] if refused is None else [Fault(*refused, place, "unable", end)]),
        Fault(f"{short}-fails", f"{subject} fails each time", place, "failed", end),
        Fault(f"{short}-stuck", f"{subject} never ends", place, "stuck", end),
    )
