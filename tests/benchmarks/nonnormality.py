"""What certified Kreiss constants of operators of a usual size cost, and how far their ends lie apart.

The matrices have m = 256 rows and are as different as they come: random ones far from the circle and next to it, those
of Grcar and of Jordan, whose resolvents next to the circle are beyond double precision, and ones with all eigenvalues
on it. Beside K(A) stands what it bounds from both sides, the largest power,

    K(A) ≤ sup_k ‖A^k‖ ≤ e m K(A).                                                                             (1)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.nonnormality import (
    TransientGrowth,
    kreiss_constant,
    numerical_radius,
    numerical_range,
    spectral_radius,
    transient_growth,
)
from koopman_analysis.resampling import Interval

from .cost import Cost, Stopwatch
from .experiments import Profile
from .page import Goal, Page, Row, Table

ROWS, SECONDS = 256, 10.0
POWERS = 128
"""Multiplied out for the growth; what comes later is bounded."""
COLUMNS = {
    "matrix": "", "ρ": ".4f", "‖A‖": ".2f", "K(A)": ".5g", "ends apart": ".2%", "largest power": ".5g", "at": "d",
    "wall s": ".2f", "CPU s": ".2f", "others, cores": ".2f",
}  # fmt: skip
OTHERS = {"matrix": "", "number": "", "value": ".5g", "wall s": ".2f", "CPU s": ".2f"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One matrix, its Kreiss constant with the cost of that, and its growth."""

    matrix: np.ndarray
    kreiss: Interval
    cost: Cost
    growth: TransientGrowth

    @property
    def apart(self) -> float:
        """The relative distance of the ends; infinite where there is no upper one."""
        return self.kreiss.high / self.kreiss.low - 1 if math.isfinite(self.kreiss.low) else 0.0

    @property
    def on_circle(self) -> bool:
        """Whether eigenvalues lie on the unit circle to rounding, which leaves the upper end far."""
        return spectral_radius(self.matrix) > 1 - 1e-10

    @property
    def in_order(self) -> bool:
        """Whether equation (1) holds between the ends."""
        kreiss, growth = self.kreiss, self.growth.norm
        return kreiss.low <= growth.high * (1 + 1e-9) and growth.low <= math.e * len(self.matrix) * kreiss.high

    def row(self, name: str) -> Row:
        """As a row of the table."""
        return {
            "matrix": name,
            "ρ": spectral_radius(self.matrix),
            "‖A‖": float(np.linalg.norm(self.matrix, 2)),
            "K(A)": self.kreiss,
            "ends apart": self.apart,
            "largest power": self.growth.norm,
            "at": self.growth.power,
            "wall s": self.cost.wall,
            "CPU s": self.cost.cpu,
            "others, cores": self.cost.others,
        }


def measured(profile: Profile) -> Page:
    """All matrices, one after another."""
    rows = profile.count(ROWS, fast=12)
    each = {name: _measured(A) for name, A in matrices(rows).items()}
    random = each["random, ρ = .95"].matrix
    finite = [one for one in each.values() if math.isfinite(one.kreiss.high) and not one.on_circle]
    goals = [
        Goal(quantity="slowest Kreiss constant, s", measured=max(one.cost.wall for one in each.values()),
             side=Side.AT_MOST, bound=SECONDS, form=".2f"),
        Goal(quantity="ends apart where there is an upper one, inside the circle",
             measured=max(one.apart for one in finite), side=Side.AT_MOST, bound=0.01, form=".2%"),
        Goal(quantity="matrices for which equation (1) fails", measured=sum(not one.in_order for one in each.values()),
             side=Side.AT_MOST, bound=0, form="d"),
    ]  # fmt: skip
    return Page(
        title="Kreiss constants",
        about=f"`kreiss_constant(A)` of matrices of {rows} rows, once each, to a relative tolerance of 1 %; then what "
        "else is told of the first of them.",
        tables=[
            Table(columns=COLUMNS, rows=[one.row(name) for name, one in each.items()]),
            Table(columns=OTHERS, rows=_others(random)),
        ],
        goals=goals,
        notes=[
            "Where rounding hides the resolvent next to the circle, the Kreiss constant has a lower end only, and "
            "“ends apart” is infinite.",
            "With more than 64 eigenvalues on the circle the upper end is the condition of their eigenvectors: "
            "certain, and far. With fewer it is the norm of the largest spectral projector, nearly.",
            "Contractions have 1, without a search; so has an orthogonal matrix.",
        ],
    )


def matrices(m: int) -> Mapping[str, np.ndarray]:
    """The matrices of m rows, by name; the same at every call."""
    rng = np.random.default_rng(0)
    random, other, phases = rng.standard_normal((3, m, m))
    upper = random / math.sqrt(m) + 0.5 * np.triu(other, 1) / math.sqrt(m)
    grcar = sum(np.eye(m, k=k) for k in range(4)) - np.eye(m, k=-1)
    orthogonal, S = np.linalg.qr(other)[0], np.linalg.qr(phases)[0] * np.geomspace(1, 10, m)
    return {
        "random, ρ = .95": _scaled(random, 0.95),
        "random complex, ρ = .95": _scaled(random + 1j * other, 0.95),
        "random, ρ = .999": _scaled(random, 0.999),
        "random, more above the diagonal, ρ = .999": _scaled(upper, 0.999),
        "Grcar, ρ = .95": _scaled(grcar, 0.95),
        "Jordan block of .9": 0.9 * np.eye(m) + np.eye(m, k=1),
        "Jordan block of .9, coupled by .105": 0.9 * np.eye(m) + 0.105 * np.eye(m, k=1),
        "orthogonal": orthogonal,
        "orthogonal in coordinates of condition 10": np.linalg.solve(S, orthogonal @ S),
    }


def _scaled(A: np.ndarray, radius: float) -> np.ndarray:
    return A * (radius / spectral_radius(A))


def _measured(A: np.ndarray) -> Measured:
    watch = Stopwatch()
    kreiss = kreiss_constant(A)
    return Measured(matrix=A, kreiss=kreiss, cost=watch.cost(), growth=transient_growth(A, powers=POWERS))


def _others(A: np.ndarray) -> list[Row]:
    rows: list[Row] = []
    numbers = {
        "numerical radius": numerical_radius,
        "gap of the numerical range between 64 lines": lambda A: numerical_range(A).gap,
        "largest power": lambda A: transient_growth(A, powers=POWERS).norm.low,
    }
    for name, number in numbers.items():
        watch = Stopwatch()
        value = number(A)
        cost = watch.cost()
        rows.append(
            {"matrix": "random, ρ = .95", "number": name, "value": value, "wall s": cost.wall, "CPU s": cost.cpu}
        )
    return rows
