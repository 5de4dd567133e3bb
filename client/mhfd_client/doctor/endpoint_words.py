"""What an endpoint says of itself, in words: what is good, what is not, and what to do about it.

From an Examination, and from what this machine knows of the same image, to lines. Asks nobody anything.
"""

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mhfd import shim
from mhfd.contract.base import meaning_of
from mhfd.contract.examination import Examination, FileSeen, FunctionSeen
from mhfd.contract.request import Code, Problem
from mhfd.remote import worker
from mhfd.site import FREE
from mhfd_client.runners.versions import UPGRADE_HERE
from mhfd_endpoint.finding import Check, fail, ok, warn

_SKEW_S: Final = 5.0
_SAME: Final = "install the same mhfd on both sides: the numbers of two versions need not agree"


@dataclass(frozen=True, slots=True)
class Sample:
    """An image of this machine, or the folder where there is none yet: `size` is None then."""

    here: str
    there: str
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None


def load(details: Mapping[str, Any]) -> str:
    """How busy it is, where the service says so."""
    known = {"total_workers": "workers", "idle_workers": "idle", "pending_tasks": "tasks waiting"}
    said = [f"{details[key]} {word}" for key, word in known.items() if isinstance(details.get(key), int)]
    return f" ({', '.join(said)})" if said else ""


def of(told: Examination, *, sent: float, came: float, took_s: float) -> Iterator[Check]:
    """Everything but files. `sent` and `came`: when it was asked and answered, by this machine's clock."""
    for problem in told.errors:
        if problem.index is None:
            yield fail("worker", f"{problem.code}: {problem.why}", problem.remedy)
    yield from _versions(told.versions)
    if told.tasks_before is None:
        return  # the project is not there, and that is said
    yield ok("account", f"tasks run as {told.user} on {told.host}, site {told.site or 'unnamed'}")
    if told.tasks_before:
        yield ok("warm", f"its worker has had {told.tasks_before} tasks; it answered in {took_s:.2f} s")
    else:
        do = "nothing: now it is, for as long as its administrator chose (`mhfd endpoint init --warm`)"
        yield ok("warm", f"it was not: this was its worker's first task, answered in {took_s:.1f} s", do)
    if told.now_ns is not None:
        yield _clock(told.now_ns / 1e9, sent, came)
    if told.site is not None:
        yield _device(told)
        yield from _roots(told)
    if told.functions:  # an older endpoint says nothing of them
        yield from _further(told.functions)


def _further(seen: Iterable[FunctionSeen]) -> Iterator[Check]:
    """The functions beside those of images: which run there, and why the others do not."""
    there = {one.name: one for one in seen if one.name not in FREE}
    for name in sorted({*there, *shim.FUNCTIONS} - {*FREE}):
        known = there.get(name)
        if known is None or not known.here:
            do = "its administrator upgrades mhfd for the workers; nothing, if nobody needs it: images are scored"
            yield warn(f"{name} there", "the endpoint's mhfd has no such function", do)
        elif not known.allowed:
            do = f"its administrator writes a table [functions.{name}] into the site file; nothing, if nobody needs it"
            yield warn(f"{name} there", "its administrator does not let it run", do)
        else:
            yield ok(f"{name} there", f"may run{_having(known)}", _asked_with(known))


def _having(seen: FunctionSeen) -> str:
    most = [f"{seen.max_seconds:g} s a task"] if seen.max_seconds is not None else []
    most += [f"{seen.gpus} GPUs"] if seen.gpus is not None else []
    most += [f"reads below {', '.join(seen.read_roots)}"] if seen.read_roots else ["reads nothing"]
    most += [f"writes below {', '.join(seen.write_roots)}"] if seen.write_roots else ["writes nothing"]
    return f", {'; '.join(most)}"


def _asked_with(seen: FunctionSeen) -> str:
    return "" if seen.purpose is None else f"ask for it with the endpoint's option purpose={seen.purpose}"


def of_sample(sample: Sample, told: Examination) -> Iterator[Check]:
    """The same image, from both sides."""
    if sample.size is None:
        covered = _below_a_root(sample.there, told)
        if covered is False:
            do = "correct --map HERE=THERE, or ask the endpoint's administrator to allow the folder"
            yield fail("image", f"{sample.there} lies below no folder that it may read", do)
        what = f"{sample.here} holds no image yet: whether the endpoint sees it is not known"
        yield warn("image", what, "ask again once an image is there")
        return
    names = sample.here if sample.here == sample.there else f"{sample.here} (there {sample.there})"
    seen = told.files[0] if told.files else None
    if seen is None:
        yield _unseen(names, next((p for p in told.errors if p.index == 0), None))
        return
    yield _compared(names, sample, seen)
    yield _ownership(told, seen)


