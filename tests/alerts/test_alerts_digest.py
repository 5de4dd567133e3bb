"""The digest of a wafer: when it is said, what it says, and that everybody hears it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.rigs.bench import Bench, Scripted, score_all
from tests.rigs.receiver import answer, receiver
from tests.rigs.runs import Run
from tests.rigs.station_under_test import Judging

from mhfd.contract.focus_report import FocusReport
from mhfd_client.alerts import Alert, Alerts, Digest, DigestImage, Event, digest_message, overview
from mhfd_client.alerts.command import Command
from mhfd_client.alerts.digest import LISTED, ended
from mhfd_client.alerts.situation import Situation
from mhfd_client.cli import main
from mhfd_client.journal.folder import picture_of, thumbnails
from mhfd_client.journal.journal import Journal
from mhfd_client.journal.rows import ImageRow, Outcome, TroubleRow, VerdictRow
from mhfd_client.now import RunNow
from mhfd_client.results.digest import digest
from mhfd_client.settings.options import AlertSettings

NOW = 1_800_000_000.0
END = Situation(NOW, NOW - 9000, newest=7, images=7, last_arrival=NOW - 600)
SETTINGS = AlertSettings(disk_gb=0)


@pytest.mark.parametrize(
    ("now", "settings", "by_itself", "why"),
    [
        (END, {}, False, "no image has come for a while"),
        (replace(END, last_arrival=NOW - 599), {}, False, None),
        (replace(END, last_arrival=NOW - 599), {}, True, "the watch has ended, as nothing came any more"),
        (replace(END, last_arrival=NOW, complete=True), {}, False, "all that was expected is here and judged"),
        (replace(END, last_arrival=NOW, complete=True, waiting=1), {}, False, None),
        (replace(END, waiting=1), {}, False, None),
        (replace(END, last_arrival=NOW - 1200, waiting=1), {}, False, "no image has come for a while"),
        (replace(END, started=NOW - 60), {}, False, None),
        (replace(END, troubles=(TroubleRow("root_gone", None, "gone", 0, None),)), {}, False, None),
        (END, {"idle_s": 0}, False, None),
        (END, {"digest": False}, True, None),
        (replace(END, newest=0, images=0), {}, True, None),
    ],
)
def test_when_a_wafer_ends(now: Situation, settings: dict[str, object], by_itself: bool, why: str | None) -> None:
    chosen = AlertSettings.model_validate(settings)
    before = made(1, newest=3)
    assert ended(now, chosen, last=None, by_itself=by_itself) == why
    assert ended(now, chosen, last=before, by_itself=by_itself) == why
    assert ended(now, chosen, last=made(1, newest=7), by_itself=by_itself) is None, "once an end"


def test_retakes_of_a_complete_wafer_end_when_none_comes_any_more() -> None:
    """Not at each of them, though everything is here and judged after each."""
    complete = replace(END, complete=True, last_arrival=NOW)
    assert ended(complete, SETTINGS, last=made(9, newest=6)) == "all that was expected is here and judged"
    told = made(9, newest=6, complete=True)
    assert ended(complete, SETTINGS, last=told) is None
    assert ended(replace(complete, last_arrival=NOW - 600), SETTINGS, last=told) == "no image has come for a while"


def made(count: int, *, listed: int = LISTED, path: str = "S_{}.tif", **more: object) -> Digest:
    images = tuple(
        DigestImage(section=n, tile=None, path=path.format(n), outcome="out_of_focus", provisional=False, reason="Soft")
        for n in range(1, min(count, listed) + 1)
    )
    known = {"images": 200, "waiting": 0, "confirmed": 3, "again": count, "listed": images, "onward": 200 - count}
    fields = {"why": "it is over", "made": "2027-01-15T08:00:00.000Z", "newest": 200, **known}
    return Digest.model_validate(fields | {"command": "mhfd retake run --others --csv", "look": "mhfd page run"} | more)


def test_its_words() -> None:
    lines = made(25).lines()
    assert lines[0] == "25 to take again before you unload:"
    assert lines[1] == "  Soft (S_1.tif)"
    assert lines[21:] == [
        "  and 5 more",
        "175 of 200 images may go on to montage and alignment: mhfd retake run --others --csv",
        "Look at them with mhfd page run",
    ]
    text = made(12, missing=(4, 5), waiting=3, unsure=1, page="http://sem:8737/").text()
    assert text == (
        "12 to take again before you unload: section 1, section 2, section 3, section 4, section 5, section 6, "
        "section 7, section 8, section 9, section 10 and 2 more. Missing, wholly or in part: sections 4, 5. "
        "3 images not judged yet. 188 of 200 images may go on to montage and alignment: mhfd retake run --others --csv "
        "Of 1 image nothing can be said: look at them. Look at them where you are logged in: http://sem:8737/"
    )
    assert made(0).lines()[0] == "Nothing to take again."
    unknown = made(0, confirmed=0).lines()
    assert unknown[0] == "Nothing to take again, as far as can be told."
    assert unknown[1].startswith("Nobody has confirmed a sharp image: if all are blurred, none is found.")


def test_it_fits_into_an_environment(tmp_path: Path) -> None:
    """Names as long as a file system allows, each character of six in JSON."""
    long = made(20, path="\x01" * 4000 + "{}").bounded()
    assert 0 < len(long.listed) < 20
    told = Command([sys.executable, "-c", "import os; print(len(os.environ['MHFD_ALERT_JSON']))"], timeout_s=60)
    assert told.send(digest_message(long, "/data")).startswith("exit code 0: ")


def test_a_webhook_gets_the_pictures_of_the_first_few_and_a_command_their_paths(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    small.write_bytes(b"\xff\xd8 small")
    large.write_bytes(b"x" * (1 << 20))
    pictures = [str(small), str(large), str(tmp_path / "gone.jpg"), None, *[str(small)] * 16]
    bare = made(20)
    images = tuple(image.model_copy(update={"picture": p}) for image, p in zip(bare.listed, pictures, strict=True))
    message = digest_message(bare.model_copy(update={"listed": images}), "/data")
    from mhfd_client.alerts.webhook import Webhook

    with receiver(answer(204)) as server:
        Webhook(f"http://127.0.0.1:{server.server_port}/", headers={}, timeout_s=60).send(message)
    sent = Alert.model_validate_json(server.got[0][2])
    assert sent.digest is not None
    pixels = base64.b64encode(b"\xff\xd8 small").decode()
    assert [image.jpeg for image in sent.digest.listed] == [pixels, None, None, None, *[pixels] * 4, *[None] * 12]
    assert [image.picture for image in sent.digest.listed] == pictures
    assert sent.digest.listed[0].path == "S_1.tif"


def test_what_is_counted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    sharp = [run.image(section) for section in range(1, 10)]
    blurred = run.image(12, density=500.0, ratio=0.001)
    picture = picture_of(thumbnails(run.state), blurred)
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"\xff\xd8")
    run.journal.labelled(sharp[0], sharp=True)
    now = RunNow(run.journal)
    now.look()
    found = digest(now, "it is over", page="http://sem:8737/", clock=lambda: NOW)
    assert (found.images, found.again, found.confirmed, found.waiting, found.newest) == (10, 1, 1, 0, blurred)
    assert (found.missing, found.page, found.made) == ((10, 11), "http://sem:8737/", "2027-01-15T08:00:00.000Z")
    (image,) = found.listed
    assert (image.section, image.outcome, image.picture) == (12, "out_of_focus", str(picture))
    assert "out of focus" in image.reason
    assert found.onward + found.unsure == 9
    assert found.command == f"mhfd retake {run.journal.root()} --state {run.state} --others --csv"
    run.close()


# -- from a station to a real receiver


class Halves(Judging):
    """A judge: every second image is out of focus."""

    def judge(self, row: ImageRow, report: FocusReport) -> Sequence[tuple[int, VerdictRow]]:
        outcome = Outcome.OUT_OF_FOCUS if row.id % 2 else Outcome.IN_FOCUS
        return [(row.id, VerdictRow(outcome, f"Image {row.id} is {outcome}."))]


def watch(bench: Bench, url: str, **settings: object) -> None:
    """Until nothing comes any more, as `mhfd watch --until-idle`."""
    chosen = AlertSettings.model_validate({"disk_gb": 0, "out_of_focus": 0, "webhook": url, **settings})
    alerts = Alerts(bench.state, chosen, root=str(bench.root), digest=digest, grace_s=60.0)
    with ExitStack() as stack:

        def prepare(_: Journal) -> None:
            stack.enter_context(alerts)

        bench.prepare, bench.judge = prepare, Halves()
        summary = bench.run(Scripted(score_all), look=alerts.look)
        assert summary.by_itself
        alerts.finish()


def test_a_receiver_hears_it_once_an_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("S_001.tif", "S_002.tif", "S_003.tif")
    with receiver(answer(204)) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        watch(bench, url)
        (message,) = [Alert.model_validate_json(body) for _, _, body in server.got]
        assert (message.event, message.rule, message.episode) == (Event.DIGEST, None, 0)
        assert message.text.startswith("2 to take again before you unload: S_001.tif, S_003.tif. Nobody has confirmed")
        assert message.digest is not None
        assert [image.reason for image in message.digest.listed] == [
            "Image 1 is out_of_focus.",
            "Image 3 is out_of_focus.",
        ]
        assert (message.digest.onward, message.digest.images, message.digest.page) == (1, 3, None)
        assert message.images == ("S_001.tif", "S_003.tif")
        watch(bench, url)
        assert len(server.got) == 1, "the same end again"
        bench.put("S_004.tif", "S_005.tif")
        watch(bench, url)
        assert len(server.got) == 2
        assert server.got[0][1]["Idempotency-Key"] != server.got[1][1]["Idempotency-Key"]
    kept = overview(bench.state).digest
    assert kept is not None
    assert (kept.again, kept.images) == (3, 5)


def test_it_waits_for_a_receiver_that_is_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("S_001.tif")
    with receiver(answer(500)) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        watch(bench, url, timeout_s=1)
        assert overview(bench.state).pending[f"webhook 127.0.0.1:{server.server_port}"]
        server.do = answer(204)
        watch(bench, url)
        assert {headers["Idempotency-Key"] for _, headers, _ in server.got} == {server.got[0][1]["Idempotency-Key"]}
    assert overview(bench.state).pending == {}


# -- the command


def mhfd(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args], catch_exceptions=False)


def test_the_command_prints_it_and_sends_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("S_001.tif", "S_002.tif", "S_003.tif")
    where = bench.root, "--state", bench.state
    with receiver(answer(204)) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        watch(bench, url)
        printed = mhfd("alert", "digest", *where)
        sent = mhfd("alert", "digest", *where, "--send", "--set", f"alerts.webhook={url}", "--json")
        server.do = answer(500)
        failed = mhfd("alert", "digest", *where, "--send", "--set", f"alerts.webhook={url}")
    assert printed.exit_code == 0
    assert printed.output.splitlines()[:3] == [
        "2 to take again before you unload:",
        "  Image 1 is out_of_focus. (S_001.tif)",
        "  Image 3 is out_of_focus. (S_003.tif)",
    ]
    assert sent.exit_code == 0
    assert json.loads(sent.stdout)["again"] == 2
    assert [Alert.model_validate_json(body).event for _, _, body in server.got] == [Event.DIGEST] * 3
    assert failed.exit_code == 1
    assert mhfd("alert", "digest", *where, "--send").exit_code == 1, "nobody is told"
    assert ": 2 to take again before you unload" in mhfd("alert", "list", *where).output
