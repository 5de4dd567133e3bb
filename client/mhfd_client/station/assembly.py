"""A station made of its parts, for one watched folder and its settings. It joins; it decides nothing."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mhfd_client import expected, naming
from mhfd_client.alerts import Alerts, Digest, LensNeeds, Sink, build
from mhfd_client.arrival.folder import Arrival
from mhfd_client.arrival.listing import Rules, inside, walk
from mhfd_client.arrival.root import checked_root
from mhfd_client.calibration.applies import of_settings
from mhfd_client.errors import SettingsError
from mhfd_client.journal.folder import thumbnails
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.retests import RetestRule
from mhfd_client.journal.view import JournalView
from mhfd_client.learning.nearby import nearby
from mhfd_client.naming import NOWHERE, Detected, Naming, Place
from mhfd_client.now import RunNow
from mhfd_client.results.digest import digest
from mhfd_client.results.sidecars import Recorder, Said
from mhfd_client.runners import Runner
from mhfd_client.runners.estimates import packages
from mhfd_client.runners.local import LocalRunner
from mhfd_client.settings import places
from mhfd_client.settings.load import Loaded
from mhfd_client.settings.options import Settings
from mhfd_client.station.inbox import Inbox
from mhfd_client.station.loop import Station
from mhfd_client.station.patience import waited_for
from mhfd_client.verdicts.from_journal import JournalJudge

log = logging.getLogger("mhfd.station")


@dataclass(frozen=True, slots=True)
class Assembled:
    """A station that is ready to run, and what people may want to know of it."""

    station: Station
    arrival: Arrival
    journal: Journal
    names: Detected
    state_dir: Path
    alerts: Alerts
    digest: Callable[[str], Digest]
    """What is to be said at the end, of now; why it is one."""


@contextmanager
def assembled(
    root: str | os.PathLike[str],
    loaded: Loaded,
    *,
    until_idle: float | None = None,
    said: Said | None = None,
    page: str | None = None,
    also_told: Sequence[Sink] = (),
    lens: Callable[[], LensNeeds | None] = lambda: None,
    turns: Callable[[], None] = lambda: None,
    held_s: Callable[[JournalView], float] = lambda _: 0.0,
) -> Iterator[Assembled]:
    """The station of a folder. Whatever cannot be used is refused here, before anything starts.

    Args:
        root: The watched folder.
        loaded: The settings, with where they come from.
        until_idle: End by itself when nothing has happened for so many seconds.
        said: Called for each verdict once it is recorded.
        page: The address of a page beside it, without its token, for a digest.
        also_told: Who is told of alerts beside those of the settings.
        lens: What a lens needs people for, where something is done with one beside the watch.
        turns: Called as long as the loop lives, for who supervises it.
        held_s: How much longer than `until_idle` it waits now, for what is done beside it.
    """
    chosen = loaded.settings
    calibration = of_settings(chosen.verdict)
    root = checked_root(root)
    state_dir = state_of(root, chosen)
    models = chosen.models
    rule = RetestRule(models.retest_every, models.retest_window, models.retest_share)
    with Journal.open(state_dir, root=root, tests=rule) as journal, JournalView.read(state_dir) as view:
        names = named(root, chosen)
        judge = JournalJudge(journal, chosen.verdict, calibration)
        arrival = Arrival(
            root,
            settings=chosen.arrival,
            known=waited_for(view.known),
            touched=waited_for(view.touched),
            ignore=names.naming.ignore,
            had_images=any(journal.counts().values()),
        )
        wanted = None if chosen.names.expected is None else expected.load(chosen.names.expected)
        try:
            alerts = Alerts(
                state_dir,
                chosen.alerts,
                root=root,
                wanted=wanted,
                digest=partial(digest, page=page),
                lens=lens,
                sinks=[*build(chosen.alerts), *also_told],
            )
            station = Station(
                journal,
                arrival,
                _runner(chosen, root, state_dir),
                judge,
                Recorder(state_dir, journal, loaded, said=said),
                root=root,
                params=chosen.params(),
                place=placing(names.naming, journal),
                attempts=chosen.runner.attempts,
                backoff_s=chosen.runner.backoff_s,
                until_idle=until_idle,
                unsettled_s=lambda: max(arrival.unsettled_s(), held_s(journal)),
                people=Inbox(state_dir, judge),
                look=alerts.look,
                trouble=alerts.trouble,
                turns=turns,
                nearby=partial(nearby, journal),
            )
            with alerts:
                at_the_end = partial(_digest_now, journal, wanted)
                yield Assembled(station, arrival, journal, names, state_dir, alerts, at_the_end)
        finally:
            arrival.close()


def _digest_now(journal: JournalView, wanted: Collection[Place] | None, why: str) -> Digest:
    run = RunNow(journal, wanted)
    with journal.snapshot():
        run.look()
    return digest(run, why)


def state_of(root: str | os.PathLike[str], chosen: Settings, *, env: Mapping[str, str] | None = None) -> Path:
    """The state folder; refused inside the watched one, which is never written. `env`: of another account."""
    state_dir = places.state_dir(root, settings=chosen, env=env)
    real = os.path.realpath(root)
    if Path(os.path.realpath(state_dir)).is_relative_to(real):
        raise SettingsError(
            f"state.dir: {state_dir} lies in the watched folder, which is never written; name a folder outside of it"
        )
    return state_dir


def placing(naming: Naming, journal: JournalView) -> Callable[[str], Place]:
    """Section and tile of a path, as it comes. A guess never gives a place that another file has."""

    def place(path: str) -> Place:
        where = naming.place(path)
        if where.section is None or not naming.guesses(path):
            return where
        other = journal.other_at(where, path)
        if other is None:
            return where
        log.warning("%s gets no section: %s is %s already, and the names only let guess", path, other, where)
        return NOWHERE

    return place


def named(root: str, chosen: Settings, *, limit: int = 100_000) -> Detected:
    """How the files of a folder are named, as the settings or the folder say."""
    rules = Rules(chosen.arrival.patterns, chosen.arrival.ignore)
    paths: list[str] = []
    for folder in walk(root, rules):
        paths += (inside(folder.path, name) for name in folder.images)
        if len(paths) >= limit:
            break
    return naming.choose(chosen.names, paths)


def _runner(chosen: Settings, root: str, state_dir: Path) -> Runner:
    if chosen.runner.kind == "compute":
        from mhfd_client.compute.from_settings import compute_runner
        from mhfd_client.compute.meanwhile import MeanwhileRunner

        far = compute_runner(chosen, root=root, state_dir=state_dir)
        if chosen.compute.meanwhile_s is None:
            return far
        return MeanwhileRunner(far, lambda: _local(chosen, state_dir))
    if chosen.runner.kind == "flow":
        from mhfd_client.flow.from_settings import flow_runner

        return flow_runner(chosen, root=root, state_dir=state_dir)
    return _local(chosen, state_dir)


def _local(chosen: Settings, state_dir: Path) -> LocalRunner:
    return LocalRunner(
        workers=chosen.runner.workers,
        threads=chosen.score.threads,
        device=chosen.score.device,
        deadline_s=chosen.runner.deadline_s,
        attempts=chosen.runner.attempts,
        backoff_s=chosen.runner.backoff_s,
        memory_bytes=None if chosen.runner.memory_gb is None else round(chosen.runner.memory_gb * 1e9),
        limits=chosen.limits(),
        thumbnails=thumbnails(state_dir),
        packages=packages.of_settings(chosen),
    )
