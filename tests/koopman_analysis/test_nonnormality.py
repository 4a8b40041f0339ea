"""Measures of non-normality against brute force, closed forms and cases where the convenient formula fails."""

import itertools
import math
import re

import numpy as np
import pytest

from koopman_analysis.nonnormality import (
    effective_rank,
    eigenvector_conditioning,
    henrici_departure,
    kreiss_constant,
    numerical_abscissa,
    numerical_radius,
    numerical_range,
    spectral_radius,
    stable_rank,
    transient_growth,
)
from koopman_analysis.nonnormality.circle import circle_minimum
from koopman_analysis.nonnormality.conditioning import reach_of_rounding
from koopman_analysis.nonnormality.peripheral import MANY, peripheral_part
from koopman_analysis.nonnormality.resolvent import SMALL, Resolvent
from koopman_analysis.shapes import require_square, require_square_on, require_whole

SQUARE = (
    spectral_radius, henrici_departure, eigenvector_conditioning, numerical_abscissa, numerical_radius, numerical_range,
    kreiss_constant, transient_growth,
)  # fmt: skip


def jordan(size: int, value: float, coupling: float = 1.0) -> np.ndarray:
    return value * np.eye(size) + coupling * np.eye(size, k=1)


def grcar(size: int) -> np.ndarray:
    return sum(np.eye(size, k=k) for k in range(4)) - np.eye(size, k=-1)


def similar(A: np.ndarray, seed: int = 0) -> np.ndarray:
    S = np.random.default_rng(seed).standard_normal(A.shape)
    return S @ A @ np.linalg.inv(S)


RANDOM = np.random.default_rng(0).standard_normal((2, 10, 10))
STABLE = {
    "block of two": jordan(2, 0.9, 5.0),
    "block of five": jordan(5, 0.8),
    "turned block": similar(jordan(4, 0.5)),
    "Grcar": grcar(12) / 2.6,
    "random": RANDOM[0] / 3.4,
    "random complex": (RANDOM[0] + 1j * RANDOM[1]) / 5,
    "one eigenvalue on the circle": np.array([[1.0, 3.0], [0.0, 0.5]]),
}


def resolvent_on_a_grid(A: np.ndarray) -> float:
    """(|z| − 1) ‖(z − A)⁻¹‖ at 16,000 points."""
    best = 1.0
    for radius in 1 + np.geomspace(1e-4, 20, 80):
        z = radius * np.exp(1j * np.linspace(0, 2 * np.pi, 200, endpoint=False))
        values = np.linalg.svd(z[:, None, None] * np.eye(len(A)) - A, compute_uv=False)
        best = max(best, float((radius - 1) / values[:, -1].min()))
    return best


@pytest.mark.parametrize("A", STABLE.values(), ids=STABLE.keys())
def test_the_kreiss_constant_lies_between_its_ends_and_they_are_near(A):
    found, grid = kreiss_constant(A), resolvent_on_a_grid(A)
    assert grid <= found.high * (1 + 1e-9)
    assert found.low >= 0.99 * grid
    assert found.high <= 1.03 * found.low


@pytest.mark.parametrize("A", STABLE.values(), ids=STABLE.keys())
def test_growth_is_the_largest_of_many_powers_and_kreiss_bounds_it_from_both_sides(A):
    found, kreiss = transient_growth(A), kreiss_constant(A)
    powers = [np.linalg.norm(np.linalg.matrix_power(A, k), 2) for k in range(400)]
    assert max(powers) == pytest.approx(found.norm.low, rel=1e-9)
    assert kreiss.low <= max(powers) * (1 + 1e-9)
    assert max(powers) <= math.e * len(A) * kreiss.high
    inside = spectral_radius(A) < 1
    assert found.attained is inside
    if inside:
        assert found.norm.low == found.norm.high
        assert found.power == int(np.argmax(powers))
    else:
        assert found.norm.high == pytest.approx(eigenvector_conditioning(A), rel=1e-9)
        assert "condition" in found.because


