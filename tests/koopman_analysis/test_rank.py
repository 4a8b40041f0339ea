"""Whether few directions suffice, of models that use few, that use all, and that have none to spare."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.checks import OneDirection, few_directions_suffice
from koopman_analysis.claims import Verdict
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.snapshots import SnapshotPairs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def model(sizes: list[float]) -> ArrayLatentModel:
    """Independent latents that the decoder reads to these sizes, mixed into as many outputs."""
    m = len(sizes)
    turn, readout = (np.linalg.qr(rng(seed).standard_normal((m, m)))[0] for seed in (1, 2))
    return ArrayLatentModel(
        encode_noise=lambda x: x,
        encode_data=lambda y: y @ readout.T / sizes @ turn,
        matrix=turn,
        decode=lambda z: z @ turn.T * sizes @ readout,
    )


def pairs_of(some: ArrayLatentModel, n: int = 2000, *, noise: float = 0.1) -> SnapshotPairs:
    x = rng(3).standard_normal((n, len(some.matrix)))
    after = some.decode(some.encode_noise(x) @ some.matrix)
    return SnapshotPairs(before=x, after=after + noise * rng(4).standard_normal(after.shape))


def test_a_model_of_two_directions_of_eight_is_found_out():
    some = model([2.0, 1.0] + [1e-3] * 6)
    claim = few_directions_suffice(some, pairs_of(some), rng=rng())
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.estimate == pytest.approx(1, abs=1e-3)
    assert "with 2 of 8 directions" in claim.because
    assert [control.name for control in claim.controls] == ["1 of 8 directions"]
    assert all(control.behaves for control in claim.controls)


def test_a_model_that_uses_all_directions_is_refuted():
    some = model([1.0] * 8)
    claim = few_directions_suffice(some, pairs_of(some), rng=rng())
    assert claim.verdict is Verdict.REFUTED
    assert "with 4 of 8 directions" in claim.because


def test_where_one_direction_suffices_the_control_is_the_mean():
    some = model([2.0, 1e-3])
    claim = few_directions_suffice(some, pairs_of(some), rng=rng())
    assert claim.verdict is Verdict.SUPPORTED
    assert [control.name for control in claim.controls] == ["0 of 2 directions"]
    assert claim.controls[0].behaves


def test_a_model_no_better_than_the_mean_supports_nothing():
    some = model([2.0, 1.0, 1.0, 1.0])
    unrelated = pairs_of(some).shuffled(rng=rng())
    assert few_directions_suffice(some, unrelated, rng=rng()).verdict is not Verdict.SUPPORTED


def test_what_cannot_be_judged_is_refused():
    some = model([1.0, 1.0])
    with pytest.raises(ValueError, match="a positive margin, got 0"):
        few_directions_suffice(some, pairs_of(some), margin=0.0, rng=rng())
    with pytest.raises(ValueError, match="at least eight independent units to part in three, got 7"):
        few_directions_suffice(some, pairs_of(some, 7), rng=rng())
    with pytest.raises(OneDirection, match="got one: none can be left out"):
        few_directions_suffice(model([1.0]), pairs_of(model([1.0])), rng=rng())


def test_a_decoder_without_values_where_fewer_directions_lead_is_told():
    some = model([1.0, 1.0])
    pairs = pairs_of(some)
    latents = some.encode_noise(pairs.before) @ some.matrix
    least = np.linalg.norm(latents, axis=1).min() / 2

    def decode(z):
        size = np.linalg.norm(z, axis=1, keepdims=True)
        return np.where(size > least, some.decode(z), np.nan)

    with pytest.raises(UndefinedDecoder, match="values where fewer directions lead, got none there"):
        few_directions_suffice(replace(some, decode=decode), pairs, rng=rng())
