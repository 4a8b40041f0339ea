import numpy as np
import pytest

from koopman_analysis.dictionaries import Constant, Coordinates
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.pydmd import PyDMDRegression
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs

A = np.array([[0.9, 0.2], [-0.1, 0.5]])


def affine_pairs(seed: int = 0, noise: float = 0.1) -> SnapshotPairs:
    rng = np.random.default_rng(seed)
    x = 3 + rng.standard_normal((100, 2))
    return SnapshotPairs(before=x, after=x @ A + [5.0, -1.0] + noise * rng.standard_normal((100, 2)))


def test_dmd_on_centred_pairs_is_affine_regression():
    pairs = affine_pairs()
    fresh = affine_pairs(seed=1).before
    expected = EDMD(Constant() + Coordinates()).fit(pairs).predict(fresh)
    np.testing.assert_allclose(PyDMDRegression().fit(pairs).predict(fresh), expected, rtol=1e-11)


def test_a_rank_is_passed_on_and_all_modes_are_kept_without_one():
    pairs = affine_pairs(noise=0.0)
    assert len(PyDMDRegression().fit(pairs).dmd_.eigs) == 2
    one = PyDMDRegression(rank=np.int64(1)).fit(pairs)
    assert len(one.dmd_.eigs) == 1
    assert np.linalg.matrix_rank(one.predict(pairs.before) - pairs.after.mean(axis=0), tol=1e-8) == 1


def test_another_pydmd_class_is_given_by_how_to_make_it():
    from pydmd import DMD

    pairs = affine_pairs(noise=0.0)
    projected = PyDMDRegression(make=lambda rank: DMD(svd_rank=rank, exact=False)).fit(pairs)
    np.testing.assert_allclose(projected.predict(pairs.before), pairs.after, rtol=1e-10)


def test_badly_conditioned_data_is_fitted_in_silence():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, 2)) * [1.0, 1e-8]
    assert np.linalg.cond(x) > 1e6
    PyDMDRegression().fit(SnapshotPairs(before=x, after=x))


def test_what_pydmd_cannot_take_is_refused():
    x = np.random.default_rng(3).standard_normal((9, 2))
    with pytest.raises(ValueError, match="got weights"):
        PyDMDRegression().fit(SnapshotPairs(before=x, after=x, weights=np.ones(9)))
    with pytest.raises(ValueError, match="one width before and after"):
        PyDMDRegression().fit(SnapshotPairs(before=x, after=x[:, :1]))
    with pytest.raises(ValueError, match="at least two pairs"):
        PyDMDRegression().fit(SnapshotPairs(before=x[:1], after=x[:1]))
    with pytest.raises(ConstantData, match="states before that vary"):
        PyDMDRegression().fit(SnapshotPairs(before=np.ones((9, 2)), after=x))
    with pytest.raises(ValueError, match="features, 2"):
        PyDMDRegression(rank=3).fit(SnapshotPairs(before=x, after=x))
    with pytest.raises(ValueError, match="rank of at least 1"):
        PyDMDRegression(rank=0)
    with pytest.raises(NotFitted, match="call fit"):
        PyDMDRegression().predict(x)
