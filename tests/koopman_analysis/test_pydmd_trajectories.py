import numpy as np
import pytest
from scipy.linalg import expm

from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.pydmd import (
    ForwardBackwardDMD,
    HigherOrderDMD,
    LeastSquaresDMD,
    OptimisedDMD,
    PyDMDForecast,
    PyDMDRegression,
    ReducedRankDMD,
    StepwiseDMD,
    TrajectoryMethod,
    UnevenTimes,
)
from koopman_analysis.estimators.pydmd.fundamental import FundamentalSeries
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotTrajectories

EVEN = np.linspace(0.0, 2.0, 10)
UNEVEN = 2.0 * np.linspace(0.0, 1.0, 10) ** 1.5
FALLING = np.linspace(1.0, -1.0, 10)
GENERATORS = {
    "rotation": np.array([[-0.5, 2.0], [-2.0, -0.3]]),
    "two rates": np.diag([-1.0, -2.0]),
    "one rate twice": -np.eye(2),
}
ANY_TIMES = {
    "optimised": OptimisedDMD(),
    "optimised, bagged": OptimisedDMD(bags=5, rng=np.random.default_rng(0)),
}
EVEN_TIMES = {
    "higher order, no delay": HigherOrderDMD(delays=1),
    "higher order": HigherOrderDMD(delays=3),
    "step by step": StepwiseDMD(method=LeastSquaresDMD()),
    "step by step, forward-backward": StepwiseDMD(method=ForwardBackwardDMD()),
}
METHODS = {**ANY_TIMES, **EVEN_TIMES}
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
generators = pytest.mark.parametrize("L", GENERATORS.values(), ids=GENERATORS)