@pytest.mark.parametrize("A", STABLE.values(), ids=STABLE.keys())
def test_the_numerical_radius_is_the_largest_support_of_the_numerical_range(A):
    turned = [
        np.linalg.eigvalsh((turn * A + np.conj(turn) * A.conj().T) / 2)[-1]
        for turn in np.exp(1j * np.linspace(0, 2 * np.pi, 2000))
    ]
    # Between neighbours, the support is less than that of the polygon they cut out.
    assert max(turned) <= numerical_radius(A) * (1 + 1e-9)
    assert numerical_radius(A) <= max(turned) / np.cos(np.pi / 1999) * (1 + 1e-9)


def circumference(polygon: np.ndarray) -> float:
    return float(np.abs(np.roll(polygon, -1) - polygon).sum())


@pytest.mark.parametrize("A", STABLE.values(), ids=STABLE.keys())
def test_the_numerical_range_lies_between_its_two_polygons_and_they_close_in(A):
    few, many = numerical_range(A), numerical_range(A, count=512)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, len(A))) + 1j * rng.standard_normal((2000, len(A)))
    inside = np.einsum("ij,jk,ik->i", x.conj(), A, x) / np.square(np.abs(x)).sum(axis=1)
    for polygons in (few, many):
        assert polygons.beyond(inside).max() <= 1e-12
        assert polygons.beyond(polygons.points).max() <= 1e-12
        assert circumference(polygons.points) <= circumference(polygons.corners)
    assert few.beyond(many.corners).max() <= 1e-12, "more lines cut more off"
    assert many.gap < few.gap / 6  # by 8 along a flat side, as Grcar's all but has, by 64 where the boundary bends
    assert few.gap < 0.02 * np.linalg.norm(A, 2)


def test_the_numerical_range_of_a_block_is_the_disc_of_the_book_and_of_a_normal_matrix_the_hull_of_its_spectrum():
    disc = numerical_range(jordan(5, 0.3))
    np.testing.assert_allclose(np.abs(disc.points - 0.3), math.cos(math.pi / 6), rtol=1e-12)
    np.testing.assert_allclose(np.abs(disc.corners - 0.3), math.cos(math.pi / 6) / math.cos(math.pi / 64), rtol=1e-12)
    square = numerical_range(np.diag([1, 1j, -1, -1j]), count=8)
    # Its sides are flat: lines along them touch anywhere on a side, the others at a corner.
    np.testing.assert_allclose(square.points[::2], [1, 1j, -1, -1j], atol=1e-12)
    np.testing.assert_allclose(square.support[1::2], math.sqrt(0.5), rtol=1e-12)
    assert square.gap < 1e-12, "lines along all sides leave nothing open"
    assert numerical_range(np.diag([1, 1j, -1, -1j]), count=4).gap == pytest.approx(math.sqrt(0.5))


def test_the_numbers_of_a_block_are_those_of_the_book():
    for size in (2, 3, 7):
        nilpotent = jordan(size, 0.0)
        assert numerical_radius(nilpotent) == pytest.approx(math.cos(math.pi / (size + 1)), rel=1e-9)
        assert numerical_abscissa(jordan(size, 0.3)) == pytest.approx(0.3 + math.cos(math.pi / (size + 1)), rel=1e-12)
        assert henrici_departure(jordan(size, 0.3)) == pytest.approx(math.sqrt(size - 1), rel=1e-12)
        assert eigenvector_conditioning(nilpotent) > 1e15
    c = 20.0
    # (|z| − 1) ‖(z − N)⁻¹‖ of N = [0 c; 0 0] depends on |z| alone.
    r = np.linspace(1, 60, 200_001)[1:]
    inverse = np.sqrt((2 * r**2 + c**2 + c * np.sqrt(4 * r**2 + c**2)) / 2) / r**2
    exact = float(((r - 1) * inverse).max())
    found = kreiss_constant(jordan(2, 0.0, c), tolerance=1e-4)
    assert found.low == pytest.approx(exact, rel=1e-4)
    assert exact <= found.high <= exact * 1.0002


