"""The closure spectrum belongs to the span of a dictionary and to the flow: to no basis, unit, shift or constant."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, seeds, snapshot_pairs, well_conditioned_matrices

from koopman_analysis.closure import ClosureReport, closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.snapshots import SnapshotPairs


def assert_same(one: ClosureReport, other: ClosureReport) -> None:
    for first, second in zip(one.spectrum, other.spectrum, strict=True):
        np.testing.assert_allclose([second.estimate, second.low], [first.estimate, first.low], rtol=1e-6, atol=1e-6)
    for name in ("defect", "operator_defect", "worst_direction", "state_error"):
        first, second = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose([second.low, second.high], [first.low, first.high], rtol=1e-6, atol=1e-6)


@given(
    pairs=snapshot_pairs(smallest=60, largest=80, width=2),
    A=well_conditioned_matrices(6),
    B=well_conditioned_matrices(6),
    seed=seeds,
)
def test_a_change_of_basis_of_either_dictionary_changes_nothing(pairs, A, B, seed):
    psi = Monomials(2)
    plain = closure_report(pairs, inputs=psi, rng=np.random.default_rng(seed))
    changed = closure_report(
        pairs, inputs=lambda x: psi(x) @ B, outputs=lambda y: psi(y) @ A, rng=np.random.default_rng(seed)
    )
    assert plain.dimension == changed.dimension == 5
    assert_same(plain, changed)


@given(pairs=snapshot_pairs(smallest=60, largest=80, width=2), scale=st.floats(1e-3, 1e3), seed=seeds)
def test_a_unit_and_an_adjoined_constant_change_nothing(pairs, scale, seed):
    scaled = SnapshotPairs(before=scale * pairs.before, after=pairs.after / scale, weights=pairs.weights)
    plain = closure_report(pairs, inputs=Coordinates(), rng=np.random.default_rng(seed))
    other = closure_report(scaled, inputs=Constant() + Coordinates(), rng=np.random.default_rng(seed))
    assert_same(plain, other)


@given(pairs=snapshot_pairs(smallest=30, largest=60), rng=generators())
def test_shares_of_variance_are_ordered_and_correlations_at_most_one(pairs, rng):
    report = closure_report(pairs, inputs=Coordinates(), rng=rng)
    assert all(0 <= sigma.low <= sigma.estimate <= sigma.high <= 1 for sigma in report.spectrum)
    mean_square = np.mean([sigma.estimate**2 for sigma in report.spectrum])
    np.testing.assert_allclose(report.defect.estimate, 1 - mean_square, atol=1e-12)
    assert report.worst_direction.low <= report.worst_direction.high


@given(pairs=snapshot_pairs(smallest=12, largest=60), share=st.floats(0.1, 0.9), rng=generators())
def test_splits_and_shuffles_lose_no_state(pairs, share, rng):
    split = pairs.split(held_out=share, rng=rng)
    parts = np.concatenate([split.fit.before, split.held_out.before])
    np.testing.assert_array_equal(np.sort(parts, axis=0), np.sort(pairs.before, axis=0))
    np.testing.assert_array_equal(np.sort(pairs.shuffled(rng=rng).after, axis=0), np.sort(pairs.after, axis=0))
