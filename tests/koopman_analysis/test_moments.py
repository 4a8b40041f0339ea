import numpy as np
import pytest
import torch

from koopman_analysis.dictionaries import Coordinates, FunctionDictionary, Monomials
from koopman_analysis.moments import FactorMoments, GramMoments, IllConditionedGram
from koopman_analysis.regression import ConstantData, least_squares
from koopman_analysis.snapshots import SnapshotPairs


def weighted_pairs(n: int = 50, seed: int = 0) -> SnapshotPairs:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    return SnapshotPairs(before=x, after=np.sin(x), weights=rng.uniform(0.1, 2, n))


def test_both_moments_are_those_of_the_rows_of_equation_1():
    pairs, psi, theta = weighted_pairs(), Monomials(2), Coordinates()
    ones = np.ones((50, 1))
    rows = np.concatenate([ones, psi(pairs.before), theta(pairs.after), pairs.after], axis=1)
    rows *= np.sqrt(pairs.weights)[:, None]
    gram, factor = GramMoments.of(pairs, psi, theta), FactorMoments.of(pairs, psi, theta)
    np.testing.assert_allclose(gram.gram, rows.T @ rows, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(factor.factor.T @ factor.factor, rows.T @ rows, rtol=1e-12, atol=1e-12)
    assert gram.weight == pytest.approx(pairs.weights.sum())
    np.testing.assert_array_equal(gram.cross, gram.gram[1:7, 7:9])
    np.testing.assert_array_equal(gram.gram_in, gram.gram[1:7, 1:7])
    np.testing.assert_array_equal(gram.gram_out, gram.gram[7:9, 7:9])


def test_the_operator_minimises_equation_4():
    pairs, psi = weighted_pairs(), Monomials(2)
    x, y, w = psi(pairs.before), psi(pairs.after), pairs.weights[:, None]
    for ridge in (0.0, 0.3):
        penalty = ridge * (w * x**2).sum() / 6
        expected = np.linalg.solve(x.T @ (w * x) + penalty * np.eye(6), x.T @ (w * y))
        for moments in (GramMoments.of(pairs, psi), FactorMoments.of(pairs, psi)):
            np.testing.assert_allclose(moments.operator(ridge=ridge), expected, rtol=1e-9, atol=1e-10)


def test_a_rank_replaces_the_inputs_by_their_best_approximation():
    pairs = weighted_pairs()
    x, y = (np.sqrt(pairs.weights)[:, None] * states for states in (pairs.before, pairs.after))
    left, values, right = np.linalg.svd(x, full_matrices=False)
    expected = np.outer(right[0] / values[0], left[:, 0] @ y)
    for moments in (GramMoments.of(pairs, Coordinates()), FactorMoments.of(pairs, Coordinates())):
        np.testing.assert_allclose(moments.operator(rank=1), expected, rtol=1e-9)


def test_the_merge_of_processes_is_the_sum_of_what_they_gather():
    parts = [GramMoments.of(weighted_pairs(seed=seed), Monomials(2)) for seed in range(3)]
    merged = parts[1].merged(lambda own: parts if own is parts[1] else [])
    np.testing.assert_array_equal(merged.gram, (parts[0] + parts[1] + parts[2]).gram)
    assert merged.count == 150


def test_the_factor_keeps_what_the_gram_matrix_loses_and_says_so():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 1))
    nearly_parallel = np.concatenate([x, x + 1e-9 * rng.standard_normal((200, 1))], axis=1)
    K = np.array([[1.0, 2.0], [3.0, -1.0]])
    pairs = SnapshotPairs(before=nearly_parallel, after=nearly_parallel @ K)
    # Condition 1e9 times rounding is 1e-7; its square is beyond double precision.
    np.testing.assert_allclose(FactorMoments.of(pairs, Coordinates()).operator(), K, atol=1e-5)
    with pytest.warns(IllConditionedGram, match=r"condition number of .* \(above 1e7\).* Pass FactorMoments"):
        lost = GramMoments.of(pairs, Coordinates()).operator()
    assert np.abs(lost - K).max() > 0.1


def test_ridge_and_rank_protect_a_gram_matrix_without_a_warning():
    x = np.random.default_rng(2).standard_normal((30, 1))
    moments = GramMoments.of(
        SnapshotPairs(before=np.concatenate([x, x], axis=1), after=x), Coordinates(), Coordinates()
    )
    np.testing.assert_allclose(moments.operator(rank=1), [[0.5], [0.5]], rtol=1e-9)
    np.testing.assert_allclose(moments.operator(ridge=1e-6), [[0.5], [0.5]], rtol=1e-5)


