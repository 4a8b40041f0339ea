import dataclasses

import numpy as np
import pytest

from koopman_analysis import checks
from koopman_analysis.claims import Verdict, verdict_on
from koopman_analysis.closure import Tolerances, closure_report, decoder_weighted_defect
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import SlowManifold

K = np.array([[0.9, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.31, 0.81]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lifted(states, labels=None):
    return np.stack([states[:, 0], states[:, 1], states[:, 0] ** 2], axis=1)


def read(latents, labels=None):
    return latents[:, :2]


MODEL = ArrayLatentModel(encode_noise=lifted, encode_data=lifted, matrix=K, decode=read, shared_encoder=True)
PAIRS = SlowManifold().pairs(1000, rng=rng(1))


def test_a_claim_carries_the_quantity_that_decided_and_its_verdict():
    system = SlowManifold()
    right = closure_report(PAIRS, inputs=system.dictionary, rng=rng())
    wrong = closure_report(PAIRS, inputs=Monomials(1), rng=rng())
    shuffled = closure_report(PAIRS.shuffled(rng=rng(2)), inputs=system.dictionary, rng=rng())
    supported = checks.closed(right, shuffled=shuffled)
    assert supported.verdict is Verdict.SUPPORTED
    assert "rounding" in supported.because
    assert supported.controls[0].behaves
    refuted = checks.closed(wrong)
    assert refuted.verdict is Verdict.REFUTED
    for claim in (supported, refuted):
        assert verdict_on(claim.interval, side=claim.side, bound=claim.bound) is claim.verdict


def test_a_claim_is_decided_anew_at_its_own_tolerance():
    report = closure_report(PAIRS, inputs=Monomials(1), rng=rng())
    verdicts = [checks.closed(report, tolerance=tolerance).verdict for tolerance in (0.01, 0.225, 0.5)]
    assert verdicts == [Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.SUPPORTED]
    lenient = Tolerances(defect=0.9, state=0.9, worst=0.1)
    decided = checks.closed(report, tolerance=lenient)
    assert "worst direction" in decided.quantity
    assert decided.bound == 0.1


def test_too_few_pairs_measure_nothing():
    few = closure_report(SlowManifold().pairs(12, rng=rng(1)), inputs=Coordinates(), rng=rng())
    claim = checks.closed(few)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert np.isnan(claim.interval.low)
    assert "too few independent units" in claim.because


def test_a_model_that_is_closed_has_no_decoder_weighted_defect_and_its_shuffled_control_is_refuted():
    claim = checks.decoder_weighted_closed(MODEL, PAIRS, rng=rng())
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 1e-25
    assert [control.behaves for control in claim.controls] == [True]


def test_a_decoder_that_hardly_tells_latents_apart_shows_nothing():
    mean = PAIRS.after.mean(axis=0)
    faint = dataclasses.replace(MODEL, decode=lambda z, _: mean + 0.05 * (z[:, :2] - mean))
    claim = checks.decoder_weighted_closed(faint, PAIRS, rng=rng())
    assert claim.interval.high < 0.01  # any pairs look closed
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert not claim.controls[0].behaves
    between = dataclasses.replace(MODEL, decode=lambda z, _: mean + 0.0707 * (z[:, :2] - mean))
    claim = checks.decoder_weighted_closed(between, PAIRS, rng=rng())
    assert claim.controls[0].verdict is Verdict.INCONCLUSIVE
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.because.startswith("the decoder hardly tells latents apart: shuffled pairs have the defect 0.01")


def test_the_decoder_weighted_errors_are_their_equations():
    wrong = dataclasses.replace(MODEL, matrix=1.1 * K, decode=lambda z, _: z[:, :2] + 0.1 * z[:, 2:])
    measured = decoder_weighted_defect(wrong, PAIRS, rng=rng())
    y = PAIRS.after
    variance = np.square(y - y.mean(axis=0)).sum()
    encoded = read(lifted(y)) + 0.1 * lifted(y)[:, 2:]
    carried = lifted(PAIRS.before) @ (1.1 * K)
    predicted = carried[:, :2] + 0.1 * carried[:, 2:]
    for interval, difference in (
        (measured.defect, encoded - predicted),
        (measured.state_error, y - predicted),
        (measured.reconstruction_error, y - encoded),
    ):
        assert interval.estimate == pytest.approx(np.square(difference).sum() / variance, rel=1e-12)
        assert interval.low < interval.estimate < interval.high
    assert measured.dimension == 3


def test_a_change_of_latent_coordinates_changes_nothing_that_is_measured():
    A, B = rng(3).standard_normal((2, 3, 3))
    wrong = dataclasses.replace(MODEL, matrix=1.1 * K)
    gauged = ArrayLatentModel(
        encode_noise=lambda x, _: lifted(x) @ B,
        encode_data=lambda y, _: lifted(y) @ A,
        matrix=np.linalg.solve(B, 1.1 * K @ A),
        decode=lambda z, _: read(np.linalg.solve(A.T, z.T).T),
    )
    one, other = (decoder_weighted_defect(model, PAIRS, rng=rng()) for model in (wrong, gauged))
    assert one.defect.estimate > 1e-3
    assert other.defect.estimate == pytest.approx(one.defect.estimate, rel=1e-9)
    assert other.defect.high == pytest.approx(one.defect.high, rel=1e-9)


def test_a_collapsed_encoder_is_refuted_for_what_it_loses():
    def constant_but_for_rounding(states, labels=None):
        return np.full((len(states), 3), 2.0) + 1e-7 * lifted(states)

    constant = dataclasses.replace(
        MODEL, encode_noise=constant_but_for_rounding, encode_data=constant_but_for_rounding, matrix=np.eye(3)
    )
    measured = decoder_weighted_defect(constant, PAIRS, rng=rng())
    assert measured.dimension == 0
    assert measured.defect.high < 1e-12
    claim = checks.decoder_weighted_closed(constant, PAIRS, rng=rng())
    assert claim.verdict is Verdict.REFUTED
    assert "collapsed" in claim.because


@pytest.mark.parametrize(
    ("decode", "error", "message"),
    [
        (lambda z: z[:, 1:2], ValueError, r"decoded states of shape \(1000, 2\).*got \(1000, 1\)"),
        (lambda z: read(z) + 0j, TypeError, "decoder of real numbers, got dtype complex128"),
        (lambda z: np.where(z[:, :2] > 0, z[:, :2], np.nan), ValueError, "finite decoded states, got NaN or Inf"),
    ],
)
def test_a_decoder_that_returns_no_states_is_refused(decode, error, message):
    broken = dataclasses.replace(MODEL, decode=decode)
    for judge in (decoder_weighted_defect, checks.decoder_weighted_closed):
        with pytest.raises(error, match=message):
            judge(broken, PAIRS, rng=rng())


def test_labels_reach_every_part_of_the_model():
    labels = np.arange(1000) % 2
    shift = np.array([0.0, 5.0])
    conditional = dataclasses.replace(
        MODEL,
        offset=lambda labels: np.outer(shift[labels], [1.0, 0, 0]),
        encode_data=lambda y, labels: lifted(y) + np.outer(shift[labels], [1.0, 0, 0]),
        decode=lambda z, labels: z[:, :2] - np.outer(shift[labels], [1.0, 0]),
    )
    measured = decoder_weighted_defect(conditional, PAIRS, labels=labels, rng=rng())
    assert measured.defect.high < 1e-25
    assert measured.state_error.high < 1e-25


def test_weights_and_trajectories_decide_what_is_averaged_and_resampled():
    wrong = dataclasses.replace(MODEL, matrix=1.1 * K)
    weights = (np.arange(1000) < 500).astype(float)
    weighted = decoder_weighted_defect(wrong, dataclasses.replace(PAIRS, weights=weights), rng=rng())
    first = decoder_weighted_defect(wrong, PAIRS.subset(np.arange(500)), rng=rng())
    assert weighted.defect.estimate == pytest.approx(first.defect.estimate, rel=1e-12)
    grouped = decoder_weighted_defect(wrong, dataclasses.replace(PAIRS, trajectory=np.arange(1000) // 50), rng=rng())
    assert grouped.defect.n == 20


def test_states_that_do_not_vary_have_no_share_to_lose():
    with pytest.raises(ConstantData, match="states after that vary"):
        decoder_weighted_defect(MODEL, SnapshotPairs(before=np.ones((9, 2)), after=np.ones((9, 2))), rng=rng())


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), None])
def test_tolerances_that_are_no_shares_of_variance_are_refused(value):
    with pytest.raises((ValueError, TypeError), match="tolerances strictly between 0 and 1|state"):
        Tolerances(state=value)
