"""How far rounding moves eigenvalues, the basis of eigenvectors that it leaves alone, and bounds that rest on them."""

import math

import numpy as np
import pytest
import scipy.linalg

from koopman_analysis.nonnormality import eigenvector_conditioning, kreiss_constant, transient_growth
from koopman_analysis.nonnormality.circle import angles_on_circle
from koopman_analysis.nonnormality.conditioning import eigenvalues_and_radii, reach_of_rounding
from koopman_analysis.nonnormality.peripheral import peripheral_part

EPSILON = np.finfo(float).eps


def jordan(size: int, value: complex, coupling: float = 1.0) -> np.ndarray:
    return value * np.eye(size) + coupling * np.eye(size, k=1)


def orthogonal(size: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


def largest_power(A: np.ndarray, count: int) -> float:
    product, largest = np.eye(len(A)), 1.0
    for _ in range(count):
        product = product @ A
        largest = max(largest, float(np.linalg.norm(product, 2)))
    return largest


@pytest.mark.parametrize("size", [10, 50])
def test_a_normal_matrix_has_condition_one_however_often_its_eigenvalues_repeat(size):
    Q = orthogonal(size)
    projection = Q[:, : size // 3] @ Q[:, : size // 3].T
    assert np.linalg.cond(np.linalg.eig(projection)[1]) > 10, "the premise: eigenvectors are left to rounding"
    for normal in (projection, Q, (projection + projection.T) / 2, np.zeros((3, 3))):
        assert eigenvector_conditioning(normal) == pytest.approx(1.0, abs=1e-12)


def test_repeated_eigenvalues_have_the_condition_of_their_spaces():
    S = np.random.default_rng(0).standard_normal((20, 20))
    A = np.linalg.solve(S, np.diag([1.0] * 7 + [-1.0] * 13) @ S)
    one, other = (scipy.linalg.orth(np.linalg.inv(S)[:, part]) for part in (slice(7), slice(7, 20)))
    assert eigenvector_conditioning(A) == pytest.approx(np.linalg.cond(np.column_stack([one, other])), rel=1e-6)


@pytest.mark.parametrize("A", [jordan(2, 1.0), jordan(2, 0.5), jordan(3, 0.0), jordan(5, 0.7j)])
def test_a_block_has_no_basis(A):
    assert eigenvector_conditioning(A) == math.inf


@pytest.mark.parametrize(
    "A",
    [jordan(2, 0.5), jordan(6, 0.5), orthogonal(8), np.diag([1.0, 0.5, 1e-3]), jordan(4, 0.9, 1e-6)],
    ids=["pair", "six", "orthogonal", "diagonal", "weak"],
)
def test_no_rounding_moves_an_eigenvalue_farther_than_its_reach(A):
    values, radii = eigenvalues_and_radii(A)
    rng, reach, size = np.random.default_rng(1), reach_of_rounding(A), np.linalg.norm(A, 2)
    assert (radii <= reach * (1 + 1e-12)).all()
    for _ in range(20):
        change = rng.standard_normal(A.shape)
        moved = np.linalg.eigvals(A + EPSILON * size * change / np.linalg.norm(change, 2))
        nearest = np.abs(moved[:, None] - values[None, :]).min(axis=1)
        assert nearest.max() <= 2 * reach, "both are rounded"
    assert reach < 0.05


def test_an_eigenvalue_of_its_own_is_not_charged_with_what_rounding_does_to_others():
    values, radii = eigenvalues_and_radii(
        scipy.linalg.block_diag(0.9, orthogonal(4) @ jordan(4, 0.5) @ orthogonal(4).T)
    )
    alone = np.argmax(np.abs(values))
    assert radii[alone] < 1e-13 < 1e-6 < np.delete(radii, alone).min()


@pytest.mark.parametrize("A", [jordan(2, 0.995), np.array([[1 - 1e-4, 1.0], [0.0, 1 - 2e-4]])], ids=["block", "pair"])
def test_next_to_the_circle_growth_is_bounded_by_the_kreiss_constant(A):
    growth, kreiss = transient_growth(A), kreiss_constant(A)
    truth = largest_power(A, 12_000)
    assert growth.norm.low <= truth * (1 + 1e-9)
    assert truth <= growth.norm.high <= math.e * len(A) * kreiss.high * (1 + 1e-12) < 4 * truth
    assert growth.because == "e m K(A)"


def test_eigenvectors_bound_both_where_circles_cannot_tell_eigenvalues_apart():
    S = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    A = S @ np.diag([1.0, 1 - 1e-6, 1 - 1e-12]) @ np.linalg.inv(S)
    condition = eigenvector_conditioning(A)
    assert condition < 4.05
    assert kreiss_constant(A).high == transient_growth(A).norm.high == pytest.approx(condition)
    assert largest_power(A, 500) <= condition


@pytest.mark.parametrize("gap", [1e-4, 1e-6, 1e-9])
def test_a_block_next_to_the_circle_has_a_finite_lower_end_that_is_not_above_the_truth(gap):
    Q = orthogonal(2)
    exact = 1 / (4 * gap)  # (r − 1) ‖(r − A)⁻¹‖ at r − 1 = gap, but for terms of order one
    for A in (jordan(2, 1 - gap), Q @ jordan(2, 1 - gap) @ Q.T):
        found, growth = kreiss_constant(A), transient_growth(A)
        assert 1 < found.low <= exact * (1 + 1e-3)
        assert exact * (1 - 1e-3) <= found.high
        assert growth.norm.low <= 2 / (math.e * gap)
        assert (found.high < math.inf) == (gap > 1e-8) == (growth.norm.high < math.inf)


def test_what_rounding_alone_has_grown_is_not_met():
    """In coordinates that hold it exactly a block is the same, and its powers in double precision are not."""
    H = scipy.linalg.hadamard(16).astype(float)
    A = H @ jordan(16, 15 / 16) @ H.T / 16
    assert np.array_equal(H.T @ A @ H / 16, jordan(16, 15 / 16)), "the premise: nothing is rounded"
    truth, rounded = largest_power(jordan(16, 15 / 16), 512), largest_power(A, 512)
    assert rounded > 100 * truth, "the premise"
    found, growth = kreiss_constant(A), transient_growth(A)
    assert 1e12 < found.low < truth
    assert 1e12 < growth.norm.low <= truth
    assert found.high == growth.norm.high == math.inf


def test_an_eigenvalue_is_outside_or_defective_only_beyond_what_rounding_does():
    assert not peripheral_part(jordan(2, 0.995)).unbounded
    assert peripheral_part(np.diag([1 + 1e-12, 0.5])).outside
    block = peripheral_part(jordan(3, 1.0))
    assert block.defective
    assert not block.outside
    # The projector on seven equal eigenvalues has a basis, though LAPACK's eigenvectors are no good one.
    S = np.random.default_rng(0).standard_normal((20, 20))
    assert not peripheral_part(np.linalg.solve(S, np.diag([1.0] * 7 + [0.0] * 13) @ S)).unbounded


def test_a_pencil_with_both_real_poles_among_its_eigenvalues_still_tells_all_angles():
    left = scipy.linalg.block_diag(1.0, -1.0, np.array([[0.6, 0.8], [-0.8, 0.6]]))
    found = np.sort(angles_on_circle(left, np.eye(4)) % (2 * np.pi))
    turn = math.atan2(0.8, 0.6)
    np.testing.assert_allclose(found, [0, turn, np.pi, 2 * np.pi - turn], atol=1e-12)
    everything = angles_on_circle(np.zeros((2, 2)), np.zeros((2, 2)))
    assert len(everything) == 6, "of a pencil that says nothing, f is asked at all poles"


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.complex64])
def test_numbers_of_any_precision_will_do(kind):
    A = np.array([[1, 1], [0, 0]]).astype(kind)
    exact = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert transient_growth(A).norm == transient_growth(exact).norm
    assert kreiss_constant(A) == kreiss_constant(exact)
    assert eigenvector_conditioning(A) == eigenvector_conditioning(exact)


def test_an_eigenvalue_that_might_be_moved_to_the_circle_is_not_if_the_resolvent_on_it_says_no():
    """Henrici's radius of many rows reaches far, and the least singular values on the circle know better."""
    A = jordan(64, 0.9, 0.105)
    assert 0.9 + reach_of_rounding(A) > 1, "the premise"
    growth, kreiss = transient_growth(A, powers=32), kreiss_constant(A)
    assert growth.because == "e m K(A)"
    assert growth.norm.high == pytest.approx(math.e * 64 * kreiss.high)
    assert largest_power(A, 600) <= growth.norm.high < math.inf
