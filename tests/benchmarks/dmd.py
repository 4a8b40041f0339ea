"""What exact DMD of many features costs, modes included, beside one QR factorisation and one SVD.

Work: eigenvalues and modes at rank 20 of a trajectory x_t = Σ_j Re(a_j λ_j^t ξ_j) + noise in 20,000 features, ten
oscillations whose amplitudes a_j fall from 1 to 10⁻⁶, above noise of 10⁻⁸. Their singular values are above rounding,
but the squares of the last ones are not: a method that goes through X Xᴴ, or that compresses the features at random,
returns other eigenvalues than LAPACK does. Those within 10⁻¹¹ of them have full accuracy.
"""

import numpy as np

from koopman_analysis.claims import Side

from .comparison import COSTS, at_most, cost_row, eigenvalue_distance, fastest_at_least, software_table
from .data import written
from .experiments import Profile
from .page import Goal, Page, Table
from .turns import bare, ours, peer, taken_in_turns

RANK, FULL_ACCURACY = 20, 1e-11
DISTANCE = "distance from bare"


def measured(profile: Profile) -> Page:
    """All in turns."""
    features, times = profile.count(20_000, fast=300), profile.count(400, fast=50)
    folders = (
        written(
            profile.work / "dmd" / f"{width}-{length}",
            {"snapshots": trajectory(width, length, rng=np.random.default_rng(0))},
            rank=RANK,
        )
        for width, length in ((features, times), (200, 40))
    )
    outcomes = taken_in_turns(
        [
            bare("dmd"),
            ours("dmd"),
            peer("PyDMD", "dmd", profile.work, name="PyDMD, DMD"),
            peer("PyDMD", "compressed", profile.work, name="PyDMD, CDMD"),
            peer("PyDMD", "randomised", profile.work, name="PyDMD, RDMD"),
            peer("deeptime", "dmd", profile.work),
            peer("pykoopman", "dmd", profile.work),
        ],
        *folders, rounds=profile.count(11, fast=2),
    )  # fmt: skip
    yardstick, subject, *peers = outcomes
    rows, exact = [], list[str]()
    for outcome in outcomes:
        row = dict(cost_row(outcome, yardstick=yardstick, subject=subject))
        if outcome.took_part:
            row[DISTANCE] = eigenvalue_distance(outcome.eigenvalues(), yardstick.eigenvalues())
            exact += [outcome.name] if row[DISTANCE] <= FULL_ACCURACY else []
        rows.append(row)
    return Page(
        title="Exact DMD",
        about=f"`ExactDMD(rank={RANK}).fit` of {times} snapshots of {features:,} features, eigenvalues and modes "
        "included. One thread; CPU time and ratios are medians over rounds in turns.",
        tables=[Table(columns={**COSTS, DISTANCE: ".1e"}, rows=rows), software_table(outcomes)],
        goals=[
            *at_most(1.15, "CPU × bare", subject, yardstick),
            *fastest_at_least(1.0, subject, [each for each in peers if each.name in exact]),
            Goal(
                quantity=DISTANCE, measured=eigenvalue_distance(subject.eigenvalues(), yardstick.eigenvalues()),
                side=Side.AT_MOST, bound=FULL_ACCURACY, form=".1e",
            ),
        ],
        notes=[
            "Bare: Householder QR of the tall side, SVD of its triangle, Q applied to 20 vectors, eigenvectors, modes.",
            f"Peers count as fully accurate within {FULL_ACCURACY:g} of it; the goal of speed is against those.",
        ],
    )  # fmt: skip


def trajectory(features: int, times: int, *, rng: np.random.Generator) -> np.ndarray:
    """x_0 … of the module's docstring, one a row."""
    count = RANK // 2
    multipliers = np.exp(-rng.uniform(0, 0.005, count) + 1j * np.linspace(0.2, 2.8, count))
    modes = np.logspace(0, -6, count)[:, None] * (rng.standard_normal((count, features, 2)) @ [1, 1j])
    states = (multipliers ** np.arange(times)[:, None] @ modes).real
    return states + 1e-8 * rng.standard_normal(states.shape)
