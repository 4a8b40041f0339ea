"""Extended DMD with hundreds of functions of a stochastic process: what it costs, and how far its eigenvalues are off.

The Ornstein–Uhlenbeck process in two variables has the eigenvalues e^{−(α₁ b₁ + α₂ b₂)/2}, none larger than 1. From n
pairs, 300 Gaussians or 300 random waves fit noise in the directions in which few states differ, and give eigenvalues of
any size. A rule that needs no knowledge of the truth leaves those directions out whose singular value is below n^{−1/2}
of the largest, the sampling error of a mean: `ThresholdRank(n ** -0.5)`. What no dictionary can do much better is told
by the closed one, Hermite polynomials up to degree 3, on the same pairs: its error is the sampling error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis import EDMD, GramMoments, RadialBasis, RandomFourier
from koopman_analysis.claims import Side
from koopman_analysis.systems import OrnsteinUhlenbeck

from .comparison import COSTS, at_most, by_modulus, cost_row, eigenvalue_distance, software_table
from .data import written
from .experiments import Profile
from .page import Goal, Page, Row, Table, number
from .turns import Outcome, bare, ours, peer, taken_in_turns

SYSTEM = OrnsteinUhlenbeck(integrated_rates=(0.4, 0.7), degree=3)
SCALES = {"gaussians": 2.0, "waves": 1.0}
SEEDS = range(10, 13)
"""Not 0 to 2: on those the scales, the rule and the number of leading eigenvalues were chosen, the errors in sight."""
PEERS = ("kooplearn", "deeptime", "PyDMD", "pykoopman")
LEADING, EXCESS = "leading 3", "largest modulus − 1"
ERRORS = {"contestant": "", LEADING: ".1e", "leading 6": ".1e", EXCESS: ".1e"}


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The contestants on one draw of the pairs, and the eigenvalues of the closed dictionary."""

    outcomes: Sequence[Outcome]
    closed: np.ndarray


def measured(profile: Profile) -> Page:
    """Both dictionaries, each on several draws of the pairs."""
    tables: list[Table] = []
    goals: list[Goal] = []
    for dictionary in SCALES:
        draws = [_draw(dictionary, seed, profile) for seed in SEEDS[: profile.count(len(SEEDS), fast=1)]]
        yardstick, subject = draws[0].outcomes[:2]
        rows = [cost_row(outcome, yardstick=yardstick, subject=subject) for outcome in draws[0].outcomes]
        errors = _errors(draws)
        tables += [Table(columns=COSTS, rows=rows), Table(columns=ERRORS, rows=errors)]
        goals += at_most(1.3, f"{dictionary}: CPU × bare", subject, yardstick)
        goals += _accuracy(dictionary, errors, subject.name)
    return Page(
        title="EDMD with hundreds of functions",
        about=f"`EDMD(…, rank=ThresholdRank(n ** -0.5), moments=GramMoments).fit` with {_size(profile)} Gaussians (the "
        f"first two tables) and random waves (the next two) of n = {_count(profile):,} pairs of an Ornstein–Uhlenbeck "
        "process in two variables, lifting included. One thread; CPU time and ratios are medians over rounds in turns, "
        "on the first draw. Errors are distances of the leading eigenvalues, by modulus, from the exact ones, the "
        f"worst of {len(SEEDS)} draws.",
        tables=[*tables, software_table(draws[0].outcomes)],
        goals=goals,
        notes=[
            "“Bare” is chunked products and one solution; its eigenvalues are noise.",
            "“Closed dictionary” is EDMD in Hermite polynomials up to degree 3 on the same pairs: the sampling error.",
            "All have the same functions, but for pykoopman, which draws waves of its own.",
            "Scales, truncation rule and number of leading eigenvalues were chosen on three other draws.",
            "kooplearn is as it comes, with ridge 1e-6; the others leave out rounding at most.",
        ],
    )


def _draw(dictionary: str, seed: int, profile: Profile) -> Draw:
    pairs, size = SYSTEM.pairs(_count(profile), rng=np.random.default_rng(seed)), _size(profile)
    functions = {
        "centres": RadialBasis.fitted(pairs.before, count=size, rng=np.random.default_rng(0)).centres,
        "waves": RandomFourier(size, SCALES[dictionary], rng=np.random.default_rng(0)).waves(2),
    }
    whole, warm = (
        written(
            profile.work / "edmd_wide" / f"{dictionary}-{seed}-{count}",
            {"before": pairs.before[:count], "after": pairs.after[:count], **functions},
            scale=SCALES[dictionary],
        )
        for count in (pairs.n, 1_000)
    )
    contestants = [
        bare(dictionary),
        ours(dictionary),
        *(peer(name, dictionary, profile.work) for name in PEERS),
    ]
    outcomes = taken_in_turns(contestants, whole, warm, rounds=profile.count(5, fast=1) if seed == SEEDS[0] else 1)
    closed = EDMD(SYSTEM.dictionary, moments=GramMoments).fit(pairs).eigenpairs().eigenvalues
    return Draw(outcomes=outcomes, closed=closed)


def _errors(draws: Sequence[Draw]) -> list[Row]:
    """A row for the closed dictionary, and one for each contestant but the bare one."""
    rows = [{"contestant": "closed dictionary", **_worst([draw.closed for draw in draws])}]
    mine = [draw.outcomes[1] for draw in draws]
    if all(outcome.took_part for outcome in mine):
        untruncated = _worst([outcome.eigenvalues("untruncated") for outcome in mine])
        rows.append({"contestant": f"{mine[0].name}, all above rounding", **untruncated})
    others = zip(*(draw.outcomes[1:] for draw in draws), strict=True)
    return rows + [
        {"contestant": outcomes[0].name, **_worst([outcome.eigenvalues() for outcome in outcomes])}
        for outcomes in others
        if all(outcome.took_part for outcome in outcomes)
    ]


def _worst(draws: Sequence[np.ndarray]) -> Row:
    exact, found = by_modulus(SYSTEM.eigenvalues), [by_modulus(eigenvalues) for eigenvalues in draws]
    return {
        **{f"leading {k}": max(eigenvalue_distance(each, exact[:k]) for each in found) for k in (3, 6)},
        EXCESS: max(float(np.abs(each[0])) for each in found) - 1,
    }


def _accuracy(dictionary: str, errors: Sequence[Row], subject: str) -> list[Goal]:
    """No worse than the best peer, and no eigenvalue outside the unit circle by more than the sampling error."""
    row = {str(row["contestant"]): row for row in errors}
    if subject not in row:
        return []
    sampling, best = row["closed dictionary"], [number(row[name][LEADING]) for name in PEERS if name in row]
    quantity = f"{dictionary}: error of the {LEADING}"
    mine, excess = number(row[subject][LEADING]), number(row[subject][EXCESS])
    return [
        *(Goal(quantity=quantity, measured=mine, side=Side.AT_MOST, bound=min(best), form=".1e") for _ in best[:1]),
        Goal(
            quantity=f"{dictionary}: {EXCESS}", measured=excess, side=Side.AT_MOST,
            bound=number(sampling[LEADING]), form=".1e",
        ),
    ]  # fmt: skip


def _count(profile: Profile) -> int:
    return profile.count(100_000, fast=2_000)


def _size(profile: Profile) -> int:
    return profile.count(300, fast=20)
