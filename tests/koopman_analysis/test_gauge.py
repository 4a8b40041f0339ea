"""One model in many coordinates: what no coordinates change stays, what they change is not given out without them."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.gauge import (
    GaugeDependent,
    ThisGauge,
    WhiteAtNoise,
    gauge_experiment,
    nonnormality_in_gauge,
    operator_in,
    random_gauge,
    spectrum_in_gauge,
    transformed,
)
from koopman_analysis.gauge.coordinates import require_coordinates
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs

K = np.random.default_rng(1).standard_normal((3, 3))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def model(*, shared: bool = False) -> ArrayLatentModel:
    """Three latents and a decoder that bends two of their combinations."""
    readout = rng(2).standard_normal((3, 2)) * 0.2
    return ArrayLatentModel(
        encode_noise=lambda x: np.column_stack([x, np.tanh(x[:, :1])]),
        encode_data=lambda y: np.column_stack([y, np.tanh(y[:, :1])]),
        matrix=K,
        offset=np.array([0.3, -1.0, 0.1]),
        decode=lambda z: np.sinh(z @ readout),
        shared_encoder=shared,
    )


def pairs(n: int = 600) -> SnapshotPairs:
    x = rng(3).standard_normal((n, 2))
    after = model().decode(model().encode_noise(x) @ K + model().offset())
    return SnapshotPairs(before=x, after=after + 0.01 * rng(4).standard_normal((n, 2)))


def test_the_same_model_in_other_coordinates_predicts_the_same_from_another_matrix():
    some, B, A = pairs(), random_gauge(3, condition=30, rng=rng(5)), random_gauge(3, condition=30, rng=rng(6))
    changed = transformed(model(), B, A)
    assert np.abs(spectrum_in_gauge(changed, gauge=ThisGauge())[0]) != pytest.approx(np.abs(np.linalg.eigvals(K)).max())
    for data, name in ((some.before, "encode_noise"), (some.after, "encode_data")):
        assert np.linalg.norm(getattr(changed, name)(data) - getattr(model(), name)(data)) > 1
    one, other = (m.decode(m.encode_noise(some.before) @ m.matrix + m.offset()) for m in (model(), changed))
    np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)
    one, other = (m.decode(m.encode_data(some.after)) for m in (model(), changed))
    np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)


def test_a_random_gauge_has_the_condition_that_was_asked_for():
    for size, condition in ((1, 1.0), (2, 7.0), (40, 300.0)):
        assert np.linalg.cond(random_gauge(size, condition=condition, rng=rng())) == pytest.approx(condition, rel=1e-9)


def test_numbers_of_k_change_with_the_gauge_and_invariants_do_not():
    found = gauge_experiment(model(), pairs(), gauges=4, rng=rng())
    assert found.largest_change < 1e-9
    changes = {number.name: number.change for number in (*found.dependent, *found.invariant)}
    assert changes["spectral radius"] > 0.1
    assert changes["norm"] > 0.5
    assert changes["stable rank"] > 0.1
    # Derivatives of the decoder are differences of one percent of a deviation.
    assert all(number.change < 1e-3 for number in found.invariant)
    here = {number.name: number.here for number in found.dependent}
    assert here["spectral radius"] == pytest.approx(np.abs(np.linalg.eigvals(K)).max())
    assert here["norm"] == pytest.approx(np.linalg.norm(K, 2))
    assert len(found.other_eigenvalues) == 4
    np.testing.assert_allclose(np.abs(found.eigenvalues).max(), here["spectral radius"])
    names = [number.name for number in found.invariant]
    assert names[:2] == ["whitened singular value 1", "decoder-weighted singular value 1"]
    assert names[-1] == "paired error"


def test_invariants_are_those_of_their_definition():
    some = pairs()
    found = {n.name: n.here for n in gauge_experiment(model(), some, gauges=1, rng=rng()).invariant}
    predicted = model().decode(model().encode_noise(some.before) @ K + model().offset())
    spread = some.after - some.after.mean(axis=0)
    error = np.linalg.norm(some.after - predicted) / np.linalg.norm(spread)
    assert found["paired error"] == pytest.approx(error, rel=1e-12)


def test_weights_are_numbers_of_repetitions():
    some = pairs(40)
    twice = replace(some, weights=np.repeat([2.0, 1.0], 20))
    repeated = some.subset(np.concatenate([np.arange(20), np.arange(40)]))
    weighted, plain = (
        {n.name: n.here for n in gauge_experiment(model(), p, gauges=1, rng=rng()).dependent} for p in (twice, repeated)
    )
    assert weighted["latent residual / variance"] == pytest.approx(plain["latent residual / variance"], rel=1e-12)


def test_one_encoder_keeps_its_eigenvalues_in_every_gauge():
    found = gauge_experiment(model(shared=True), pairs(), gauges=3, rng=rng())
    changes = {number.name: number.change for number in found.dependent}
    assert changes["spectral radius"] < 1e-9
    assert changes["norm"] > 0.5
    np.testing.assert_array_equal(operator_in(model(shared=True), None), K)
    np.testing.assert_allclose(spectrum_in_gauge(model(shared=True)), spectrum_in_gauge(model(), gauge=ThisGauge()))


def test_two_encoders_have_no_spectrum_unless_it_is_asked_for_in_this_gauge():
    for ask in (spectrum_in_gauge, nonnormality_in_gauge, lambda m: operator_in(m, None)):
        with pytest.raises(GaugeDependent, match=r"got none: two encoders fix K only up to a gauge.*ThisGauge\(\)"):
            ask(model())
    with pytest.raises(GaugeDependent, match="expected one encoder for both ends, got two"):
        nonnormality_in_gauge(model(), gauge=WhiteAtNoise(pairs().before))
    with pytest.raises(GaugeDependent, match="no metric to be normal in"):
        nonnormality_in_gauge(model(shared=True))
    assert nonnormality_in_gauge(model(), gauge=ThisGauge())["norm"] == pytest.approx(np.linalg.norm(K, 2))


def test_white_coordinates_of_one_encoder_give_the_same_numbers_in_every_gauge():
    A, some = random_gauge(3, condition=50, rng=rng()), pairs()
    turned = transformed(model(shared=True), A, A)
    one, other = (
        nonnormality_in_gauge(m, gauge=WhiteAtNoise(m.encode_noise(some.before))) for m in (model(shared=True), turned)
    )
    assert one["norm"] != pytest.approx(np.linalg.norm(K, 2), rel=1e-2)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-8), name


def test_what_is_no_gauge_is_refused():
    with pytest.raises(ValueError, match=r"B as an invertible matrix of shape \(3, 3\)"):
        transformed(model(), np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="A as an invertible matrix"):
        transformed(model(), np.eye(3), np.ones((3, 3)))
    with pytest.raises(ValueError, match="B = A where one encoder serves both ends"):
        transformed(model(shared=True), np.eye(3), 2 * np.eye(3))
    with pytest.raises(ValueError, match=r"a condition from 1 to 1e6.*got 0\.5"):
        random_gauge(3, condition=0.5, rng=rng())
    with pytest.raises(ValueError, match="at least one other gauge, got 0"):
        gauge_experiment(model(), pairs(), gauges=0, rng=rng())
    with pytest.raises(ValueError, match="latents that span their 3 dimensions"):
        WhiteAtNoise(np.ones((10, 3))).operator(model(shared=True))
    with pytest.raises(ValueError, match=r"a row for each of 2 latents, got shape \(3, 3\)"):
        WhiteAtNoise(rng().standard_normal((10, 2))).operator(model(shared=True))
    with pytest.raises(
        TypeError, match=r"latent coordinates such as ThisGauge\(\) or WhiteAtNoise\(latents\), got 'this'"
    ):
        require_coordinates("this")
    nothing = replace(model(shared=True), matrix=np.zeros((3, 3)))
    for gauge in (ThisGauge(), WhiteAtNoise(nothing.encode_noise(pairs().before))):
        with pytest.raises(
            ValueError, match="a matrix that is not zero, got zero: of no norm, a departure is no share"
        ):
            nonnormality_in_gauge(nothing, gauge=gauge)


def test_an_operator_between_two_dimensions_has_a_spectrum_in_no_coordinates():
    between = replace(model(), matrix=K[:, :2], offset=np.zeros(2), encode_data=lambda y: y, decode=lambda z: z)
    for function in (spectrum_in_gauge, nonnormality_in_gauge):
        with pytest.raises(ValueError, match=r"expected a square matrix, got shape \(3, 2\): between two spaces there"):
            function(between, gauge=ThisGauge())


@pytest.mark.parametrize("end", ["latents", "states"])
def test_an_end_that_does_not_vary_is_named(end):
    still = replace(model(), encode_data=lambda y: np.ones((len(y), 3))) if end == "latents" else model()
    some = pairs(200) if end == "latents" else replace(pairs(200), after=np.ones((200, 2)))
    with pytest.raises(ConstantData, match="expected latents and states that vary at the data end, got one"):
        gauge_experiment(still, some, gauges=1, rng=rng())