def test_the_departure_survives_where_a_difference_of_squares_does_not():
    small = 3.6e-9
    A = np.array([[0.9, small], [0.0, 0.1]])
    squares = np.linalg.norm(A) ** 2 - np.square(np.abs(np.linalg.eigvals(A))).sum()
    assert abs(squares) > 2 * small**2, "the premise: the difference is rounding"
    assert henrici_departure(A) == pytest.approx(small, rel=1e-12)


@pytest.mark.parametrize(
    "A",
    [
        jordan(2, 1.0, 1e-3), similar(jordan(3, 1.0)), similar(np.diag([1.01, 0.5, 0.1])), np.diag([2.0, 0.1]),
        np.kron(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2)) + np.kron(np.eye(2, k=1), np.eye(2)),
    ],
    ids=["block", "turned block", "outside", "far outside", "growing rotation"],
)  # fmt: skip
def test_powers_without_bound_have_neither_a_kreiss_constant_nor_a_growth(A):
    growth, found = transient_growth(A), kreiss_constant(A)
    assert growth.norm.high == found.high == math.inf
    assert not growth.attained
    if spectral_radius(A) > 1 + reach_of_rounding(A):
        assert found.low == math.inf
    else:
        assert 1e5 < found.low < math.inf, "what rounding lets one see of a block on the circle"
        assert "defective" in growth.because


def test_eigenvalues_on_the_circle_leave_both_finite_where_they_have_a_basis():
    A = similar(np.diag([1.0, 1.0, -1.0, 0.5, 0.2]))
    kreiss, growth = kreiss_constant(A), transient_growth(A)
    powers = [np.linalg.norm(np.linalg.matrix_power(A, k), 2) for k in range(200)]
    assert max(powers) > 3, "the premise: coordinates far from orthogonal"
    assert 1 < kreiss.low <= max(powers) <= growth.norm.high < math.inf
    assert resolvent_on_a_grid(A) <= kreiss.high < math.inf
    permutation = np.roll(np.eye(5), 1, axis=0)
    assert kreiss_constant(permutation).high == transient_growth(permutation).norm.high == 1


def on_the_circle(*angles: float, condition: float, inside: tuple[float, ...] = ()) -> np.ndarray:
    """A matrix with these eigenvalues in coordinates of this condition."""
    size = len(angles) + len(inside)
    rng = np.random.default_rng(size)
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(2))
    S = left * np.geomspace(1, condition, size) @ right
    return S @ np.diag([*np.exp(1j * np.array(angles)), *inside]) @ np.linalg.inv(S)


ON_CIRCLE = {
    "far apart": on_the_circle(0, 1, 2, 3, 4, 5, condition=10),
    "with others inside": on_the_circle(0, 2, 4, condition=30, inside=(0.9, 0.5, 0.2)),
    "repeated": on_the_circle(0, 0, 0, 3, 3, condition=10),
    "near each other": on_the_circle(0, 1e-4, 2, 4, condition=10),
}


