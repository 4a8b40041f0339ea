"""An estimator is what it has seen: in one piece, in parts, as moments, or through another contract."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, snapshot_pairs

from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.estimators import EDMD, IsometricEDMD, KoopmanRegressor
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs

PSI = Monomials(2)
ESTIMATORS = {
    "factor": lambda: EDMD(PSI),
    "gram": lambda: EDMD(PSI, moments=GramMoments),
    "ridge": lambda: EDMD(PSI, Coordinates(), 0.1),
    "rank": lambda: EDMD(PSI, rank=3),
    "isometric": lambda: IsometricEDMD(PSI),
    "isometric, gram": lambda: IsometricEDMD(PSI, moments=GramMoments),
}
estimators = st.sampled_from(list(ESTIMATORS))
many_pairs = snapshot_pairs(smallest=40, width=2)


@given(pairs=many_pairs, name=estimators, parts=st.integers(1, 8), rng=generators())
def test_parts_of_any_number_size_and_order_end_where_one_fit_does(pairs, name, parts, rng):
    stream, order = ESTIMATORS[name](), rng.permutation(pairs.n)
    cuts = np.sort(rng.permutation(pairs.n - 1)[: parts - 1] + 1)
    for rows in np.split(order, cuts):
        stream.partial_fit(pairs.subset(rows))
    whole, fresh = ESTIMATORS[name]().fit(pairs), rng.standard_normal((10, 2))
    assert stream.moments_.count == pairs.n
    # Rank three of close singular values, and polar factors of small ones, lose digits.
    np.testing.assert_allclose(stream.predict(fresh), whole.predict(fresh), rtol=1e-5, atol=1e-5)


@given(pairs=many_pairs, more=many_pairs, kind=st.sampled_from([FactorMoments, GramMoments]), rng=generators())
def test_moments_taken_elsewhere_make_the_estimator_and_it_learns_on(pairs, more, kind, rng):
    theta = Coordinates(dimension=2)
    fitted = EDMD(PSI, theta, moments=kind).fit(pairs)
    made = EDMD.from_moments(kind.of(pairs, PSI, theta), PSI, theta)
    np.testing.assert_array_equal(made.matrix_, fitted.matrix_)
    fresh = rng.standard_normal((10, 2))
    np.testing.assert_array_equal(made.predict(fresh), fitted.predict(fresh))
    np.testing.assert_array_equal(made.partial_fit(more).matrix_, fitted.partial_fit(more).matrix_)
    assert made.moments_.count == pairs.n + more.n


@given(pairs=many_pairs, before=many_pairs, name=estimators)
def test_a_fit_forgets_what_was_seen_before_it(pairs, before, name):
    fresh = ESTIMATORS[name]().fit(pairs)
    used = ESTIMATORS[name]().fit(before).partial_fit(before).fit(pairs)
    np.testing.assert_array_equal(used.matrix_, fresh.matrix_)
    assert used.moments_.count == pairs.n


@given(pairs=many_pairs, name=estimators, rng=generators())
def test_the_scikit_learn_contract_changes_no_bit(pairs, name, rng):
    estimator, fresh = ESTIMATORS[name](), rng.standard_normal((10, 2))
    regressor = KoopmanRegressor(estimator).fit(pairs.before, pairs.after, sample_weight=pairs.weights)
    np.testing.assert_array_equal(regressor.predict(fresh), estimator.fit(pairs).predict(fresh))
    column = KoopmanRegressor().fit(pairs.before, pairs.after[:, 0], sample_weight=pairs.weights)
    affine = EDMD(Constant() + Coordinates(), outputs=Coordinates()).fit(
        SnapshotPairs(before=pairs.before, after=pairs.after[:, :1], weights=pairs.weights)
    )
    np.testing.assert_array_equal(column.predict(fresh), affine.predict(fresh)[:, 0])