def test_a_dictionary_with_a_function_twice_has_the_operator_of_least_norm():
    x = np.random.default_rng(3).standard_normal((30, 1))
    K = FactorMoments.of(SnapshotPairs(before=np.concatenate([x, x], axis=1), after=x), Coordinates(), Coordinates())
    np.testing.assert_allclose(K.operator(), [[0.5], [0.5]], rtol=1e-12)


def test_tensors_accumulate_on_their_own_device_in_double_precision():
    pairs = weighted_pairs()
    tensors = SnapshotPairs(
        before=torch.from_numpy(pairs.before),
        after=torch.from_numpy(pairs.after),
        weights=torch.from_numpy(pairs.weights),
    )
    moments = GramMoments.of(tensors, Monomials(2), chunk=7)
    assert isinstance(moments.gram, torch.Tensor)
    assert moments.gram.dtype == torch.float64
    np.testing.assert_allclose(
        moments.operator(), GramMoments.of(pairs, Monomials(2)).operator(), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(
        FactorMoments.of(tensors, Monomials(2)).readout(), FactorMoments.of(pairs, Monomials(2)).readout(), atol=1e-12
    )


def test_complex_features_are_regressed_with_the_conjugate():
    angle = np.random.default_rng(4).uniform(0, 6, (100, 1))
    pairs = SnapshotPairs(before=angle, after=np.sqrt(angle))
    psi = FunctionDictionary([lambda t, k=k: np.exp(1j * k * t[:, 0]) for k in range(3)])
    expected = np.linalg.lstsq(psi(pairs.before), psi(pairs.after))[0]
    np.testing.assert_allclose(FactorMoments.of(pairs, psi).operator(), expected, atol=1e-12)
    np.testing.assert_allclose(GramMoments.of(pairs, psi).operator(), expected, atol=1e-10)


def test_moments_of_different_dictionaries_do_not_add():
    for kind in (GramMoments, FactorMoments):
        with pytest.raises(ValueError, match="moments of the same dictionaries"):
            kind.of(weighted_pairs(), Monomials(1)) + kind.of(weighted_pairs(), Monomials(2))


@pytest.mark.parametrize("kind", [GramMoments, FactorMoments])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rank": 0}, ValueError, "rank from 1"),
        ({"rank": 3}, ValueError, "number of input features, 2"),
        ({"rank": -1}, ValueError, "rank from 1"),
        ({"rank": 1.5}, TypeError, "whole number"),
        ({"rank": True}, TypeError, "whole number"),
        ({"ridge": -1.0}, ValueError, "ridge of at least 0"),
        ({"ridge": float("nan")}, ValueError, "ridge of at least 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(kind, options, error, message):
    moments = kind.of(weighted_pairs(), Coordinates())
    with pytest.raises(error, match=message):
        moments.operator(**options)


def test_data_that_determine_no_operator_are_refused():
    constant = SnapshotPairs(before=np.full((9, 2), 3.0), after=np.random.default_rng(5).standard_normal((9, 2)))
    zero = SnapshotPairs(before=np.zeros((9, 2)), after=np.zeros((9, 2)))
    for kind in (GramMoments, FactorMoments):
        for pairs in (constant, zero):
            with pytest.raises(ConstantData, match="features that vary"):
                kind.of(pairs, Coordinates()).operator(rank=1)
    with pytest.raises(ValueError, match="at least two pairs"):
        FactorMoments.of(weighted_pairs(1), Coordinates()).operator()


def test_features_must_be_finite_and_chunks_must_hold_a_row():
    undefined = FunctionDictionary([lambda x: np.where(x[:, 0] > 0, 1.0, np.nan)])
    with pytest.raises(ValueError, match="finite features, got NaN or Inf for rows 0 to 49"):
        GramMoments.of(weighted_pairs(), undefined)
    with pytest.raises(ValueError, match="at least one row"):
        GramMoments.of(weighted_pairs(), Coordinates(), chunk=0)


def test_least_squares_of_nothing_but_zeros_is_zero():
    solution = least_squares(np.zeros((4, 2)), np.ones((4, 1)), penalty=0.0, rank=None, resolution=1e-12)
    np.testing.assert_array_equal(solution, np.zeros((2, 1)))


def test_pairs_that_are_mapped_from_disk_have_the_moments_of_those_in_memory(tmp_path):
    draw = np.random.default_rng(8)
    before = draw.standard_normal((10_000, 2)).astype(np.float32)
    np.save(tmp_path / "before.npy", before)
    np.save(tmp_path / "after.npy", before**2)
    mapped = SnapshotPairs(**{name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("before", "after")})
    assert isinstance(mapped.before, np.memmap)  # the premise: nothing of it was read into memory
    inside = SnapshotPairs(before=before, after=before**2)
    for kind in (GramMoments, FactorMoments):
        one, other = (kind.of(pairs, Monomials(2)).operator() for pairs in (mapped, inside))
        np.testing.assert_array_equal(one, other)
