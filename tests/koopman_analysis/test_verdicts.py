"""Every known system gets the verdict that is known, and PyDMD says the same of its lifted snapshots."""

import numpy as np
import pytest
import rounding
from zoo import closed_cases, flows, open_cases

from koopman_analysis.closure import Closedness, ClosureReport, closure_report
from koopman_analysis.estimators.pydmd import PyDMDRegression
from koopman_analysis.snapshots import SnapshotPairs

MANY, FEW = 20_000, 2000

PYDMD_ROUNDING = {"linear, defective": np.finfo(float).eps ** (2 / 5)}
"""PyDMD applies an operator in its eigenvectors, which rounding ε moves by ε^{1/5} in a Jordan block of size five."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def judged(case, count: int, *, seed: int = 0, shuffled: bool = False) -> Closedness:
    pairs = case.pairs(count, rng(seed))
    if shuffled:
        pairs = pairs.shuffled(rng=rng(seed + 100))
    return reported(case, pairs, seed).closedness_at(case.tolerances)


def reported(case, pairs: SnapshotPairs, seed: int) -> ClosureReport:
    outputs = None if case.outputs is None else case.outputs()
    return closure_report(pairs, inputs=case.inputs(), outputs=outputs, rng=rng(seed + 200))


@pytest.mark.parametrize("name", closed_cases())
def test_what_is_closed_is_exact(name):
    assert judged(closed_cases()[name], MANY) is Closedness.EXACT


@pytest.mark.parametrize("name", open_cases())
def test_what_is_not_closed_is_found_not_closed(name):
    assert judged(open_cases()[name], MANY) is Closedness.NOT_CLOSED


@pytest.mark.parametrize("name", closed_cases())
def test_a_shuffled_copy_of_what_is_closed_is_not_closed(name):
    assert judged(closed_cases()[name], MANY, shuffled=True) is Closedness.NOT_CLOSED


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", closed_cases())
def test_with_few_pairs_what_is_closed_is_not_denied(name, seed):
    case = closed_cases()[name]
    assert judged(case, FEW, seed=seed) is not Closedness.NOT_CLOSED
    assert judged(case, FEW, seed=seed, shuffled=True) in (Closedness.NOT_CLOSED, Closedness.INCONCLUSIVE)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", open_cases())
def test_with_few_pairs_what_is_not_closed_is_not_claimed(name, seed):
    assert judged(open_cases()[name], FEW, seed=seed) in (Closedness.NOT_CLOSED, Closedness.INCONCLUSIVE)


def lifted(pairs: SnapshotPairs, psi) -> SnapshotPairs:
    """The pairs in the functions of a dictionary that are not constant."""
    varying = [i for i in range(psi(pairs.before).shape[1]) if i not in psi.constants]
    return SnapshotPairs(before=psi(pairs.before)[:, varying], after=psi(pairs.after)[:, varying])


@pytest.mark.parametrize("name", flows())
def test_pydmd_on_lifted_snapshots_finds_the_eigenvalues_that_are_stated(name):
    system = flows()[name]
    psi, expected = system.dictionary, system.eigenvalues + 0j
    fitted = PyDMDRegression().fit(lifted(system.pairs(FEW, rng=rng()), psi))
    for _ in psi.constants:  # centred, a constant is nothing
        expected = np.delete(expected, np.argmin(np.abs(expected - 1)))
    found = np.linalg.eigvals(fitted.matrix_)
    # The error of the matrix is the root of what is missed, and a defective pair of eigenvalues moves by its root.
    power = 0.25 if "defective" in name else 0.5
    assert rounding.spectral_distance(found, expected) < PYDMD_ROUNDING.get(name, 1e-16) ** power


@pytest.mark.parametrize("name", flows())
def test_pydmd_on_lifted_snapshots_predicts_what_is_closed_and_not_its_shuffled_copy(name):
    system = flows()[name]
    pairs = system.pairs(FEW, rng=rng())
    errors = []
    for some in (pairs, pairs.shuffled(rng=rng(1))):
        split = lifted(some, system.dictionary).split(held_out=0.5, rng=rng(2))
        fitted = PyDMDRegression().fit(split.fit)
        missed = fitted.predict(split.held_out.before) - split.held_out.after
        errors.append(missed.var(axis=0) / split.held_out.after.var(axis=0))
    assert errors[0].max() < PYDMD_ROUNDING.get(name, 1e-16)
    assert errors[1].min() > 0.9
