"""An operator follows its functions: their combinations, bases, units and origins, and the field that they are over.

With K of Ψ_out(y) ≈ Ψ_in(x) K, for invertible B and any C,

    Ψ_in → Ψ_in B,  Ψ_out → Ψ_out C      gives      K → B⁻¹ K C,                                                (1)

so that with one dictionary and C = B the eigenvalues and the functions Ψ v stay; for real data both come in conjugate
pairs.
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_dictionaries, dictionaries, generators, snapshot_pairs, well_conditioned_matrices

from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs

LEAST_PAIRS = 40
"""Above the numbers of functions, so that each operator is unique."""


@given(
    pairs=snapshot_pairs(smallest=LEAST_PAIRS, width=2),
    psi=any_dictionaries,
    ridge=st.sampled_from([0.0, 1e-2]),
    rng=generators(),
)
def test_the_operator_is_linear_in_the_output_functions(pairs, psi, ridge, rng):
    C = rng.standard_normal((psi(pairs.before).shape[1], 3))
    moments = FactorMoments.of(pairs, psi)
    combined = FactorMoments.of(pairs, psi, lambda y: psi(y) @ C).operator(ridge=ridge)
    lifted = psi(pairs.before)
    expected = lifted @ moments.operator(ridge=ridge) @ C
    scale = np.linalg.norm(psi(pairs.after)) * np.linalg.norm(C)
    assert np.linalg.norm(lifted @ combined - expected) <= rounding.of_projections(moments) * scale


@given(pairs=snapshot_pairs(smallest=LEAST_PAIRS, width=2), B=well_conditioned_matrices(6), rng=generators())
def test_recombined_functions_have_the_same_eigenvalues(pairs, B, rng):
    psi = Monomials(2)
    B = B[:, rng.permutation(6)]
    plain, changed = EDMD(psi).fit(pairs), EDMD(lambda x: psi(x) @ B).fit(pairs)
    assert not np.allclose(plain.matrix_, changed.matrix_, atol=1e-3)  # only their spectra agree
    tolerance = rounding.of_eigenvalues(plain) + rounding.of_eigenvalues(changed)
    assert tolerance < 1e-4
    one, other = (edmd.eigenpairs().eigenvalues for edmd in (plain, changed))
    assert rounding.spectral_distance(one, other) <= tolerance


@given(pairs=snapshot_pairs(smallest=LEAST_PAIRS, width=2), B=well_conditioned_matrices(6))
def test_recombined_functions_have_the_same_eigenfunctions(pairs, B):
    psi = Monomials(2)
    plain, changed = EDMD(psi).fit(pairs), EDMD(lambda x: psi(x) @ B).fit(pairs)
    one, other = plain.eigenpairs(), changed.eigenpairs()
    rows, columns = rounding.matching(one.eigenvalues, other.eigenvalues)
    gaps = np.abs(one.eigenvalues[:, None] - one.eigenvalues[None, :]) + np.diag(np.full(6, np.inf))
    tolerance = (rounding.of_eigenvalues(plain) + rounding.of_eigenvalues(changed)) / gaps.min(axis=1)
    assert tolerance.max() < 1e-3
    functions = psi(pairs.before) @ one.coefficients[:, rows]
    again = psi(pairs.before) @ B @ other.coefficients[:, columns]
    functions, again = (values / np.linalg.norm(values, axis=0) for values in (functions, again))
    phase = np.einsum("ij,ij->j", functions.conj(), again)
    assert np.all(np.linalg.norm(again - functions * phase, axis=0) <= tolerance[rows])


@given(pairs=snapshot_pairs(smallest=20), rng=generators())
def test_each_coordinate_may_have_a_unit_of_its_own_at_each_end(pairs, rng):
    units, units_after = 10.0 ** rng.uniform(-8, 8, (2, pairs.before.shape[1]))
    scaled = SnapshotPairs(before=pairs.before * units, after=pairs.after * units_after, weights=pairs.weights)
    K, changed = (EDMD(Coordinates()).fit(p).matrix_ for p in (pairs, scaled))
    condition = FactorMoments.of(pairs, Coordinates()).condition()
    np.testing.assert_allclose(
        units[:, None] * changed / units_after, K, atol=1e3 * rounding.EPSILON * condition**2 * np.abs(K).max()
    )


@given(pairs=snapshot_pairs(smallest=20, width=2), rng=generators())
def test_with_the_constant_predictions_move_with_the_origin_of_either_end(pairs, rng):
    origin, origin_after = rng.uniform(-10, 10, (2, 2))
    moved = SnapshotPairs(before=pairs.before + origin, after=pairs.after + origin_after, weights=pairs.weights)
    fresh = rng.standard_normal((10, 2))
    here, there = (EDMD(Constant() + Coordinates(), outputs=Coordinates()).fit(p) for p in (pairs, moved))
    tolerance = rounding.of_projections(FactorMoments.of(moved, Constant() + Coordinates()))
    assert tolerance < 1e-8
    np.testing.assert_allclose(
        there.predict(fresh + origin), here.predict(fresh) + origin_after, atol=10 * tolerance
    )  # fmt: skip


@given(pairs=snapshot_pairs(smallest=LEAST_PAIRS, width=2), heldout=snapshot_pairs(width=2), psi=dictionaries())
def test_eigenpairs_of_real_data_are_real_or_stand_beside_their_conjugates(pairs, heldout, psi):
    found = EDMD(psi).fit(pairs).eigenpairs(heldout=heldout)
    position = 0
    while position < len(found):
        if found.eigenvalues[position].imag == 0:
            np.testing.assert_array_equal(found.coefficients[:, position].imag, 0.0)
            position += 1
            continue
        first, second = position, position + 1
        assert found.eigenvalues[first] == found.eigenvalues[second].conj()
        np.testing.assert_array_equal(found.coefficients[:, first], found.coefficients[:, second].conj())
        assert found.residuals[first] == found.residuals[second]
        position += 2
