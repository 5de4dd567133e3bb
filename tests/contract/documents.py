"""The documents that commands print with `--json`, each as its command prints it; services are pretended."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock
from uuid import UUID

from click.testing import CliRunner

_ID: Final = UUID(int=1)


def printed(*words: str, **instead: Any) -> Any:
    """What a command prints. `instead`: what stands in for a service, by its dotted name with `__` for the dot."""
    from mhfd_client.cli import main

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = {"HOME": folder, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        stack.enter_context(mock.patch.dict(os.environ, home))
        for name, value in instead.items():
            stack.enter_context(mock.patch(f"mhfd_client.{name.replace('__', '.')}", value))
        watched = Path(folder, "run")
        watched.mkdir()
        (watched / "a_1.tif").touch()
        done = CliRunner().invoke(main, [*(str(watched) if word == "DIR" else word for word in words), "--json"])
    assert not done.exception or isinstance(done.exception, SystemExit), done.output
    return json.loads(done.stdout)


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def _within(*values: Any) -> Callable[..., Any]:
    @contextmanager
    def context(*_: Any, **__: Any) -> Iterator[Any]:
        yield values if len(values) > 1 else values[0]

    return context


def _plan() -> Any:
    return printed("plan", "DIR")


def _retake() -> Any:
    """Both halves of the list, with an image on each."""
    from tests.rigs.blurs import blur
    from tests.rigs.runs import Run

    from mhfd.contract.focus_report import Finding

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        for section in range(1, 10):
            run.image(section)
        run.image(10, finding=Finding.INCOMPLETE)
        run.image(11, blur=blur(2.0))
        view = _within(run.journal)
        halves = [
            printed("retake", "DIR", *words, commands__common__WatchedFolder__journal=view)
            for words in ((), ("--others",))
        ]
        run.close()
    return halves


def _inspect() -> Any:
    """Of an image that says nothing, with a file beside it. Its `image` is that of a report, which has its form."""
    import numpy as np
    import tifffile

    with tempfile.TemporaryDirectory() as folder:
        tifffile.imwrite(Path(folder, "a.tif"), np.zeros((40, 40), np.uint8), software="a", metadata=None)
        Path(folder, "a.txt").touch()
        told = printed("inspect", str(Path(folder, "a.tif")))
    told["files"][0]["image"] = {}
    return told


def _calibrate() -> Any:
    """Of a series with an image left out. Its `calibration` has a form of its own."""
    from tests.rigs.calibrations import calibration

    from mhfd_client.calibration.series import CalibratedSeries, LeftOut, SeriesImage

    image = SeriesImage("a", 0.0, 0.0, 0.0, 0.0, 1)
    found = CalibratedSeries(calibration(), (image,), (LeftOut("b", "c"),), False)
    pretended = {"calibration__series__calibrated": _always(found), "commands__calibrate___scored": _always([])}
    told = printed("calibrate", "a.tif", "--focus-from", "tag", **pretended)
    return {**told, "calibration": {}}


def _tolerance() -> Any:
    from mhfd_client.calibration.labelled import LabelledBlur

    labelled = LabelledBlur((0.0, 0.1, 0.2), (2.0, 2.1, 2.2), 1, 1)
    pretended = {
        "calibration__labelled__labelled_blur": _always(labelled),
        "commands__common__WatchedFolder__journal": _within(None),
    }
    return printed("tolerance", "DIR", **pretended)


def _config() -> Any:
    """With one setting: which there are is the reference's matter."""
    told = printed("config", "DIR")
    return {**told, "settings": {"any": next(iter(told["settings"].values()))}}


def _whoami() -> Any:
    from mhfd_client.globus.login import Granted, Who

    granted = (Granted("a", "b", 1.0, renews=True),)
    who = Who("a", "b", False, Path("/a"), "a", "b", "c", granted, ("a",), "b")
    return printed("whoami", globus__login__who=_always(who))


def _alert_test() -> Any:
    sink = mock.Mock(send=_always("taken"))
    sink.name = "a"
    return printed("alert", "test", alerts__build=_always([sink]))


def _alert_list() -> Any:
    from mhfd_client.alerts.episodes import Episode
    from mhfd_client.alerts.message import Rule, sample
    from mhfd_client.alerts.store import Delivery, Overview, Unsent

    found = Overview((Episode(1, Rule.DISK, 0.0, "a"),), (Delivery("a"),))
    found.pending["a"] = (Unsent(sample("/a", 0.0), unknown=False),)
    return printed("alert", "list", "DIR", alerts__overview=_always(found))