def beside_the_circle(A: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(|z| − 1) ‖(z − A)⁻¹‖, so far from the circle: at the eigenvalues' angles, next to them, and others."""
    angles = np.angle(np.linalg.eigvals(A))[:, None] + np.array([0, -1e-3, 1e-3, 1e-2, -0.1, 0.1])
    turns = np.exp(1j * np.append(angles.ravel(), np.linspace(0, 2 * np.pi, 60)))
    z = (1 + gaps)[:, None] * turns
    return gaps[:, None] / np.linalg.svd(z[..., None, None] * np.eye(len(A)) - A, compute_uv=False)[..., -1]


@pytest.mark.parametrize("A", ON_CIRCLE.values(), ids=ON_CIRCLE.keys())
def test_with_eigenvalues_on_the_circle_the_kreiss_constant_is_nearer_the_largest_projector_than_the_condition(A):
    found, values = kreiss_constant(A), beside_the_circle(A, np.geomspace(1e-7, 20, 60))
    condition = eigenvector_conditioning(A)
    assert values.max() <= found.high * (1 + 1e-7)
    assert found.low >= 0.99 * values.max()
    assert found.high <= 1.4 * found.low < 0.8 * condition


def test_eigenvalues_on_the_circle_that_are_next_to_each_other_are_bounded_together():
    A = on_the_circle(0, 1e-9, 2, 4, condition=10)
    found, largest = kreiss_constant(A), beside_the_circle(A, np.geomspace(1e-10, 20, 60)).max()
    assert largest <= found.high * (1 + 1e-4)  # rounding, as near to the circle
    assert found.high < 0.9 * eigenvector_conditioning(A)


def test_beside_the_circle_the_resolvent_is_below_its_bound_and_the_bound_is_the_formula():
    A = on_the_circle(0, 1, 2, 4, condition=10)
    part, gaps = peripheral_part(A), np.geomspace(1e-6, 0.3, 12)
    values, V = np.linalg.eig(A)
    sizes = np.linalg.norm(V, axis=0) * np.linalg.norm(np.linalg.inv(V), axis=1)
    for gap, met in zip(gaps, beside_the_circle(A, gaps).max(axis=1), strict=True):
        others = [sum(sizes[k] / abs(values[j] - values[k]) for k in range(4) if k != j) for j in range(4)]
        bound = max(sizes[j] + 2 * gap * others[j] for j in range(4))
        assert part.resolvent(gap) == pytest.approx(min(bound, part.norm), rel=1e-9)
        assert met <= part.resolvent(gap) * (1 + 1e-9)
    assert part.resolvent(0.0) == pytest.approx(sizes.max(), rel=1e-9)
    many = peripheral_part(on_the_circle(*np.linspace(0, 6, MANY + 1), condition=10))
    assert many.resolvent(0.0) == many.norm > 5


def test_growth_of_which_the_summit_is_not_reached_has_a_bound_and_no_place():
    A = jordan(6, 0.9, 0.2)
    whole, part = transient_growth(A), transient_growth(A, powers=20)
    assert whole.attained
    assert whole.power > 20
    assert not part.attained
    assert part.norm.low < whole.norm.low <= part.norm.high


def test_growth_beyond_the_range_of_numbers_is_told():
    assert "beyond the range of numbers" in transient_growth(np.diag([1e200, 1.0])).because


def test_a_resolvent_that_rounding_hides_has_no_upper_end():
    A = jordan(256, 0.5, 0.6)
    found = kreiss_constant(A, circles=1)
    assert spectral_radius(A) < 1
    assert transient_growth(A).norm.low > 1e18
    assert found.high == math.inf


def test_where_rounding_hides_the_resolvent_the_search_ends_at_the_edge_of_what_it_hides():
    A = jordan(60, 0.5, 1.5)
    found = kreiss_constant(A)
    assert transient_growth(A).norm.low > 1e20, "the premise: far more than double precision sees"
    assert 1e11 < found.low < found.high == math.inf
    assert kreiss_constant(A, circles=100) == found
    assert kreiss_constant(A, circles=2).low < found.low


def test_ranks_count_equal_directions_and_see_unequal_ones():
    for count in (1, 3):
        A = np.diag([2.0] * count + [0.0] * 2)
        assert stable_rank(A) == pytest.approx(count)
        assert effective_rank(A) == pytest.approx(count)
    assert 1 < effective_rank(np.diag([1.0, 0.1])) < 2


@pytest.mark.parametrize("number", SQUARE)
def test_what_has_no_powers_is_refused(number):
    with pytest.raises(ValueError, match=r"a square matrix, got shape \(2, 3\)"):
        number(np.ones((2, 3)))
    with pytest.raises(ValueError, match="finite entries, got 1 that are not"):
        number(np.array([[np.nan, 0.0], [0.0, 1.0]]))


def test_what_counts_is_whole():
    for ask in (lambda: require_whole("lines", 2.5), lambda: require_whole("lines", True)):
        with pytest.raises(TypeError, match=r"expected a whole number of lines, got (2\.5|True)"):
            ask()
    for whole in (3, np.int64(3)):
        require_whole("lines", whole)


def test_what_is_no_array_of_numbers_is_no_matrix():
    for none, kind in (([[1.0]], "list"), (np.array([["1"]]), "an array of <U1"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"a matrix as a NumPy array of numbers, got {kind}: use np.array"):
            require_square(none)
    for shape in ((3,), (0, 0), (2, 2, 2)):
        with pytest.raises(ValueError, match=f"a matrix with entries, got shape {re.escape(str(shape))}"):
            require_square(np.ones(shape))
    with pytest.raises(ValueError, match=r"a row for each of 3 latents, got shape \(2, 2\): are these the"):
        require_square_on(np.eye(2), 3)
    require_square_on(np.eye(3, dtype=int), 3)


def test_settings_out_of_range_and_a_zero_matrix_are_refused():
    with pytest.raises(ValueError, match="positive tolerance and at least one circle, got 0"):
        kreiss_constant(np.eye(2), tolerance=0.0)
    with pytest.raises(ValueError, match="at least one power, got 0"):
        transient_growth(np.eye(2), powers=0)
    with pytest.raises(ValueError, match="at least three lines, got 2: fewer enclose nothing"):
        numerical_range(np.eye(2), count=2)
    with pytest.raises(ValueError, match="finite points, got NaN or infinity"):
        numerical_range(np.eye(2)).beyond(np.array([np.nan]))
    for rank in (stable_rank, effective_rank):
        with pytest.raises(ValueError, match="finite entries, got 4 that are not"):
            rank(np.full((2, 2), np.inf))
        with pytest.raises(ValueError, match="a matrix that is not zero"):
            rank(np.zeros((2, 2)))
    assert numerical_radius(np.zeros((2, 2))) == 0


def test_a_minimum_that_is_lowered_for_ever_is_not_certified():
    lower = itertools.count()
    found = circle_minimum(lambda _: -(2.0 ** next(lower)), lambda _: np.ones(1), start=np.zeros(1), tolerance=0.1)
    assert not found.certified


def test_a_minimum_is_certified_only_if_the_function_itself_is_above_the_level_where_its_bound_is():
    def value(angle: float) -> float:
        return 2 + math.cos(angle)

    def crossings(level: float) -> np.ndarray:
        angle = math.acos(max(level - 2, -1.0))
        return np.array([angle, -angle, 0.3]) if level > 1 else np.array([0.3])

    # The bound is true, and says nothing of where the function is low.
    found = circle_minimum(value, crossings, start=np.zeros(1), tolerance=1e-6, above=lambda _: 3.0)
    assert found.certified
    assert found.value == pytest.approx(1.0, rel=1e-5)


def test_a_resolvent_is_told_from_below_in_a_fraction_of_the_work():
    A = np.random.default_rng(0).standard_normal((SMALL + 12, SMALL + 12)) / math.sqrt(SMALL)
    resolvent = Resolvent.of(A)
    identity = np.eye(len(A))
    for z in (1.5 + 0.2j, 0.9j, -3.0, resolvent.eigenvalues[3] + 1e-3):
        exact = np.linalg.svd(z * identity - A, compute_uv=False)[-1]
        assert resolvent.smallest(z) == pytest.approx(exact, rel=1e-9)
        assert exact * (1 - 1e-9) <= resolvent.above(z) <= 1.5 * exact
    assert resolvent.above(np.diag(resolvent.triangular)[0]) < 1e-12


def test_a_kreiss_constant_of_many_rows_lies_above_the_grid_and_its_ends_are_near():
    A = np.random.default_rng(0).standard_normal((SMALL + 12, SMALL + 12))
    A *= 0.97 / spectral_radius(A)
    found = kreiss_constant(A)
    z = (1 + np.geomspace(1e-3, 3, 12))[:, None] * np.exp(2j * np.pi * np.arange(60) / 60)
    values = (np.abs(z) - 1) / np.linalg.svd(z[..., None, None] * np.eye(len(A)) - A, compute_uv=False)[..., -1]
    assert values.max() > 1.2, "the premise: not a contraction"
    assert values.max() <= found.high <= 1.011 * found.low
    assert found.low <= 1.1 * values.max()


@pytest.mark.slow
def test_a_kreiss_constant_of_a_published_size_takes_seconds():
    A = np.random.default_rng(0).standard_normal((256, 256)) / 16.5
    found = kreiss_constant(A)
    assert spectral_radius(A) < 1
    assert found.high <= 1.02 * found.low
