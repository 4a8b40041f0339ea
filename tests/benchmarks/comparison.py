"""Tables and goals of contestants that did the same work, and how far their eigenvalues are from given ones.

    distance of λ_1 … λ_k from μ_1 … μ_k    min over permutations π of  max_j |λ_j − μ_π(j)|,                       (1)

with an assignment of least total distance in place of the minimum, which it bounds from above.
"""

from collections.abc import Sequence

import numpy as np
import scipy.optimize

from koopman_analysis.claims import Side

from .page import Goal, Row, Table
from .turns import Outcome

COSTS = {
    "contestant": "", "CPU s": ".4f", "× bare": ".2f", "× this library": ".2f", "memory, MB": ".1f", "rounds": "",
    "remark": "",
}  # fmt: skip
"""What `cost_row` tells, with the format of each number."""


def cost_row(outcome: Outcome, *, yardstick: Outcome, subject: Outcome) -> Row:
    """What a contestant's turns cost, or why there were none.

    Args:
        outcome: The contestant's.
        yardstick: Of the bare work.
        subject: Of this library.
    """
    if not outcome.took_part:
        return {"contestant": outcome.name, "remark": outcome.reason}
    ratios = {
        name: outcome.relative_to(other)
        for name, other in (("× bare", yardstick), ("× this library", subject))
        if other.took_part
    }
    return {
        "contestant": outcome.name,
        "CPU s": outcome.seconds,
        **ratios,
        "memory, MB": outcome.memory,
        "rounds": len(outcome.repetitions),
    }


def software_table(outcomes: Sequence[Outcome]) -> Table:
    """What the contestants ran with; those with the same share a row."""
    sharing: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.software:
            versions = ", ".join(f"{name} {version}" for name, version in outcome.software["versions"].items())
            sharing.setdefault((versions, "; ".join(outcome.software["blas"])), []).append(outcome.name)
    rows: list[Row] = [
        {"contestants": "; ".join(names), "versions": versions, "BLAS (kernel)": libraries}
        for (versions, libraries), names in sharing.items()
    ]
    return Table(columns=dict.fromkeys(("contestants", "versions", "BLAS (kernel)"), ""), rows=rows)


def at_most(bound: float, quantity: str, subject: Outcome, yardstick: Outcome, *, of: str = "CPU") -> list[Goal]:
    """The goal that a ratio of costs should not exceed a bound, where both took part.

    Args:
        bound: The bound.
        quantity: What to call the ratio.
        subject: Whose cost is divided.
        yardstick: By whose cost.
        of: "CPU" or "memory".
    """
    if not (subject.took_part and yardstick.took_part):
        return []
    ratio = subject.relative_to(yardstick) if of == "CPU" else subject.memory / yardstick.memory
    return [Goal(quantity=quantity, measured=ratio, side=Side.AT_MOST, bound=bound)]


def fastest_at_least(bound: float, subject: Outcome, peers: Sequence[Outcome]) -> list[Goal]:
    """The goal that the fastest of the peers that took part should cost this many times as much CPU time."""
    ratios = {peer.name: peer.relative_to(subject) for peer in peers if peer.took_part and subject.took_part}
    if not ratios:
        return []
    fastest = min(ratios, key=lambda name: ratios[name])
    quantity = f"fastest peer ({fastest}), CPU × {subject.name}"
    return [Goal(quantity=quantity, measured=ratios[fastest], side=Side.AT_LEAST, bound=bound)]


def eigenvalue_distance(found: np.ndarray, exact: np.ndarray) -> float:
    """Equation (1) for the first found, as many as there are exact ones; infinite where there are fewer."""
    if len(found) < len(exact):
        return float("inf")
    distance = np.abs(found[: len(exact), None] - exact[None, :])
    rows, columns = scipy.optimize.linear_sum_assignment(distance)
    return float(distance[rows, columns].max())


def by_modulus(eigenvalues: np.ndarray) -> np.ndarray:
    """The largest modulus first."""
    return eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
