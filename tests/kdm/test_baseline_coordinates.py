"""Wide states in leading principal components: what is kept, what is left out, and what that costs."""

import numpy as np
import pytest

from kdm.verification.baselines import fitted_baselines
from kdm.verification.coordinates import WIDEST, LeadingCoordinates
from koopman_analysis import PyDMDRegression, SnapshotPairs, SnapshotTrajectories

WIDE, KEPT = 40, 6


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def gaussian_flow(n: int, rng: np.random.Generator, *, flat: float = 1e-3) -> tuple[SnapshotPairs, np.ndarray]:
    """The flow to normal data of KEPT wide directions and others that are nearly flat, and the wide ones."""
    basis = np.linalg.qr(rng.standard_normal((WIDE, WIDE)))[0]
    deviations = np.full(WIDE, flat)
    deviations[:KEPT] = np.arange(KEPT, 0, -1)
    noise = 80.0 * rng.standard_normal((n, WIDE))
    after = 3.0 + (noise @ basis) / 80.0 * deviations @ basis.T
    return SnapshotPairs(before=noise, after=after), basis[:, :KEPT]


def test_states_that_are_narrow_stay_as_they_are(rng):
    pairs, _ = gaussian_flow(50, rng)
    coordinates = LeadingCoordinates.of(pairs.after)
    np.testing.assert_array_equal(coordinates(pairs.before), pairs.before)
    np.testing.assert_array_equal(coordinates.lifted(lambda states: 2 * states)(pairs.before), 2 * pairs.before)
    assert LeadingCoordinates.of(np.zeros((5, WIDEST + 1)) + rng.standard_normal((5, WIDEST + 1))).axes.shape == (
        WIDEST + 1, WIDEST,
    )  # fmt: skip


def test_the_wide_directions_are_kept_and_the_rest_is_the_mean(rng):
    pairs, wide = gaussian_flow(2000, rng)
    coordinates = LeadingCoordinates.of(pairs.after, count=KEPT)
    np.testing.assert_allclose(coordinates.axes @ coordinates.axes.T, wide @ wide.T, atol=1e-4)
    nothing = coordinates.lifted(lambda states: np.zeros_like(states))(pairs.before[:3])
    left_out = pairs.after.mean(axis=0) - pairs.after.mean(axis=0) @ wide @ wide.T
    np.testing.assert_allclose(nothing, np.broadcast_to(left_out, nothing.shape), atol=1e-3)


def test_the_flow_of_gaussian_data_is_learned_from_the_coordinates_alone(rng):
    pairs, _ = gaussian_flow(2000, rng)
    heldout = SnapshotPairs(before=pairs.before[1000:], after=pairs.after[1000:])
    pairs = SnapshotPairs(before=pairs.before[:1000], after=pairs.after[:1000])
    coordinates = LeadingCoordinates.of(pairs.after, count=KEPT)
    predict = coordinates.lifted(PyDMDRegression().fit(coordinates.of_pairs(pairs)).predict)
    error = np.abs(predict(heldout.before) - heldout.after).max()
    assert error < 8e-3, "what is left out is of deviation 1e-3"


def test_few_pairs_predict_better_in_coordinates_than_in_all_numbers(rng):
    # 60 pairs and 41 coefficients for each of 40 numbers: least squares fits what is noise in them.
    pairs, _ = gaussian_flow(1060, rng)
    noisy = SnapshotPairs(before=pairs.before, after=pairs.after + rng.standard_normal(pairs.after.shape))
    fit, heldout = noisy.subset(np.arange(60)), pairs.subset(np.arange(60, 1060))
    coordinates = LeadingCoordinates.of(fit.after, count=2 * KEPT)
    seen = coordinates.lifted(PyDMDRegression().fit(coordinates.of_pairs(fit)).predict)(heldout.before)
    whole = PyDMDRegression().fit(fit).predict(heldout.before)
    errors = [np.square(predicted - heldout.after).mean() for predicted in (seen, whole)]
    assert errors[0] < 0.6 * errors[1]


def test_every_baseline_of_wide_states_predicts_states(rng):
    width = WIDEST + 40
    mixing = rng.standard_normal((4, width))
    noise = rng.standard_normal((600, width))
    times = np.linspace(0.0, 1.0, 3)
    after = np.tanh(noise[:, :4]) @ mixing + 0.01 * noise
    along = np.stack([noise, (noise + after) / 2, after], axis=1)
    trajectories = SnapshotTrajectories(states=along[:500], times=times)
    baselines = fitted_baselines(
        trajectories.ends, dimension=8, noise=1.0, rng=rng, trajectories=trajectories
    )  # fmt: skip
    every = baselines.equal | baselines.larger
    assert {"mean", "DMD (affine)", "optimised DMD, all times", "3 nearest neighbours"} <= set(every)
    for name, predict in every.items():
        assert predict(noise[500:]).shape == (100, width), name
    spread = np.square(after[500:] - after[500:].mean(axis=0)).mean()
    assert np.square(every["mean"](noise[500:]) - after[500:]).mean() == pytest.approx(spread, rel=0.05)
