"""Do the list of functions and the site file say the same of what may run? Reads only.

An id in the list says whose code may come; a table in the site file says what the code may have. A function runs where
both let it. The list holds ids; beside one may stand a name, which `pin` was told.
"""

from collections.abc import Iterator
from pathlib import Path

from mhfd import shim
from mhfd.site import FREE, FunctionLimits, Site
from mhfd_endpoint import choices as chosen
from mhfd_endpoint import folder as folders
from mhfd_endpoint.access import site_file_of
from mhfd_endpoint.finding import Check, Level, fail, ok, warn


def functions(folder: Path) -> Iterator[Check]:
    """What may run, by the list, by the site file, and by what a worker has."""
    pinned = folders.pinned(folder)
    if pinned is None:
        what = "no list of functions: whoever may use this endpoint may run any code as the account it runs under"
        yield warn("functions", what, f"mhfd endpoint pin {folder.name} FUNCTION_ID...")
    elif not pinned:
        do = f"mhfd function register, then mhfd endpoint pin {folder.name} FUNCTION_ID..."
        yield warn("functions", "nothing may run yet", do)
    wrong = list(contradictions(folder))
    yield from wrong
    if pinned and not any(one.level is Level.FAIL for one in wrong):
        yield ok("functions", f"{len(pinned)} may run, and nothing else{_named(pinned)}")


def contradictions(folder: Path) -> Iterator[Check]:
    """What one side lets run and the other does not, and what no worker could give it."""
    choices = folders.choices_of(folder)
    where = site_file_of(choices)
    if where is None:
        return  # `site file` says it
    site, pinned = Site.read(where), folders.pinned(folder)
    for name in sorted({name for name in (pinned or {}).values() if name}):
        if not site.limits_of(name).allowed:
            what = f"{name} is in the list, and {where} does not let it run: each request is refused"
            yield fail("functions", what, f"write a table [functions.{name}] there, or pin the others alone")
    for name, limits in site.functions.items():
        if not limits.allowed:
            continue
        if name not in shim.FUNCTIONS:
            what = f"{where} has a table for {name}, and this mhfd has no such function"
            yield warn("functions", what, f"correct its name: there are {', '.join(shim.FUNCTIONS)}")
        if pinned is not None and name not in pinned.values() and (name not in FREE or None not in pinned.values()):
            what = f"{where} lets {name} run, and no id in the list is said to be its"
            yield warn("functions", what, f"mhfd endpoint pin {folder.name} --add {name}=FUNCTION_ID")
        yield from _possible(name, limits, choices, where)


def _possible(name: str, limits: FunctionLimits, choices: chosen.Chosen, where: Path) -> Iterator[Check]:
    trains = choices.train
    if limits.purpose == "train" and trains is None:
        what = f"{name} runs only where purpose is train, and this endpoint offers no training"
        yield fail("functions", what, f"mhfd endpoint init --force --train, or take `purpose` out of {where}")
    images = 1 if choices.gpus else 0  # each worker has one
    most = {"focus": images, "train": 0 if trains is None else trains.gpus_per_node}
    there = max(most.values()) if limits.purpose is None else most[limits.purpose]
    if limits.gpus is not None and limits.gpus > there:
        of = "of any" if limits.purpose is None else f"for {limits.purpose}"
        what = f"{name} may have {limits.gpus} GPUs, and a worker {of} has {there or 'none'}"
        yield fail("functions", what, f"correct `gpus` of [functions.{name}] in {where}, or give workers more")
    for use, roots in (("read", limits.read_roots), ("write", limits.write_roots)):
        for root in roots or ():
            if not root.is_dir():
                what = f"{root}, which {name} may {use}, is no folder here"
                yield fail("data", what, f"make or mount it, or take it out of [functions.{name}] in {where}")


def _named(pinned: dict[str, str | None]) -> str:
    names = sorted({name for name in pinned.values() if name})
    return f"; among them {', '.join(names)}" if names else ""
