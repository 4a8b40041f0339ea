"""Modes of models whose modes are known."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.dimension import decoder_weighted_directions
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.modes import operator_modes, whitened_singular_values
from koopman_analysis.snapshots import SnapshotPairs

SIZES = np.array([3.0, 1.0, 0.2])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def model(left: np.ndarray, right: np.ndarray) -> ArrayLatentModel:
    """y = x diag(SIZES), hidden behind a change of latents at either end."""
    return ArrayLatentModel(
        encode_noise=lambda x: x @ left,
        encode_data=lambda y: y @ right,
        matrix=np.linalg.solve(left, np.diag(SIZES) @ right),
        decode=lambda z: z @ np.linalg.inv(right),
    )


LEFT, RIGHT = rng(1).standard_normal((2, 3, 3))
MODEL = model(LEFT, RIGHT)


def pairs(n: int = 4000, *, noise: float = 0.0, seed: int = 2) -> SnapshotPairs:
    x = rng(seed).standard_normal((n, 3))
    return SnapshotPairs(before=x, after=x * SIZES + noise * rng(seed + 1).standard_normal((n, 3)))


def test_the_modes_of_independent_coordinates_are_the_coordinates():
    some = pairs()
    directions = decoder_weighted_directions(MODEL, some, rng=rng())
    modes = operator_modes(MODEL, some, directions=directions, count=2, rng=rng())
    assert len(modes) == 2
    np.testing.assert_allclose(modes.sizes, SIZES[:2], rtol=0.05)
    np.testing.assert_allclose(modes.shares, np.square(SIZES[:2]) / np.square(SIZES).sum(), rtol=0.1)
    np.testing.assert_allclose([c.estimate for c in modes.contributions], modes.shares, rtol=0.05)
    at_noise = modes.at_noise(MODEL, some.before)
    for position in range(2):
        assert abs(np.corrcoef(at_noise[:, position], some.before[:, position])[0, 1]) > 0.999
    np.testing.assert_allclose(modes.at_data(MODEL, some.after), at_noise, atol=1e-10)
    assert all(unpredicted.high < 1e-20 for unpredicted in modes.unpredicted)


def test_what_the_other_end_has_besides_is_unpredicted():
    some = pairs(noise=0.5)
    directions = decoder_weighted_directions(MODEL, pairs(seed=7), rng=rng())
    modes = operator_modes(MODEL, some, directions=directions, count=2, rng=rng())
    expected = 0.25 / (np.square(SIZES[:2]) + 0.25)
    for interval, exact in zip(modes.unpredicted, expected, strict=True):
        assert interval.low < exact * 1.1
        assert interval.high > exact * 0.9
        assert interval.low > exact / 2


def test_modes_are_functions_of_the_states_and_of_no_latent_coordinates():
    some = pairs(500, noise=0.1)
    drawn = []
    for one in (MODEL, model(*rng(5).standard_normal((2, 3, 3)))):
        directions = decoder_weighted_directions(one, some, rng=rng())
        modes = operator_modes(one, some, directions=directions, count=3, rng=rng())
        signs = np.sign(modes.at_noise(one, some.before)[0])
        ends = [modes.at_noise(one, some.before) * signs, modes.at_data(one, some.after) * signs]
        drawn.append((ends, modes, whitened_singular_values(one, some, directions=directions)))
    (ends, modes, values), (other_ends, other_modes, other_values) = drawn
    np.testing.assert_allclose(other_ends, ends, atol=1e-7)
    np.testing.assert_allclose(other_values, values, rtol=1e-8)
    for name in ("contributions", "unpredicted"):
        one, other = ([interval.estimate for interval in getattr(m, name)] for m in (modes, other_modes))
        np.testing.assert_allclose(other, one, rtol=1e-7)


def test_whitened_singular_values_of_the_best_operator_are_canonical_correlations():
    some = pairs(100_000, noise=0.5)
    directions = decoder_weighted_directions(MODEL, some, rng=rng())
    found = whitened_singular_values(MODEL, some, directions=directions, share=1.0)
    np.testing.assert_allclose(found, SIZES / np.sqrt(np.square(SIZES) + 0.25), rtol=0.01)
    doubled = whitened_singular_values(replace(MODEL, matrix=2 * MODEL.matrix), some, directions=directions, share=1.0)
    np.testing.assert_allclose(doubled, 2 * found, rtol=1e-10)
    assert len(whitened_singular_values(MODEL, some, directions=directions, share=0.9)) == 2


def test_a_weight_is_a_number_of_repetitions():
    some = pairs(40, noise=0.2)
    directions = decoder_weighted_directions(MODEL, some, rng=rng())
    weighted = replace(some, weights=np.repeat([2.0, 1.0], 20))
    repeated = some.subset(np.concatenate([np.arange(20), np.arange(40)]))
    one, other = (
        operator_modes(MODEL, p, directions=directions, count=2, resamples=19, rng=rng()) for p in (weighted, repeated)
    )
    for name in ("contributions", "unpredicted"):
        first, second = ([interval.estimate for interval in getattr(m, name)] for m in (one, other))
        np.testing.assert_allclose(first, second, rtol=1e-10)
    first, second = (whitened_singular_values(MODEL, p, directions=directions) for p in (weighted, repeated))
    np.testing.assert_allclose(first, second, rtol=1e-10)


def test_more_modes_than_directions_constant_data_and_shares_out_of_range_are_refused():
    some = pairs(50)
    directions = decoder_weighted_directions(MODEL, some, rng=rng())
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"from 1 to 3 modes, the directions there are, got {count}"):
            operator_modes(MODEL, some, directions=directions, count=count, rng=rng())
    still = SnapshotPairs(before=some.before, after=np.ones((50, 3)))
    with pytest.raises(ValueError, match="states after that vary, got one state 50 times"):
        operator_modes(MODEL, still, directions=directions, count=1, rng=rng())
    with pytest.raises(ValueError, match=r"a share in \(0, 1\], got 0"):
        whitened_singular_values(MODEL, some, directions=directions, share=0.0)
    constant = replace(MODEL, encode_data=lambda y: np.zeros((len(y), 3)))
    with pytest.raises(ValueError, match="got a constant direction"):
        whitened_singular_values(constant, some, directions=directions)
    flat = replace(MODEL, encode_data=lambda y: np.repeat(y[:, :1], 3, axis=1))
    with pytest.raises(ValueError, match="in all of 3 directions"):
        whitened_singular_values(flat, some, directions=directions, share=1.0)