def _service_status() -> Any:
    from mhfd_client.service.scope import Account, Scope
    from mhfd_client.service.standing import Standing
    from mhfd_client.service.systemctl import UnitState
    from mhfd_client.service.unit import Known

    scope = Scope("user", Path("/a"), Account("a", 1, 1, Path("/a")), {})
    known = Known(Path("/a/mhfd-a.service"), "/a", "/a")
    one = Standing(known, scope, UnitState(True, "active", "a", "success", 0, 0, False), True, "a", False)
    pretended = {
        "commands__service___found": _always([(scope, known)]),
        "service__systemctl__Systemctl": mock.Mock(),
        "service__standing__standing": _always(one),
    }
    return printed("service", "status", **pretended)


def _check() -> Any:
    from mhfd_client.soundness.examine import Soundness
    from mhfd_client.soundness.flaw import Kind, StateFlaw

    flaws = (StateFlaw(Kind.SIDECAR, "a", "a", "a"),)
    found = Soundness(Path("/a"), False, 1, flaws, flaws)
    return printed(
        "check",
        "DIR",
        commands__common__WatchedFolder__loaded=_always(None),
        commands__common__WatchedFolder__state_dir=_always(Path("/a")),
        soundness__examine__examine=_always(found),
    )


def _alert_digest() -> Any:
    from mhfd_client.alerts import Digest, DigestImage

    image = DigestImage(section=1, tile="a", path="a", outcome="a", provisional=True, reason="a")
    numbers = {"newest": 1, "images": 1, "waiting": 0, "confirmed": 0, "again": 1}
    found = Digest(why="a", made="a", listed=(image,), missing=(2,), **numbers)
    pretended = {"expected__load": _always(None), "results__digest__digest": _always(found)}
    with tempfile.TemporaryDirectory() as folder:
        journal = mock.MagicMock()
        journal.root.return_value = folder
        journal.__enter__.return_value = journal
        pretended |= {"journal__view__JournalView__read": _always(journal), "now__RunNow": mock.Mock()}
        return printed("alert", "digest", "DIR", **pretended)


def _replay() -> Any:
    from mhfd.simulate.planting import FaultKind
    from mhfd_client.replay.outcome import KindOutcome, PlantedVerdict, ReplayOutcome, Share

    share = Share(1, 1, 0.0, 1.0)
    kind = KindOutcome.of(FaultKind.DEFOCUS, [PlantedVerdict("a", FaultKind.DEFOCUS, 1.0, True, True, True)])
    found = ReplayOutcome(1, ("a",), share, (("a", "b"),), 0, 0, (kind,))
    return printed(
        *("replay", "DIR", "--plant", "defocus", "--size", "1.0", "--jobs", "1"),
        commands__common__WatchedFolder__loaded=_always(mock.MagicMock()),
        arrival__root__checked_root=_always("/a"),
        replay__measured_images__images_of=_always((["a"], "a")),
        replay__measured_images__measured=_always([]),
        replay__replayed__replayed=_always(found),
    )


def _functions(command: str) -> Any:
    from mhfd_client.compute.registration import Function, FunctionState

    one = Function("mhfd_focus", _ID, "a", "0", "b", "c")
    known = [one, Function("mhfd_focus", _ID, "a", "0", "b", "c", state=FunctionState.OBSOLETE)]
    pretended = {"register": _always(one), "known": _always(known)}
    named = {f"compute__registration__{name}": value for name, value in pretended.items()}
    return printed("function", command, compute__reach__own_client=_within(None), **named)


def _dry_run() -> Any:
    return printed("flow", "dry-run", "--faults", "image-changed")


