"""Whether the eigenvalues that come first are true ones, where the dictionary has true and spurious ones.

The slow manifold multiplies x₁ by a, and u = x₂ − c x₁² by b. The 21 monomials up to degree 5 therefore span the
eigenfunctions x₁^i u^j of degree i + 2j ≤ 5, whose eigenvalues are exact to rounding,

    a^i b^j,     i + 2j ≤ 5,                                                                                   (1)

twelve in number. The other nine are spurious: they depend on where the states were drawn. Here eigenpairs are listed by
their residuals on held-out pairs; elsewhere in the order in which a library returns them, or by modulus where that is
nearer to the truth.
"""

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.systems import SlowManifold

from .comparison import by_modulus, eigenvalue_distance, software_table
from .data import written_pairs
from .experiments import Profile
from .page import Goal, Page, Row, Table, number
from .turns import Outcome, ours, peer, taken_in_turns

SYSTEM, DEGREE, SEEDS = SlowManifold(), 5, range(3)
PEERS = ("kooplearn", "deeptime", "PyDMD", "pykoopman")
COLUMNS = {"contestant": "", **{f"seed {seed}": ".1e" for seed in SEEDS}, "remark": ""}
EXACT = np.array(
    [SYSTEM.slow**i * SYSTEM.fast**j for i in range(DEGREE + 1) for j in range(DEGREE + 1) if i + 2 * j <= DEGREE]
)
"""Equation (1)."""


def measured(profile: Profile) -> Page:
    """The distance of the first twelve from the truth, on several draws of the pairs."""
    count, seeds = profile.count(40_000, fast=2_000), SEEDS[: profile.count(len(SEEDS), fast=1)]
    draws = []
    for seed in seeds:
        folder = written_pairs(profile.work / "spurious" / f"{count}-{seed}", SYSTEM, count, seed=seed, degree=DEGREE)
        contestants = [ours("leading"), *(peer(name, "monomials", profile.work) for name in PEERS)]
        draws.append(taken_in_turns(contestants, folder, folder, rounds=1))
    rows = [_row(same) for same in zip(*draws, strict=True)]
    worst = max(number(rows[0][f"seed {seed}"]) for seed in seeds)
    return Page(
        title="Spurious eigenvalues",
        about=f"Distance of the leading {len(EXACT)} eigenvalues from as many exact ones of the slow manifold, with "
        f"monomials up to degree {DEGREE}, from {count:,} pairs. Here half of the pairs are held out: "
        f"`EDMD(Monomials({DEGREE})).fit(pairs).eigenpairs(heldout=…)`; the others have them all.",
        tables=[Table(columns=COLUMNS, rows=rows), software_table(draws[0])],
        goals=[Goal(quantity="distance, worst draw", measured=worst, side=Side.AT_MOST, bound=1e-11, form=".1e")],
        notes=["Others: in the order returned, or by modulus where that is nearer to the truth."],
    )


def _row(draws: tuple[Outcome, ...]) -> Row:
    if not all(outcome.took_part for outcome in draws):
        return {"contestant": draws[0].name, "remark": draws[0].reason}
    cells = {}
    for seed, outcome in enumerate(draws):
        orders = [outcome.eigenvalues()]
        if outcome.name in PEERS:
            orders.append(by_modulus(outcome.eigenvalues()))
        cells[f"seed {seed}"] = min(eigenvalue_distance(order, EXACT) for order in orders)
    return {"contestant": draws[0].name, **cells}
