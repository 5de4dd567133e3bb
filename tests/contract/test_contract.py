"""What crosses the wire: frozen, strict, small, and identified by everything that changes a number."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.rigs.raised import raised

import mhfd
from mhfd import contract, errors
from mhfd.contract.base import METHOD_VERSION
from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Method, Provenance
from mhfd.contract.params import PRESETS, Crop, Params
from mhfd.contract.request import ScoreRequest

CHANGES: dict[str, object] = {
    "n": 17,
    "min_t": 1.5,
    "max_t": 12.0,
    "ladder": "text",
    "polarity": "dark",
    "border": "wrap",
    "truncate": 4.0,
    "low_percent": 0.2,
    "high_percent": 0.2,
    "resize": (64, 64),
    "gate": "absolute",
    "threshold": 5.0,
    "contrast": 0.7,
    "crop": {"bottom": 77},
}


def report(**changes: object) -> FocusReport:
    fields: dict[str, object] = {
        "method": Method(id="mhfd-robust"),
        "image": ImageInfo(path="/data/tile.tif", sha256="0" * 64),
        "finding": Finding.UNREADABLE,
        "params": Params(),
        "params_id": Params().id,
        "provenance": Provenance(version="0", backend="cpu", device="x", threads=1),
    }
    return FocusReport.model_validate(fields | changes)


def test_every_parameter_is_in_the_list_of_changes() -> None:
    assert set(CHANGES) == set(Params.model_fields)


@pytest.mark.parametrize("field", CHANGES)
def test_the_id_covers_every_parameter(field: str) -> None:
    changed = Params.model_validate(Params().model_dump() | {field: CHANGES[field]})
    assert getattr(changed, field) != getattr(Params(), field)
    assert changed.id != Params().id
    assert changed.version_of(changed.id) == METHOD_VERSION
    assert changed.version_of(Params().id) is None


def test_without_a_crop_the_plain_form_and_the_id_are_what_they_were() -> None:
    assert "crop" not in Params().model_dump()
    assert Params().id_by(1) == "27be8c08fcd3"
    assert Params(crop=Crop()).id != Params().id
    assert Params(crop=Crop(bottom=3)).name == "robust"


def test_the_version_of_the_method_that_made_an_id_is_known() -> None:
    versions = range(1, METHOD_VERSION + 1)
    for params in (Params(), Params.preset("paper_code"), Params(crop=Crop(bottom=3))):
        ids = [params.id_by(version) for version in versions]
        assert len(set(ids)) == METHOD_VERSION
        assert [params.version_of(each) for each in ids] == list(versions)
        assert params.version_of(params.id_by(METHOD_VERSION + 1)) is None


@pytest.mark.parametrize("text", ["", "bottom", "bottom=", "bottom=-1", "low=3", "top=1,top=2", "top=9999999"])
def test_a_crop_that_is_none_says_how_to_write_one(text: str) -> None:
    with pytest.raises(errors.UsageError, match="crop: "):
        Crop.of(text)


def test_a_crop_is_written_by_its_sides() -> None:
    assert Crop.of("top=10, bottom=77") == Crop(top=10, bottom=77)
    assert Crop.of("bottom=0") == Crop()


def test_presets_are_what_their_sources_say() -> None:
    code, text = PRESETS["paper_code"], PRESETS["paper_text"]
    assert (code.n, code.min_t, code.max_t, code.truncate, code.resize) == (29, 1, 30, 4, (1024, 1024))
    assert (code.low_percent, code.high_percent, code.polarity, code.border) == (0, 0.35, "bright", "wrap")
    assert code.threshold * (30 - 1) / 28 == pytest.approx(0.1024, rel=1e-12)
    assert (text.gate, text.threshold, text.low_percent, text.high_percent) == ("none", 0, 0.175, 0.175)
    assert len({p.id for p in PRESETS.values()}) == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 0}, ["n:", "greater than or equal to 1", "got 0"]),
        ({"min_t": 5, "max_t": 5}, ["max_t (5) must exceed min_t (5)"]),
        ({"max_t": float("nan")}, ["max_t:"]),
        ({"sigma": 3}, ["sigma:", "Extra inputs"]),
        ({"resize": (4, 64)}, ["resize:", "16 to 16384"]),
        ({"gate": "none"}, ["threshold=0"]),
        ({"n": 1}, ["n must be at least 2"]),
    ],
    ids=lambda v: str(v)[:40],
)
def test_wrong_parameters_name_the_field(fields: dict[str, object], words: list[str]) -> None:
    with pytest.raises(mhfd.UsageError) as caught:
        Params.checked(**fields)
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(mhfd.UsageError, match="'fast'; choose one of paper_code, paper_text, robust"):
        Params.of("fast")
    with pytest.raises(mhfd.UsageError, match="got int"):
        Params.of(3)  # type: ignore[arg-type]


@given(
    n=st.integers(2, 255),
    span=st.floats(0.1, 200),
    low=st.floats(0, 49),
    gate=st.sampled_from(["absolute", "noise"]),
)
def test_parameters_survive_json(n: int, span: float, low: float, gate: str) -> None:
    params = Params.checked(n=n, min_t=1.0, max_t=1.0 + span, low_percent=low, gate=gate)
    again = Params.model_validate_json(params.model_dump_json())
    assert again == params
    assert again.id == params.id


def test_a_report_survives_json_and_refuses_what_it_does_not_know() -> None:
    original = report()
    again = FocusReport.model_validate_json(original.model_dump_json())
    assert again == original
    assert again.dof is None
    with pytest.raises(ValidationError, match="verdict"):
        FocusReport.model_validate(json.loads(original.model_dump_json()) | {"verdict": "in_focus"})
    with pytest.raises(ValidationError, match="frozen"):
        original.dof = 3  # type: ignore[misc]


@given(path=st.text(min_size=1, max_size=4000), detail=st.text(max_size=4000))
def test_a_summary_is_at_most_600_bytes(path: str, detail: str) -> None:
    long = report(
        image=ImageInfo(path=path, sha256="f" * 64),
        finding_detail=detail,
        dof=2**31,
        density=-1.2345678e-300,
        cross_spectrum=-1.2345678e-300,
        tissue=0.123456789,
    )
    assert len(json.dumps(long.summary(), separators=(",", ":")).encode()) <= 600


def test_a_request_needs_a_path() -> None:
    with pytest.raises(ValidationError, match="paths"):
        ScoreRequest(paths=())


@pytest.mark.parametrize("name", raised(errors))
def test_errors_pickle(name: str) -> None:
    error = getattr(errors, name)("what is wrong")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert str(again) == "what is wrong"


@pytest.mark.parametrize("module", [mhfd, contract])
def test_all_is_importable(module: object) -> None:
    for name in module.__all__:  # type: ignore[attr-defined]
        assert getattr(module, name) is not None
