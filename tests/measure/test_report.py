"""The report: what it measures, what it refuses to, and what must not move it."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.rigs.one_band import whole

from mhfd import images, native, scales
from mhfd.cells import MOST_CELLS
from mhfd.contract.focus_report import Finding, FocusReport, ImageInfo, Noise
from mhfd.contract.params import Params
from mhfd.detector import Detector, Features
from mhfd.detector.choose import choose
from mhfd.errors import UsageError
from mhfd.measure import gate, noise, tissue
from mhfd.measure import measure as report
from mhfd.simulate import Artefacts, Exposure, Optics, section

Grey = NDArray[np.generic]
ROBUST = Params()
MEASURED = ("dof", "density", "cross_spectrum", "noise", "tissue", "scales", "cells")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return choose(ROBUST, device="cpu", threads=1)


def score(pixels: Grey, detector: Detector, params: Params = ROBUST) -> FocusReport:
    return report.measure(images.load(np.ascontiguousarray(pixels)), detector, params).report


def take(*, blur: float = 0, seed: int = 1, dose: float = 300, artefacts: Artefacts | None = None) -> Grey:
    return section(
        (512, 512),
        seed=seed,
        optics=Optics(blur_px=blur),
        exposure=Exposure(dose=dose),
        artefacts=artefacts or Artefacts(),
    )


def known(value: float | None) -> float:
    assert value is not None
    return value


def test_the_parts_agree(detector: Detector) -> None:
    pixels = take()
    found = report.measure(images.load(pixels), detector, ROBUST)
    r = found.report
    assert r.finding is Finding.OK
    assert r.finding_detail is None
    assert found.features is not None
    assert r.scales is not None
    assert r.cells is not None
    assert known(r.dof) == len(found.features) == sum(s.count for s in r.scales)
    assert [s.t for s in r.scales] == pytest.approx(scales.ladder(ROBUST)[:-1])
    assert r.dof == sum(n for n in r.cells.dof if n is not None)
    assert known(r.density) == pytest.approx(known(r.dof) / (known(r.tissue) * pixels.size / 1e6))
    assert (r.cells.rows, r.cells.cols) == (4, 4)
    assert {len(v) for v in (r.cells.dof, r.cells.cross_spectrum, r.cells.tissue, r.cells.saturated)} == {16}
    assert set(r.timing_ms) == {"noise", "tissue", "detect", "gate", "cross_spectrum", "cells"}
    assert r.provenance.backend == detector.name
    assert r.provenance.versions["numpy"] == np.__version__
    assert r.params_id == ROBUST.id
    assert FocusReport.model_validate_json(r.model_dump_json()) == r
    assert len(json.dumps(r.summary())) <= 600


def test_defocus_lowers_every_number(detector: Detector) -> None:
    series = [score(take(blur=r), detector) for r in (0, 1, 2, 4, 8)]
    for name in ("dof", "density", "cross_spectrum"):
        values = [known(getattr(r, name)) for r in series]
        assert all(a > b for a, b in itertools.pairwise(values)), name
    assert known(series[3].dof) < 0.5 * known(series[0].dof)


def test_blur_of_an_image_with_its_noise_lowers_dof(detector: Detector) -> None:
    """A blurred file, or a resampled one: there is hardly any noise left to hide behind."""
    pixels = take(dose=100).astype(np.float32)
    values = [known(score(ndimage.gaussian_filter(pixels, s) if s else pixels, detector).dof) for s in (0.7, 1, 1.5, 3)]
    assert all(a > b for a, b in itertools.pairwise(values))


def test_blank_resin_does_not_count(detector: Detector) -> None:
    pixels = take()
    half = pixels.copy()
    half[:, 256:] = np.random.default_rng(0).normal(210, 9, (512, 256)).clip(0, 255).astype(np.uint8)
    whole, part = score(pixels[:, :256], detector), score(half, detector)
    assert known(part.density) == pytest.approx(known(whole.density), rel=0.08)
    assert known(part.cross_spectrum) == pytest.approx(known(whole.cross_spectrum), rel=0.1)
    cells = part.cells
    assert cells is not None
    assert cells.dof[3] is None  # nothing there: not 0
    assert cells.cross_spectrum[3] is None
    assert cells.tissue[3] == 0


@pytest.mark.parametrize(
    "artefacts",
    [Artefacts(particles=12), Artefacts(charging=1), Artefacts(wrinkles=1), Artefacts(banding=0.03)],
    ids=["particles", "charging", "wrinkle", "bands"],
)
def test_artefacts_are_not_defocus(artefacts: Artefacts, detector: Detector) -> None:
    clean, spoilt, blurred = (score(p, detector) for p in (take(), take(artefacts=artefacts), take(blur=2)))
    assert known(spoilt.density) == pytest.approx(known(clean.density), rel=0.1)
    assert known(spoilt.cross_spectrum) == pytest.approx(known(clean.cross_spectrum), rel=0.2)
    assert known(blurred.density) < 0.8 * known(clean.density)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.astype(np.uint16) * 257,
        lambda p: p.astype(np.uint16) * 16,
        lambda p: (p / 255).astype(np.float32),
        lambda p: p.astype(np.float32) * 1e4 - 3e5,
    ],
    ids=["x257", "12 bit in 16", "float 0 to 1", "any float"],
)
def test_units_of_grey_do_not_matter(change: object, detector: Detector) -> None:
    pixels = take()
    one, other = score(pixels, detector), score(change(pixels), detector)  # type: ignore[operator]  # a lambda above
    assert known(other.dof) == pytest.approx(known(one.dof), rel=2e-3)
    assert known(other.cross_spectrum) == pytest.approx(known(one.cross_spectrum), rel=1e-3)


def test_polarity_undoes_an_inversion(detector: Detector) -> None:
    pixels = take()
    dark = Params(polarity="dark")
    assert known(score(255 - pixels, detector, dark).dof) == pytest.approx(known(score(pixels, detector).dof), rel=0.01)


def _false_features(pixels: Grey, detector: Detector) -> float:
    """Features a megapixel that the gate lets through where there is nothing, were it all tissue of no contrast."""
    stats = native.block_stats(pixels)
    found = noise.estimate(stats, step=1)
    everywhere = tissue.Tissue(np.ones(stats.mean.shape, np.bool_), 0.0)
    features = detector.detect(pixels, ROBUST, sigma_floor=float(found.sigma.min()))
    kept = gate.Gate(ROBUST, stats, found, everywhere).counted(whole(pixels, features))
    return len(kept) / (pixels.size / 1e6)


def test_false_features_of_flat_noise(detector: Detector) -> None:
    pixels = np.random.default_rng(0).normal(120, 12, (1024, 1024)).astype(np.uint8)
    assert _false_features(pixels, detector) < 50


def test_false_features_of_shot_noise(detector: Detector) -> None:
    bright = np.linspace(10, 3000, 1024)[None, :] + np.zeros((1024, 1))
    pixels = (100 + np.random.default_rng(0).poisson(bright)).astype(np.uint16)
    assert _false_features(pixels, detector) < 150


def test_the_floor_removes_nothing_that_counts(detector: Detector) -> None:
    pixels = take(dose=50)
    with_floor = report.measure(images.load(pixels), detector, ROBUST).features
    stats = native.block_stats(pixels)
    found = noise.estimate(stats, step=1)
    everything = detector.detect(pixels, ROBUST)
    kept = gate.Gate(ROBUST, stats, found, tissue.find(stats, found)).counted(whole(pixels, everything))
    assert with_floor is not None
    assert len(everything) > len(kept)
    assert np.array_equal(kept.y, with_floor.y)
    assert np.array_equal(kept.x, with_floor.x)


def test_brightness_of_the_speck_counts() -> None:
    """A response that clears the noise of its dark block, but not that of its own bright place, is noise."""
    pixels = np.full((64, 64), 10, np.uint16)
    pixels[30:35, 30:35] = 410
    stats = native.block_stats(pixels)
    model = noise.NoiseMap(Noise(sigma=3, read_var=0, gain=1), np.full((4, 4), np.sqrt(10), np.float32))
    spot = np.array([32], np.int32)
    nu = scales.noise_gain(ROBUST)[0]
    everywhere = tissue.Tissue(np.ones((4, 4), np.bool_), 0.0)

    def count(response: float) -> int:
        features = Features(
            spot, spot, np.zeros(1, np.uint8), np.array([response], np.float32), (0.0, 1.0), pixels.shape
        )
        return len(gate.Gate(ROBUST, stats, model, everywhere).counted(whole(pixels, features)))

    assert count(ROBUST.threshold * nu * np.sqrt(10) * 1.1) == 0
    assert count(ROBUST.threshold * nu * np.sqrt(410) * 0.95) == 0
    assert count(ROBUST.threshold * nu * np.sqrt(410) * 1.05) == 1


def _noise_only() -> Grey:
    return np.random.default_rng(3).normal(200, 9, (512, 512)).clip(0, 255).astype(np.uint8)


def _burnt() -> Grey:
    burnt: Grey = np.clip(take().astype(float) * 3 - 100, 0, 255).astype(np.uint8)
    return burnt


@pytest.mark.parametrize(
    ("pixels", "finding", "words"),
    [(_noise_only(), Finding.NO_TISSUE, "no tissue"), (_burnt(), Finding.SATURATED, "saturated")],
    ids=["resin", "burnt"],
)
@pytest.mark.parametrize("preset", ["robust", "paper_text"])
def test_what_cannot_be_measured_is_named(pixels: Grey, finding: Finding, words: str, preset: str) -> None:
    params = Params.preset(preset)
    r = score(pixels, choose(params, device="cpu"), params)
    assert r.finding is finding
    assert words in known_text(r.finding_detail)
    assert all(getattr(r, name) is None for name in MEASURED)


def known_text(value: str | None) -> str:
    assert value is not None
    return value


def test_a_finding_of_the_file_is_passed_on(detector: Detector) -> None:
    broken = images.Image(ImageInfo(path="a.tif", bytes=12), Finding.UNREADABLE, "not an image", None)
    found = report.measure(broken, detector, ROBUST)
    assert found.report.finding is Finding.UNREADABLE
    assert found.report.finding_detail == "not an image"
    assert found.report.image == broken.info
    assert all(getattr(found.report, name) is None for name in MEASURED)
    assert found.pixels is None
    assert found.features is None


def test_a_small_image_has_no_cross_spectrum(detector: Detector) -> None:
    r = score(take()[:100, :120], detector)
    assert r.finding is Finding.OK
    assert r.cross_spectrum is None
    assert r.cells is not None
    assert r.cells.cross_spectrum == (None,)
    assert known(r.dof) > 0


def test_cells_of_a_large_image_are_bounded(detector: Detector) -> None:
    cells = score(np.tile(take(), (1, 5)), detector).cells
    assert cells is not None
    assert (cells.rows, cells.cols) == (4, MOST_CELLS)


def test_the_paper_counts_everything_its_way() -> None:
    pixels = take()[:256, :256]
    for params in (Params.preset("paper_text"), Params.preset("paper_code").model_copy(update={"resize": (128, 192)})):
        engine = choose(params, device="cpu")
        r = score(pixels, engine, params)
        assert known(r.dof) == len(engine.detect(pixels, params))
        assert known(r.density) == pytest.approx(known(r.dof) / (pixels.size / 1e6), rel=0.01)


def test_the_noise_gate_refuses_a_resize(detector: Detector) -> None:
    with pytest.raises(UsageError, match="resize"):
        score(take(), detector, Params(resize=(256, 256)))


def test_measurement_is_immutable(detector: Detector) -> None:
    found = report.measure(images.load(take()[:64, :64]), detector, ROBUST)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.report = found.report  # type: ignore[misc]  # what is tested
