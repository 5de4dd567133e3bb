"""What learned packages say stands beside the verdict wherever that is told, and changes none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.rigs.blurs import blur
from tests.rigs.estimates import CAUSE, FOCUS, RADIUS, made
from tests.rigs.focus_reports import report
from tests.rigs.runs import Run
from tests.rigs.typed import typed_here

from mhfd.contract.estimate import EstimateMade
from mhfd_client.journal.view import JournalView
from mhfd_client.page import panels
from mhfd_client.page.listed import as_file
from mhfd_client.page.model import PageModel
from mhfd_client.results.run_report import render
from mhfd_client.results.sidecars import Recorder
from mhfd_client.scoring import learned
from mhfd_client.scoring.table import Row, Table
from mhfd_client.settings.load import load

LOADED = load(env={})
SAID = (
    made(RADIUS, radius_px=2.1, sd=0.55),
    made(CAUSE, cause="defocus", p=0.83),
    made(FOCUS, refusal="it compares with sharp images near this one, and there are none yet"),
)
WORDS = ["radius 2.1 px (1.6 to 2.7), says mhfd-radius 3f2a", "cause: defocus (p .83), says mhfd-cause 9b1c"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with closing(Run(tmp_path)) as run:
        yield run


def blurred(run: Run, *estimates: EstimateMade) -> int:
    for section in range(1, 10):
        run.image(section)
    return run.image(10, density=500.0, ratio=0.001, blur=blur(2.0), estimates=estimates)


def test_they_change_no_verdict(tmp_path: Path) -> None:
    found = []
    for name, says in (("a", SAID), ("b", ())):
        (tmp_path / name).mkdir()
        with closing(Run(tmp_path / name, now=lambda: 7)) as run:
            image = run.journal.image(blurred(run, *says))
            assert image.verdict is not None
            found.append(run.journal.verdict(image.verdict))
    assert found[0] == found[1]


def test_the_sidecar_has_them(run: Run) -> None:
    row = run.journal.image(blurred(run, *SAID))
    assert row.report is not None
    assert row.verdict is not None
    recorder = Recorder(run.state, run.journal, LOADED)
    _, data = recorder.sidecar(row, run.journal.report(row.report), run.journal.verdict(row.verdict))
    told = json.loads(data)
    assert told["estimates"] == [
        one.estimate.model_dump(mode="json") for one in sorted(SAID, key=lambda one: one.estimate.package)
    ]
    assert "estimates" not in told["report"]


def typed(*words: str) -> str:
    code, output = typed_here(words)
    assert code == 0, output
    return output


def test_status_and_retake_tell_them(run: Run) -> None:
    blurred(run, *SAID)
    where = str(run.root), "--state", str(run.state)
    told = json.loads(typed("status", *where, "--json"))
    assert {one["title"]: (one["spoke"], one["refused"]) for one in told["speakers"]} == {
        "lab-focus": (0, 1),
        "mhfd-cause": (1, 0),
        "mhfd-radius": (1, 0),
    }
    assert [one["package"] for one in told["retake"][0]["estimates"]] == [RADIUS, FOCUS, CAUSE]
    assert "learned: lab-focus 77d0 spoke of 0 images, said nothing of 1" in typed("status", *where)
    lines = typed("retake", *where)
    assert all(f"    {words}\n" in lines for words in WORDS)
    (row,) = csv.DictReader(io.StringIO(typed("retake", *where, "--csv")))
    assert {name: row[name] for name in learned.COLUMNS} == {
        "learned_radius_px": "2.1",
        "learned_radius_sd": "0.55",
        "learned_cause": "defocus",
        "learned_cause_p": "0.83",
        "learned_bad_p": "",
        "learned_by": "mhfd-radius 3f2a; mhfd-cause 9b1c",
    }


def test_page_and_report_say_which_package_spoke(run: Run) -> None:
    image = blurred(run, *SAID)
    with JournalView.read(run.state) as view:
        model = PageModel(view, confirm=3)
        model.refresh()
        env = panels.templates()
        parts = panels.panels(env, model)
        shown = panels.image(env, model, model.entries[image])
        listed = panels.retakes(env, model, "section", 0)
        for part in (parts["last"], shown, listed, render(view, LOADED)):
            assert all(words in part for words in WORDS)
        assert "lab-focus 77d0 says nothing: it compares" in shown
        assert "lab-focus" not in parts["last"], "who says nothing is in the image's facts only"
        told = as_file(model, "csv")
        assert told is not None
        assert "mhfd-radius 3f2a; mhfd-cause 9b1c" in told[0]


def test_a_title_is_text_whatever_is_in_it(run: Run) -> None:
    nasty = made(RADIUS, radius_px=2.1).estimate.model_copy(update={"title": "=<b>x</b>"})
    image = blurred(run, EstimateMade(nasty))
    with JournalView.read(run.state) as view:
        model = PageModel(view, confirm=3)
        model.refresh()
        env = panels.templates()
        for part in (panels.image(env, model, model.entries[image]), render(view, LOADED)):
            assert "<b>x</b>" not in part
            assert "=&lt;b&gt;x&lt;/b&gt; 3f2a" in part
        told = as_file(model, "csv")
        assert told is not None
        assert ",'=<b>x</b> 3f2a" in told[0]


def test_the_notebooks_table_has_them() -> None:
    rows = [Row("a.tif", report(), estimates=tuple(one.estimate for one in SAID)), Row("b.tif", report())]
    with_, without = Table(rows).records()
    assert (with_["learned_radius_px"], with_["learned_cause"], with_["learned_by"]) == (
        2.1,
        "defocus",
        "mhfd-radius 3f2a; mhfd-cause 9b1c",
    )
    assert {without[name] for name in learned.COLUMNS} == {None}
    assert WORDS[0] in Table(rows)._repr_html_()


# -- the question of the page


def asked(view: JournalView) -> PageModel:
    model = PageModel(view, confirm=3)
    model.refresh()
    return model


def test_the_page_asks_about_one_image_and_can_be_told_not_now(run: Run) -> None:
    images = [run.image(section, estimates=[made(FOCUS, p=0.02)]) for section in range(1, 10)]
    odd = [run.image(section, estimates=[made(FOCUS, p=p)]) for section, p in ((20, 0.9), (30, 0.7))]
    with JournalView.read(run.state) as view:
        assert asked(view).teaches is None, "nobody has confirmed what is sharp: that is asked first"
        for image in images[:3]:
            run.journal.labelled(image, sharp=True)
        run.journal.note("question", "null")
        model = asked(view)
        assert model.teaches is not None
        assert model.teaches.image == odd[0]
        html = panels.panels(panels.templates(), model)["teach"]
        assert "the verdict is in focus, and lab-focus 77d0 says out of focus (p .90)" in html
        assert html.count("data-label=") == 2
        assert html.count("data-later=") == 1
        run.journal.labelled(odd[0], sharp=False)
        model.refresh()
        assert model.teaches.image == odd[1]
        model.dismiss(odd[1])
        model.refresh()
        assert model.teaches is None
        assert panels.panels(panels.templates(), model)["teach"].strip() == ""
