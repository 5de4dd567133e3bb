"""What is written for other programs does what the instruction says, and nothing when that does not hold any more."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from tests.rigs.instructed import NOW, made

from mhfd_client.adjustment.written_out import Form, written_out


class Standing:
    """A lens with SBEMimage's names, in metres, and SerialEM's, in um."""

    def __init__(self, um: float, *, stuck: bool = False) -> None:
        self.um = um
        self.stuck = stuck
        self.sets = 0

    def get_wd(self) -> float:
        return self.um * 1e-6

    def set_wd(self, metres: float) -> None:
        self.SetDefocus(metres * 1e6)

    def ReportDefocus(self) -> float:  # noqa: N802  SerialEM's name
        return self.um

    def SetDefocus(self, um: float) -> None:  # noqa: N802  SerialEM's name
        self.sets += 1
        if not self.stuck:
            self.um = um


def run(
    form: Form, lens: Standing, monkeypatch: pytest.MonkeyPatch, *, at: float = NOW + 1, move: float = -2.0
) -> None:
    monkeypatch.setattr(time, "time", lambda: at)
    monkeypatch.setitem(sys.modules, "serialem", lens)
    text = written_out(made(move), form)
    names: dict[str, Any] = {"sem": lens}
    exec(compile(text, form, "exec"), names)  # noqa: S102  it is what an operator runs


@pytest.mark.parametrize("form", ["sbemimage", "serialem"])
@pytest.mark.parametrize("move", [-2.0, 2.0, 1e9, -1e9])
def test_a_script_moves_once(form: Form, move: float, monkeypatch: pytest.MonkeyPatch) -> None:
    lens = Standing(5000.0)
    run(form, lens, monkeypatch, move=move)
    assert lens.um == pytest.approx(5000 + max(-10.0, min(10.0, move)))
    assert lens.sets == 1
    with pytest.raises(SystemExit, match="nothing was set"):
        run(form, lens, monkeypatch, move=move)
    assert lens.sets == 1


@pytest.mark.parametrize("form", ["sbemimage", "serialem"])
@pytest.mark.parametrize("at", [NOW - 1, NOW + 61])
def test_a_script_that_is_too_late_sets_nothing(form: Form, at: float, monkeypatch: pytest.MonkeyPatch) -> None:
    lens = Standing(5000.0)
    with pytest.raises(SystemExit, match="expired"):
        run(form, lens, monkeypatch, at=at)
    assert lens.sets == 0


@pytest.mark.parametrize("form", ["sbemimage", "serialem"])
@pytest.mark.parametrize("um", [5000.2, 5.0, float("nan")])
def test_a_script_for_another_place_sets_nothing(form: Form, um: float, monkeypatch: pytest.MonkeyPatch) -> None:
    lens = Standing(um)
    with pytest.raises(SystemExit, match=r"not at 5000\.000; nothing was set"):
        run(form, lens, monkeypatch)
    assert lens.sets == 0


@pytest.mark.parametrize("form", ["sbemimage", "serialem"])
def test_a_set_that_does_not_take_is_said(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"it was at 5000\.000"):
        run(form, Standing(5000.0, stuck=True), monkeypatch)


def test_a_person_reads_both_units_and_the_way_back() -> None:
    told = written_out(made(-25.0), "person")
    assert "5000.000 um (5.000000 mm)" in told
    assert "4990.000 um (4.990000 mm): -10.000 um, shorter" in told
    assert "The package said -25.000 um" in told
    assert "set 5000.000 um again" in told