def _validate() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "flow.json")
        file.write_text(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Fail"}}}))
        return printed("flow", "validate", str(file))


def _deploy() -> Any:
    from mhfd_client.flow.deployments import Deployed

    done = Deployed("focus_check", _ID, "a", "0")
    flows, deploy = _within(None, "a"), _always(done)
    return printed("flow", "deploy", commands__far__flow___flows=flows, flow__deployments__deploy=deploy)


def _run(*words: str) -> Any:
    from mhfd_client.flow.run_words import Explained, Surroundings
    from mhfd_client.flow.runs import ListedRun, Shown
    from mhfd_client.flow.service import Run
    from mhfd_client.flow.steps import Did
    from mhfd_client.results.run_images import RunImage
    from mhfd_client.settings.load import load

    site = Surroundings(str(_ID), None, None, "/", ())
    listed = ListedRun("a", "b", "c", "ACTIVE", "d", 1, 0.0)
    shown = Shown(Run("a", "ACTIVE"), "b", "c", "d", "e", None, (Did("a", "b", 0.0),), Explained("a", "b"))
    return printed(
        *("run", *words),
        commands__run___asked=_within(mock.Mock(), load(env={}).settings, site),
        flow__runs__listed=_always([listed]),
        flow__runs__find=_always({"run_id": "a", "status": "ACTIVE", "label": "b"}),
        flow__runs__shown=_always(shown),
        results__run_images__images_of=_always([RunImage("a", "b", Path("/a"))]),
    )


def _started(*words: str) -> Any:
    from mhfd_client.commands.far.flow_input import Chosen
    from mhfd_client.flow.by_hand.once import Made
    from mhfd_client.flow.by_hand.timers import Timer
    from mhfd_client.flow.run_words import Surroundings
    from mhfd_client.flow.service import Run
    from mhfd_client.settings.options import Settings

    chosen = Chosen(Settings(), Surroundings(str(_ID), None, None, "/", ()), {}, "a", ("b",))
    row = Timer("a", "b", "c", "d", "e", "f", "g", 1, 1, "h")
    service = mock.Mock(**{"listed.return_value": [row], "named.return_value": row})
    return printed(
        *("flow", *words),
        commands__far__flow_start__chosen=_always(chosen),
        commands__far__flow_start___followed=_always([Run("a", "FAILED", error="a")]),
        commands__far__timer__chosen=_always(chosen),
        commands__far__timer___timers=_within(service),
        flow__service__FlowService=mock.Mock(),
        flow__by_hand__once__Once__made=_always(Made("a", "b", found=False)),
        globus__identity__globus_app=_always(None),
    )


def _dataset_build() -> Any:
    """Of a folder, one of whose images is none."""
    from tests.rigs.labelled import folder_of

    with tempfile.TemporaryDirectory() as folder:
        images = folder_of(Path(folder, "lab"), 2)
        (images / "good" / "no_image.tif").write_bytes(b"no image")
        return printed("dataset", "build", str(images / "good"), "--sharp", "--out", str(Path(folder, "set")))


def _dataset_check() -> Any:
    """Of one that has something wrong with it, with a number."""
    from tests.rigs.labelled import dataset

    with tempfile.TemporaryDirectory() as folder:
        dataset(Path(folder, "images"), groups=3, each=1).write(Path(folder, "set"))
        return printed("dataset", "check", str(Path(folder, "set")))


def _train() -> Any:
    """Of a package that somebody else taught."""
    from tests.rigs.packages import answer_of, written

    from mhfd.learning.trained import Training

    with tempfile.TemporaryDirectory() as folder:
        with mock.patch("mhfd.learning.packages.package.tried", _always({"said": answer_of()})):
            package = written(Path(folder))
        trained = Training(package, "focus", ("learned",), ("few",), {"measure": 1.0, "teach": 1.0, "ask": 1.0})
        return printed("train", "focus", "labels", learning__training__train=_always(trained))


def _learn() -> Any:
    """Of a network that was trained further, and challenges."""
    from tests.rigs.packages import answer_of, written

    from mhfd.contract.assessing import AssessedPackage, Assessment
    from mhfd.contract.benchmarking import Benchmarked, BenchmarkEntry
    from mhfd.learning.packages import ChampionChange
    from mhfd_client.learning.from_library.learned import Learned, LearnedNetwork

    name, about = "a" * 64, {"task": "focus", "instrument": "north", "measure": "AUC"}
    one = {"title": "mine", "instruments": ("south",), "rank": 1, "score": 0.9, "low": 0.8, "high": 1.0}
    change = {"at": "now", "who": "me", "task": "focus", "instrument": "north", "kind": "challenges", "why": "kept"}
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch("mhfd.learning.packages.package.tried", _always({"said": answer_of()})):
            package = written(Path(folder))
        learned = Learned(
            "k",
            Assessment.model_validate(
                about
                | {"dataset": name, "images": 8, "groups": 2, "bar": "mhfd", "bar_score": 0.5, "words": "one"}
                | {"packages": (AssessedPackage(package=name, reason="best", **one),), "train": (name,), "best": name}
            ),
            (LearnedNetwork(package.name, name, 2, 0.83, 0.41, ("learned",), ("few",)),),
            Benchmarked.model_validate(
                about
                | {"decision": "kept", "line": "kept: mhfd", "champion": None, "challenger": package.name}
                | {"images": 8, "groups": 2, "report": name, "saved": 0.1, "low": 0.0, "high": 0.2, "test": 1}
                | {"entries": (BenchmarkEntry(name="mine", package=name, score=0.9, barred=("gate",)),)}
            ),
            package,
            Path("report"),
            ChampionChange.model_validate(
                change | {"before": "nobody", "after": package.name, "decision": None, "follows": None}
            ),
            ("assessed",),
        )
        return printed(
            "learn", "labels", "--instrument", "north", learning__from_library__learn__learn=_always(learned)
        )


def _adjust(*words: str) -> Any:
    """Of a pretend microscope whose lens was moved once."""
    from tests.rigs.lens_rig import Teller, lens_rig

    from mhfd_client.instruments.protocol import Knob

    with tempfile.TemporaryDirectory() as folder:
        rig = lens_rig(Path(folder))
        with rig.lens(field="a field") as lens:
            lens.move(Knob.WORKING_DISTANCE, 1.0, why="test")
        asked = {"adjustment__asked__asker": _always(Teller(rig))}
        return printed("adjust", *words, "DIR", "--state", str(rig.state), **asked)


def _models(*words: str) -> Any:
    """Of a library with a package that is champion; models answer at once."""
    from tests.rigs.packages import answer_of, written
    from tests.rigs.promoted import report_of

    from mhfd.learning.packages import Library

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with mock.patch("mhfd.learning.packages.package.tried", _always({"said": answer_of()})):
            library = Library(home, home / "shipped")
            package, other = (written(library.folder, title=title) for title in ("one", "two"))
            report = report_of(home / "report", package.name)
            if words[0] not in ("promote", "pull"):
                library.promote(package, report)
            there = Library(home / "there", home / "shipped")
            there.promote(other, report_of(home / "far", other.name, instrument="north"), instrument="north")
            said = {"PACKAGE": package.name, "OTHER": other.name, "REPORT": str(report), "THERE": str(there.home)}
            place = {"settings__places__models_home": _always(home)}
            return printed("models", *(said.get(word, word) for word in words), **place)


def _models_apply() -> Any:
    """What each pixel of an even image shows, by a network that has learned nothing."""
    import numpy as np
    import tifffile
    from tests.rigs.networks import TEST, answered, finder, network_card, network_of, restoring_written

    onnx = finder()
    card = network_card(network_of(gives=("map",), grid=8), ("resin", "tissue", "artefact"))
    with tempfile.TemporaryDirectory() as folder:
        home, image = Path(folder), Path(folder, "a.tif")
        tifffile.imwrite(image, np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8))
        with mock.patch("mhfd.learning.packages.package.tried", _always(answered(onnx, card, TEST))):
            package = restoring_written(home / "packages", "segment", onnx)
            place = {"settings__places__models_home": _always(home)}
            return printed("models", "apply", package.name, str(image), str(home / "b.tif"), **place)


