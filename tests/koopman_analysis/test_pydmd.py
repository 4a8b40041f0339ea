import subprocess
import sys

import numpy as np
import pytest

from koopman_analysis.dictionaries import Constant, Coordinates
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.pydmd import (
    CompressedDMD,
    ForwardBackwardDMD,
    LeastSquaresDMD,
    ModalDMD,
    PairMethod,
    PyDMDRegression,
    ReducedRankDMD,
)
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs

A = np.array([[0.9, 0.2, 0.0], [-0.1, 0.5, 0.3], [0.05, 0.0, 0.7]])
SKETCH = np.random.default_rng(7).standard_normal((3, 3))
FULL_RANK = {
    "least squares": LeastSquaresDMD(),
    "reduced rank": ReducedRankDMD(),
    "forward-backward": ForwardBackwardDMD(),
    "compressed": CompressedDMD(sketch=SKETCH),
}
# A few hundred products of order one.
CLOSE = {"rtol": 1e-11, "atol": 1e-11}

full_rank = pytest.mark.parametrize("method", FULL_RANK.values(), ids=FULL_RANK)


def affine_pairs(*, seed: int = 0, residual: float = 0.0, phase: float = 0.0, weighted: bool = False) -> SnapshotPairs:
    """Pairs of y = x A e^{iφ} + c + residual, far from the origin, of unequal spread."""
    rng = np.random.default_rng(seed)
    x = 30 + rng.standard_normal((200, 3)) * [10.0, 2.0, 1.0]
    K = A * np.exp(1j * phase) if phase else A
    if phase:
        x = x + 1j * rng.standard_normal(x.shape)
    y = x @ K + [5.0, -1.0, 2.0] + residual * rng.standard_normal(x.shape)
    return SnapshotPairs(before=x, after=y, weights=rng.uniform(0.5, 2.0, 200) if weighted else None)


def residual_of(method: PairMethod, pairs: SnapshotPairs) -> float:
    return float(np.linalg.norm(PyDMDRegression(method).fit(pairs).predict(pairs.before) - pairs.after))


@full_rank
@pytest.mark.parametrize("phase", [0.0, 0.3], ids=["real", "complex"])
def test_an_affine_map_is_recovered_with_its_eigenvalues(method, phase):
    pairs = affine_pairs(phase=phase)
    fitted = PyDMDRegression(method).fit(pairs)
    expected = A * np.exp(1j * phase) if phase else A
    assert np.iscomplexobj(fitted.matrix_) == bool(phase)
    np.testing.assert_allclose(fitted.matrix_, expected, **CLOSE)
    found = np.linalg.eigvals(fitted.matrix_)
    for eigenvalue in np.linalg.eigvals(expected):
        assert np.abs(found - eigenvalue).min() < 1e-10
    fresh = affine_pairs(seed=1, phase=phase)
    np.testing.assert_allclose(fitted.predict(fresh.before), fresh.after, rtol=1e-10)


@pytest.mark.parametrize("method", [LeastSquaresDMD(), ReducedRankDMD(), CompressedDMD(sketch=SKETCH)])
@pytest.mark.parametrize("weighted", [False, True])
def test_on_centred_pairs_full_rank_is_affine_regression(method, weighted):
    pairs = affine_pairs(residual=0.3, weighted=weighted)
    fresh = affine_pairs(seed=1).before
    expected = EDMD(Constant() + Coordinates()).fit(pairs).predict(fresh)
    np.testing.assert_allclose(PyDMDRegression(method).fit(pairs).predict(fresh), expected, rtol=1e-10)
    uncentred = np.linalg.lstsq(pairs.before, pairs.after, rcond=None)[0]
    assert not np.allclose(fresh @ uncentred, expected, rtol=1e-3)


def test_pydmds_own_forward_backward_operator_is_not_the_map_of_exact_pairs():
    from pydmd import FbDMD

    pairs = affine_pairs()
    x, y = (states - states.mean(axis=0) for states in (pairs.before, pairs.after))
    own = FbDMD(svd_rank=-1, exact=True).fit(x.T, y.T)
    assert np.abs(own.predict(x.T).T - y).max() > 1e-2
    np.testing.assert_allclose(PyDMDRegression(ForwardBackwardDMD()).fit(pairs).matrix_, A, **CLOSE)


