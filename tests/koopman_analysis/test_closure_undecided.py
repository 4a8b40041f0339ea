"""What rounding, a heavy tail or a few heavy pairs may have made is no evidence against closure."""

import numpy as np
import pytest

from koopman_analysis.claims import Verdict
from koopman_analysis.closure import Closedness, Tolerances, closure_report
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.snapshots import SnapshotPairs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("degree", "offset"), [(4, 1e4), (5, 1e4), (3, 1e5), (3, 1e6), (2, 1e8), (1, 1e12)])
def test_rounding_of_states_far_from_zero_does_not_deny_closure(degree, offset):
    x = rng(0).standard_normal((2000, 2))
    y = x @ [[0.9, 0.0], [0.2, 0.5]]
    near, far = (
        closure_report(SnapshotPairs(before=x + shift, after=y + shift), inputs=Monomials(degree), rng=rng(0))
        for shift in (0.0, offset)
    )
    assert near.closedness is Closedness.EXACT
    assert max(m.interval.low - m.bound for m in far.measurements(Tolerances())) > 0.1
    assert far.closedness is Closedness.INCONCLUSIVE
    assert "ill-conditioned" in far.because(Tolerances())


def test_unrelated_pairs_away_from_zero_are_still_not_closed():
    x, y = rng(0).standard_normal((2, 2000, 2)) + 1e4
    report = closure_report(SnapshotPairs(before=x, after=y), inputs=Monomials(1), rng=rng(0))
    assert report.condition > 1e4
    assert report.closedness is Closedness.NOT_CLOSED


def test_a_tolerance_below_rounding_does_not_deny_what_is_exact():
    x = rng(1).standard_normal((2000, 2)).astype(np.float32)
    pairs = SnapshotPairs(before=x, after=x @ np.array([[0.9, 0.2], [0.1, 0.5]], dtype=np.float32))
    report = closure_report(pairs, inputs=Coordinates(), floor=1e-14, rng=rng())
    assert report.closedness is Closedness.EXACT
    strict = Tolerances.at(1e-17)
    assert any(m.verdict is Verdict.REFUTED for m in report.measurements(strict))
    assert report.closedness_at(strict) is Closedness.INCONCLUSIVE
