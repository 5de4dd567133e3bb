"""The page in a real browser: what an operator sees when things happen.

Screenshots of every state are written to MHFD_TEST_SHOTS, if that names a folder. The browser runs the page under its
own Content-Security-Policy, and every test fails when the page logs an error that it does not expect.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tifffile
from playwright.sync_api import expect
from tests.rigs.blurs import blur
from tests.rigs.globus.processes import free_ports
from tests.rigs.page_browser import DESKTOP, FITS, PHONE, Opens, points, shoot
from tests.rigs.page_rig import Rig, served

from mhfd import simulate
from mhfd.contract.focus_report import Finding
from mhfd.contract.params import Params
from mhfd_client.alerts import Delivery, Episode, Overview, Rule
from mhfd_client.arrival.events import Whole
from mhfd_client.flow.runs_out import RUNS_FILE, RunsFile
from mhfd_client.naming import Place
from mhfd_client.verdicts.blur.blur import BlurKind

pytestmark = pytest.mark.browser


@pytest.fixture
def free_port() -> int:
    (port,) = free_ports(1)
    return port


def test_an_image_that_arrives_is_on_the_page_without_reloading(rig: Rig, opens: Opens) -> None:
    rig.run(8, confirm=3)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 8)
        rig.beat()  # the browser may have taken longer to open than a sign of life lasts
        expect(page.locator("#running strong")).to_contain_text("Running")
        expect(page.locator("#sharp strong")).to_contain_text("In focus")
        assert page.title() == "▶ running - run - mhfd"
        page.evaluate("() => { document.body.dataset.same = 'yes' }")
        expect(page.locator(".strip img").first).to_have_js_property("complete", True)
        page.evaluate("() => { document.querySelector('.strip img').kept = true }")
        blurred = rig.image(9, factor=0.4)
        points(page, 9)
        expect(page.locator("#last-look")).to_have_attribute("data-look", str(blurred))
        expect(page.locator("#strip li button, .strip li button").first).to_have_attribute("data-look", str(blurred))
        expect(page.locator(".retakes")).to_contain_text("Section 9")
        expect(page.locator(".retakes")).to_contain_text("is out of focus")
        expect(page.locator("#sharp strong")).to_contain_text("1 of 9 out of focus")
        expect(page.locator("#announce")).to_contain_text("1 of 9 out of focus")  # screen readers hear it
        assert "to take again" in page.title()
        assert page.evaluate("() => document.body.dataset.same") == "yes"
        assert page.evaluate("() => document.querySelectorAll('.strip img')[1].kept")  # not loaded again
        expect(page.locator("#waits")).to_have_attribute("data-bars", "9")
        expect(page.locator(".times .total")).to_contain_text("in all")
        shoot(page, "retake")


def test_nothing_is_green_before_somebody_has_confirmed_an_image(rig: Rig, opens: Opens) -> None:
    ids = [rig.image(i, factor=0.4) for i in range(1, 13)]  # all blurred alike
    with served(rig) as at:
        page = opens(at.address)
        points(page, 12)
        banner = page.locator("#sharp.unsure")
        expect(banner).to_contain_text("? Not confirmed yet")
        expect(page).to_have_title("▶ not confirmed yet - run - mhfd")
        expect(page.locator("#icon")).to_have_attribute("href", "/assets/icon-unsure.svg")
        expect(page.locator("#chart-note")).to_contain_text("○ 12 in focus, provisional")
        expect(page.locator(".badge.in_focus, .strip .in_focus, .cell.good:not(#running)")).to_have_count(0)
        expect(page.locator("#announce")).to_be_attached()
        shoot(page, "unconfirmed")
        banner.get_by_role("link", name="Say which images are sharp").click()
        expect(page.locator("#ask")).to_be_focused()
        page.locator(f"#strip-{ids[0]}").click()
        page.get_by_role("dialog").get_by_role("button", name="Sharp", exact=True).click()
        expect(page.get_by_role("dialog").locator(".actions .waits")).to_be_visible()
        rig.take_in()
        expect(page.locator("#sharp")).not_to_have_class(re.compile("unsure"))
        expect(page.locator("#icon")).to_have_attribute("href", re.compile("icon-(watch|good)"))


def test_the_page_asks_takes_the_answer_and_the_anchor_moves(rig: Rig, opens: Opens) -> None:
    ids = rig.run(12)
    with served(rig) as at:
        page = opens(at.address)
        expect(page.get_by_role("heading", name="Are these sharp?")).to_be_visible()
        expect(page.locator("#chart-note")).to_contain_text("no anchor yet")
        shoot(page, "asks")
        page.get_by_label("Your name, for the record").fill("Ann <b>")
        page.keyboard.press("Tab")
        asked = page.locator(".asked [data-label=sharp]").count()
        assert asked == 3
        image = page.locator(".asked [data-label=sharp]").first.get_attribute("data-image")
        page.locator(f"#ask-sharp-{image}").click()
        expect(page.locator(".asked .waits")).to_have_count(1)
        assert rig.take_in() > 0
        expect(page.locator(f".asked li:not(.known) #ask-look-{image}")).to_have_count(0)  # it asks on
        expect(page.locator("#chart-note")).to_contain_text("the anchor, 1 confirmed image at")
        first = float(page.locator("#chart").get_attribute("data-anchor") or 0)
        assert first > 0
        anchors = {first}
        (label,) = rig.journal.labels()
        assert (label.sharp, label.who, label.image in ids) == (True, "Ann <b>", True)
        assert label.at_ns > 0

        for confirmed in (2, 3):
            image = page.locator(".asked [data-label=sharp]").first.get_attribute("data-image")
            page.locator(f"#ask-sharp-{image}").click()
            expect(page.locator(".asked .waits")).to_have_count(1)
            rig.take_in()
            expect(page.locator(f".asked li:not(.known) #ask-look-{image}")).to_have_count(0)  # it asks on
            expect(page.locator("#chart-note")).to_contain_text(f"the anchor, {confirmed} confirmed images at")
            anchors.add(float(page.locator("#chart").get_attribute("data-anchor") or 0))
        assert len(anchors) > 1  # it moved
        expect(page.locator(".ask")).to_have_count(0)
        expect(page.locator("#tasks strong")).to_contain_text("Nothing")
        shoot(page, "calm")


def test_the_page_shows_how_blurred_an_image_is_by_what_and_what_to_do(rig: Rig, opens: Opens) -> None:
    """The chart turns to blur with the first that is known, and back to features for whoever wants them."""
    rig.image(1)
    with served(rig) as at:
        page = opens(at.address)
        chart = page.locator("#chart")
        expect(chart).to_have_attribute("data-measure", "density")
        expect(page.locator("#measure")).to_be_hidden()
        for section in range(2, 10):
            rig.image(section, blur=blur(0.2, None))
        bad = rig.image(10, factor=0.4, blur=blur(2.1, BlurKind.VIBRATION))
        points(page, 10)
        expect(chart).to_have_attribute("data-measure", "blur")
        expect(page.locator("#chart-note")).to_contain_text("dotted: the tolerance, 1.15 px · ")
        expect(page.locator("#chart-note")).to_contain_text(
            "whiskers: 95% of the true values · at the bottom: no number"
        )
        for where in (page.locator(".retakes"), page.locator("#last")):
            expect(where).to_contain_text("vibration, 2.1 px (1.8 to 2.4)")
            expect(where).to_contain_text("look at pumps, the floor and stray fields")
        expect(page.locator(f"#strip-{bad}")).to_contain_text("2.1 px")
        expect(page.locator(".asked").first).to_contain_text("blur: 0.2 px (-0.1 to 0.5)")
        shoot(page, "blur")
        page.locator(f"#strip-{bad}").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".sentence .do")).to_contain_text("The lines are displaced against each other")
        expect(dialog.locator("table")).to_contain_text("2.1 px (1.8 to 2.4)")
        expect(dialog.locator("dl")).to_contain_text("vibration; its pixels: displacement of the lines")
        shoot(page, "blur-image")
        page.keyboard.press("Escape")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate(FITS)
        page.locator("#measure").select_option("density")
        expect(chart).to_have_attribute("data-measure", "density")
        page.locator("#chart").focus()
        page.keyboard.press("End")
        expect(page.locator("#chart-said")).to_contain_text("section 10: out of focus")
        expect(page.locator("#chart-said")).to_contain_text("vibration, 2.1 px (1.8 to 2.4); 1,")


def test_an_image_beside_its_neighbours_at_full_size(rig: Rig, opens: Opens) -> None:
    rig.run(8, confirm=3)
    middle = rig.image(9, factor=0.4)
    rig.image(10)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 10)
        page.locator(f".strip [data-look='{middle}']").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name="Section 9")).to_be_focused()
        expect(dialog.locator(".pane[data-shown]")).to_have_count(3)
        expect(dialog.locator("figcaption").first).to_contain_text("before: Section 8")
        expect(dialog.locator("figcaption").last).to_contain_text("after: Section 10")
        expect(dialog.locator(".sentence")).to_contain_text("Section 9 is out of focus")
        expect(dialog.locator("table")).to_contain_text("cross-spectrum")
        box = dialog.locator(".this .pane").bounding_box()
        seen = dialog.locator(".this .pane img").first.bounding_box()
        assert box is not None
        assert seen is not None
        assert seen["height"] == pytest.approx(box["height"], abs=2)  # the whole image, as large as it fits
        assert seen["x"] + seen["width"] / 2 == pytest.approx(box["x"] + box["width"] / 2, abs=2)
        before = dialog.locator("#zoom-said").inner_text()
        shoot(page, "image")
        expect(dialog.locator("#zoom-said")).to_have_text(before)
        dialog.get_by_role("button", name="Zoom in").click()
        expect(dialog.locator("#zoom-said")).not_to_have_text(before)
        expect(dialog.locator(".pane.near")).not_to_have_count(0)  # single pixels are seen, not a smooth blur
        dialog.locator("#panes").focus()
        page.keyboard.press("0")
        expect(dialog.locator("#zoom-said")).to_have_text(before)
        dialog.get_by_role("button", name=re.compile("after: Section 10")).click()
        expect(dialog.get_by_role("heading", name="Section 10")).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).not_to_be_visible()
        page.go_back()
        expect(page.get_by_role("dialog")).to_be_visible()


def test_a_picture_that_cannot_be_shown_says_why(rig: Rig, opens: Opens) -> None:
    rig.run(7)
    gone, replaced, unreadable = images = [rig.image(section) for section in (8, 9, 10)]
    paths = {image: rig.root / f"S_{section:04}.tif" for section, image in enumerate(images, 8)}
    paths[gone].unlink()
    paths[replaced].write_bytes(paths[replaced].read_bytes() + b"\0")
    stat = paths[unreadable].stat()
    paths[unreadable].write_bytes(b"\0" * stat.st_size)
    os.utime(paths[unreadable], ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    with served(rig) as at:
        page = opens(at.address)
        for image, words in ((gone, "is gone"), (replaced, "was replaced"), (unreadable, "nothing to show")):
            page.locator(f"#strip-{image}").click()
            expect(page.locator(".this .pane[data-failed]")).to_contain_text(words)
            shoot(page, f"file-{words.split()[-1]}")
            page.keyboard.press("Escape")


def test_each_state_of_the_station_is_told_apart(rig: Rig, opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(rig) as at:
        page = opens(at.address)
        gone: list[str] = []
        page.on("response", lambda answer: gone.append(answer.url) if answer.status == 404 else None)
        expect(page.locator("#sharp strong")).to_contain_text("No image yet")
        expect(page.locator("#last")).to_contain_text("No image has been judged yet")
        shoot(page, "empty")

        rig.run(8, confirm=3)
        rig.image(12)
        expect(page.locator(".missing")).to_contain_text("section 9")
        expect(page.locator("#tasks strong")).to_contain_text("missing")
        shoot(page, "missing")

        rig.image(13, finding=Finding.INCOMPLETE, detail="the file ends early", picture=False)
        rig.image(14, finding=Finding.BLANK, detail="every grey value is 7", picture=False)
        expect(page.locator(".retakes")).to_contain_text("incomplete")
        expect(page.locator("#last .verdict")).to_contain_text("can't tell")
        expect(page.locator("#last .picture")).to_contain_text("nothing to see")
        expect(page.locator(".strip .nothing")).to_have_count(2)
        assert not gone  # no picture is asked for of what has none

        rig.journal.trouble("root_gone", None, "the folder is not there: is it unmounted?")
        rig.beat("waiting for the folder: the folder is not there: is it unmounted?")
        expect(page.locator("#running strong")).to_contain_text("Waiting")
        expect(page.locator(".trouble")).to_contain_text("is it unmounted?")
        expect(page.locator("#announce")).to_contain_text("is it unmounted?")
        shoot(page, "unmounted")
        rig.journal.recovered()
        rig.beat()
        expect(page.locator(".trouble")).to_have_count(0)

        for i in range(15, 31):
            rig.image(i, factor=max(0.6, 1 - 0.03 * (i - 14)))
        expect(page.locator("#sharp strong")).to_contain_text("Focus drifts")
        shoot(page, "drift")

        rig.close()
        expect(page.locator("#running strong")).to_contain_text("Stopped")
        shoot(page, "stopped")

        monkeypatch.setattr("mhfd_client.now.ALIVE_S", -1.0)  # it was killed long ago
        rig.open()
        expect(page.locator("#running strong")).to_contain_text("No sign of life")
        shoot(page, "dead")


def test_a_server_that_goes_and_comes_back(rig: Rig, opens: Opens) -> None:
    rig.run(8)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 8)
        port = int(at.base.rpartition(":")[2])
    expect(page.locator("#lost")).to_contain_text("No word from the station since")
    expect(page).to_have_title(re.compile("No connection"))
    shoot(page, "lost")
    rig.image(9, factor=0.4)
    with served(rig, port=port):
        points(page, 9)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator(".retakes")).to_contain_text("Section 9")


def test_a_browser_that_slept_catches_up(rig: Rig, opens: Opens) -> None:
    rig.run(8)
    with served(rig) as at:
        page = opens(at.address)
        page.add_init_script("delete window.SharedWorker")  # which what follows does not cut off
        page.reload()
        points(page, 8)
        page.context.set_offline(True)
        expect(page.locator("#lost")).to_be_visible()
        for i in range(9, 14):
            rig.image(i)
        page.context.set_offline(False)
        points(page, 13)
        expect(page.locator("#lost")).to_be_hidden()


def test_another_run_in_the_same_place_starts_the_page_over(rig: Rig, opens: Opens, tmp_path: Path) -> None:
    rig.run(8)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 8)
        port = int(at.base.rpartition(":")[2])
    token = (rig.state / "page-token").read_text()
    (tmp_path / "other").mkdir()
    with Rig(tmp_path / "other") as other:
        (other.state / "page-token").write_text(token)
        (other.state / "page-token").chmod(0o600)
        other.run(3)
        with served(other, port=port):
            points(page, 3)


def test_a_file_named_like_a_script_stays_text(rig: Rig, opens: Opens) -> None:
    rig.run(7)
    evil = "<script>document.body.dataset.ran=1</script><img src=x onerror=document.body.dataset.ran=1>\u202e.tif"
    name = evil.replace("/", "\u2215")
    image = rig.image(None, name=name)
    rig.image(8, factor=0.3, tile="<img src=x onerror=alert(1)>", name="t.tif")
    rig.journal.trouble("denied", name, "permission denied <script>x</script>")
    with served(rig) as at:
        page = opens(at.address)
        expect(page.locator(".trouble")).to_contain_text("<script>document")
        page.locator(f"#strip-{image}").click()
        expect(page.get_by_role("dialog").locator(".path")).to_contain_text("<script>document")
        shoot(page, "hostile")
        page.keyboard.press("Escape")
        page.locator("#chart").focus()
        for _ in range(4):
            page.keyboard.press("ArrowLeft")
        assert page.evaluate("() => document.body.dataset.ran") is None
        assert page.locator("main script, header script, dialog script").count() == 0


def test_everything_can_be_done_from_the_keyboard(rig: Rig, opens: Opens) -> None:
    rig.run(12)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 12)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to what needs you")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#ask")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(page.locator(".asked [data-label=sharp]").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".asked .waits")).to_have_count(1)
        rig.take_in()
        expect(page.locator("#chart-note")).to_contain_text("the anchor")
        assert page.evaluate("() => document.activeElement.closest('section')?.id") == "ask"  # not thrown to the top

        page.locator("#chart").focus()
        page.keyboard.press("End")
        expect(page.locator("#chart-said")).to_contain_text("section 12: in focus")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#chart-said")).to_contain_text("section 11")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Section 11")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#chart")).to_be_focused()


def test_names_roles_and_landmarks(rig: Rig, opens: Opens) -> None:
    rig.run(8, confirm=3)
    rig.image(9, factor=0.4)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 9)
        for role in ("banner", "main", "contentinfo"):
            expect(page.get_by_role(role)).to_have_count(1)
        nameless = page.evaluate(
            "() => [...document.querySelectorAll('button, select, input, section')].filter(e => !(e.innerText || "
            "e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.labels?.length)).length"
        )
        assert nameless == 0
        assert page.evaluate("() => [...document.querySelectorAll('img')].every(i => i.hasAttribute('alt'))")
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        for size in (DESKTOP, {"width": 1280, "height": 800}, {"width": 1024, "height": 768}, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(FITS), size


def test_with_several_tiles_the_band_is_that_of_the_chosen_one(rig: Rig, opens: Opens) -> None:
    for section in range(1, 9):
        for tile in ("r1-c1", "r1-c2", "r1-c10"):
            rig.image(section, tile=tile)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 24)
        expect(page.locator("#chart-note")).to_contain_text("choose a tile to see its threshold")
        assert page.locator("#tile option").all_inner_texts() == ["all", "r1-c1", "r1-c2", "r1-c10"]
        page.locator("#tile").select_option("r1-c2")
        expect(page.locator("#chart-note")).to_contain_text("grey band")
        expect(page.locator("#chart")).to_have_attribute("data-drawn", "8")
        shoot(page, "tiles")


def test_a_frame_that_was_asked_for_does_not_miss_the_drawing_that_is_made_anew(rig: Rig, opens: Opens) -> None:
    rig.run(3)
    with served(rig) as at:
        page = opens(at.address)
        points(page, 3)
        blurred = [99, 9, None, 900, 0, False, None, None, False, None, "9", [1.2, 0.9, 1.5, "blurred by 1.2 px"]]
        page.evaluate("(row) => { Course.draw(); Course.take([row]); }", blurred)  # from features to blur: made anew
        expect(page.locator("#chart")).to_have_attribute("data-measure", "blur")
        expect(page.locator("#chart")).to_have_attribute("data-drawn", "4")
        page.evaluate("() => { Course.weigh('density'); Course.weigh('blur'); Course.weigh('density'); }")
        expect(page.locator("#chart")).to_have_attribute("data-measure", "density")
        expect(page.locator("#chart-drawing > *")).to_have_count(1)


def test_images_without_a_section_are_drawn_as_they_came(rig: Rig, opens: Opens) -> None:
    with served(rig) as at:
        page = opens(at.address)
        expect(page.locator("#chart-note")).to_contain_text("It begins with the first verdict")
        for i in range(7):
            rig.image(None, name=f"image {i}.tif")
        points(page, 7)
        expect(page.locator("#chart")).to_have_attribute("data-drawn", "7")
        expect(page.locator(".strip button").first).to_contain_text("image 6.tif")


def test_an_alert_that_rings_is_on_the_page(rig: Rig, opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    silence = Episode(1, Rule.SILENCE, time.time(), "no image for 20 min")
    deaf = Delivery("webhook <sem>", failures=3, error="refused")
    monkeypatch.setattr("mhfd_client.page.model.overview", lambda _: Overview(episodes=(silence,), sinks=(deaf,)))
    rig.run(7)
    with served(rig) as at:
        page = opens(at.address)
        expect(page.locator(".trouble[data-kind=silence]")).to_contain_text("no image for 20 min")
        expect(page.locator(".trouble[data-kind=unheard]")).to_contain_text("webhook <sem> is failing")
        expect(page.locator("#tasks strong")).to_contain_text("see the red line")


def test_runs_of_a_flow_are_followed_without_reloading(rig: Rig, opens: Opens) -> None:
    rig.run(8)
    rows = [rig.journal.arrived(Whole(f"S_{n:04}.tif", 8, 1, 1.0, 2.0), Place(n)) for n in range(20, 26)]
    images = [row.id for row in rows if row is not None]
    rig.journal.intent(images, "t", "flow", Params(), durable=False)
    with served(rig) as at:
        page = opens(at.address)
        page.set_viewport_size({"width": 1280, "height": 900})
        points(page, 8)
        expect(page.locator("#runs")).to_have_count(0)
        book = RunsFile(rig.state / RUNS_FILE, "a flow")
        for key, some in (("k1", images[:3]), ("k2", images[3:5])):
            book.asking(key, [("t", image) for image in some], [str(image) for image in some], time.time_ns())
        runs = page.locator("#runs .runs li")
        expect(runs).to_have_count(2)
        expect(runs.first).to_contain_text("Being asked for")
        expect(runs.first).to_contain_text("3 images: S_0020.tif to S_0022.tif; run k1")
        expect(page.locator("#runs")).to_contain_text("1 image waits for the next run.")
        for key, run in (("k1", "0123456789"), ("k2", "9876543210")):
            book.made(key, run)
        book.seen("k1", "ACTIVE", "Score")
        book.seen("k2", "INACTIVE", "BringImages")
        expect(runs.first).to_contain_text("Scoring")
        expect(runs.first).to_contain_text("s ago")
        expect(runs.first).to_contain_text("run 01234567")
        expect(runs.last).to_contain_text("Waiting for a consent")
        assert page.evaluate(FITS)
        shoot(page, "runs")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate(FITS)
        book.done("k1")
        expect(runs).to_have_count(1)
        rig.journal.returned("t", "cancelled", ids=images, blame=False)
        expect(page.locator("#runs")).to_have_count(0)
        book.close()


@contextmanager
def watching(root: Path, state: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [
        str(Path(sys.executable).with_name("mhfd")),
        "watch",
        str(root),
        "--state",
        str(state),
        "--workers",
        "1",
        "-q",
    ]
    command += ["--page-port", str(port), "--set", "arrival.settle_s=0.1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(one for one in process.stderr if one.startswith("page: "))
        try:
            yield process, line.removeprefix("page: ").strip()
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(60) == 0


def test_a_real_watch_from_its_printed_address_through_a_restart(tmp_path: Path, opens: Opens, free_port: int) -> None:
    root, state = tmp_path / "run", tmp_path / "state"
    root.mkdir()
    for z in range(2):
        tifffile.imwrite(root / f"S_{z:03d}.tif", simulate.section((256, 256), seed=1, z=z))
    with watching(root, state, free_port) as (_, address):
        page = opens(address)
        points(page, 2)
        tifffile.imwrite(root / "S_002.tif", simulate.section((256, 256), seed=1, z=2))
        points(page, 3)
    expect(page.locator("#lost")).to_be_visible()
    tifffile.imwrite(root / "S_003.tif", simulate.section((256, 256), seed=1, z=3))
    with watching(root, state, free_port):
        points(page, 4)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#running strong")).to_contain_text("Running")
        page.locator(".strip button").first.click()
        expect(page.locator(".this .pane[data-shown]")).to_be_visible()