def _adjust_moves() -> Any:
    """With a move that teaches, one that does not, and a line that is damaged."""
    from tests.rigs.recorded_moves import recorded_here

    with tempfile.TemporaryDirectory() as folder:
        state = recorded_here(Path(folder))
        return printed("adjust", "moves", "DIR", "--state", str(state), "--out", str(Path(folder, "out")))


def _adjust_learn() -> Any:
    """Of a package that somebody else taught, after a comparison of made-up numbers."""
    import numpy as np
    from tests.rigs.packages import answer_of, written

    from mhfd.learning.manifold.comparing import AdjustReport, MoveEntry, compare_moves
    from mhfd.learning.manifold.learning import LearnedAdjustment

    truth, specimens = np.array([-2.0, 2.0] * 6), [f"s{n // 2}" for n in range(12)]
    entries = [
        MoveEntry("no move", "no move", 0 * truth),
        MoveEntry("pca", "challenger", truth + 0.1, 0 * truth + 0.1),
        MoveEntry("lle", "compared", 0 * truth + np.nan, barred=("cannot be a package",)),
    ]
    found = compare_moves(entries, truth, specimens, alpha=0.025, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch("mhfd.learning.packages.package.tried", _always({"said": answer_of()})):
            package = written(Path(folder))
        report = AdjustReport(
            decision="promoted",
            kept=package.name,
            reason=found.reason,
            line=found.reason,
            challenger=package.name,
            champion="mhfd",
            test=1,
            alpha=0.025,
            seed=0,
            dataset="0" * 64,
            rows=12,
            specimens=tuple(specimens),
            entries=found.placings,
            duels=found.duels,
        )
        learned = LearnedAdjustment(package, report, Path("report.json"), ("learned",), ("one",), {"components": 2.0})
        return printed("adjust", "learn", "DIR", adjustment__learned__learn_moves=_always(learned))


def _adjust_calibrate() -> Any:
    from tests.rigs.known_moves import a_known_move, session

    with tempfile.TemporaryDirectory() as folder:
        words = ["--perturbation", "2um", "--out", str(Path(folder, "out"))]
        for pair in a_known_move(Path(folder)):
            words += ["--pair", *map(str, pair)]
        stub = {"adjustment__asked__pair_session": _always(session(1.25))}
        return printed("adjust", "calibrate", "--induced", "5um", *words, **stub)


def _propose() -> Any:
    from mhfd.contract.proposal import Proposal

    said = Proposal(
        sign=1, move_um=2.5, sd_um=0.5, stig_x=0.1, stig_y=-0.1, why="as far as was taught", package="a" * 64, title="t"
    )
    words = ["--pair", "a.tif", "b.tif", "--perturbation", "5um"]
    return printed("propose", *words, adjustment__proposing__propose=_always(said))


def _work(*words: str) -> Any:
    """Of a work that is done, so that nobody is asked."""
    from mhfd.contract.focus_report import Provenance
    from mhfd.contract.work import WorkAnswer, WorkState
    from mhfd_client.runners.work import Ended
    from mhfd_client.works.kept_work import KeptWork

    kept = KeptWork.new("k", "mhfd_assess", _ID, {}, keep=False)
    nobody = Provenance(version="1", backend="none", device="none", threads=0)
    kept.heard(Ended(kept.token, 0, WorkAnswer(ok=True, state=WorkState.DONE, provenance=nobody), 1))
    return printed(
        *("work", *words),
        works__beginning__begin=_always(kept),
        works__kept_work__known=_always([kept]),
        works__kept_work__KeptWork__named=_always(kept),
    )


PRINTED: Final[Mapping[str, Callable[[], Any]]] = {
    "adjust apply": lambda: _adjust("apply", "--really"),
    "adjust undo": lambda: _adjust("undo"),
    "adjust status": lambda: _adjust("status"),
    "adjust audit": lambda: _adjust("audit"),
    "plan": _plan,
    "retake": _retake,
    "inspect": _inspect,
    "calibrate": _calibrate,
    "tolerance": _tolerance,
    "config": _config,
    "whoami": _whoami,
    "alert test": _alert_test,
    "alert list": _alert_list,
    "alert digest": _alert_digest,
    "service status": _service_status,
    "check": _check,
    "dataset build": _dataset_build,
    "dataset check": _dataset_check,
    "train": _train,
    "learn": _learn,
    "replay": _replay,
    "adjust moves": _adjust_moves,
    "propose": _propose,
    "adjust learn": _adjust_learn,
    "adjust calibrate": _adjust_calibrate,
    "function register": lambda: _functions("register"),
    "function list": lambda: _functions("list"),
    "flow dry-run": _dry_run,
    "flow validate": _validate,
    "flow deploy": _deploy,
    "flow start": lambda: _started("start", "--wait"),
    "flow timer create": lambda: _started("timer", "create", "--every", "1h"),
    "flow timer list": lambda: _started("timer", "list"),
    "flow timer delete": lambda: _started("timer", "delete", "a", "--yes"),
    "models list": lambda: _models("list"),
    "models show": lambda: _models("show", "focus"),
    "models verify": lambda: _models("verify", "PACKAGE"),
    "models apply": _models_apply,
    "models add": lambda: _models("add", "PACKAGE"),
    "models pull": lambda: _models("pull", "focus", "--from", "THERE", "--instrument", "north"),
    "models promote": lambda: _models("promote", "PACKAGE", "--report", "REPORT"),
    "models rollback": lambda: _models("rollback", "focus"),
    "models remove": lambda: _models("remove", "OTHER"),
    "run list": lambda: _run("list"),
    "run show": lambda: _run("show", "a"),
    "run cancel": lambda: _run("cancel", "a"),
    "work begin": lambda: _work("begin", "mhfd_examine", "--endpoint", str(_ID)),
    "work list": lambda: _work("list"),
    "work show": lambda: _work("show", "k"),
    "work follow": lambda: _work("follow", "k"),
    "work cancel": lambda: _work("cancel", "k"),
}
"""By the command's words. Those of an endpoint and of `doctor`, which look at machines, are types."""
