"""Answers of this library's own that were silently wrong or nameless, before a stranger found them."""

import numpy as np
import pytest
import torch

from koopman_analysis.dictionaries import Coordinates, Gaussian, Monomials, RadialBasis
from koopman_analysis.estimators import EDMD, ExactDMD, KernelRidgeRegression, KoopmanRegressor
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.regression import ThresholdRank
from koopman_analysis.snapshots import SnapshotPairs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def linear_pairs(n: int = 300, *, scale: float = 1.0, noise: float = 0.01) -> SnapshotPairs:
    draw = rng()
    x = draw.standard_normal((n, 2))
    y = x @ np.array([[0.9, 0.2], [-0.1, 0.7]]) + noise * draw.standard_normal((n, 2))
    return SnapshotPairs(before=scale * x, after=scale * y)


def test_a_function_that_vanishes_on_the_held_out_pairs_is_never_trusted():
    near, far = linear_pairs(), linear_pairs()
    far = SnapshotPairs(before=far.before + 100, after=far.after + 200)
    found = EDMD(RadialBasis(np.array([[0.0, 0.0], [1.0, 1.0]]), Gaussian(1.0))).fit(near).eigenpairs(heldout=far)
    np.testing.assert_array_equal(found.residuals, np.inf)
    assert len(found.trusted(1e300)) == 0
    zero = SnapshotPairs(before=0 * near.before, after=near.after)
    np.testing.assert_array_equal(EDMD(Coordinates()).fit(near).eigenpairs(heldout=zero).residuals, np.inf)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_a_gram_matrix_refuses_units_whose_squares_vanish(library):
    tiny = linear_pairs(scale=1e-170)
    before, after = library(tiny.before), library(tiny.after)
    with pytest.raises(ValueError, match=r"squares can be written .* got smaller ones: a Gram matrix loses them"):
        GramMoments.of(SnapshotPairs(before=before, after=after), Coordinates())
    found = FactorMoments.of(SnapshotPairs(before=before, after=after), Coordinates()).operator()
    np.testing.assert_allclose(found, EDMD(Coordinates()).fit(linear_pairs()).matrix_, rtol=1e-10)
    nothing = SnapshotPairs(before=library(np.ones((9, 2))), after=library(np.zeros((9, 2))))
    assert float(GramMoments.of(nothing, Coordinates()).gram_out.sum()) == 0.0


@pytest.mark.parametrize("far", [1e4, 1e7, 1e9])
def test_a_far_centre_leaves_the_other_radial_functions_alone(far):
    x = rng().standard_normal((300, 2))
    with_it = RadialBasis(np.concatenate([x[:5], [[far, far]]]), Gaussian(0.1))(x)[:, :5]
    np.testing.assert_allclose(with_it, RadialBasis(x[:5], Gaussian(0.1))(x), atol=1e-11)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 1}, "at least 20 resamples of at least 2 groups, got 199 of 1"),
        ({"resamples": 1}, "at least 20 resamples"),
    ],
)
def test_intervals_of_too_little_are_refused(settings, message):
    pairs = linear_pairs()
    with pytest.raises(ValueError, match=message):
        EDMD(Coordinates()).fit(pairs).eigenvalue_intervals(pairs, rng=rng(), **settings)


@pytest.mark.parametrize("size", [2, 3])
def test_a_defective_operator_has_eigenvalues_and_predictions_but_no_modes(size):
    x = rng().standard_normal((60, size))
    shift = np.diag(np.ones(size - 1), 1)
    dmd = ExactDMD().fit(SnapshotPairs(before=x, after=x @ shift))
    assert np.abs(dmd.eigenvalues_).max() < 1e-4  # nilpotent: the root of rounding, at most the third
    np.testing.assert_allclose(dmd.predict(x), x @ shift, atol=1e-12)
    for result in (lambda: dmd.modes_, lambda: dmd.eigenfunctions(x)):
        with pytest.raises(ValueError, match="a basis of eigenvectors, got some with the condition number"):
            result()


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-13])
@pytest.mark.parametrize(
    "made",
    [lambda: EDMD(Coordinates()), lambda: EDMD(Coordinates(), outputs=Coordinates()), ExactDMD],
    ids=["one dictionary", "two dictionaries", "ExactDMD"],
)
def test_the_unit_of_the_states_makes_them_neither_constant_nor_infinite(scale, made):
    unit, pairs = linear_pairs(noise=0.0), linear_pairs(scale=scale, noise=0.0)
    predicted = made().fit(pairs).predict(pairs.before)
    np.testing.assert_allclose(predicted / scale, unit.after, atol=1e-12)


