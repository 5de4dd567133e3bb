"""The list of what to take again, whole: a page of it at a time for the browser, and all of it as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mhfd_client.now import unjudged
from mhfd_client.page.model import PageModel
from mhfd_client.results.retake import Retake, others
from mhfd_client.results.tables import Format, Order, as_csv, as_list, ordered, others_csv

ROWS: Final = 100
"""Of a page of the list."""
FORMS: Final[dict[Format, str]] = {"sbemimage": "SBEMimage tile list", "atlas": "Atlas tile list"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of the list. `number` begins with 0; a list that has become shorter gives its last one."""

    rows: Sequence[Retake]
    number: int
    total: int

    @property
    def first(self) -> int:
        """The place of its first row in the whole list, from 1."""
        return self.number * ROWS + 1

    @property
    def last(self) -> int:
        """That of its last row."""
        return self.number * ROWS + len(self.rows)


@dataclass(frozen=True, slots=True)
class Notation:
    """How much of the list an instrument's own notation can say."""

    form: Format
    words: str
    written: int


def leaf(model: PageModel, *, order: Order, number: int) -> Leaf:
    """One page of the list, by section or the newest first."""
    every = ordered(model.retake, order)
    number = max(0, min(number, (len(every) - 1) // ROWS))
    return Leaf(every[number * ROWS : (number + 1) * ROWS], number, len(every))


def notations(model: PageModel) -> list[Notation]:
    """Every notation, with how many of the list it can write."""
    total = len(model.retake)
    return [Notation(form, words, total - len(as_list(model.retake, form)[1])) for form, words in FORMS.items()]


def as_file(model: PageModel, kind: str) -> tuple[str, str] | None:
    """The whole list as `csv` or in one of the `FORMS`, or its other half, `others`; and what its file is to be called.

    None: there is no such kind.
    """
    if kind == "csv":
        return as_csv(model.retake), "retake.csv"
    if kind == "others":
        return _others(model), "others.csv"
    form = next((one for one in FORMS if one == kind), None)
    return None if form is None else (as_list(model.retake, form)[0], f"retake-{form}.txt")


def _others(model: PageModel) -> str:
    journal = model.journal
    with journal.snapshot():
        waiting = unjudged(journal)
        told = (entry.told for entry in model.entries.values())
        found = others(told, model.labels, model.report, waiting=waiting)
    return others_csv(found.images, root=Path(journal.root()), state_dir=journal.path.parent)[0]
