"""The functions that are registered with Globus Compute. They travel as source and run in a bare namespace.

All are made from one text, so each is complete in itself: imports inside, annotations of builtins only, no names of
anybody's module. They run on any Python of an endpoint's worker, which need not be the client's: only JSON goes in and
out. What does the work is the `mhfd` that is installed there; where there is none that runs, or one that has no such
function, the answer says so instead of raising. A text that was registered stays as it is, to the byte: its id is
allowed somewhere.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
from collections.abc import Callable
from string import Template
from typing import Any, Final

_TEXT: Final = '''\
def $name(**request: object) -> object:
    """$summary"""
    try:
        from $module import $entry

        return $entry(**request)
    except Exception as e:
        import sys

        python = ".".join(str(part) for part in sys.version_info[:3])
        why = "mhfd cannot be used on this worker (Python " + python + "): " + type(e).__name__ + ": " + str(e)[:300]
        remedy = "the endpoint's administrator installs mhfd[endpoint] in the environment of the workers"
        if sys.version_info < (3, 11):  # noqa: UP036 - a worker may have any
            remedy = "mhfd needs Python 3.11 or later: " + remedy + ", with such a Python"
'''
_NOTHING: Final = """\
        nothing = {"version": "none", "backend": "none", "device": "none", "threads": 0, "versions": {"python": python}}
"""
_SCORED: Final = """\
        error = {"code": "no_mhfd", "why": why, "remedy": remedy}
        return {"schema_version": 1, "ok": False, "reports": [], "errors": [error], "provenance": nothing}
"""
_EXAMINED: Final = """\
        error = {"code": "no_mhfd", "why": why, "remedy": remedy}
        return {"schema_version": 1, "ok": False, "errors": [error], "versions": {"python": python}}
"""
_ANY: Final = """\
        code = "no_mhfd"
        try:
            from mhfd import __version__ as version
        except Exception:
            version = ""
        lacks = isinstance(e, ImportError) and "$module.".startswith(str(e.name) + ".")
        if lacks and version and sys.version_info >= (3, 11):  # noqa: UP036 - an older Python runs no mhfd
            code, why = "no_function", "mhfd " + version + " on this worker has no function $name"
            remedy = "the endpoint's administrator upgrades mhfd in the environment of the workers"
        error = {"code": code, "why": why, "remedy": remedy}
        return {"schema_version": 1, "ok": False, "errors": [error], "provenance": nothing}
"""


def function(name: str, *, module: str, entry: str, summary: str, answer: str = _NOTHING + _ANY) -> Callable[..., Any]:
    """The function of that name, made of the one text.

    It has its source as one that stands in a file has: whoever asks `inspect` finds it.

    Args:
        name: Of the function: `mhfd_` and what it does.
        module: Of the worker's mhfd, that has what does the work.
        entry: Its name in there.
        summary: A sentence: what goes in and what comes out.
        answer: Its lines that say what is missing there.
    """
    if not all(part.isidentifier() for part in (name, entry, *module.split("."))) or '"' in summary:
        raise ValueError(f"{name}: names of Python, and a summary without quotes: got {module}, {entry}, {summary!r}")
    text = Template(_TEXT + answer).substitute(name=name, module=module, entry=entry, summary=summary)
    of = hashlib.sha256(text.encode()).hexdigest()[:12]  # of one name there may be several
    file, space = f"<{__name__}: {name} {of}>", {"__name__": __name__}
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # no time: it is never read anew
    exec(compile(text, file, "exec"), space)  # noqa: S102 - the text above, with names in it
    made: Callable[..., Any] = space[name]  # type: ignore[assignment]  # the text defines it
    return made


mhfd_focus = function(
    "mhfd_focus",
    module="mhfd.remote",
    entry="run",
    summary="Score images: the fields of a ScoreRequest in, those of a ScoreResponse out (docs/reference of mhfd).",
    answer=_NOTHING + _SCORED,
)
mhfd_examine = function(
    "mhfd_examine",
    module="mhfd.remote",
    entry="examine",
    summary="Say how the endpoint is: the fields of an ExamineRequest in, those of an Examination out.",
    answer=_EXAMINED,
)
mhfd_train = function(
    "mhfd_train",
    module="mhfd.remote",
    entry="train",
    summary="Train a network, in turns: the fields of a TrainRequest in, those of a WorkAnswer out.",
)
mhfd_assess = function(
    "mhfd_assess",
    module="mhfd.remote",
    entry="assess",
    summary="Assess a library's packages, in turns: the fields of an AssessRequest in, those of a WorkAnswer out.",
)
mhfd_benchmark = function(
    "mhfd_benchmark",
    module="mhfd.remote",
    entry="benchmark",
    summary="Compare packages with who judges, in turns: fields of a BenchmarkRequest in, of a WorkAnswer out.",
)

FUNCTIONS: dict[str, Callable[..., object]] = {
    "mhfd_focus": mhfd_focus,
    "mhfd_examine": mhfd_examine,
    "mhfd_train": mhfd_train,
    "mhfd_assess": mhfd_assess,
    "mhfd_benchmark": mhfd_benchmark,
}
"""What can be registered, by name."""

AT_ONCE: Final = frozenset({"mhfd_focus", "mhfd_examine"})
"""What answers when it is done. Every other takes a WorkRequest, and is asked again until its WorkAnswer is an end."""


def digest(function: Callable[..., Any]) -> str:
    """The hash of what travels: a registration with another one is obsolete."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
