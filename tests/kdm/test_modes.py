"""Whether one encoder for all times hurts with the modes: what is put in comes out, and noise decides nothing."""

import numpy as np
import pytest

from kdm.ablations.modes import INSERTED, claims_on_modes
from koopman_analysis.claims import Verdict

MODES = (2, 4, 8, 16)


def errors(*, factor: float = 1.0, doubling: float = 1.0, noise: float = 0.02, seed: int = 0):
    """Errors of one encoder and of two over five seeds, the first larger by a factor, and by one for each doubling."""
    rng = np.random.default_rng(seed)
    two = {m: np.exp(rng.normal(-3, 0.05, 5)) for m in MODES}
    ratio = {m: factor * doubling ** (np.log2(m) - 2.5) * np.exp(noise * rng.standard_normal(5)) for m in MODES}
    return {m: (ratio[m] * two[m]).tolist() for m in MODES}, {m: two[m].tolist() for m in MODES}


@pytest.mark.parametrize(
    ("factor", "doubling", "hurts", "with_modes"),
    [
        (1.2, 1.1, Verdict.SUPPORTED, Verdict.SUPPORTED),
        (1.2, 0.9, Verdict.SUPPORTED, Verdict.REFUTED),
        (0.8, 1.1, Verdict.REFUTED, Verdict.SUPPORTED),
    ],
)
def test_an_effect_that_is_put_in_is_found_and_its_opposite_refuted(factor, doubling, hurts, with_modes):
    claims = claims_on_modes(*errors(factor=factor, doubling=doubling))
    assert [claim.verdict for claim in claims] == [hurts, with_modes]
    # The geometric mean of the ratios over the modes is the factor: their doublings balance about 2.5.
    assert [claim.interval.estimate for claim in claims] == [
        pytest.approx(factor, rel=0.02), pytest.approx(doubling, rel=0.02)
    ]  # fmt: skip
    for claim in claims:
        assert [control.behaves for control in claim.controls] == [True, True]
        raised, lowered = (control.interval.estimate for control in claim.controls)
        assert (raised, lowered) == (pytest.approx(INSERTED, rel=1e-9), pytest.approx(1 / INSERTED, rel=1e-9))


def test_where_nothing_differs_nothing_is_decided_as_often_as_the_level_says():
    claims = [claims_on_modes(*errors(seed=seed)) for seed in range(400)]
    for one in range(2):
        decided = np.mean([pair[one].verdict is not Verdict.INCONCLUSIVE for pair in claims])
        assert decided == pytest.approx(0.025, abs=4 * np.sqrt(0.025 / 400))


def test_seeds_that_scatter_leave_the_controls_open_and_the_reason_says_so():
    rng = np.random.default_rng(0)
    shared, two = ({m: np.exp(rng.normal(0, 2, 5)).tolist() for m in MODES} for _ in range(2))
    for claim in claims_on_modes(shared, two):
        assert claim.verdict is Verdict.INCONCLUSIVE
        assert "too few samples to decide the control 'two encoders of another seed, raised by 1.5'" in claim.because


def test_other_numbers_of_modes_or_seeds_do_not_compare():
    shared, two = errors()
    with pytest.raises(ValueError, match=r"the same two or more numbers of modes, got \[2, 4, 8\] and \[2, 4, 8, 16\]"):
        claims_on_modes({m: shared[m] for m in MODES[:3]}, two)
    with pytest.raises(ValueError, match=r"two or more numbers of modes, got \[2\]"):
        claims_on_modes({2: shared[2]}, {2: two[2]})
    with pytest.raises(ValueError, match=r"each of the same seeds everywhere, got \[4, 5\] of them"):
        claims_on_modes({**shared, 8: shared[8][1:]}, two)
