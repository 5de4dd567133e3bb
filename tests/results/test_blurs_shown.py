"""What people are told of a blur, wherever they look: the same numbers, and empty where nothing is known."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rigs.blurs import blur, blurred
from tests.rigs.focus_reports import sharp
from tests.rigs.runs import Run

from mhfd_client.alerts import Digest
from mhfd_client.commands.results import status as status_command
from mhfd_client.commands.retake import retake as command
from mhfd_client.journal.rows import Outcome, VerdictRow
from mhfd_client.now import RunNow
from mhfd_client.results import run_report, status, tables
from mhfd_client.results.digest import digest
from mhfd_client.results.retake import others, retakes
from mhfd_client.results.sidecars import Recorder
from mhfd_client.scoring.table import Row, Table
from mhfd_client.settings.load import load
from mhfd_client.settings.options import NamesSettings
from mhfd_client.verdicts.blur import advice, kept
from mhfd_client.verdicts.blur.blur import Blur, BlurKind
from mhfd_client.verdicts.from_journal import verdict_of


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Nine sharp images, one of before there were blurs, one of each kind of blur."""
    made = Run(tmp_path)
    for section in range(1, 10):
        made.image(section, blur=blur(0.1, None))
    made.image(10, density=800.0, ratio=0.005)
    for section, kind in enumerate(BlurKind, 11):
        made.image(section, blur=blur(2.0 + section / 100, kind, um=3.1 if kind is BlurKind.DEFOCUS else None))
    yield made
    made.close()


def test_the_table_has_every_field_and_what_to_do(run: Run) -> None:
    found = retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)
    rows = {row["section"]: row for row in csv.DictReader(io.StringIO(tables.as_csv(found)))}
    assert {rows["10"][name] for name in (*kept.COLUMNS, "what_to_do")} == {""}  # unknown, not 0
    row = rows["11"]
    assert (row["blur_px"], row["blur_low"], row["blur_high"]) == ("2.11", "1.81", "2.41")
    assert (row["blur_kind"], row["blur_neighbours"], row["blur_chi2"]) == ("defocus", "15", "1.1")
    assert (float(row["blur_um"]), row["blur_angle_deg"]) == (3.1, "")
    assert row["what_to_do"] == "The focus is off: focus again. Then take it again."
    assert [rows[str(section)]["blur_kind"] for section in range(11, 17)] == [kind.value for kind in BlurKind]
    going = others(run.journal.told(), run.journal.last_labels(), run.journal.report).images
    text, _ = tables.others_csv(going, root=run.root, state_dir=run.state)
    first, *_ = csv.DictReader(io.StringIO(text))
    assert (first["blur_px"], first["blur_kind"]) == ("0.1", "")


def test_documents_say_it_in_one_form(run: Run) -> None:
    """The sidecar, the status and the verdict itself."""
    told = {item["section"]: item for item in status.status(run.journal, NamesSettings()).as_json()["retake"]}
    assert (told[10]["blur"], told[10]["what_to_do"]) == (None, None)
    whole = [one for one in run.journal.told() if one.image.section == 13]
    (one,) = whole
    assert one.image.report is not None
    _, data = Recorder(run.state, run.journal, load(env={})).sidecar(
        one.image, run.journal.report(one.image.report), one.verdict
    )
    said = json.loads(data)
    assert (
        said["verdict"]["blur"] == said["history"][0]["blur"] == told[13]["blur"] == said["verdict"]["detail"]["blur"]
    )
    assert Blur.model_validate(said["verdict"]["blur"]).kind is BlurKind.MOTION_ACROSS


def test_a_list_for_people_says_what_to_do_once_a_kind(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.image(20, blur=blur(3.0))
    run.journal.beat("stopped", in_flight=0, capacity=1)
    where = [str(run.root), "--state", str(run.state)]
    command.main(where, standalone_mode=False)
    said = capsys.readouterr().out
    assert said.count("focus again") == 1
    assert "defocus (2): The focus is off: focus again. Then take it again." in said
    assert "vibration (1): The lines are displaced against each other: look at pumps" in said
    status_command.main(where, standalone_mode=False)
    assert "What to image again (2 by defocus, 1 by motion along the lines, 1" in capsys.readouterr().out


def test_a_digest_counts_what_blurs_what_is_to_be_taken_again(run: Run) -> None:
    run.image(20, blur=blur(3.0))
    now = RunNow(run.journal)
    now.look()
    told = digest(now, "the watch has ended")
    assert "What blurs them: defocus (2), motion along the lines (1), motion across the lines (1)" in told.text()
    assert [image.blur.kind if image.blur else None for image in told.listed] == [None, *BlurKind, BlurKind.DEFOCUS]
    assert Digest.model_validate_json(told.model_dump_json()) == told


def test_a_report_shows_it(run: Run) -> None:
    page = run_report.render(run.journal, load(env={}))
    assert "defocus, 2.1 px (1.8 to 2.4), about 3.1 µm (2.6 to 3.7)" in page
    assert "correct the stigmators" in page


def test_a_notebooks_table_has_a_column_a_field(run: Run) -> None:
    verdicts = {one.image.section: verdict_of(one.verdict) for one in run.journal.told()}
    table = Table([Row("a.tif", sharp(1), verdict=verdicts[14]), Row("b.tif", sharp(2), verdict=verdicts[10])])
    first, second = table.records()
    assert (first["blur_px"], first["blur_kind"], first["blur_um"]) == (2.14, "vibration", None)
    assert {second[name] for name in kept.COLUMNS} == {None}
    assert "vibration, 2.1 px (1.8 to 2.4)" in table._repr_html_()


@pytest.mark.parametrize("detail", ["{}", '{"schema_version":2}', '{"blur":null}', '{"blur":{"px":1}}', '{"blur":'])
def test_a_verdict_without_a_blur_or_with_a_damaged_one_has_none(detail: str) -> None:
    row = VerdictRow(Outcome.OUT_OF_FOCUS, "", detail=detail)
    assert kept.blur_of(row) is None
    assert kept.slim(row).detail == "{}"


def test_a_slim_verdict_keeps_its_blur(run: Run) -> None:
    row = blurred(run.journal.verdicts(1)[-1], blur(2.5))
    assert len(kept.slim(row).detail) < len(row.detail)
    assert kept.blur_of(kept.slim(row)) == kept.blur_of(row) == blur(2.5)


def test_every_kind_has_its_words_and_none_says_how_far_to_turn() -> None:
    assert set(advice.WORDS) == set(BlurKind)
    for words in advice.WORDS.values():
        assert "ake it again" in words.advice
        assert not any(character.isdigit() for character in words.advice)


def test_a_blur_in_words() -> None:
    assert advice.size(blur(0.3, None)) == "0.3 px (0.0 to 0.6)"
    assert advice.size(blur(-0.02, None)) == "as its neighbours (-0.3 to 0.3 px)"
    assert advice.told(blur(2.1, None)) == "2.1 px (1.8 to 2.4)"
    assert advice.microns(blur(2.1)) is None
    assert advice.advice(None) is advice.advice(blur(2.1, None)) is None


def test_an_image_that_is_in_focus_needs_no_advice(run: Run) -> None:
    item = retakes(run.journal.told(), run.journal.last_labels(), run.journal.report)[1]
    assert item.what_to_do is not None
    assert replace(item, outcome=Outcome.IN_FOCUS).what_to_do is None
