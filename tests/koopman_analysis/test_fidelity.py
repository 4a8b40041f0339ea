import numpy as np
import pytest

from koopman_analysis.checks import faithful, one_step_fidelity
from koopman_analysis.claims import Verdict

N = 1500
TOLERANCE = 4e-3  # resolved by 1500 samples a side; the default needs about 10,000


@pytest.fixture(scope="module")
def fidelity():
    """A model that is exact; a generator that shrinks; a teacher that shrinks at few steps."""
    rng = np.random.default_rng(3)
    model, reference, fresh, shrunk, fine = rng.standard_normal((5, N, 2))
    steps = {1: 0.1 * model, 2: 0.7 * model, 8: fine}
    return one_step_fidelity(
        model,
        reference,
        fresh=fresh,
        others={"shrinking": 0.6 * shrunk},
        steps=steps,
        resamples=99,
        permutations=99,
        rng=rng,
    )


def test_an_exact_generator_is_faithful_and_every_control_behaves(fidelity):
    claim = faithful(fidelity, must_fail=["shrinking"], tolerance=TOLERANCE)
    assert claim.verdict is Verdict.SUPPORTED
    assert fidelity.equality.p_value > 0.05
    assert fidelity.floor.high < TOLERANCE
    expected = {
        "second teacher sample": Verdict.SUPPORTED,
        "teacher sample moved by a fifth": Verdict.REFUTED,
        "shrinking": Verdict.REFUTED,
    }
    assert {control.name: control.expected for control in claim.controls} == expected
    assert all(control.behaves for control in claim.controls)


def test_the_moved_control_lies_where_the_theory_puts_it(fidelity):
    # a fifth of the spread in every coordinate; H = δ²/4 holds in one dimension and within a factor of two in others
    moved = fidelity.measured.coefficients()["teacher sample moved by a fifth"]
    assert 0.005 < moved.estimate < 0.02


def test_a_generator_of_another_law_is_refuted():
    rng = np.random.default_rng(1)
    reference, fresh = rng.standard_normal((2, N, 2))
    uniform = rng.uniform(-1, 1, (N, 2))
    claim = faithful(one_step_fidelity(uniform, reference, fresh=fresh, resamples=99, rng=rng), tolerance=TOLERANCE)
    assert claim.verdict is Verdict.REFUTED


def test_too_few_samples_show_in_the_control_and_not_in_a_verdict():
    rng = np.random.default_rng(0)
    model, reference, fresh = rng.standard_normal((3, 100, 2))
    claim = faithful(one_step_fidelity(model, reference, fresh=fresh, resamples=99, rng=rng))
    assert claim.verdict is not Verdict.SUPPORTED
    assert not claim.controls[0].behaves


def test_one_step_is_worth_the_solver_steps_that_it_clearly_surpasses(fidelity):
    gains = fidelity.gain_over_steps()
    assert gains[1].estimate > gains[2].estimate > 0
    assert 0.0 in gains[8]
    assert fidelity.steps_surpassed == 2


def test_names_that_are_taken_or_unknown_are_refused(fidelity):
    x = np.random.default_rng(0).standard_normal((10, 2))
    with pytest.raises(ValueError, match=r"got \['model'\]: rename them"):
        one_step_fidelity(x, x + 1, fresh=x - 1, others={"model": x}, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"expected controls among .*, got \['absent'\]"):
        faithful(fidelity, must_fail=["absent"])
