import math

import numpy as np
import pytest

from kdm.trajectories.storage import save_trajectories
from kdm.verification.baselines import fitted_baselines, hermite_degree
from kdm.verification.evidence import affordable, trajectories_in_rows
from koopman_analysis import SnapshotPairs, SnapshotTrajectories


@pytest.mark.parametrize(("width", "at_most"), [(2, 8), (2, 64), (3, 20), (1, 5)])
def test_the_hermite_baseline_is_the_largest_that_fits(width, at_most):
    degree = hermite_degree(width, at_most=at_most)
    assert math.comb(width + degree, degree) <= at_most < math.comb(width + degree + 1, degree + 1)


def test_the_hermite_baseline_has_at_least_the_affine_functions():
    assert hermite_degree(64, at_most=8) == 1


def test_every_baseline_predicts_and_richer_ones_fit_a_bent_map_better():
    rng = np.random.default_rng(0)
    before = 80.0 * rng.standard_normal((3000, 2))
    after = np.tanh(before / 80.0 @ np.array([[2.0, 0.5], [-1.0, 1.0]]))
    train, test = (
        SnapshotPairs(before=before[rows], after=after[rows]) for rows in (slice(0, 2000), slice(2000, None))
    )
    baselines = fitted_baselines(train, dimension=10, noise=80.0, rng=rng)
    errors = {
        name: float(np.square(predict(test.before) - test.after).mean() / test.after.var(axis=0).mean())
        for name, predict in (baselines.equal | baselines.larger).items()
    }
    mean, affine, hermite, fourier, large, ridge, neighbours = errors.values()
    assert mean == pytest.approx(1.0, abs=0.02)
    assert large < hermite < affine < mean
    assert fourier < affine
    assert max(ridge, neighbours) < hermite
    assert list(baselines.larger)[1:] == ["kernel ridge, n = 2,000", "3 nearest neighbours"]


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_many_fourier_features_do_not_blow_up_at_rare_states(seed):
    # Without a ridge these three have errors of 0.12, 46 and 0.19 instead of at most 0.07.
    rng = np.random.default_rng(seed)
    before = rng.standard_normal((4000, 2))
    pairs = SnapshotPairs(before=before, after=np.sign(before) + 0.1 * before)
    train, test = pairs.subset(np.arange(3000)), pairs.subset(np.arange(3000, 4000))
    larger = fitted_baselines(train, dimension=8, noise=1.0, rng=rng).larger
    predicted = next(predict for name, predict in larger.items() if "Fourier" in name)(test.before)
    assert np.square(predicted - test.after).mean() < 0.08 * test.after.var(axis=0).mean()


@pytest.mark.parametrize(
    ("times", "flows"),
    [
        (np.linspace(0.0, 1.0, 6), {"optimised DMD, all times", "DMD, step by step", "HODMD, all times"}),
        (np.linspace(0.0, 1.0, 4), {"optimised DMD, all times", "DMD, step by step"}),
        (np.linspace(0.0, 1.0, 6) ** 2, {"optimised DMD, all times"}),
    ],
    ids=["even", "few", "uneven"],
)
def test_where_there_are_trajectories_linear_flows_stand_beside(times, flows):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((300, 2))
    trajectories = SnapshotTrajectories(states=noise[:, None] * np.exp(times)[:, None], times=times)
    options = {"dimension": 8, "noise": 1.0, "trajectories": trajectories}
    without = fitted_baselines(trajectories.ends, **{**options, "trajectories": None}, rng=rng)
    equal = fitted_baselines(trajectories.ends, **options, rng=rng).equal
    assert set(equal) - set(without.equal) == flows
    for name in flows:
        np.testing.assert_allclose(equal[name](noise), trajectories.ends.after, atol=1e-8)


def test_trajectories_are_given_on_a_clock_while_they_determine_a_flow(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((100, 2))
    sigmas = [80.0, 4.0, 0.5]
    trajectory = np.stack([noise, noise / 2, noise / 4], axis=1)
    options = {"noise": noise, "data": noise / 4, "times": sigmas, "time_name": "sigma", "source": {"kind": "test"}}
    data = save_trajectories(tmp_path / "all", trajectory=trajectory, **options)
    rows = trajectories_in_rows(data)
    assert rows is not None
    np.testing.assert_allclose(rows.states, trajectory[:90], rtol=1e-6)
    np.testing.assert_allclose(rows.times, np.log(sigmas))
    assert trajectories_in_rows(save_trajectories(tmp_path / "ends", **options)) is None
    few = {**options, "noise": noise[:20], "data": noise[:20] / 4}
    assert trajectories_in_rows(save_trajectories(tmp_path / "few", trajectory=trajectory[:20], **few)) is None


@pytest.mark.parametrize(("width", "count"), [(2, 20_000), (64, 20_000), (3072, 5461), (10**9, 1)])
def test_of_wide_states_fewer_samples_are_drawn(width, count):
    assert affordable(20_000, width=width) == count