def test_noise_at_both_ends_contracts_least_squares_but_not_the_methods_made_for_it():
    from pydmd import DMD

    K = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20_000, 2))
    noisy = SnapshotPairs(
        before=x + 0.5 * rng.standard_normal(x.shape), after=x @ K + 0.5 * rng.standard_normal(x.shape)
    )

    def modulus(method: PairMethod) -> float:
        return float(np.abs(np.linalg.eigvals(PyDMDRegression(method).fit(noisy).matrix_)).mean())

    assert modulus(LeastSquaresDMD()) == pytest.approx(1 / (1 + 0.5**2), abs=0.02)
    total = ModalDMD(make=lambda rank: DMD(svd_rank=rank, exact=True, tlsq_rank=2))
    for method in (ForwardBackwardDMD(), total):
        assert modulus(method) == pytest.approx(1.0, abs=0.02)


def test_in_one_dimension_forward_backward_is_the_ratio_of_standard_deviations():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 1))
    y = 0.7 * x + 0.5 * rng.standard_normal(x.shape)
    fitted = PyDMDRegression(ForwardBackwardDMD()).fit(SnapshotPairs(before=x, after=y))
    np.testing.assert_allclose(fitted.matrix_[0, 0], y.std() / x.std(), rtol=1e-12)


@pytest.mark.parametrize("rank", [1, np.int64(2), 3])
def test_no_operator_of_a_rank_predicts_better_than_reduced_rank(rank):
    pairs = affine_pairs(residual=1.0)
    x, y = (states - states.mean(axis=0) for states in (pairs.before, pairs.after))
    fitted = PyDMDRegression(ReducedRankDMD(rank=rank)).fit(pairs)
    assert np.linalg.matrix_rank(fitted.matrix_, tol=1e-10) == rank
    explained = np.linalg.svd(x @ np.linalg.lstsq(x, y, rcond=None)[0], compute_uv=False)
    best = np.sqrt(np.square(y).sum() - np.square(explained[:rank]).sum())
    np.testing.assert_allclose(residual_of(ReducedRankDMD(rank=rank), pairs), best, rtol=1e-10)
    assert residual_of(LeastSquaresDMD(rank=rank), pairs) >= best * (1 - 1e-12)


def test_modes_lose_what_a_map_takes_out_of_their_span():
    x = np.random.default_rng(2).standard_normal((50, 1)) * [[1.0, 0.0]]
    pairs = SnapshotPairs(before=x, after=x[:, ::-1].copy())
    assert residual_of(LeastSquaresDMD(), pairs) == pytest.approx(np.linalg.norm(x - x.mean(axis=0)))
    assert residual_of(ReducedRankDMD(), pairs) < 1e-12


def test_a_sketch_of_few_rows_keeps_the_spectrum_of_low_dimensional_dynamics():
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((40, 3)))[0].T
    z = rng.standard_normal((100, 3))
    pairs = SnapshotPairs(before=z @ basis, after=z @ A @ basis)
    fitted = PyDMDRegression(CompressedDMD(sketch=rng.standard_normal((6, 40)))).fit(pairs)
    np.testing.assert_allclose(fitted.predict(pairs.before), pairs.after, atol=1e-11)
    found = np.linalg.eigvals(fitted.matrix_)
    for eigenvalue in np.linalg.eigvals(A):
        assert np.abs(found - eigenvalue).min() < 1e-10


def test_a_rank_is_passed_on_and_all_directions_above_rounding_are_kept_without_one():
    ranks = []

    def recorded(rank: int):
        from pydmd import DMD

        ranks.append(rank)
        return DMD(svd_rank=rank, exact=True)

    pairs = affine_pairs()
    flat = SnapshotPairs(before=pairs.before[:, [0, 0, 1]], after=pairs.after)
    for data, rank in ((pairs, np.int64(1)), (pairs, None), (flat, None), (flat, 3)):
        PyDMDRegression(ModalDMD(make=recorded, rank=rank)).fit(data)
    assert ranks == [1, 3, 2, 2]
    assert all(type(rank) is int for rank in ranks), "PyDMD ignores any other type of number"


def test_badly_conditioned_data_is_fitted_in_silence():
    x = np.random.default_rng(2).standard_normal((50, 2)) * [1.0, 1e-8]
    assert np.linalg.cond(x) > 1e6
    fitted = PyDMDRegression().fit(SnapshotPairs(before=x, after=x))
    np.testing.assert_allclose(fitted.matrix_, np.eye(2), atol=1e-6)


@full_rank
def test_the_unit_of_the_states_does_not_matter(method):
    pairs = affine_pairs(residual=0.1)
    small = SnapshotPairs(before=1e-13 * pairs.before, after=1e-13 * pairs.after)
    expected = PyDMDRegression(method).fit(pairs).matrix_
    np.testing.assert_allclose(PyDMDRegression(method).fit(small).matrix_, expected, **CLOSE)


