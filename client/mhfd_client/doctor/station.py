"""`mhfd doctor`: is all here that a station needs, and what to do about what is not.

Each check is a question that was asked in anger: is the share mounted, may I write the state, is the disk full, does
the clock agree with the share's. It repairs nothing, and writes nothing but one small file that it removes again;
a station that scores by a flow starts one run that moves nothing.
"""

import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import mhfd
from mhfd import documentation
from mhfd.threads import cpu_name, thread_count
from mhfd_client import mounts
from mhfd_client.arrival.left_alone import Tally
from mhfd_client.arrival.listing import Rules, walk
from mhfd_client.arrival.root import checked_root, is_shared
from mhfd_client.doctor.images import some_images
from mhfd_client.doctor.port import serves_a_page
from mhfd_client.errors import SettingsError, StateMissing, WatchError
from mhfd_client.settings import load as settings
from mhfd_client.settings import places
from mhfd_client.settings.load import Loaded
from mhfd_client.settings.places import PORT as PAGE_PORT
from mhfd_client.settings.places import state_place
from mhfd_endpoint.finding import Check, fail, guarded, ok, warn

_FEW_GB: Final = 2.0
_ENOUGH: Final = 20_000
"""Files that tell of what kind they are."""
_SKEW_S: Final = 5.0
_PACKAGES: Final = ("numpy", "scipy", "tifffile", "imagecodecs", "mrcfile", "pillow", "pydantic", "click", "rich")
_EXTRAS: Final = {
    "watchdog": "no watch but with arrival.mode = poll",
    "bokeh": "no page",
    "starlette": "no page",
    "uvicorn": "no page",
    "jinja2": "no HTML report",
    "regex": "no names.pattern",
}
_CUPY: Final = ("cupy-cuda13x", "cupy-cuda12x", "cupy")


def examine(
    directory: str | None = None,
    *,
    config: Path | None = None,
    state: Path | None = None,
    wait_s: float = 120.0,
    start_run: bool = True,
) -> list[Check]:
    """Every check; those of a folder only when one is named.

    Args:
        directory: The folder.
        config: The settings file.
        state: The station's own folder.
        wait_s: How long an endpoint that is asked through a flow may take.
        start_run: Whether it is asked at all.
    """
    found: list[Check] = []

    def look(name: str, checks: Callable[[], Iterator[Check]]) -> None:
        found.extend(guarded(name, checks, "see the message"))

    for of_the_machine in (_python, _packages, _kernel, _processors, _gpu, _port):
        look(of_the_machine.__name__.strip("_"), of_the_machine)
    try:
        loaded = settings.load(config, args={"state.dir": None if state is None else str(state)})
    except SettingsError as error:
        return [*found, fail("settings", str(error), "correct it, or name another file with --config")]
    found.append(ok("settings", f"from {loaded.file}" if loaded.file else "defaults; no file"))
    look("caches", lambda: _caches(places.cache_dir()))
    if directory is not None:
        look("folder", lambda: _folder(directory, loaded))
        look("state", lambda: _state(directory, loaded))
        look("instrument", lambda: _instrument(directory, loaded))
        if loaded.settings.runner.kind == "flow":
            from mhfd_client.doctor.flow import flow_checks

            look("flow", lambda: flow_checks(loaded.settings, directory, wait_s=wait_s, start=start_run))
    return found


def _python() -> Iterator[Check]:
    what = f"{platform.python_version()} on {platform.system()} {platform.machine()}, mhfd {mhfd.__version__}"
    if sys.platform == "linux":
        yield ok("python", what)
    else:
        yield warn("python", what, "only Linux is tested: tell us how it went")


