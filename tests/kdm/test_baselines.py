import math

import numpy as np
import pytest

from kdm.verification.baselines import fitted_baselines, hermite_degree
from koopman_analysis import SnapshotPairs


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
    mean, affine, hermite, fourier, large = errors.values()
    assert mean == pytest.approx(1.0, abs=0.02)
    assert large < hermite < affine < mean
    assert fourier < affine
