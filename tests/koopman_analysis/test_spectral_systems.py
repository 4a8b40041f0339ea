"""Systems whose closure spectrum is known: against quadrature in their own measure, and as estimated from pairs."""

import numpy as np
import pytest
import scipy.integrate
from zoo import spectral

from koopman_analysis import checks
from koopman_analysis.claims import Verdict
from koopman_analysis.closure import closure_report
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import DoubleWell, DoubleWellInterior, LogisticMap, PartlyUnrelated


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", spectral())
def test_the_estimate_of_a_closure_spectrum_is_the_exact_one_within_its_interval(name):
    system = spectral()[name]
    report = closure_report(system.pairs(20_000, rng=rng(1)), inputs=system.dictionary, rng=rng())
    exact = system.closure_spectrum
    assert (np.diff(exact) <= 1e-12).all()
    assert len(report.spectrum) == len(exact) > 1
    for sigma, value in zip(report.spectrum, exact, strict=True):
        # Of a correlation near 0 the estimate is its modulus, some 1/√n; of one at 1 it is 1 to rounding.
        assert abs(sigma.estimate - value) < 2 * (sigma.high - sigma.low) + 1e-9 + 5 / np.sqrt(20_000) * (value < 0.05)
    assert report.defect.estimate == pytest.approx(1 - np.square(exact).mean(), abs=0.01)


@pytest.mark.parametrize("degree", [1, 2, 5, 6])
def test_the_logistic_map_doubles_the_degree_and_so_predicts_every_second_direction(degree):
    system = LogisticMap(degree=degree)
    # Equispaced angles integrate cos kθ, k < 2 · 64, exactly against the arcsine law.
    u = np.cos(np.pi * (np.arange(64) + 0.5) / 64)[:, None]
    twice = LogisticMap(degree=2 * degree).dictionary(u)
    after = system.dictionary(system.flow(u))
    np.testing.assert_allclose(after[:, 1:], twice[:, 2::2], atol=1e-12)
    before = system.dictionary(u)
    np.testing.assert_allclose(before.T @ before / 64, np.eye(degree + 1), atol=1e-13)
    singular = np.linalg.svd(before[:, 1:].T @ after[:, 1:] / 64, compute_uv=False)
    np.testing.assert_allclose(system.closure_spectrum, singular, atol=1e-13)


def test_the_logistic_map_is_that_of_the_textbook_in_other_coordinates():
    x = rng().uniform(size=(50, 1))
    np.testing.assert_allclose(LogisticMap().flow(1 - 2 * x), 1 - 2 * (4 * x * (1 - x)), atol=1e-14)


def test_the_logistic_map_leaves_its_measure_alone():
    u = LogisticMap().sampled(40_000, rng=rng(2))
    for states in (u, LogisticMap().flow(u)):
        # The arcsine law has moments E u² = 1/2, E u⁴ = 3/8; six standard errors.
        assert np.mean(states) == pytest.approx(0.0, abs=6 * np.sqrt(0.5 / 40_000))
        assert np.mean(states**2) == pytest.approx(0.5, abs=6 * np.sqrt(0.125 / 40_000))
        assert np.mean(states**4) == pytest.approx(0.375, abs=6 / np.sqrt(40_000))


@pytest.mark.parametrize("system", [DoubleWell(lag=0.7), DoubleWellInterior(lag=0.7)], ids=["across", "between"])
def test_the_double_well_solves_its_equation(system):
    for x in system.sampled(5, rng=rng(3)):
        solution = scipy.integrate.solve_ivp(
            lambda t, z: z - z**3, (0, 0.7), x, method="DOP853", rtol=1e-12, atol=1e-13
        )  # fmt: skip
        np.testing.assert_allclose(system.flow(x[None])[0], solution.y[:, -1], rtol=1e-10)
    assert system.pairs(3, rng=rng()).lag == 0.7


def test_the_double_well_has_the_three_fixed_points_of_its_potential():
    fixed = np.array([[-1.0], [0.0], [1.0]])
    np.testing.assert_allclose(DoubleWell(lag=2.0).flow(fixed), fixed, atol=1e-15)


