"""What `make demo-adjust` says of its trials: the line, and each bar that is missed, the sign's above all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rigs.instruments.demo_rows import DemoRow, kept_in, rows_of
from tests.rigs.instruments.demo_table import BLANKS, INSTRUMENTS, KILLS, LEARNERS, judged, main, verdicts


def trials(instrument: str) -> list[DemoRow]:
    """As many as are wanted, all of them good."""
    found: list[DemoRow] = []
    for learner in LEARNERS:
        for specimen in range(15):
            for trial in range(4):
                truth = (1.5 + specimen / 4) * (-1) ** trial
                row = DemoRow(
                    instrument=instrument,
                    learner=learner,
                    part="sign",
                    specimen=specimen,
                    trial=trial,
                    truth_um=truth,
                    move_um=truth + 0.25,
                    sd_um=0.3,
                    sign=1 if truth > 0 else -1,
                )
                found.append(row)
                if learner == "pca":
                    found.append(replace(row, part="step", final_um=0.12, images=4 + trial // 2))
    base = DemoRow(instrument=instrument, learner="pca", part="blank", specimen=0, trial=0)
    found += [replace(base, trial=trial, refusal="no_structure") for trial in range(BLANKS)]
    for trial, truth in enumerate((25.0, -30.0, 35.0, -40.0) * 2):
        sign = 1 if truth > 0 else -1
        found.append(replace(base, part="far", trial=trial, truth_um=truth, move_um=10.0 * sign, sign=sign))
    return found + [replace(base, part="kill", trial=trial, lens_off_nm=0.0) for trial in range(KILLS)]


Change = Callable[[DemoRow], DemoRow | None]


def changed(change: Change) -> list[DemoRow]:
    every = [row for instrument in INSTRUMENTS for row in trials(instrument)]
    return [found for row in every if (found := change(row)) is not None]


def written(file: Path, change: Change = lambda row: row) -> Path:
    with kept_in(file) as keep:
        for row in changed(change):
            keep(row)
    return file


def test_good_trials_pass_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "demo.csv")
    found = verdicts(file)
    assert found.failed == ()
    assert found.line == (
        "signs right 120 of 120; RMSE 0.25 um; final 0.12 um; images 4.5; refused 24 of 24; lens back 40 of 40"
    )
    assert "| micromanager | lle | 60 of 60 | 0.25 |" in "\n".join(found.table)
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == found.line


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "demo.csv"))
    assert rows == [row for instrument in INSTRUMENTS for row in trials(instrument)]


def broken(part: str, **changes: object) -> Change:
    """The third trial of one instrument is changed; the others stay."""
    seen = [0]

    def change(row: DemoRow) -> DemoRow | None:
        if (row.instrument, row.learner, row.part) != ("micromanager", "pca", part):
            return row
        seen[0] += 1
        if seen[0] != 3:
            return row
        return replace(row, **changes) if changes else None  # type: ignore[arg-type]  # by name

    return change


def turned(row: DemoRow) -> DemoRow:
    return row if row.sign is None or row.part == "far" else replace(row, sign=-row.sign)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (turned, "openfibsem: 60 signs of 60 are wrong or refused: specimen/trial 0/0, 0/1"),
        (broken("sign", sign=-1), "1 signs of 60 are wrong or refused: specimen/trial 0/2"),
        (broken("sign", sign=None, refusal="unsure"), "1 signs of 60 are wrong"),
        (broken("sign"), "59 signs beyond 1 um were asked for, not 60"),
        (broken("sign", move_um=9.0), "RMSE 1"),
        (broken("sign", move_um=None), "of 59 sizes out of 60"),
        (broken("sign", move_um=float("nan")), "RMSE nan um"),
        (broken("step", final_um=0.31), "1 repairs of 60 end more than 0.3 um away: specimen/trial 0/2"),
        (broken("step", final_um=float("nan")), "1 repairs of 60 end more than"),
        (broken("step", final_um=None), "1 repairs of 60 end more than"),
        (broken("step", images=7), "1 repairs of 60 took more than 6 images"),
        (broken("blank", refusal=None, sign=1), "blank fields got an answer"),
        (broken("blank"), "11 blank fields were asked about, not 12"),
        (broken("far", sign=-1), "moved further away: specimen/trial 0/2"),
        (broken("far", final_um=36.0), "moved further away"),
        (broken("far", truth_um=12.0), "these are not 25 to 40 um away"),
        (broken("kill", lens_off_nm=1.5), "the lens did not come back within 1 nm"),
        (broken("kill", lens_off_nm=None), "the lens did not come back"),
        (broken("kill", note="twice: abc"), "or something was done twice: specimen/trial 0/2"),
        (broken("kill"), "killed 19 times, not 20"),
        (lambda row: row if row.learner != "diffusion" else None, "diffusion: was not tried"),
        (lambda row: None, "there is no trial at all"),
        (lambda row: replace(row, instrument="pretend"), "pretend: is no instrument"),
    ],
)
def test_each_bar_can_fail(change: Change, said: str) -> None:
    assert said in "\n".join(judged(changed(change)).failed)


def test_a_sign_that_is_turned_around_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path / "demo.csv", turned))]) == 1
    out = capsys.readouterr().out.splitlines()
    assert "FAILED: micromanager: 60 signs of 60 are wrong" in "\n".join(out)
    assert out[-1].startswith("signs right 0 of 120; ")


def test_what_was_refused_far_away_is_safe() -> None:
    def refuse(row: DemoRow) -> DemoRow:
        return replace(row, sign=None, move_um=None, refusal="too_far") if row.part == "far" else row

    assert judged(changed(refuse)).failed == ()
