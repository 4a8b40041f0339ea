"""Truncation of a fitted model's operator: what each rank loses, in no latent coordinates in particular."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.dictionaries import Monomials
from koopman_analysis.dimension import decoder_weighted_directions, rank_sweep, truncated_model
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.estimators.decoding import STEP
from koopman_analysis.snapshots import SnapshotPairs

RANKS = (0, 1, 2, 3)
QUADRATIC = Monomials(2, dimension=2)
K = np.random.default_rng(1).standard_normal((6, 6))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def linear_model() -> ArrayLatentModel:
    """Quadratic latents of which the decoder reads three combinations, of unequal weight, and one hardly."""
    readout = rng(2).standard_normal((6, 3)) * [1.0, 0.3, 0.01]
    return ArrayLatentModel(
        encode_noise=QUADRATIC,
        encode_data=lambda y: np.linalg.lstsq(readout.T, y.T, rcond=None)[0].T,
        matrix=K,
        offset=np.arange(6.0),
        decode=lambda z: z @ readout,
    )


def sinh_model() -> ArrayLatentModel:
    """A decoder that is not linear."""
    readout = rng(2).standard_normal((6, 3)) * [0.1, 0.03, 0.001]
    return replace(
        linear_model(),
        decode=lambda z: np.sinh(z @ readout),
        encode_data=lambda y: np.arcsinh(y) @ np.linalg.pinv(readout),
    )


def changed(model: ArrayLatentModel, A: np.ndarray, B: np.ndarray, shift: np.ndarray) -> ArrayLatentModel:
    """The same model in other latent coordinates at both ends."""
    inverse = np.linalg.inv(A)
    return ArrayLatentModel(
        encode_noise=lambda x: model.encode_noise(x) @ B,
        encode_data=lambda y: model.encode_data(y) @ A + shift,
        matrix=np.linalg.solve(B, model.matrix @ A),
        offset=model.offset() @ A + shift,
        decode=lambda z: model.decode((z - shift) @ inverse),
    )


def pairs_of(model: ArrayLatentModel, n: int = 2000, *, noise: float = 0.0, seed: int = 3) -> SnapshotPairs:
    x = rng(seed).standard_normal((n, 2))
    after = model.decode(model.encode_noise(x) @ model.matrix + model.offset())
    return SnapshotPairs(before=x, after=after + noise * rng(seed + 1).standard_normal(after.shape))


def test_through_a_linear_decoder_each_rank_loses_exactly_the_squares_left_out():
    model = linear_model()
    pairs = pairs_of(model)
    directions = decoder_weighted_directions(model, pairs, rng=rng())
    sweep = rank_sweep(model, pairs, directions=directions, ranks=RANKS, rng=rng())
    squares = np.square(directions.singular_values)
    assert squares[2] > 1e-6 * squares[0], "the premise: three directions are read"
    np.testing.assert_allclose(squares[3:], 0, atol=1e-14 * squares[0])
    lost = [squares[rank:].sum() / squares.sum() for rank in RANKS]
    np.testing.assert_allclose(sweep.state_error.estimates, lost, atol=1e-12)
    np.testing.assert_allclose(sweep.defect.estimates, lost, atol=1e-12)
    np.testing.assert_allclose(sweep.paired_error.estimates, np.sqrt(lost), atol=1e-6)
    assert sweep.state_error.estimates[0] == pytest.approx(1, rel=1e-12), "of no direction there is the mean"


def test_no_other_truncation_of_its_rank_loses_less_through_a_linear_decoder():
    model = linear_model()
    pairs = pairs_of(model)
    directions = decoder_weighted_directions(model, pairs, rng=rng())
    whole = model.encode_noise(pairs.before) @ model.matrix

    def loss(projection: np.ndarray) -> float:
        lost = (whole - whole.mean(axis=0)) @ (np.eye(6) - projection)
        return float(np.square(model.decode(lost)).sum(axis=1).mean())

    best = loss(directions.projection(1))
    _, _, right = np.linalg.svd(model.matrix)
    assert best < 0.9 * loss(right[:1].T @ right[:1]), "the raw singular value decomposition"
    for seed in range(50):
        row = rng(seed).standard_normal((1, 6)) + 3 * directions.back[:1] / np.linalg.norm(directions.back[0])
        assert best <= loss(np.linalg.pinv(row) @ row)


def test_the_truncated_model_is_a_model_of_that_rank():
    model = sinh_model()
    pairs = pairs_of(model, 300)
    directions = decoder_weighted_directions(model, pairs, rng=rng())
    sweep = rank_sweep(model, pairs, directions=directions, ranks=(2,), rng=rng())
    truncated = truncated_model(model, directions, 2)
    assert np.linalg.matrix_rank(truncated.matrix, tol=1e-10 * np.linalg.norm(model.matrix)) == 2
    predicted = truncated.decode(truncated.encode_noise(pairs.before) @ truncated.matrix + truncated.offset())
    error = np.square(predicted - pairs.after).sum() / np.square(pairs.after - pairs.after.mean(axis=0)).sum()
    assert error > 1e-8
    assert sweep.state_error.estimates[0] == pytest.approx(error, rel=1e-10)


def test_other_latent_coordinates_change_nothing_though_they_change_every_raw_singular_value():
    model = sinh_model()
    fit, held_out = pairs_of(model, 500, noise=0.05), pairs_of(model, 500, noise=0.05, seed=8)
    A, B = (np.linalg.qr(rng(seed).standard_normal((6, 6)))[0] * rng(seed).uniform(0.2, 5, 6) for seed in (5, 6))
    other = changed(model, A, B, shift=rng(7).standard_normal(6))
    raw = [np.linalg.svd(some.matrix, compute_uv=False) for some in (model, other)]
    assert np.abs(raw[1] / raw[0] - 1).max() > 0.5
    one, two = (
        rank_sweep(
            some, held_out, directions=decoder_weighted_directions(some, fit, rng=rng(9)), ranks=RANKS, resamples=99,
            rng=rng(10),
        )
        for some in (model, other)
    )  # fmt: skip
    # The error of a central difference, h²/6 of the third derivative, depends on the directions it is taken along.
    values = [some.directions.singular_values[:3] for some in (one, two)]
    np.testing.assert_allclose(values[1], values[0], rtol=STEP**2)
    for name in ("defect", "state_error", "paired_error", "ratio"):
        first, second = getattr(one, name), getattr(two, name)
        assert first.estimates[1] > 1e-3
        np.testing.assert_allclose(second.bootstrap.replicates, first.bootstrap.replicates, rtol=STEP**2)


def test_the_sufficient_rank_is_found_from_above_within_a_margin():
    model = linear_model()
    fit, held_out = pairs_of(model, noise=0.2), pairs_of(model, noise=0.2, seed=8)
    directions = decoder_weighted_directions(model, fit, rng=rng())
    sweep = rank_sweep(model, held_out, directions=directions, ranks=RANKS, rng=rng())
    assert sweep.ranks == RANKS
    assert sweep.sufficient_rank() == 2, "what the third direction adds is far below the noise"
    assert sweep.ratio.intervals[1].low > 1.1
    assert sweep.ratio.estimates[3] == pytest.approx(1, rel=1e-9)
    few = rank_sweep(model, held_out, directions=directions, ranks=(0, 1), rng=rng())
    assert few.sufficient_rank() is None


def test_weights_and_whole_units_count():
    model = sinh_model()
    pairs = pairs_of(model, 400, noise=0.1)
    twice = SnapshotPairs(before=pairs.before, after=pairs.after, weights=np.repeat([2.0, 0.0], 200))
    half = pairs.subset(np.arange(200))
    directions = [decoder_weighted_directions(model, some, rng=rng()) for some in (twice, half)]
    np.testing.assert_allclose(directions[0].mean, directions[1].mean, rtol=1e-12)
    weighted, plain = (
        rank_sweep(model, some, directions=directions[1], ranks=(1, 2), resamples=19, rng=rng())
        for some in (twice, half)
    )
    np.testing.assert_allclose(weighted.state_error.estimates, plain.state_error.estimates, rtol=1e-12)
    in_units = replace(half, trajectory=np.arange(200) // 20)
    wide = rank_sweep(model, in_units, directions=directions[1], ranks=(1, 2), resamples=19, rng=rng())
    assert wide.state_error.intervals[0].n == 10


def test_a_model_of_labels_is_truncated_with_its_labels():
    model = replace(linear_model(), offset=lambda labels: np.outer(labels, np.ones(6)))
    x, labels = rng().standard_normal((300, 2)), rng(1).integers(2, size=300)
    after = model.decode(model.encode_noise(x) @ K + model.offset(labels))
    pairs = SnapshotPairs(before=x, after=after)
    directions = decoder_weighted_directions(model, pairs, labels=labels, rng=rng())
    sweep = rank_sweep(model, pairs, directions=directions, ranks=(3,), labels=labels, resamples=19, rng=rng())
    assert sweep.state_error.estimates[0] < 1e-12


def test_what_cannot_be_truncated_is_refused():
    model = linear_model()
    pairs = pairs_of(model, 50)
    directions = decoder_weighted_directions(model, pairs, rng=rng())
    most = len(directions.singular_values)
    with pytest.raises(ValueError, match=f"a rank from 0 to the {most} directions, got 9"):
        truncated_model(model, directions, 9)
    with pytest.raises(ValueError, match=r"ranks that rise, got \[2, 1\]"):
        rank_sweep(model, pairs, directions=directions, ranks=(2, 1), rng=rng())
    still = SnapshotPairs(before=pairs.before, after=np.ones((50, 3)))
    with pytest.raises(ValueError, match="states after that vary, got one state 50 times"):
        rank_sweep(model, still, directions=directions, ranks=(1,), rng=rng())
    with pytest.raises(ValueError, match="the model has collapsed"):
        decoder_weighted_directions(replace(model, matrix=0 * K), pairs, rng=rng())
    with pytest.raises(ValueError, match="positive margin, got 0"):
        rank_sweep(model, pairs, directions=directions, ranks=(1,), rng=rng()).sufficient_rank(0.0)