def _versions(there: Mapping[str, str]) -> Iterator[Check]:
    here = worker.versions()
    if "mhfd" in there:
        both = f"mhfd {there['mhfd']} there, {here['mhfd']} here"
        method = there.get("mhfd_method", "1"), here["mhfd_method"]  # before 3 nobody said it
        if method[0] != method[1]:
            yield _other_method(both, *method)
        elif there["mhfd"] != here["mhfd"]:
            yield warn("mhfd", both, _SAME)
        elif there.get("mhfd_code") != here["mhfd_code"]:
            code = f"mhfd {here['mhfd']} on both sides, but its code differs: {there.get('mhfd_code')} there, "
            yield warn("mhfd", code + f"{here['mhfd_code']} here", _SAME)
        else:
            yield ok("mhfd", f"{here['mhfd']} on both sides, the same code ({here['mhfd_code']})")
    sdk = importlib.metadata.version("globus-compute-sdk")
    rest = [f"{name} {version}" for name, version in there.items() if not name.startswith("mhfd")]
    endpoint = there.get("globus-compute-endpoint", "unknown")
    what = f"globus-compute-sdk {sdk} here; globus-compute-endpoint {endpoint} there; its worker has {', '.join(rest)}"
    yield ok("versions", what)


def _other_method(both: str, there: str, here: str) -> Check:
    """Its numbers do not agree with ours: who is older?"""
    if there.isdigit() and int(there) < int(here):
        lacks = "have no profile" if meaning_of(int(there)) < meaning_of(int(here)) else "see less of large images"
        what = f"{both}: the endpoint is older (method {there} against {here}); its reports {lacks}"
        return warn("mhfd", what, "upgrade the endpoint: its administrator installs this mhfd for the workers")
    what = f"{both}: this side is older (method {here} against {there}); the endpoint takes no image from it"
    return fail("mhfd", what, UPGRADE_HERE)


def _clock(now: float, sent: float, came: float) -> Check:
    ahead = now - came if now > came else min(0.0, now - sent)
    if abs(ahead) <= _SKEW_S:
        return ok("clock there", "agrees with this machine's")
    what = f"is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    return warn("clock there", what, "set both by NTP; it still works, but times of a task are wrong")


def _device(told: Examination) -> Check:
    cupy = next((f"{n} {v}" for n, v in told.versions.items() if n.startswith("cupy")), None)
    what = (
        f"scores with {told.backend} on {told.device}; {cupy or 'no CuPy'}; CUDA_VISIBLE_DEVICES {told.gpus or 'unset'}"
    )
    if told.backend == "gpu":
        return ok("gpu there", what)
    if told.chosen == "cpu":
        return ok("gpu there", f"{what}; its administrator chose the CPU")
    if cupy is not None or told.gpus:
        do = "if it should be the GPU, the administrator looks at `device` of the site file, the driver and CuPy"
        return warn("gpu there", what, do)
    do = "nothing, if it has no GPU; else its administrator installs mhfd[cuda13] (or cuda12) for the workers"
    return ok("gpu there", what, do)


def _roots(told: Examination) -> Iterator[Check]:
    if not any(root.use == "read" for root in told.roots):
        do = "its administrator names folders in `read_roots` of the site file"
        yield fail("folders there", "it may read no folder", do)
    for root in told.roots:
        what = f"{root.path} ({root.use})"
        if root.usable:
            yield ok("folders there", f"{what}: usable")
            continue
        do = "its administrator mounts the folder for the workers, or changes its rights"
        said = fail if root.use == "read" else warn
        yield said("folders there", f"{what}: {root.why or 'not usable'}", do)


def _unseen(names: str, problem: Problem | None) -> Check:
    if problem is None:
        return fail("image", f"{names}: nothing was said of it", "see the lines above")
    do = problem.remedy
    if problem.code in (Code.REFUSED_PATH, Code.UNAVAILABLE):
        do = f"correct --map HERE=THERE; {do}"
    return fail("image", f"{names}: not to be read there: {problem.why}", do)


def _compared(names: str, sample: Sample, seen: FileSeen) -> Check:
    other = []
    if seen.size != sample.size:
        other.append(f"{seen.size} bytes there, {sample.size} here")
    if seen.mtime_ns != sample.mtime_ns:
        other.append("another time of change")
    if seen.sha256 is not None and seen.sha256 != sample.sha256:
        other.append("other bytes")
    if other:
        do = "is it being written? ask again; else --map leads to another folder, or a copy that keeps no times"
        return fail("image", f"{names}: not the same file there: {', '.join(other)}", do)
    same = "the same size and time of change there" + (
        ", the same bytes" if seen.sha256 else "; its bytes not compared"
    )
    return ok("image", f"{names}: {same}")


def _ownership(told: Examination, seen: FileSeen) -> Check:
    """Who writes what lies there, and who reads it."""
    who = f"belongs to {seen.owner} there (mode {seen.mode}); {told.user} may read it"
    if int(seen.mode, 8) & 0o002:
        return warn("owner there", f"{who}, and everybody may change it", "chmod o-w where images are staged")
    if seen.writable:
        do = "nothing has to be done: mhfd never writes there; a read-only mount for the workers makes sure"
        return ok("owner there", f"{who}, and change it", do)
    return ok("owner there", f"{who}, and not change it")


def _below_a_root(path: str, told: Examination) -> bool | None:
    """By name; None where it is not known."""
    roots = [root.path.rstrip("/") for root in told.roots if root.use == "read"]
    return any(path == root or path.startswith(root + "/") for root in roots) if told.site is not None else None
