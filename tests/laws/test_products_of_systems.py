"""Two systems side by side that know nothing of each other: what is true of both follows from what is true of each.

On every pair (x, y) of one beside every pair (x', y') of the other, weights multiplied, the empirical measure is a
product, so that in the tensor dictionary Ψ ⊗ Ψ', for any pairs, closed or not,

    K = K_1 ⊗ K_2,        eigenvalues λ_i λ'_j,                                                                (1)
    canonical correlations (of functions, constants included) σ_i σ'_j, so that shares predicted multiply:
    1 − defect = (1 − defect_1)(1 − defect_2),                                                               (2)

and beside a closed system an unrelated one costs its share of the directions.

Source: Horn & Johnson 1991, ch. 4 (Kronecker products).
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, snapshot_pairs, well_conditioned_matrices
from white import white

from koopman_analysis.closure import Closedness, closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, Hermite, Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import Unrelated

few_pairs = snapshot_pairs(smallest=8, largest=14, width=1)
FIRST, SECOND = Monomials(2), Constant() + Coordinates()


def side_by_side(first: SnapshotPairs, second: SnapshotPairs) -> SnapshotPairs:
    """Every pair of one beside every pair of the other."""
    i, j = np.divmod(np.arange(first.n * second.n), second.n)
    weights = [np.ones(pairs.n) if pairs.weights is None else pairs.weights for pairs in (first, second)]
    return SnapshotPairs(
        before=np.concatenate([first.before[i], second.before[j]], axis=1),
        after=np.concatenate([first.after[i], second.after[j]], axis=1),
        weights=weights[0][i] * weights[1][j],
    )


def tensor(states: np.ndarray) -> np.ndarray:
    """FIRST of the first coordinate, times SECOND of the second."""
    one, other = FIRST(states[:, :1]), SECOND(states[:, 1:])
    return (one[:, :, None] * other[:, None, :]).reshape(len(states), -1)


def predicted_share(moments: FactorMoments) -> float:
    """Mean σ² over the output functions: the share of their square that least squares predicts."""
    return float(np.square(np.linalg.norm(white(moments, moments.operator()), axis=0)).mean())


@given(first=few_pairs, second=few_pairs)
def test_the_operator_of_a_product_is_the_kronecker_product(first, second):
    both = FactorMoments.of(side_by_side(first, second), tensor)
    tolerance = rounding.of_projections(both) * both.condition()
    assert tolerance < 1e-4
    one, other = (FactorMoments.of(p, psi).operator() for p, psi in ((first, FIRST), (second, SECOND)))
    expected = np.kron(one, other)
    np.testing.assert_allclose(both.operator(), expected, atol=tolerance * np.abs(expected).max())


@given(first=few_pairs, second=few_pairs)
def test_the_eigenvalues_of_a_product_are_the_products(first, second):
    both = EDMD(tensor).fit(side_by_side(first, second))
    tolerance = rounding.of_eigenvalues(both)
    one, other = (EDMD(psi).fit(p).eigenpairs().eigenvalues for p, psi in ((first, FIRST), (second, SECOND)))
    assert rounding.spectral_distance(both.eigenpairs().eigenvalues, np.outer(one, other).ravel()) <= tolerance


@given(first=few_pairs, second=few_pairs)
def test_the_shares_predicted_of_a_product_multiply(first, second):
    moments = [FactorMoments.of(p, psi) for p, psi in ((first, FIRST), (second, SECOND))]
    both = FactorMoments.of(side_by_side(first, second), tensor)
    shares = [predicted_share(m) for m in (*moments, both)]
    tolerance = rounding.of_both_ends(both)
    np.testing.assert_allclose(shares[2], shares[0] * shares[1], atol=tolerance)
    assert all(0 < share <= 1 + tolerance for share in shares)


@given(A=well_conditioned_matrices(2), unrelated=st.integers(1, 3), rng=generators())
def test_beside_a_closed_system_an_unrelated_one_costs_its_share_of_the_directions(A, unrelated, rng):
    x, noise = rng.standard_normal((400, 2)), Unrelated(dimension=unrelated).pairs(400, rng=rng)
    pairs = SnapshotPairs(
        before=np.concatenate([x, noise.before], axis=1), after=np.concatenate([x @ A, noise.after], axis=1)
    )
    report = closure_report(pairs, inputs=Hermite(1), rng=rng)
    sigma = np.array([interval.estimate for interval in report.spectrum])
    np.testing.assert_allclose(sigma[:2], 1.0, atol=1e-10)
    # Correlations of 200 independent pairs: 5 standard errors.
    assert np.all(sigma[2:] < 5 / np.sqrt(200))
    share = unrelated / (unrelated + 2)
    assert share * (1 - 25 / 200) <= report.defect.estimate <= share + 1e-9
    assert report.closedness is Closedness.NOT_CLOSED
