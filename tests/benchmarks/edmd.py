"""What extended DMD with monomials costs, lifting included, beside the BLAS or LAPACK calls it cannot do without.

Work: K of all monomials up to degree 5 in two variables, m = 21, from pairs of the slow manifold in memory. Through the
normal equations the yardstick is chunked products and one solution, through a triangular factor it is tall-skinny QR by
the faster of two LAPACK routines; both lift each monomial by one multiplication (`bare`).
"""

from koopman_analysis.systems import SlowManifold

from .comparison import COSTS, at_most, cost_row, fastest_at_least, software_table
from .data import written_pairs
from .experiments import Profile
from .page import Page, Table
from .turns import bare, ours, peer, taken_in_turns

DEGREE = 5
PEERS = ("kooplearn", "deeptime", "PyDMD", "pykoopman")


def measured(profile: Profile) -> Page:
    """All in turns."""
    count, rounds = profile.count(100_000, fast=2_000), profile.count(25, fast=2)
    folder, warm = (
        written_pairs(profile.work / "edmd" / f"{size}", SlowManifold(), size, seed=0, degree=DEGREE)
        for size in (count, 1_000)
    )
    outcomes = taken_in_turns(
        [
            bare("monomials", name="bare products"),
            ours("monomials", name="GramMoments"),
            bare("monomials_tpqrt", name="bare QR by tpqrt"),
            bare("monomials_geqrf", name="bare QR by geqrf"),
            ours("monomials_factor", name="FactorMoments"),
            *(peer(name, "monomials", profile.work) for name in PEERS),
        ],
        folder, warm, rounds=rounds,
    )  # fmt: skip
    products, gram, tpqrt, geqrf, factor, *peers = outcomes
    triangle = min(tpqrt, geqrf, key=lambda outcome: outcome.seconds)
    rows = [cost_row(outcome, yardstick=products, subject=gram) for outcome in (products, gram, *peers)]
    triangular = [cost_row(outcome, yardstick=triangle, subject=factor) for outcome in (tpqrt, geqrf, factor)]
    return Page(
        title="EDMD with monomials",
        about=f"`EDMD(Monomials({DEGREE}), moments=…).fit` of {count:,} pairs in two variables (m = 21), the same "
        "operator by other libraries, and by bare BLAS and LAPACK; lifting included. One thread; CPU time and ratios "
        "are medians over rounds in turns. First through normal equations, then through a triangular factor.",
        tables=[*(Table(columns=COSTS, rows=table) for table in (rows, triangular)), software_table(outcomes)],
        goals=[
            *at_most(1.5, "GramMoments, CPU × bare", gram, products),
            *at_most(3.0, "GramMoments, memory × bare", gram, products, of="memory"),
            *fastest_at_least(2.0, gram, peers),
            *at_most(1.3, f"FactorMoments, CPU × {triangle.name}", factor, triangle),
        ],
        notes=[
            "Memory is the largest increase of the resident set during the work, over what holds the states.",
            "kooplearn takes the pairs as one trajectory: the states before, then those after, with lag n.",
            "PyDMD's own EDMD takes kernels only: this is its DMD of features that scikit-learn computes.",
            "The fits of deeptime, PyDMD and pykoopman include the eigenvalues, the others' do not.",
        ],
    )
