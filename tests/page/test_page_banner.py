"""What the header says, from what the model knows. No browser, no journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rigs.page_rig import Rig

from mhfd.contract.focus_report import Finding
from mhfd_client.journal.view import JournalView
from mhfd_client.page import banner, panels
from mhfd_client.page.model import PageModel


def model(rig: Rig) -> PageModel:
    made = PageModel(JournalView.read(rig.state), confirm=3)
    made.refresh()
    return made


def test_nothing_is_green_before_a_person_has_confirmed_an_image(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        for i in range(1, 31):
            rig.image(i, factor=0.4)  # all of them blurred alike, and nobody has said so
        seen = model(rig)
        sharp = banner.sharpness(seen)
        assert (sharp.kind, sharp.text, sharp.asks) == ("unsure", "? Not confirmed yet", True)
        assert "20 in focus provisionally; nobody has said" in sharp.more
        assert banner.icon(seen) == "unsure"
        assert banner.title(seen, "/sem/wafer7/") == "▶ not confirmed yet - wafer7 - mhfd"
        html = panels.panels(panels.templates(), seen)
        assert "badge in_focus" not in html["last"]
        assert 'picture in_focus"' not in html["strip"]
        assert "○" in html["strip"]
        seen.journal.close()


def test_a_confirmed_run_is_green_and_says_what_failed(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(12, confirm=3)
        seen = model(rig)
        assert banner.sharpness(seen).kind == "good"
        assert banner.todo(seen).text == "✓ Nothing"
        assert (banner.icon(seen), banner.title(seen, "/sem/wafer7")) == ("good", "▶ running - wafer7 - mhfd")
        for i in (13, 14):
            rig.image(i, factor=0.4)
        seen.refresh()
        assert banner.sharpness(seen).text == "▼ 2 of 14 out of focus"
        assert banner.title(seen, "/sem/wafer7") == "▶ 2 to take again - wafer7 - mhfd"
        assert banner.icon(seen) == "bad"
        seen.journal.close()


def test_a_run_of_which_nothing_can_be_told_is_not_in_focus(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(8, confirm=3)
        for i in range(9, 30):
            rig.image(i, finding=Finding.BLANK, detail="every grey value is 7")
        seen = model(rig)
        assert (banner.sharpness(seen).kind, banner.sharpness(seen).text) == ("watch", "◆ Can't tell")
        seen.journal.close()


def test_too_few_images_to_ask_about_is_not_nothing_to_do(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.run(2)
        seen = model(rig)
        assert seen.question is None
        assert banner.todo(seen).kind == "unsure"
        seen.journal.close()


@pytest.mark.parametrize(
    ("root", "name"),
    [("/sem/wafer7", "wafer7"), ("/sem/wafer 7/", "wafer 7"), ("/", "/"), ("/sem/a\udcffb", "a\\udcffb")],
)  # fmt: skip
def test_a_run_is_called_as_its_folder_is(root: str, name: str) -> None:
    assert banner.name_of(root) == name
