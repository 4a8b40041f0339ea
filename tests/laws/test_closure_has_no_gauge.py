"""The closure spectrum belongs to the span of a dictionary and to the flow: to no basis, unit, shift or constant."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, seeds, snapshot_pairs, well_conditioned_matrices

from koopman_analysis.closure import ClosureReport, closure_report, decoder_weighted_defect
from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.estimators import ArrayLatentModel
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


@given(pairs=snapshot_pairs(smallest=60, largest=80, width=2), names=st.permutations(range(20)), seed=seeds)
def test_the_names_of_units_are_no_numbers(pairs, names, seed):
    unit = np.arange(pairs.n) % 20
    reports = []
    # In the same order with gaps; in another order, where other halves are drawn.
    for name in (unit, 7 * unit - 3, np.asarray(names)[unit]):
        named = replace(pairs, trajectory=name)
        reports.append(closure_report(named, inputs=Monomials(2), rng=np.random.default_rng(seed)))
    first, gaps, reordered = reports
    assert first.units == reordered.units
    assert first.units == 20 or (first.units < 20 and pairs.weights is not None)
    assert first == gaps
    for name in ("dimension", "input_dimension", "dropped_share"):
        assert getattr(first, name) == getattr(reordered, name)
    np.testing.assert_allclose(reordered.condition, first.condition, rtol=1e-6)
    assert (first == reordered) == (first.spectrum == reordered.spectrum)


@given(
    pairs=snapshot_pairs(smallest=20, width=2),
    A=well_conditioned_matrices(3),
    B=well_conditioned_matrices(3),
    shift=st.floats(-5, 5),
    seed=seeds,
)
def test_closure_through_a_decoder_knows_no_basis_of_the_latents(pairs, A, B, shift, seed):
    K, readout = np.random.default_rng(seed).standard_normal((2, 3, 3))

    def encode(states):
        return np.tanh(states @ readout[:2])

    def decode(latents):
        return np.sinh(latents @ readout)[:, :2]

    plain = ArrayLatentModel(encode_noise=encode, encode_data=encode, matrix=K, decode=decode, offset=K[0])
    # Latents at the data end carry a shift, too, which their decoder takes off.
    changed = ArrayLatentModel(
        encode_noise=lambda x: encode(x) @ B,
        encode_data=lambda y: encode(y) @ A + shift,
        matrix=np.linalg.solve(B, K @ A),
        decode=lambda z: decode((z - shift) @ np.linalg.inv(A)),
        offset=K[0] @ A + shift,
    )
    one, other = (
        decoder_weighted_defect(model, pairs, resamples=19, rng=np.random.default_rng(seed))
        for model in (plain, changed)
    )
    for name in ("defect", "state_error", "reconstruction_error"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.estimate > 1e-3
        np.testing.assert_allclose(
            [second.estimate, second.low, second.high], [first.estimate, first.low, first.high], rtol=1e-8
        )
    assert one.dimension == other.dimension
