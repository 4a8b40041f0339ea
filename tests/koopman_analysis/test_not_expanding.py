from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.checks import TooFewPairs, UnreadLatents, not_expanding
from koopman_analysis.claims import Verdict
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


A = np.array([[0.9, 0.4], [-0.2, 0.6]])


def pairs_of(n: int = 2000, *, noise: float = 0.3) -> SnapshotPairs:
    x = rng().standard_normal((n, 2))
    return SnapshotPairs(before=x, after=x @ A + 0.5 + noise * rng(1).standard_normal((n, 2)))


def affine(matrix: np.ndarray, *, gauge: np.ndarray | None = None) -> ArrayLatentModel:
    """ŷ = x matrix + 0.5, in latents turned by an invertible matrix at the data end."""
    turn = np.eye(len(matrix)) if gauge is None else gauge
    return ArrayLatentModel(
        encode_noise=lambda x: x,
        encode_data=lambda y: y @ turn,
        matrix=matrix @ turn,
        offset=lambda labels: np.full(len(matrix), 0.5) @ turn,
        decode=lambda z: z @ np.linalg.inv(turn),
    )


def test_the_best_operator_expands_nothing_and_one_too_large_does():
    pairs = pairs_of()
    claims = {factor: not_expanding(affine(factor * A), pairs, rng=rng(2)) for factor in (1.0, 1.5)}
    assert claims[1.0].verdict is Verdict.SUPPORTED
    assert claims[1.5].verdict is Verdict.REFUTED
    for claim in claims.values():
        assert [control.verdict for control in claim.controls] == [Verdict.REFUTED] * 2


def test_the_singular_value_is_that_of_the_whitened_operator():
    pairs, noise = pairs_of(20_000), 0.3
    covariance = A.T @ A + noise**2 * np.eye(2)
    exact = 0.5 * np.log(np.linalg.eigvals(np.linalg.solve(covariance, 1.5**2 * A.T @ A)).real.max())
    claim = not_expanding(affine(1.5 * A), pairs, rng=rng(3))
    assert exact > 0.3
    assert claim.interval.estimate == pytest.approx(exact, abs=0.02)
    assert claim.interval.low - 0.01 < exact < claim.interval.high


def test_the_coordinates_of_the_latents_change_nothing():
    pairs, gauge = pairs_of(), np.array([[30.0, 1.0], [-2.0, 0.01]])
    plain, turned = (not_expanding(affine(1.2 * A, gauge=g), pairs, rng=rng(4)).interval for g in (None, gauge))
    for end in ("low", "estimate", "high"):
        assert getattr(turned, end) == pytest.approx(getattr(plain, end), abs=1e-6)


def test_a_direction_that_the_decoder_does_not_read_does_not_count():
    model = ArrayLatentModel(
        encode_noise=lambda x: np.column_stack([x, x[:, 0] ** 2]),
        encode_data=lambda y: np.column_stack([y, 1e-3 * y[:, 0] ** 2]),
        matrix=np.block([[A, np.zeros((2, 1))], [np.zeros((1, 2)), np.full((1, 1), 50.0)]]),
        offset=lambda labels: np.array([0.5, 0.5, 0.0]),
        decode=lambda z: z[:, :2],
    )
    pairs = pairs_of()
    carried, encoded = model.encode_noise(pairs.before) @ model.matrix, model.encode_data(pairs.after)
    assert carried[:, 2].std() > 1e4 * encoded[:, 2].std(), "it is expanded a lot"
    assert not_expanding(model, pairs, rng=rng(5)).verdict is Verdict.SUPPORTED


def test_of_few_pairs_the_best_operator_is_not_refuted():
    refuted = 0
    for seed in range(30):
        x, noise = rng(seed).standard_normal((2, 150, 2))
        pairs = SnapshotPairs(before=x, after=x @ A + 0.5 + 0.3 * noise)
        refuted += not_expanding(affine(A), pairs, resamples=99, rng=rng(seed)).verdict is Verdict.REFUTED
    assert refuted == 0


def test_too_few_pairs_a_collapsed_encoder_and_settings_out_of_range_are_refused():
    with pytest.raises(TooFewPairs, match="ten independent units in each half for each of 2 directions, got 16"):
        not_expanding(affine(A), pairs_of(20), rng=rng())
    with pytest.raises(ConstantData, match="latents that vary"):
        not_expanding(affine(0 * A), pairs_of(), rng=rng())
    deaf = replace(affine(A), decode=np.zeros_like)
    with pytest.raises(
        UnreadLatents, match="expected a decoder that reads the latents, got one whose output varies by 0"
    ):
        not_expanding(deaf, pairs_of(), rng=rng())
    for settings in ({"share": 0.0}, {"share": 1.5}, {"bound": 0.0}):
        with pytest.raises(ValueError, match=r"a share in \(0, 1\] and a positive bound"):
            not_expanding(affine(A), pairs_of(), rng=rng(), **settings)