@pytest.mark.parametrize(("lag", "defect"), [(0.1, 0.05), (0.3, 0.19), (1.0, 0.42), (2.0, 0.61)])
def test_polynomials_of_the_double_well_lose_the_shares_that_are_known(lag, defect):
    spectrum = DoubleWell(lag=lag).closure_spectrum
    assert 1 - np.square(spectrum).mean() == pytest.approx(defect, abs=0.01)


def test_the_quadrature_of_the_double_well_has_converged():
    # Independent nodes: Chebyshev's, with Fejér's weights by their definition.
    system, n = DoubleWell(lag=2.0), 1500
    angles = np.pi * (np.arange(n) + 0.5) / n
    k = np.arange(1, n // 2 + 1)
    weights = (1 - 2 * (np.cos(2 * np.outer(angles, k)) / (4 * k**2 - 1)).sum(axis=1)) / n
    states = 2 * np.cos(angles)[:, None]
    parts = []
    for end in (states, system.flow(states)):
        features = end ** np.arange(1, 6)
        parts.append(np.linalg.qr(np.sqrt(weights)[:, None] * (features - weights @ features))[0])
    singular = np.linalg.svd(parts[0].T @ parts[1], compute_uv=False)
    np.testing.assert_allclose(system.closure_spectrum, singular, atol=1e-9)


def test_between_the_wells_the_state_is_read_by_no_linear_map_and_exactly_by_another():
    system = DoubleWellInterior()
    pairs = system.pairs(2000, rng=rng(4))
    psi = system.dictionary
    np.testing.assert_allclose(system.read(psi(pairs.before)), pairs.before, rtol=1e-14)
    report = closure_report(pairs, inputs=psi, rng=rng())
    assert report.operator_defect.high < 1e-20
    assert report.state_error.low > 0.05
    model = ArrayLatentModel(
        encode_noise=lambda x, _: psi(x),
        encode_data=lambda y, _: psi(y),
        matrix=np.diag(system.eigenvalues),
        decode=lambda z, _: system.read(z),
        shared_encoder=True,
    )
    claim = checks.decoder_weighted_closed(model, pairs, rng=rng())
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 1e-20


def test_the_finite_section_of_the_logistic_map_has_no_eigenvalue_but_the_constants():
    # Every T_n is doubled out of the span: the section is nilpotent, and rounding ε moves its zeros by ε^{1/3}.
    system = LogisticMap(degree=6)
    u = np.cos(np.pi * (np.arange(64) + 0.5) / 64)[:, None]
    K = EDMD(system.dictionary).fit(SnapshotPairs(before=u, after=system.flow(u))).matrix_
    moduli = np.sort(np.abs(np.linalg.eigvals(K)))
    assert moduli[-1] == pytest.approx(1.0, abs=1e-12)
    assert moduli[-2] < 1e-4


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_column_of_noise_costs_its_share_at_any_scale(scale):
    system = PartlyUnrelated(kept=3, redrawn=2, scale=scale)
    pairs = system.pairs(4000, rng=rng(5))
    np.testing.assert_array_equal(pairs.before[:, :3], pairs.after[:, :3])
    assert pairs.after[:, 3:].std() == pytest.approx(scale, rel=0.05)
    report = closure_report(pairs, inputs=system.dictionary, rng=rng())
    assert report.defect.low < 2 / 5 <= report.defect.estimate + 25 / 2000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogisticMap(degree=0), "degree of at least 1"),
        (lambda: DoubleWell(lag=0.0), r"lag in \(0, 300\)"),
        (lambda: DoubleWell(lag=400.0), r"lag in \(0, 300\)"),
        (lambda: DoubleWell(reach=0.0), "expected a reach in"),
        (lambda: DoubleWell(degree=0), "degree of at least 1"),
        (lambda: DoubleWellInterior(reach=1.0), r"reach in \(0, 1.0\), got 1.0"),
        (lambda: PartlyUnrelated(kept=0), "take Unrelated where none is kept"),
        (lambda: PartlyUnrelated(redrawn=0), "one that is redrawn"),
        (lambda: PartlyUnrelated(scale=0.0), "positive scale of the noise"),
    ],
)
def test_a_system_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
