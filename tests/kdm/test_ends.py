"""Noise is told from data by its moments, and by nothing that a large or a small sample does on its own."""

import numpy as np
import pytest

from kdm.importing.ends import MOST_NUMBERS, NOISE_BOUND, EndMoments, Ends, excess_over_noise

RNG_SEED = 0


@pytest.fixture
def rng():
    return np.random.default_rng(RNG_SEED)


def board(rng, n):
    return rng.uniform(-4.4, 4.4, (n, 2))


@pytest.mark.parametrize("scale", [1.0, 80.0])
def test_noise_of_any_scale_is_noise_and_data_are_not(rng, scale):
    noise = scale * rng.standard_normal((500, 2))
    assert excess_over_noise(noise, scale=scale) < 5 < 50 < excess_over_noise(board(rng, 500))
    assert excess_over_noise(noise + scale, scale=scale) > 10


@pytest.mark.parametrize("shape", [(10, 2), (200, 2), (256, 3, 8, 8)])
def test_the_scores_of_noise_are_the_largest_of_about_standard_normal_ones(rng, shape):
    scores = [excess_over_noise(rng.standard_normal(shape)) for _ in range(400)]
    d = int(np.prod(shape[1:]))
    count = 2 * d + d // 2 + 3
    # P(largest of `count` standard normal |z| > 4.5), as if they were independent: at most 2e-3 here.
    assert np.mean(np.array(scores) > 4.5) <= 0.02
    assert np.median(scores) > np.sqrt(np.log(count)), "they are of the size that so many normal variables have"


@pytest.mark.parametrize(
    "changed",
    [
        lambda x: np.add(x, [0.2, -0.2]),  # pooled, the means cancel
        lambda x: x * [1.2, 0.7483],  # pooled, the variances do
        lambda x: x @ [[1.0, 0.3], [0.0, np.sqrt(1 - 0.09)]],  # only neighbours show it
    ],
    ids=["means", "variances", "correlation"],
)
def test_moments_that_cancel_out_are_seen_in_each_coordinate(rng, changed):
    noise = rng.standard_normal((2000, 2))
    assert excess_over_noise(noise) < 4
    moved = changed(noise)
    assert np.mean(moved**2) == pytest.approx(np.mean(noise**2), rel=0.05)
    assert excess_over_noise(moved) > NOISE_BOUND


def test_standardised_images_are_not_noise(rng):
    smooth = np.repeat(rng.standard_normal((256, 3, 4, 4)), 2, axis=3)  # neighbours are equal
    assert smooth.std() == pytest.approx(1, abs=0.05)
    assert excess_over_noise(smooth) > 10 * NOISE_BOUND


def test_a_scale_that_is_a_percent_off_is_seen_by_no_sample_however_large(rng):
    noise = rng.standard_normal((5 * MOST_NUMBERS, 4))
    assert excess_over_noise(noise, scale=1.01) < NOISE_BOUND < excess_over_noise(noise, scale=1.05)
    assert 0.01 * np.sqrt(2 * noise.size) > 2 * NOISE_BOUND, "in its own standard errors it would have been"


def test_moments_of_parts_add_up_to_those_of_the_whole(rng):
    states = rng.standard_normal((70, 3, 3))
    whole, parts = EndMoments.of(states), EndMoments.of(states[:20]) + EndMoments.of(states[20:])
    assert parts.n == 70
    for name in ("sums", "squares", "neighbours"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-12)
    assert whole.root_mean_square == pytest.approx(np.sqrt(np.mean(states**2)), rel=1e-12)


def test_the_equations_hold_for_a_single_coordinate(rng):
    x = rng.standard_normal((50, 1))
    n, q = 50, np.mean(x**2)
    a = 2 / (9 * n)
    expected = max(abs(np.sqrt(n) * x.mean()), abs((q ** (1 / 3) - 1 + a) / np.sqrt(a)))
    assert excess_over_noise(x) == pytest.approx(expected, rel=1e-12)


def test_each_mismatch_has_its_reason(rng):
    ends = Ends(noise_scale=80.0, data_at_most=1.0)
    noise = EndMoments.of(80 * rng.standard_normal((300, 12)))
    data, middle = (EndMoments.of(s * rng.standard_normal((300, 12))) for s in (0.5, 40.0))
    assert ends.mismatch(noise, data) == ""
    assert ends.mismatch(data, noise).endswith("but its other end does: time runs the other way")
    assert "does not have the moments of N(0, 80² I)" in ends.mismatch(middle, data)
    assert "other way" not in ends.mismatch(middle, data)
    assert "both of its ends have the moments" in ends.mismatch(noise, noise)
    assert "should be data has a root mean square of 40" in ends.mismatch(noise, middle)
