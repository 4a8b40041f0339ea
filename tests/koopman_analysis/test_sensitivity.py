"""Lipschitz constants against the slopes and ratios that they bound, and the bounds of distances that follow."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, ndtr

from koopman_analysis.checks import bound_is_informative, bounded_by_latent_distance, latent_bounds
from koopman_analysis.claims import Verdict
from koopman_analysis.estimators import ArrayLatentModel, Certificate
from koopman_analysis.gauge import transformed
from koopman_analysis.sensitivity import (
    ATTENTION,
    GELU,
    RELU,
    RMS_NORMALISATION,
    SWISH,
    TANH,
    decoder_certificate,
    largest_pair_ratio,
    lipschitz_certificate,
)
from koopman_analysis.snapshots import SnapshotPairs

FUNCTIONS = {
    RELU: lambda x: np.maximum(x, 0), TANH: np.tanh, SWISH: lambda x: x * expit(x), GELU: lambda x: x * ndtr(x),
}  # fmt: skip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("activation", FUNCTIONS, ids=lambda activation: activation.name)
def test_no_slope_exceeds_that_of_its_activation_and_one_reaches_it(activation):
    x = np.linspace(-20, 20, 400_001)
    slopes = np.abs(np.diff(FUNCTIONS[activation](x)) / np.diff(x))
    assert slopes.max() <= activation.slope * (1 + 1e-9)
    assert slopes.max() >= activation.slope * (1 - 1e-6)


def test_the_slopes_of_swish_and_gelu_are_the_known_ones():
    assert pytest.approx(1.0998, abs=5e-5) == SWISH.slope
    assert pytest.approx(1.1289, abs=5e-5) == GELU.slope


def network(seed: int = 0):
    weights = [rng(seed).standard_normal(shape) / 2 for shape in ((3, 8), (8, 8), (8, 2))]

    def decode(z):
        for weight in weights[:-1]:
            z = FUNCTIONS[SWISH](z @ weight)
        return z @ weights[-1]

    return decode, [weights[0], SWISH, weights[1], SWISH, weights[2]]


def test_a_certificate_bounds_every_pair_and_is_the_product_of_its_factors():
    for seed in range(5):
        decode, factors = network(seed)
        found = lipschitz_certificate(factors)
        norms = [np.linalg.norm(factor, 2) for factor in factors[::2]]
        assert found.constant == pytest.approx(np.prod(norms) * SWISH.slope**2, rel=1e-12)
        assert "3 spectral norms and the slopes of swish" in found.because
        z = rng(seed).standard_normal((400, 3)) * 3
        assert 0.05 * found.constant < largest_pair_ratio(z, decode(z)) <= found.constant


def test_one_matrix_has_its_norm_and_the_ratio_reaches_it():
    matrix = np.diag([3.0, 1.0])
    assert lipschitz_certificate([matrix]).constant == pytest.approx(3.0, rel=1e-12)
    assert (
        largest_pair_ratio(np.eye(2)[[0, 1, 0]] * [[1], [0], [0]], np.diag([3.0, 1.0])[[0, 1, 0]] * [[1], [0], [0]])
        == 3
    )


@pytest.mark.parametrize("factor", [RMS_NORMALISATION, ATTENTION], ids=lambda factor: factor.name)
def test_what_has_no_largest_slope_has_no_certificate_and_a_reason(factor):
    found = lipschitz_certificate([np.eye(2), factor])
    assert found.constant is None
    assert factor.name in found.because
    assert factor.because in found.because


def test_what_is_no_map_or_no_pair_is_refused():
    with pytest.raises(ValueError, match="at least one factor, got none"):
        lipschitz_certificate([])
    with pytest.raises(ValueError, match="an image for each of 3 points, got 2"):
        largest_pair_ratio(np.eye(3), np.eye(2))
    with pytest.raises(ValueError, match="two different points, got 2 that are one"):
        largest_pair_ratio(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="a finite constant of 0 or more"):
        Certificate(constant=-1.0, because="")


def test_a_matrix_in_single_precision_is_certified_in_double():
    below = []
    for seed in range(20):
        matrix = rng(seed).standard_normal((64, 64)).astype(np.float32)
        exact = np.linalg.norm(matrix.astype(np.float64), 2)
        below.append(np.linalg.norm(matrix, 2) * (1 + 1e-12) < exact)
        assert exact <= lipschitz_certificate([matrix]).constant <= exact * (1 + 1e-10)
    assert any(below), "the premise: in single precision some norms come out too small"


def test_matrices_that_cannot_be_composed_or_are_not_finite_are_refused():
    narrow, wide = np.ones((2, 2)), np.ones((3, 5))
    for factors in ([narrow, wide], [wide, narrow], [narrow, TANH, wide]):
        with pytest.raises(ValueError, match="matrices that can be composed, got matrix 1"):
            lipschitz_certificate(factors)
    with pytest.raises(ValueError, match="matrices that can be composed, got matrix 2"):
        lipschitz_certificate([np.ones((2, 3)), np.ones((5, 3)), narrow])
    assert lipschitz_certificate([np.ones((2, 3)), np.ones((5, 3)), np.ones((5, 1))]).constant > 0
    with pytest.raises(ValueError, match="finite matrices, got NaN or ∞ in matrix 0"):
        lipschitz_certificate([np.full((2, 2), np.nan)])


def test_ratios_of_what_is_not_finite_or_no_map_are_refused():
    z = rng().standard_normal((4, 2))
    for broken in (np.nan, np.inf):
        images = z.copy()
        images[1, 0] = broken
        with pytest.raises(ValueError, match="finite points and images, got NaN or ∞"):
            largest_pair_ratio(z, images)
    with pytest.raises(ValueError, match="one image of each point, got 1 pairs"):
        largest_pair_ratio(z[[0, 0, 1]], z[[0, 1, 2]])
    assert largest_pair_ratio(z[[0, 0, 1]], z[[0, 0, 1]]) == pytest.approx(1.0)


def test_predictions_that_are_not_finite_are_refused_and_do_not_count_as_bounded():
    def decode(z):
        images = 2 * z
        images[0] = np.nan
        return images

    for certificate in (None, EXACT):
        with pytest.raises(ValueError, match="expected finite points"):
            latent_bounds(replace(model(certificate=certificate), decode=decode), pairs(), rng=rng())


def model(*, certificate: Certificate | None = None) -> ArrayLatentModel:
    return ArrayLatentModel(
        encode_noise=lambda x: x, encode_data=lambda y: y / 2, matrix=np.eye(2), decode=lambda z: 2 * z,
        decoder_lipschitz=certificate,
    )  # fmt: skip


def pairs(n: int = 400, *, noise: float = 0.1) -> SnapshotPairs:
    x = rng(1).standard_normal((n, 2))
    return SnapshotPairs(before=x, after=2 * x + noise * rng(2).standard_normal((n, 2)))


EXACT = Certificate(constant=2.0, because="twice")


def test_a_certified_bound_is_never_violated_and_tight_where_the_decoder_is_linear():
    measured = latent_bounds(model(certificate=EXACT), pairs(), rng=rng())
    assert measured.model.certified
    assert measured.model.violations.high == 0
    assert measured.model.tightness.estimate > 0.8
    claim = bounded_by_latent_distance(measured)
    assert claim.verdict is Verdict.SUPPORTED
    assert "L = 2, twice" in claim.because
    assert all(control.behaves for control in claim.controls)
    useful = bound_is_informative(measured)
    assert useful.verdict is Verdict.SUPPORTED
    assert all(control.behaves for control in useful.controls)


def test_the_shares_are_those_of_all_pairs():
    some, L = pairs(60), 1.2
    measured = latent_bounds(
        model(certificate=Certificate(constant=L, because="too small")), some, objects=30, rng=rng()
    )
    rows = rng().permutation(60)
    x, y = some.before[rows[30:]], some.after[rows[30:]]
    errors = np.linalg.norm(y - 2 * x, axis=1)
    apart, bounds = [], []
    for i in range(30):
        for j in range(i):
            apart.append(np.linalg.norm(y[i] - y[j]))
            bounds.append(L * np.linalg.norm(x[i] - x[j]) + errors[i] + errors[j])
    apart, bounds = np.array(apart), np.array(bounds)
    assert 0.2 < np.mean(apart > bounds) < 1, "the premise: it is too small"
    assert measured.model.violations.estimate == pytest.approx(np.mean(apart > bounds))
    assert measured.model.tightness.estimate == pytest.approx(np.mean(apart / bounds))
    assert measured.model.informative.estimate == pytest.approx(np.mean(bounds < apart.max()))
    assert bounded_by_latent_distance(measured).verdict is Verdict.REFUTED


def test_a_certificate_that_is_too_large_is_of_no_use():
    measured = latent_bounds(model(certificate=Certificate(constant=1e3, because="loose")), pairs(), rng=rng())
    assert bounded_by_latent_distance(measured).verdict is Verdict.SUPPORTED
    assert bound_is_informative(measured).verdict is Verdict.REFUTED


def test_without_a_certificate_the_constant_comes_of_other_objects_and_nothing_is_certain():
    measured = latent_bounds(model(), pairs(), rng=rng())
    assert not measured.model.certified
    assert measured.model.constant == pytest.approx(2, rel=1e-9)
    claim = bounded_by_latent_distance(measured)
    assert claim.interval.high == 3 / 200
    assert "the largest ratio over 200 other objects; the model brings no certificate" in claim.because
    assert decoder_certificate(model()).constant is None


def test_a_bad_model_is_bounded_by_its_errors_alone_and_so_by_nothing():
    measured = latent_bounds(model(certificate=EXACT), pairs(noise=2000.0), rng=rng())
    claim = bounded_by_latent_distance(measured)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert "the control 'no latent distance' must be refuted and is supported" in claim.because


def test_only_pairs_of_one_label_are_bounded_where_the_decoder_takes_labels():
    labelled = replace(
        model(certificate=EXACT), decode=lambda z, labels: 2 * z + 100 * labels[:, None], encode_data=lambda y: y
    )
    x, labels = rng(1).standard_normal((200, 2)), rng(3).integers(2, size=200)
    some = SnapshotPairs(before=x, after=2 * x + 100 * labels[:, None])
    assert latent_bounds(labelled, some, labels=labels, rng=rng()).model.violations.high == 0


def test_a_gauge_stretches_the_certificate_and_keeps_the_bound():
    A = np.array([[3.0, 1.0], [0.0, 0.5]])
    changed = transformed(model(certificate=EXACT), np.eye(2), A)
    z = rng().standard_normal((200, 2))
    found = decoder_certificate(changed)
    assert (
        largest_pair_ratio(z, changed.decode(z))
        <= found.constant
        == pytest.approx(2 * np.linalg.norm(np.linalg.inv(A), 2))
    )
    assert transformed(model(), np.eye(2), A).decoder_lipschitz is None


def test_too_few_objects_and_data_that_do_not_vary_are_refused():
    with pytest.raises(ValueError, match="at least eight independent units, got 7"):
        latent_bounds(model(), pairs(7), rng=rng())
    with pytest.raises(ValueError, match="data that vary and two objects of one label"):
        latent_bounds(model(certificate=EXACT), replace(pairs(), after=np.ones((400, 2))), rng=rng())