def test_masked_states_and_trajectories_without_whole_names_are_refused():
    x = rng().standard_normal((20, 2))
    with pytest.raises(TypeError, match="without gaps, got a masked array"):
        SnapshotPairs(before=np.ma.masked_greater(x, 1), after=x)
    for names in (np.full(20, 0.5), np.full(20, np.nan), [0] * 20, np.array(["a"] * 20)):
        with pytest.raises(TypeError, match="whole numbers as trajectory names"):
            SnapshotPairs(before=x, after=x, trajectory=names)


def test_a_function_that_turns_complex_on_the_way_is_refused():
    x = np.concatenate([np.ones((1, 2)), -np.ones((5, 2)), rng().standard_normal((10, 2))])
    with pytest.raises(TypeError, match="one kind of number, got complex values after real ones"):
        EDMD(np.emath.sqrt).fit(SnapshotPairs(before=x, after=x))


@pytest.mark.parametrize("kept", [-1, 0, 2.5, 9])
def test_a_rule_that_gives_no_rank_is_refused(kept):
    class Rule:
        def kept(self, values):
            return kept

    for made in (EDMD(Coordinates(), rank=Rule()), ExactDMD(Rule())):
        with pytest.raises(ValueError, match="expected a rank from 1 to 2"):
            made.fit(linear_pairs())
    assert ThresholdRank(0.5).kept(np.array([1.0, 0.1])) == 1  # the premise: an honest rule


def test_moments_taken_elsewhere_bind_a_new_dictionary_and_refuse_a_wrong_one():
    pairs = linear_pairs()
    moments = FactorMoments.of(pairs, Monomials(2))
    assert EDMD.from_moments(moments, Monomials(2)).predict(pairs.before).shape == (300, 2)
    with pytest.raises(ValueError, match="a dictionary of 10 functions, got 6"):
        EDMD.from_moments(moments, Monomials(3, dimension=2))


def test_moments_of_two_kinds_are_not_added():
    pairs = linear_pairs()
    gram, factor = (kind.of(pairs, Coordinates()) for kind in (GramMoments, FactorMoments))
    for one, other in ((gram, factor), (factor, gram)):
        with pytest.raises(TypeError, match="unsupported operand"):
            one + other


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EDMD(Monomials), "expected a dictionary, or a function of states, got <class"),
        (lambda: KoopmanRegressor(3).fit(np.ones((3, 1)), np.ones(3)), "an estimator with fit"),
    ],
)
def test_what_is_no_dictionary_and_no_estimator_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_tensors_that_are_differentiated_are_taken_as_numbers():
    pairs = linear_pairs()
    tensors = SnapshotPairs(before=torch.from_numpy(pairs.before).requires_grad_(), after=torch.from_numpy(pairs.after))
    np.testing.assert_allclose(EDMD(Coordinates()).fit(tensors).matrix_, EDMD(Coordinates()).fit(pairs).matrix_)


def test_kernel_ridge_takes_states_of_which_most_are_equal():
    pairs = linear_pairs(220)
    before = np.concatenate([np.zeros((200, 2)), pairs.before[:20]])
    fitted = KernelRidgeRegression(rng=rng()).fit(SnapshotPairs(before=before, after=pairs.after))
    assert np.isfinite(fitted.predict(before)).all()