def _version(name: str) -> str | None:
    """Of an installed package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Check]:
    versions = {name: _version(name) for name in _PACKAGES}
    for name in [name for name, version in versions.items() if version is None]:
        yield fail("packages", f"{name} is not installed", "pip install mhfd")
    yield ok("packages", ", ".join(f"{name} {version}" for name, version in versions.items() if version is not None))
    for name, without in _EXTRAS.items():
        if _version(name) is None:
            yield warn("packages", f"{name} is not installed: {without}", "pip install 'mhfd[station]'")


def _kernel() -> Iterator[Check]:
    from mhfd.native import kernel_info

    info = kernel_info()
    if info.available:
        yield ok("kernel", f"{info.level}: {info.reason}")
    else:
        yield warn("kernel", f"{info.reason}; scoring is several times slower", "reinstall mhfd")


def _processors() -> Iterator[Check]:
    count = thread_count()
    yield ok("processors", f"{count} of {os.cpu_count()} may be used ({cpu_name()})")


def _gpu() -> Iterator[Check]:
    devices = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    if not devices:
        yield ok("gpu", "none here: the CPU scores")
        return
    version = next(filter(None, map(_version, _CUPY)), None) if importlib.util.find_spec("cupy") else None
    if version is None:
        do = "pip install 'mhfd[cuda13]' (or cuda12 for an older driver)"
        yield warn("gpu", f"{', '.join(devices)}, but no CuPy: the CPU scores", do)
    else:
        yield ok("gpu", f"{', '.join(devices)}, CuPy {version}")


def _port() -> Iterator[Check]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PAGE_PORT))
        except OSError as error:
            ours = serves_a_page(PAGE_PORT)
            if ours is not None:
                what = f"{PAGE_PORT} of this machine serves a page of yours (process {ours}); the next one takes"
                yield ok("port", f"{what} the next free port")
            else:
                yield warn("port", f"{PAGE_PORT} of this machine: {error.strerror}", "close what uses it")
        else:
            yield ok("port", f"{PAGE_PORT} of this machine is free for the page")


def _caches(folder: Path) -> Iterator[Check]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(there, os.W_OK):
        yield ok("caches", str(folder))
    else:
        yield warn("caches", f"{folder} cannot be written", "set MHFD_CACHE_DIR")


def _folder(directory: str, loaded: Loaded) -> Iterator[Check]:
    """The watched folder: there, readable, on what, and whether its clock agrees."""
    try:
        root = checked_root(directory)
    except WatchError as error:
        yield fail("folder", str(error), "mount the share, or name another folder")
        return
    if not os.access(root, os.R_OK | os.X_OK):
        yield fail("folder", f"{root}: may not be read by this user", "change its permissions")
        return
    mount = mounts.of(root)
    where = "unknown" if mount is None else str(mount)
    if is_shared(root):
        mode = f"a share ({where}): polled every {loaded.settings.arrival.poll_s:g} s"
        if loaded.settings.arrival.mode == "events":
            yield warn("mount", f"{mode}; change notices do not cross it", "set arrival.mode = 'auto'")
        else:
            yield ok("mount", mode)
    else:
        yield ok("mount", f"a local disk ({where})")
    if os.access(root, os.W_OK):
        do = "nothing has to be done; a read-only mount (-o ro) makes sure that nothing else writes there either"
        yield ok("folder", f"{root}: may be read (and written; mhfd never does)", do)
    else:
        yield ok("folder", f"{root}: may be read")
    yield _watched(root, loaded)
    yield from _clock(root, loaded)
    yield from _names(root, loaded)


def _names(root: str, loaded: Loaded) -> Iterator[Check]:
    """What the names there say of section and tile."""
    from mhfd_client.station.assembly import named

    found = named(root, loaded.settings)
    if found.fault is not None:
        yield warn(
            "names", str(found), f"`mhfd plan` shows what is read from each; {documentation.page('reference/names')}"
        )
    elif found.total and not found.fitting:
        yield warn("names", str(found), "set names.preset, or names.pattern; `mhfd plan` shows what is read from each")
    else:
        yield ok("names", str(found))


def _watched(root: str, loaded: Loaded) -> Check:
    """Whether a watch would see what is there."""
    arrival = loaded.settings.arrival
    tally = Tally(arrival.patterns)
    for folder in walk(root, Rules(arrival.patterns, arrival.ignore)):
        tally.add(folder.images, folder.others)
        if tally.watched + tally.others.total() > _ENOUGH:
            break
    if tally.said is None:
        return ok(
            "images", f"{tally.watched:,} files are watched, {tally.others.total():,} are no images by their names"
        )
    what, _, do = tally.said.partition(". Set ")
    return fail("images", what, f"set {do}; `mhfd plan` says of each file why")


def _clock(root: str, loaded: Loaded) -> Iterator[Check]:
    """The newest mtime must not lie ahead of our clock."""
    newest, seen = 0.0, 0
    for _, status in some_images(root, loaded.settings.arrival, _ENOUGH):
        newest, seen = max(newest, status.st_mtime), seen + 1
    ahead = newest - time.time()
    if ahead > _SKEW_S:
        yield warn("clock", f"files there are {ahead:.0f} s in the future", "set both clocks by NTP; it still works")
    else:
        yield ok("clock", f"{seen} images there, none from the future")


def _instrument(directory: str, loaded: Loaded) -> Iterator[Check]:
    from mhfd_client.doctor.instrument import instrument_checks
    from mhfd_client.station.assembly import state_of

    yield from instrument_checks(state_of(directory, loaded.settings))


def _state(directory: str, loaded: Loaded) -> Iterator[Check]:
    """The state folder: local, writable, with room; and what its journal says."""
    from mhfd_client.journal.folder import on_network
    from mhfd_client.journal.view import JournalView
    from mhfd_client.results.methods import methods_of, told
    from mhfd_client.station.assembly import state_of

    folder = state_of(directory, loaded.settings)
    origin = state_place(directory, settings=loaded.settings, origin=loaded.origins["state.dir"]).origin
    network = on_network(folder)
    if network is not None:
        do = "give a folder on a local disk with --state"
        yield fail("state", f"{folder} lies on a network file system ({network})", do)
        return
    there = next(path for path in (folder, *folder.parents) if path.exists())
    probe = there / f".mhfd-doctor-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        do = "change its permissions, or give another folder with --state"
        yield fail("state", f"{folder} cannot be written: {error.strerror}", do)
        return
    free = shutil.disk_usage(there).free / 1e9
    room = f"{free:.1f} GB free"
    if free < _FEW_GB:
        yield warn("disk", f"{folder}: {room}", "free some: an image costs about 30 kB")
    else:
        yield ok("disk", f"{folder}: {room}; an image costs about 30 kB")
    yield ok("state", f"{folder} may be written; found by: {origin}")
    yield from _calibration(folder, loaded)
    try:
        with JournalView.read(folder) as journal:
            beat, counts, methods = journal.heartbeat(), journal.counts(), methods_of(journal)
    except StateMissing:
        yield ok("journal", "none yet: `mhfd watch` makes it")
        return
    doing = "never ran" if beat is None else f"last sign of life {max(0.0, time.time() - beat.at_ns / 1e9):.0f} s ago"
    yield ok("journal", f"{sum(counts.values()):,} images; station: {doing}; `mhfd check` looks at its bytes")
    if any(method.older for method in methods):
        yield warn(
            "method", told(methods), f"mhfd rescore {shlex.quote(directory)} --method, when there is time for it"
        )
    elif methods:
        yield ok("method", told(methods))


def _calibration(folder: Path, loaded: Loaded) -> Iterator[Check]:
    """Whether the calibration that is set can be read, and says something of this run's images."""
    from mhfd_client.calibration.applies import applied, of_settings
    from mhfd_client.journal.view import JournalView

    verdict = loaded.settings.verdict
    try:
        calibration = of_settings(verdict)
    except SettingsError as error:
        yield fail("calibration", str(error), "`mhfd calibrate` makes one; or leave verdict.calibration out")
        return
    if calibration is None:
        return
    try:
        with JournalView.read(folder) as journal:
            found = applied(journal, verdict, calibration)
    except StateMissing:
        yield ok("calibration", f"{verdict.calibration}: no image has been scored yet")
        return
    if found.refused:
        yield warn("calibration", str(found), "take a focus series with these settings: `mhfd calibrate`")
    else:
        yield ok("calibration", str(found))
