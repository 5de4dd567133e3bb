"""The simulator: what it promises to those who test and measure with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.special
from numpy.typing import NDArray

from mhfd.contract.params import Params
from mhfd.detector.paper import PaperDetector
from mhfd.errors import UsageError
from mhfd.simulate import (
    Artefacts,
    Exposure,
    Grey,
    Optics,
    SectionKind,
    Specimen,
    focus_series,
    section,
)
from mhfd.simulate.exposure import expose
from mhfd.simulate.fields import stream
from mhfd.simulate.optics import blur

SHAPE = (256, 256)
QUIET = Exposure(dose=1e6, read_noise=0)
Image = NDArray[Any]


def band_energy(image: Image, low: float = 0.1, high: float = 0.5) -> float:
    """Spectral energy between two frequencies, cycles a pixel."""
    power = np.abs(scipy.fft.fft2(image - image.mean(dtype=np.float64))) ** 2
    down, along = scipy.fft.fftfreq(image.shape[0]), scipy.fft.fftfreq(image.shape[1])
    frequency = np.hypot(down[:, None], along)
    return float(power[(frequency >= low) & (frequency < high)].sum())


def correlation(one: Image, two: Image) -> float:
    return float(np.corrcoef(one.ravel().astype(float), two.ravel().astype(float))[0, 1])


def dof(image: Grey, sigma: float) -> int:
    return len(PaperDetector().detect(image, Params(), sigma_floor=sigma))


def test_same_arguments_same_bytes() -> None:
    everything = Artefacts(wrinkles=1, charging=1, particles=3, shading=0.3, banding=0.02, jitter=0.5, resin=0.2)

    def once() -> Grey:
        return section(SHAPE, seed=11, z=3, optics=Optics(defocus_um=1), artefacts=everything)

    assert once().tobytes() == once().tobytes()
    assert once().tobytes() != section(SHAPE, seed=12, z=3, optics=Optics(defocus_um=1), artefacts=everything).tobytes()


def test_what_was_drawn_before_does_not_matter() -> None:
    """No state is left between calls: not by other seeds, sections, or fields."""
    first = section(SHAPE, seed=5)
    section((64, 300), seed=6, z=9)
    Specimen(seed=5).section(SHAPE, origin=(9000, -4000))
    assert np.array_equal(first, section(SHAPE, seed=5))


@pytest.mark.parametrize("shape", [(16, 16), (17, 301), (333, 64), (127, 131)])
@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_any_size_and_both_depths(shape: tuple[int, int], bits: int, dtype: type[np.generic]) -> None:
    image = section(shape, seed=2, optics=Optics(defocus_um=2.5), exposure=Exposure(bits=bits))
    assert image.shape == shape
    assert image.dtype == dtype
    assert image.flags.c_contiguous
    assert image.std() > 0.02 * (2**bits - 1)


def test_in_focus_tissue_looks_like_tissue() -> None:
    """In the range that real micrographs at 5 to 10 nm a pixel span (docs/explanation/simulator.md)."""
    images = [section((512, 512), seed=s, exposure=Exposure(dose=1000)) for s in (10, 11, 12)]
    for image in images:
        assert 90 < image.mean() < 190
        assert 30 < image.std() < 65
    density = np.mean([dof(i, 7.0) / i.size * 1e6 for i in images])
    assert 6000 < density < 16000
    slopes = []
    for image in images:
        bands = [(0.02, 0.04), (0.04, 0.08), (0.08, 0.16)]
        # energy in an octave = power x f^2: its slope is the power's plus 2
        energies = [band_energy(image, *b) for b in bands]
        slopes.append(np.log2(energies[2] / energies[0]) / 2 - 2)
    assert -3.4 < np.mean(slopes) < -1.7


def test_defocus_takes_fine_detail_away_step_by_step() -> None:
    series = focus_series(SHAPE, seed=3, defocus_um=[0, 1, 2, 3, 4, 6, 8], exposure=QUIET)
    energies = [band_energy(i, 0.05, 0.25) for i in series]
    assert all(later < 0.9 * earlier for earlier, later in pairwise(energies))


def test_the_detector_counts_fewer_features_with_defocus() -> None:
    series = focus_series((384, 384), seed=3, defocus_um=[0, 1, 2, 4, 6], exposure=Exposure(dose=200))
    counts = [dof(i, 19.0) for i in series]  # the noise of this dose in bright cytoplasm
    assert all(later < earlier for earlier, later in pairwise(counts))
    assert counts[-1] < 0.4 * counts[0]


def test_a_series_shows_one_field_with_fresh_noise() -> None:
    one, two = focus_series(SHAPE, seed=3, defocus_um=[1, 1])
    assert not np.array_equal(one, two)
    difference = one.astype(float) - two
    low = band_energy(difference, 0.02, 0.1) / (0.1**2 - 0.02**2)
    high = band_energy(difference, 0.3, 0.5) / (0.5**2 - 0.3**2)
    assert low == pytest.approx(high, rel=0.15)  # white: the tissue has cancelled
    assert band_energy(one, 0.02, 0.1) / (0.1**2 - 0.02**2) > 30 * low


def test_sign_of_defocus_only_matters_with_astigmatism() -> None:
    plain = [section(SHAPE, seed=3, optics=Optics(defocus_um=d), exposure=QUIET) for d in (-2.0, 2.0)]
    assert np.array_equal(plain[0], plain[1])
    skew = [
        section(SHAPE, seed=3, optics=Optics(defocus_um=d, astigmatism_um=1.5), exposure=QUIET).astype(float)
        for d in (-2.0, 2.0)
    ]
    along = [float(np.var(np.diff(i, axis=1))) / float(np.var(np.diff(i, axis=0))) for i in skew]
    assert along[0] > 1.5 * along[1]  # blurred along the columns' direction on one side, across on the other


def test_blur_in_pixels_is_the_same_disc() -> None:
    by_length = section(SHAPE, seed=3, optics=Optics(defocus_um=3, half_angle_mrad=8, pixel_nm=8))
    by_pixels = section(SHAPE, seed=3, optics=Optics(blur_px=3, pixel_nm=8))
    assert np.array_equal(by_length, by_pixels)
    assert Optics(defocus_um=-3, half_angle_mrad=4, pixel_nm=6).radius_px == pytest.approx(2)


@pytest.mark.parametrize(
    ("along", "across", "angle"), [(0.4, 0.4, 0), (2.5, 2.5, 0), (4, 1, 0), (4, 1, 90), (20, 3, 90)]
)
def test_waves_pass_as_through_an_elliptical_disc(along: float, across: float, angle: float) -> None:
    """A wave of frequency f along the columns keeps 2 J1(x)/x of its height, x = 2 pi f times the half-axis there."""
    optics = Optics(
        pixel_nm=8,
        half_angle_mrad=8,
        probe_nm=0,
        defocus_um=(along + across) / 2,
        astigmatism_um=(along - across) / 2,
        astigmatism_deg=angle,
    )
    radius = across if angle == 90 else along
    at = np.arange(512) + 0.5
    for cycles in (8, 32, 128):  # whole periods, so that the mirrored edge continues the wave
        wave = np.broadcast_to(np.cos(2 * np.pi * cycles / 512 * at), (64, 512)).astype(np.float32)
        x = 2 * np.pi * cycles / 512 * radius
        kept = float((blur(np.ascontiguousarray(wave), optics) * wave).sum() / (wave * wave).sum())
        assert kept == pytest.approx(2 * scipy.special.j1(x) / x, abs=2e-3)


def test_the_probe_blurs_by_its_own_width() -> None:
    x = 2 * np.pi * 32 / 512
    wave = np.broadcast_to(np.cos(x * (np.arange(512) + 0.5)), (64, 512)).astype(np.float32).copy()
    for defocus in (0.0, 0.3):  # two ways of computing it
        kept = float((blur(wave, Optics(pixel_nm=8, probe_nm=40, defocus_um=defocus)) * wave).sum() / (wave**2).sum())
        disc = 1.0 if not defocus else 2 * scipy.special.j1(x * 0.3) / (x * 0.3)
        assert kept == pytest.approx(disc * np.exp(-0.5 * (x * 40 / 2.3548 / 8) ** 2), abs=3e-3)


def test_tilt_blurs_one_side() -> None:
    tilted = section(SHAPE, seed=3, exposure=QUIET, optics=Optics(defocus_um=3, tilt_um=(0, 6)))
    sharp = section(SHAPE, seed=3, exposure=QUIET)
    kept = [band_energy(tilted[:, part]) / band_energy(sharp[:, part]) for part in (slice(0, 64), slice(192, 256))]
    assert kept[0] > 5 * kept[1]
    down = section(SHAPE, seed=3, exposure=QUIET, optics=Optics(defocus_um=3, tilt_um=(6, 0)))
    kept = [band_energy(down[part]) / band_energy(sharp[part]) for part in (slice(0, 64), slice(192, 256))]
    assert kept[0] > 5 * kept[1]


@pytest.mark.parametrize("mean", [4.0, 30.0, 200.0])
def test_electrons_are_poisson(mean: float) -> None:
    """Mean, variance and skewness, with 16 bits so that quantisation is nothing."""
    signal = np.full((512, 512), 0.1, np.float32)
    dose = 10 * mean
    grey = expose(signal, Exposure(dose=dose, read_noise=0, bits=16), stream(1))
    electrons = grey.astype(float) * dose / 65535
    assert electrons.mean() == pytest.approx(mean, rel=0.01)
    assert electrons.var() == pytest.approx(mean, rel=0.03)
    skewness = ((electrons - electrons.mean()) ** 3).mean() / electrons.std() ** 3
    assert skewness == pytest.approx(mean**-0.5, rel=0.15)


def noise(exposure: Exposure) -> Image:
    """The difference of two takes, in parts of the full signal. With half the contrast, nothing is clipped."""
    exposure = replace(exposure, contrast=0.5, bits=16)
    one, two = (Specimen(seed=4).section((128, 128), take=t, exposure=exposure).astype(float) for t in (0, 1))
    difference: Image = (one - two) / (0.5 * 65535 * np.sqrt(2))
    return difference


def test_noise_follows_the_signal_and_falls_with_dose() -> None:
    few, many = noise(Exposure(dose=50, read_noise=0)), noise(Exposure(dose=800, read_noise=0))
    signal = section((128, 128), seed=4, exposure=QUIET) / 255
    for dose, measured in ((50, few), (800, many)):
        assert measured.var() == pytest.approx(signal.mean() / dose, rel=0.04)
    dark, bright = signal < np.percentile(signal, 20), signal > np.percentile(signal, 80)
    assert few[dark].var() < 0.7 * few[bright].var()


def test_read_noise_adds() -> None:
    signal = float(section((128, 128), seed=4, exposure=QUIET).mean()) / 255
    measured = noise(Exposure(dose=100, read_noise=10))
    assert measured.var() == pytest.approx(signal / 100 + 0.1**2, rel=0.04)


def test_neighbouring_sections_are_alike() -> None:
    block = Specimen(seed=3)
    here, next_one, far = (block.section(SHAPE, z=z, exposure=QUIET) for z in (20, 21, 70))
    assert correlation(here, next_one) > 0.6
    assert abs(correlation(here, far)) < 0.5 * correlation(here, next_one)
    assert correlation(here, block.section(SHAPE, z=20.25, exposure=QUIET)) > correlation(here, next_one)


def test_fields_of_one_section_fit_together() -> None:
    """Also across the tiles in which a large image is drawn, and far from the origin."""
    block = Specimen(seed=3)
    for corner in ((0, 0), (-70_000, 1_000_000)):
        whole = block.section((64, 1300), origin=corner, exposure=QUIET, optics=Optics(blur_px=0)).astype(int)
        part = block.section((64, 300), origin=(corner[0], corner[1] + 900), exposure=QUIET, optics=Optics(blur_px=0))
        differs = np.abs(whole[:, 900:1200] - part)[16:-16, 16:-16] > 3
        assert differs.mean() < 0.01


def test_density_is_stain_and_content() -> None:
    light, usual, heavy = (section(SHAPE, seed=3, density=d, exposure=QUIET).astype(float) for d in (0.5, 1.0, 1.5))
    assert light.mean() > usual.mean() > heavy.mean()
    assert light.std() < usual.std() < heavy.std()


def test_drift_strays_slowly_around_the_density() -> None:
    block = Specimen(seed=3, density=1.0, drift=0.2)
    values = np.array([block.density_at(z) for z in range(2000)])
    assert values.mean() == pytest.approx(1, abs=0.05)
    assert 0.1 < values.std() < 0.3
    assert np.abs(np.diff(values)).max() < 0.1
    assert Specimen(seed=3).density_at(17) == 1.0


def test_sections_of_two_kinds_take_turns() -> None:
    """The first kind, which changes nothing, and the second are the same tissue, stained and grained in another way."""
    pale = SectionKind(density=0.6, granules=0.3)
    mixed, plain = Specimen(seed=3, kinds=(SectionKind(), pale)), Specimen(seed=3)
    assert np.array_equal(mixed.section(SHAPE, z=4), plain.section(SHAPE, z=4))
    other, usual = mixed.section(SHAPE, z=5, exposure=QUIET), plain.section(SHAPE, z=5, exposure=QUIET)
    assert other.mean() > usual.mean() + 5
    assert band_energy(other, 0.25, 0.5) < 0.5 * band_energy(usual, 0.25, 0.5)
    assert correlation(other, usual) > 0.8
    assert mixed.kind_at(7.5) == pale
    assert mixed.density_at(5) == pytest.approx(0.6 * plain.density_at(5))


def clean(**kwargs: Any) -> Image:
    return section(SHAPE, seed=3, **kwargs).astype(int)


def test_particles_change_little_and_only_where_they_are() -> None:
    changed = clean(artefacts=Artefacts(particles=2)) != clean()
    assert 0.0005 < changed.mean() < 0.1


def test_a_wrinkle_changes_a_band() -> None:
    change = clean(artefacts=Artefacts(wrinkles=1)) - clean()
    assert 0.01 < (change != 0).mean() < 0.4
    assert change.max() > 60  # crest
    assert change.min() < -40  # flank


def test_charging_saturates_a_disc_and_marks_its_lines() -> None:
    change = clean(artefacts=Artefacts(charging=1)) != clean()
    assert 0.002 < (clean(artefacts=Artefacts(charging=1)) == 255).mean() < 0.3
    untouched = ~change.any(axis=1)
    assert untouched.sum() > 100


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_resin_empties_the_part_asked_for(part: float) -> None:
    bare, usual = clean(artefacts=Artefacts(resin=part), exposure=QUIET), clean(exposure=QUIET)
    resin = np.abs(bare - np.bincount(bare.ravel()).argmax()) <= 1
    assert resin.mean() == pytest.approx(part, abs=0.03)
    assert (bare != usual).mean() < part + 0.03


def test_all_resin_is_flat_but_for_noise() -> None:
    assert clean(artefacts=Artefacts(resin=1.0), exposure=QUIET).std() < 1


def test_shading_is_a_slope_of_the_gain() -> None:
    shaded, usual = clean(artefacts=Artefacts(shading=0.8), exposure=QUIET), clean(exposure=QUIET)
    inside = (usual > 30) & (usual < 150)
    ratio = np.where(inside, shaded / np.maximum(usual, 1), np.nan)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[0] - 0.5
    design = np.stack([np.ones(inside.sum()), y[inside], x[inside]], axis=1)
    fitted = np.linalg.lstsq(design, ratio[inside], rcond=None)[0]
    assert fitted[0] == pytest.approx(1, abs=0.02)
    assert np.hypot(*fitted[1:]) == pytest.approx(0.8, abs=0.05)


def test_banding_offsets_whole_lines() -> None:
    change = (clean(artefacts=Artefacts(banding=0.05), exposure=QUIET) - clean(exposure=QUIET)).astype(float)
    assert np.median(change.std(axis=1)) < 1
    assert 0.02 < np.median(change, axis=1).std() / 255 < 0.1


def test_jitter_moves_lines_along_themselves() -> None:
    jittered, usual = clean(artefacts=Artefacts(jitter=2.0), exposure=QUIET), clean(exposure=QUIET)
    assert correlation(jittered[1:], jittered[:-1]) < correlation(usual[1:], usual[:-1])
    assert np.abs(jittered.mean(axis=1) - usual.mean(axis=1)).max() < 8


def test_artefacts_of_the_section_are_blurred_with_it() -> None:
    def edge(optics: Optics) -> float:
        dusty = clean(artefacts=Artefacts(particles=4), optics=optics, exposure=QUIET)
        return float(np.abs(np.diff(dusty, axis=1)).max())

    assert edge(Optics(defocus_um=6)) < 0.5 * edge(Optics())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: section((8, 64)), "shape: 8 is out of range"),
        (lambda: section((64, 64, 3)), "shape: expected"),  # type: ignore[arg-type]
        (lambda: section((64.0, 64)), "shape: expected a whole number, got 64.0"),  # type: ignore[arg-type]
        (lambda: section(SHAPE, seed=-1), "seed: -1"),
        (lambda: section(SHAPE, density=0), "density: 0"),
        (lambda: section(SHAPE, z=float("nan")), "z: expected a finite number, got nan"),
        (lambda: Specimen(drift=2), "drift: 2"),
        (lambda: Specimen().section(SHAPE, origin=(1,)), "origin: expected"),  # type: ignore[arg-type]
        (lambda: Specimen().section(SHAPE, take=-1), "take: -1"),
        (lambda: Optics(pixel_nm=0), "optics.pixel_nm: 0"),
        (lambda: Optics(half_angle_mrad=0), "optics.half_angle_mrad: 0"),
        (lambda: Optics(defocus_um=float("inf")), "optics.defocus_um: expected a finite number, got inf"),
        (lambda: Optics(defocus_um=1000), "optics.defocus_um: 1000 blurs by 1000 px"),
        (lambda: Optics(tilt_um=3), "optics.tilt_um: expected"),  # type: ignore[arg-type]
        (lambda: Optics(blur_px=2, defocus_um=1), "optics.blur_px: 2 stands for"),
        (lambda: Optics(probe_shape="ring"), "optics.probe_shape: 'ring' is not offered; give ProbeShape.DISC"),  # type: ignore[arg-type]
        (lambda: Optics(inner_part=1.0), "optics.inner_part: 1.0"),
        (lambda: Optics(motion_px=(-1, 0)), "optics.motion_px: -1"),
        (lambda: Optics.ellipse(2, 3, 0), "shorter_px: 3"),
        (lambda: Specimen(kinds=("pale",)), "kinds: expected a tuple of SectionKind"),  # type: ignore[arg-type]
        (lambda: SectionKind(density=0), "kind.density: 0"),
        (lambda: SectionKind(granules=-1), "kind.granules: -1"),
        (lambda: Exposure(lag_px=-1), "exposure.lag_px: -1"),
        (lambda: Exposure(noise_px=(0, 99)), "exposure.noise_px: 99"),
        (lambda: Exposure(frames=0), "exposure.frames: 0"),
        (lambda: Exposure(dose=0), "exposure.dose: 0"),
        (lambda: Exposure(bits=12), "exposure.bits: 12"),
        (lambda: Artefacts(wrinkles=-1), "artefacts.wrinkles: -1"),
        (lambda: Artefacts(particles=1.5), "artefacts.particles: expected a whole number, got 1.5"),  # type: ignore[arg-type]
        (lambda: Artefacts(resin=1.2), "artefacts.resin: 1.2"),
    ],
)
def test_bad_arguments_are_named(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError) as error:
        make()
    assert str(error.value).startswith(said)
