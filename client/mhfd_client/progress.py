"""A progress bar for whoever looks: on a terminal or in a notebook, and nothing anywhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mhfd.rows import Progress
from mhfd_client.printing import printable


@dataclass(frozen=True, slots=True)
class Bar:
    """`advance` by one; `reach` so many; `say` what is going on, in the bar; `note` a line that stays; `of` how many
    there are, if that is known only now.
    """

    advance: Callable[[], object]
    reach: Callable[[float], object]
    say: Callable[[str], object]
    note: Callable[[str], object]
    of: Callable[[float], object] = lambda _: None


@contextlib.contextmanager
def bar(
    total: float | None, wanted: bool | None, *, what: str = "scoring", above: bool = False, transient: bool = False
) -> Iterator[Bar]:
    """A bar of so many steps.

    Args:
        total: How many; nothing: nobody knows yet.
        wanted: Nothing: where somebody looks.
        what: Is going on.
        above: Lines of the standard output appear above the bar, when both are on a terminal.
        transient: It goes away when it is done.
    """
    notebook = "ipykernel" in sys.modules
    if wanted is None:
        wanted = sys.stderr.isatty() or notebook
    if not wanted:
        yield Bar(lambda: None, lambda _: None, lambda _: None, lambda _: None)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = None if notebook else Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=transient, redirect_stdout=above and sys.stdout.isatty()
    ) as progress:
        task = progress.add_task(what, total=total)
        yield Bar(
            lambda: progress.update(task, advance=1, description=what),
            lambda done: progress.update(task, completed=done),
            lambda text: progress.update(task, description=f"{what}: {escape(printable(text))}"),
            lambda text: progress.console.print(printable(text), markup=False, highlight=False),
            lambda total: progress.update(task, total=total),
        )


@dataclass(frozen=True, slots=True)
class Inside:
    """`told` of rows; `over` before anything else is said."""

    told: Progress
    over: Callable[[], object]


@contextlib.contextmanager
def within_one(wanted: bool) -> Iterator[Inside]:
    """A bar inside of one image, from its first rows on: an image that is there at once gets none."""
    with contextlib.ExitStack() as stack:
        shown: list[Bar] = []

        def told(step: str, done: int, of: int) -> None:
            if not wanted:
                return
            if not shown:
                shown.append(stack.enter_context(bar(2 * of, True, above=True, transient=True)))
            shown[0].say(f"{step} {done:,} of {of:,} rows")
            shown[0].reach(done + (of if step == "measured" else 0))

        yield Inside(told, stack.close)