def test_pydmds_own_reduced_rank_operator_forgets_states_in_a_small_unit():
    from pydmd import OptDMD

    x = 1e-13 * np.random.default_rng(4).standard_normal((3, 50))
    own = OptDMD(factorization="svd", svd_rank=3).fit(x, x)
    assert np.linalg.norm(own.predict(x)) < 0.9 * np.linalg.norm(x)


@full_rank
def test_a_weight_is_a_number_of_repetitions(method):
    pairs = affine_pairs(residual=0.5)
    counts = np.random.default_rng(5).integers(0, 4, pairs.n)
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=counts.astype(float))
    repeated = SnapshotPairs(before=np.repeat(pairs.before, counts, 0), after=np.repeat(pairs.after, counts, 0))
    expected = PyDMDRegression(method).fit(repeated).matrix_
    np.testing.assert_allclose(PyDMDRegression(method).fit(weighted).matrix_, expected, **CLOSE)


@full_rank
def test_the_global_random_state_is_neither_read_nor_moved(method):
    pairs = affine_pairs(residual=0.5)
    legacy = np.random.get_state()  # noqa: NPY002 - the state that must not move
    first = PyDMDRegression(method).fit(pairs).matrix_
    after = np.random.get_state()  # noqa: NPY002
    np.random.standard_normal(3)  # noqa: NPY002
    np.testing.assert_array_equal(legacy[1], after[1])
    assert legacy[2] == after[2]
    np.testing.assert_array_equal(PyDMDRegression(method).fit(pairs).matrix_, first)


def test_importing_pydmd_leaves_logging_to_the_program():
    program = (
        "import logging, koopman_analysis.estimators.pydmd.bridge as bridge;"
        "bridge.imported_pydmd(); print(len(logging.getLogger().handlers))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    premise = program.replace("bridge.imported_pydmd()", "import pydmd")
    done = subprocess.run([sys.executable, "-c", premise], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1", "PyDMD has stopped doing so"


def test_what_is_no_pair_of_one_space_is_refused():
    x = np.random.default_rng(3).standard_normal((9, 2))
    with pytest.raises(ValueError, match="one width before and after"):
        PyDMDRegression().fit(SnapshotPairs(before=x, after=x[:, :1]))
    with pytest.raises(ValueError, match="at least two pairs"):
        PyDMDRegression().fit(SnapshotPairs(before=x[:1], after=x[:1]))
    with pytest.raises(ConstantData, match="states before that vary"):
        PyDMDRegression().fit(SnapshotPairs(before=np.ones((9, 2)), after=x))
    with pytest.raises(ConstantData, match="states before that vary"):
        LeastSquaresDMD().operator(np.zeros((9, 2)), x)
    with pytest.raises(NotFitted, match="call fit"):
        PyDMDRegression().predict(x)


@pytest.mark.parametrize(
    "made",
    [
        lambda rank: LeastSquaresDMD(rank=rank),
        lambda rank: ReducedRankDMD(rank=rank),
        lambda rank: ForwardBackwardDMD(rank=rank),
        lambda rank: CompressedDMD(sketch=SKETCH[:, :2], rank=rank),
        lambda rank: ModalDMD(make=lambda given: None, rank=rank),
    ],
)
def test_ranks_that_pydmd_would_ignore_are_refused(made):
    x = np.random.default_rng(3).standard_normal((9, 2))
    for rank in (0, -1, -3):
        with pytest.raises(ValueError, match="expected a rank"):
            made(rank)
    for rank in (1.5, True):
        with pytest.raises(TypeError, match="whole number as rank"):
            made(rank)
    with pytest.raises(ValueError, match="features, 2"):
        PyDMDRegression(made(3)).fit(SnapshotPairs(before=x, after=x))


def test_a_forward_backward_operator_that_does_not_exist_is_refused():
    x = np.random.default_rng(6).standard_normal((50, 2))
    with pytest.raises(ValueError, match="no backward operator exists"):
        PyDMDRegression(ForwardBackwardDMD()).fit(SnapshotPairs(before=x, after=x @ [[1.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="cannot tell λ from −λ"):
        PyDMDRegression(ForwardBackwardDMD()).fit(SnapshotPairs(before=x, after=x * [1.0, -1.0]))


def test_a_sketch_is_a_matrix_for_states_of_its_width():
    with pytest.raises(ValueError, match="sketch of shape \\(p, d\\)"):
        CompressedDMD(sketch=np.ones(3))
    x = np.random.default_rng(6).standard_normal((50, 2))
    with pytest.raises(ValueError, match="for states of that width"):
        PyDMDRegression(CompressedDMD(sketch=SKETCH)).fit(SnapshotPairs(before=x, after=x))
