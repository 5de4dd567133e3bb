"""Preparation: each step does what it says, is fitted on what it is given alone, and survives being written down."""

from __future__ import annotations

import numpy as np
import pytest

from mhfd import simulate
from mhfd.errors import UsageError
from mhfd.learning import preparation
from mhfd.learning.preparation import STEPS, Denoise, FlatField, Prepared, Stretch, fitted, read


def sections(count: int = 3, dose: float = 40.0) -> list[np.ndarray]:
    exposure = simulate.Exposure(dose=dose)
    return [simulate.section((160, 200), seed=seed, exposure=exposure) for seed in range(count)]


def bowled(image: np.ndarray) -> np.ndarray:
    y, x = np.linspace(-0.5, 0.5, image.shape[0])[:, None], np.linspace(-0.5, 0.5, image.shape[1])[None, :]
    return np.asarray(image * (1 + 0.5 * x - 0.6 * y**2))


def test_the_light_that_images_share_is_divided_out() -> None:
    uneven = [bowled(image) for image in sections(8)]
    step = fitted(["flat_field"], uneven).steps[0]
    assert isinstance(step, FlatField)
    new = np.full((300, 120), 50.0)
    even = step.apply(bowled(new).astype(np.float32))
    assert np.ptp(bowled(new)) > 25
    assert np.ptp(even) < 6


def test_denoising_takes_noise_and_leaves_the_scene() -> None:
    clean = simulate.section((160, 200), seed=1, exposure=simulate.Exposure(dose=1e6, read_noise=0, bits=16)) / 257.0
    noisy = sections(2)[1].astype(np.float32)
    less = fitted(["denoise"], sections()).apply(noisy)
    before, after = (float(np.mean((plane - clean) ** 2)) for plane in (noisy, less))
    assert after < 0.6 * before


def test_a_wider_square_is_chosen_where_the_scene_is_smoother() -> None:
    rng = np.random.default_rng(0)
    fine, smooth = (rng.normal(0, 1, (128, 128)) + 9 * np.sin(np.arange(128) / width) for width in (0.7, 40))
    assert Denoise.fit([fine.astype(np.float32)]).width < Denoise.fit([smooth.astype(np.float32)]).width


def test_stretching_undoes_another_curve_of_grey_values() -> None:
    one = sections(1)[0].astype(np.float32)
    step = Stretch.fit([one])
    curved = np.asarray(255 * (one / 255) ** 0.5, np.float32)
    assert np.abs(step.apply(curved) - step.apply(one)).max() < 0.08
    assert np.abs(curved / 255 - one / 255).max() > 0.2


@pytest.mark.parametrize("names", [(), ("denoise",), ("stretch", "flat_field"), tuple(STEPS)])
def test_what_is_written_down_prepares_the_same(names: tuple[str, ...]) -> None:
    made = fitted(names, sections())
    again = read(made.text)
    assert again.text == made.text
    assert [step.name for step in made.steps] == [name for name in STEPS if name in names]
    assert made.apply(sections()[0]).tobytes() == again.apply(sections()[0]).tobytes()


def test_what_it_is_fitted_on_alone_decides() -> None:
    one, other = sections(2), [bowled(image) for image in sections(2)]
    assert fitted(tuple(STEPS), one).text == fitted(tuple(STEPS), iter(one)).text
    assert fitted(tuple(STEPS), one).text != fitted(tuple(STEPS), other).text


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e300])
def test_any_picture_stays_finite(value: float) -> None:
    odd = np.full((40, 33), value)
    odd[3, 4] = 7.0
    made = fitted(tuple(STEPS), [odd, np.zeros((5, 7))])
    assert np.isfinite(made.apply(odd)).all()
    assert made.apply(odd).shape == odd.shape
    assert np.isfinite(made.apply(np.full((1, 1), value))).all()


def test_no_step_leaves_the_pixels_as_they_are() -> None:
    image = sections(1)[0]
    assert Prepared().apply(image) is image


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["sharpen:1"], "no step 'sharpen'"),
        (["denoise:4"], "a width of 3, 5, 7, got 4"),
        (["denoise:wide"], "'denoise:wide' is not a step with its numbers"),
        (["flat_field:1,2"], "flat_field has 5 numbers"),
        (["flat_field:nan,0,0,0,0"], "flat_field has 5 numbers"),
        (["stretch:1,0,0,0,0,0,0,0,0"], "numbers that do not fall"),
    ],
)
def test_a_recipe_that_is_none_is_refused_by_name(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(texts)


def test_fitting_says_what_it_lacks() -> None:
    with pytest.raises(UsageError, match="no step 'sharpen'; choose from flat_field, denoise, stretch"):
        fitted(["sharpen"], [])
    with pytest.raises(UsageError, match="no image to fit it on"):
        preparation.fitted(["stretch"], [])
