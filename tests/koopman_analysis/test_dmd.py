import numpy as np
import pytest

from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators import EDMD, ExactDMD, NotFitted
from koopman_analysis.regression import ConstantData, EnergyRank, ThresholdRank
from koopman_analysis.snapshots import SnapshotPairs

MULTIPLIERS = np.array([0.95, 0.9 * np.exp(0.4j), 0.9 * np.exp(-0.4j), 0.5])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def low_rank_pairs(n: int, d: int, *, noise: float = 0.0, seed: int = 0) -> SnapshotPairs:
    """Real states in four dimensions of d, moved by MULTIPLIERS."""
    draw = rng(seed)
    amplitudes = draw.standard_normal((n, 2)) + 1j * draw.standard_normal((n, 2))
    latent = np.stack([amplitudes[:, 0].real, amplitudes[:, 1], amplitudes[:, 1].conj(), amplitudes[:, 0].imag], axis=1)
    directions = rng(d)  # the same for every draw of amplitudes
    modes = directions.standard_normal((4, d)) + 0j
    modes[1] += 1j * directions.standard_normal(d)
    modes[2] = modes[1].conj()
    before, after = (latent @ modes).real, (latent * MULTIPLIERS @ modes).real
    return SnapshotPairs(before=before, after=after + noise * draw.standard_normal((n, d)))


@pytest.mark.parametrize(("n", "d"), [(30, 500), (500, 30)])
def test_a_low_rank_map_is_recovered_whichever_side_is_long(n, d):
    dmd = ExactDMD(rank=4).fit(low_rank_pairs(n, d))
    np.testing.assert_allclose(np.sort_complex(dmd.eigenvalues_), np.sort_complex(MULTIPLIERS), atol=1e-12)
    fresh = low_rank_pairs(20, d, seed=1)
    np.testing.assert_allclose(dmd.predict(fresh.before), fresh.after, atol=1e-10)


def test_without_a_rank_what_is_rounding_is_left_out():
    dmd = ExactDMD().fit(low_rank_pairs(40, 200))
    assert dmd.eigenvalues_.shape == (4,)


def test_it_is_edmd_in_the_coordinates():
    pairs = low_rank_pairs(300, 6, noise=0.1, seed=2)
    before = pairs.before + 0.1 * rng(5).standard_normal(pairs.before.shape)
    noisy = SnapshotPairs(before=before, after=pairs.after, weights=rng(3).uniform(0.5, 2, 300))
    for rank in (None, 3, EnergyRank(0.9), ThresholdRank(0.3)):
        V, M = ExactDMD(rank).fit(noisy).factors_
        np.testing.assert_allclose(V @ M, EDMD(Coordinates(), rank=rank).fit(noisy).matrix_, atol=1e-10)


def test_eigenfunctions_and_modes_are_biorthogonal_eigenvectors_of_the_operator():
    pairs = low_rank_pairs(60, 20, noise=0.05)
    dmd = ExactDMD(rank=4).fit(pairs)
    V, M = dmd.factors_
    K = V @ M
    columns = dmd.eigenfunctions(np.eye(20))
    np.testing.assert_allclose(K @ columns, columns * dmd.eigenvalues_, atol=1e-10)
    np.testing.assert_allclose(dmd.modes_ @ K, dmd.eigenvalues_[:, None] * dmd.modes_, atol=1e-10)
    np.testing.assert_allclose(dmd.modes_ @ columns, np.eye(4), atol=1e-10)
    reconstructed = (dmd.eigenfunctions(pairs.before) * dmd.eigenvalues_) @ dmd.modes_
    np.testing.assert_allclose(reconstructed.real, dmd.predict(pairs.before), atol=1e-9)


def test_complex_states_are_no_real_ones():
    draw = rng(7)
    x = draw.standard_normal((50, 3)) + 1j * draw.standard_normal((50, 3))
    A = draw.standard_normal((3, 3)) + 1j * draw.standard_normal((3, 3))
    for states in (x, np.concatenate([x, x @ draw.standard_normal((3, 80))], axis=1)):
        pairs = SnapshotPairs(before=states[:, :3], after=states[:, :3] @ A)
        np.testing.assert_allclose(
            np.sort_complex(ExactDMD().fit(pairs).eigenvalues_), np.sort_complex(np.linalg.eigvals(A)), atol=1e-10
        )


def test_digits_that_the_method_of_snapshots_squares_away_are_kept():
    draw = rng(8)
    basis = np.linalg.qr(draw.standard_normal((400, 2)))[0].T
    amplitudes = draw.standard_normal((30, 2)) * [1.0, 1e-9]
    pairs = SnapshotPairs(before=amplitudes @ basis, after=amplitudes * [0.9, 0.5] @ basis)
    gram = pairs.before @ pairs.before.T
    assert np.linalg.svd(gram, compute_uv=False)[1] < 1e-15 * np.linalg.norm(gram)  # the premise
    np.testing.assert_allclose(ExactDMD(rank=2).fit(pairs).eigenvalues_.real, [0.9, 0.5], atol=1e-5)


def test_what_is_no_pair_for_dmd_is_refused():
    with pytest.raises(NotFitted, match="call fit"):
        _ = ExactDMD().eigenvalues_
    with pytest.raises(ValueError, match="at least two pairs"):
        ExactDMD().fit(low_rank_pairs(1, 5))
    with pytest.raises(ValueError, match="one width before and after, got 2 and 1"):
        ExactDMD().fit(SnapshotPairs(before=np.ones((3, 2)), after=np.ones((3, 1))))
    for constant in (np.zeros((3, 2)), np.ones((3, 2))):
        with pytest.raises(ConstantData, match="states before that vary, got one state only"):
            ExactDMD().fit(SnapshotPairs(before=constant, after=np.ones((3, 2))))
    with pytest.raises(ValueError, match="number of input features, 3"):
        ExactDMD(rank=4).fit(low_rank_pairs(3, 9))
    with pytest.raises(TypeError, match="a whole number as rank"):
        ExactDMD(rank=1.5)