def flow(
    L: np.ndarray, times: np.ndarray, *, n: int = 100, seed: int = 0, noise: float = 0.0, complex_states: bool = False
) -> SnapshotTrajectories:
    """Trajectories of ẋ = x L about a mean that moves, with noise on every state."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, len(L)))
    if complex_states:
        x = x + 1j * rng.standard_normal(x.shape)
    states = np.stack([x @ expm(L * (t - times[0])) + np.cos(t) + 3.0 for t in times], axis=1)
    return SnapshotTrajectories(states=states + noise * rng.standard_normal(states.shape), times=times)


def assert_recovered(method: TrajectoryMethod, L: np.ndarray, times: np.ndarray, **options) -> None:
    fitted = PyDMDForecast(method).fit(flow(L, times, **options))
    assert np.iscomplexobj(fitted.matrix_) == options.get("complex_states", False)
    # The variable projection stops where a step gains 1e-12 of the residual.
    np.testing.assert_allclose(fitted.matrix_, expm(L * (times[-1] - times[0])), atol=1e-9)
    assert len(fitted.rates_) <= len(L)
    for rate in np.linalg.eigvals(L):
        assert np.abs(fitted.rates_ - rate).min() < 1e-7
    fresh = flow(L, times, seed=1, **options).ends
    np.testing.assert_allclose(fitted.predict(fresh.before), fresh.after, atol=1e-8)


@methods
@generators
def test_a_linear_flow_is_recovered_with_its_rates(method, L):
    assert_recovered(method, L, EVEN)


@pytest.mark.parametrize("method", ANY_TIMES.values(), ids=ANY_TIMES)
@generators
def test_uneven_times_are_as_good_where_they_are_taken(method, L):
    assert_recovered(method, L, UNEVEN)


@methods
def test_a_falling_clock_gives_the_same_flow_with_rates_of_its_own(method):
    # Against its clock this flow contracts, as it does with a rising one.
    assert_recovered(method, -GENERATORS["rotation"], FALLING)


@methods
def test_complex_states_are_taken(method):
    L = GENERATORS["rotation"] + 0.2j * np.eye(2)
    assert_recovered(method, L, EVEN, complex_states=True)


def test_the_fundamental_series_holds_all_that_a_linear_flow_can_reach():
    trajectories = flow(GENERATORS["rotation"], EVEN, noise=0.3)
    states = trajectories.states - trajectories.states.mean(axis=0)
    series = FundamentalSeries.of(states)
    F = np.random.default_rng(2).standard_normal((2, 2))
    for k in range(len(EVEN)):
        best = np.linalg.lstsq(states[:, 0], states[:, k], rcond=None)[0]
        np.testing.assert_allclose(series.operator(series.coordinates[k]), best, atol=1e-12)
        reached = np.square(series.initial @ (best - F)).sum()
        remainder = np.square(states[:, k] - states[:, 0] @ best).sum()
        assert remainder > 1.0 or k == 0, "noise, which no flow reaches"
        np.testing.assert_allclose(np.square(states[:, k] - states[:, 0] @ F).sum(), reached + remainder, rtol=1e-12)


def test_optimised_and_higher_order_bear_noise_that_steps_compound():
    L = GENERATORS["rotation"]
    noisy = flow(L, EVEN, n=2000, noise=0.3)
    truth = expm(L * (EVEN[-1] - EVEN[0]))

    def error(method: TrajectoryMethod) -> float:
        return float(np.linalg.norm(PyDMDForecast(method).fit(noisy).matrix_ - truth) / np.linalg.norm(truth))

    least_squares = error(StepwiseDMD(method=LeastSquaresDMD()))
    assert least_squares > 0.3, "noise in x contracts each of nine steps"
    for method in (*ANY_TIMES.values(), HigherOrderDMD(delays=3), StepwiseDMD(method=ForwardBackwardDMD())):
        assert error(method) < least_squares / 3


def test_in_the_sample_no_flow_is_better_than_affine_regression():
    trajectories = flow(GENERATORS["rotation"], EVEN, noise=0.3)
    bent = SnapshotTrajectories(states=np.tanh(trajectories.states), times=EVEN)

    def error(fitted: PyDMDRegression | PyDMDForecast) -> float:
        return float(np.linalg.norm(fitted.predict(bent.ends.before) - bent.ends.after))

    best = error(PyDMDRegression().fit(bent.ends))
    assert best > 0.1
    for method in METHODS.values():
        assert error(PyDMDForecast(method).fit(bent)) >= best * (1 - 1e-12)


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_states_that_no_flow_relates_have_a_fit_all_the_same(seed):
    # With unbounded rates PyDMD's steps overflow on these, so that it gives up, or never ends.
    rng = np.random.default_rng(seed)
    states, times = rng.standard_normal((30, 11, 4)), np.sort(rng.uniform(0.0, 1.0, 11))
    fitted = PyDMDForecast(OptimisedDMD()).fit(SnapshotTrajectories(states=states, times=times))
    assert np.abs(fitted.matrix_).max() < 3.0


def test_higher_order_is_pydmds_own_hodmd():
    from pydmd import HODMD

    trajectories = flow(GENERATORS["rotation"], EVEN, noise=0.1)
    states = trajectories.states - trajectories.states.mean(axis=0)
    series = FundamentalSeries.of(states)
    G = np.tensordot(np.linalg.qr(states[:, 0])[0], states, axes=(0, 0)).transpose(1, 0, 2).reshape(len(EVEN), -1)
    own = HODMD(svd_rank=2, svd_rank_extra=-1, d=3).fit(G.T)
    expected = np.linalg.solve(series.initial, own.reconstructed_data[:, -1].reshape(2, 2)).real
    fitted = PyDMDForecast(HigherOrderDMD(delays=3, rank=2)).fit(trajectories)
    np.testing.assert_allclose(fitted.matrix_, expected, atol=1e-10)


def test_more_rates_fit_the_times_better():
    trajectories = flow(GENERATORS["rotation"], EVEN)
    bent = SnapshotTrajectories(states=np.tanh(trajectories.states), times=EVEN)
    best = np.linalg.norm(PyDMDRegression().fit(bent.ends).predict(bent.ends.before) - bent.ends.after)
    excess = []
    for rank in (1, 2, 3):
        fitted = PyDMDForecast(OptimisedDMD(rank=np.int64(rank))).fit(bent)
        assert len(fitted.rates_) == rank
        excess.append(np.linalg.norm(fitted.predict(bent.ends.before) - bent.ends.after) - best)
    assert excess[2] < excess[1] < excess[0]


@pytest.mark.parametrize("method", EVEN_TIMES.values(), ids=EVEN_TIMES)
def test_uneven_times_are_refused_where_steps_have_a_length(method):
    with pytest.raises(UnevenTimes, match=r"expected even times for (HigherOrder|Stepwise)DMD"):
        PyDMDForecast(method).fit(flow(GENERATORS["rotation"], UNEVEN))


def test_bags_are_drawn_from_the_rng_alone():
    trajectories = flow(GENERATORS["rotation"], EVEN, noise=0.3)

    def bagged(seed: int) -> np.ndarray:
        return PyDMDForecast(OptimisedDMD(bags=3, rng=np.random.default_rng(seed))).fit(trajectories).matrix_

    legacy = np.random.get_state()  # noqa: NPY002 - the state that must not move
    first = bagged(0)
    assert legacy[2] == np.random.get_state()[2]  # noqa: NPY002
    np.random.standard_normal(3)  # noqa: NPY002
    np.testing.assert_array_equal(bagged(0), first)
    assert not np.array_equal(bagged(1), first)


def test_settings_without_meaning_are_refused():
    for made in (lambda rank: OptimisedDMD(rank=rank), lambda rank: HigherOrderDMD(delays=1, rank=rank)):
        with pytest.raises(ValueError, match="rank of at least 1"):
            made(0)
        with pytest.raises(TypeError, match="whole number as rank"):
            made(0.5)
    with pytest.raises(ValueError, match="an rng to draw 5 bags"):
        OptimisedDMD(bags=5)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        OptimisedDMD(share=1.0)
    with pytest.raises(ValueError, match="at least 1 delay"):
        HigherOrderDMD(delays=0)
    with pytest.raises(NotFitted, match="seen no trajectories"):
        PyDMDForecast().predict(np.ones((2, 2)))


def test_data_that_determine_no_flow_are_refused():
    trajectories = flow(GENERATORS["rotation"], EVEN)
    with pytest.raises(ValueError, match="a rank of at most 2"):
        PyDMDForecast(OptimisedDMD(rank=3)).fit(trajectories)
    with pytest.raises(ValueError, match="more times than rates"):
        PyDMDForecast(OptimisedDMD(bags=2, share=0.2, rng=np.random.default_rng(0))).fit(trajectories)
    with pytest.raises(ValueError, match="two times more than the 9 delays"):
        PyDMDForecast(HigherOrderDMD(delays=9)).fit(trajectories)
    with pytest.raises(ValueError, match="features, 2"):
        PyDMDForecast(StepwiseDMD(method=ReducedRankDMD(rank=3))).fit(trajectories)
    one = SnapshotTrajectories(states=trajectories.states[:2], times=EVEN)
    for method in (OptimisedDMD(), HigherOrderDMD(delays=2)):
        with pytest.raises(ValueError, match="got 1 in 2 trajectories"):
            PyDMDForecast(method).fit(one)
    constant = SnapshotTrajectories(states=np.ones((5, 10, 2)), times=EVEN)
    with pytest.raises(ConstantData, match="initial states that vary"):
        PyDMDForecast().fit(constant)
