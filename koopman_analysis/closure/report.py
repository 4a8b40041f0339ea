"""What was measured of a dictionary's closure, and what may be concluded from it.

Upper bounds come from the operator defect δ, which exceeds the population's defect by m_in/n_fit at least; lower bounds
from the closure spectrum σ on held-out pairs. With tolerances for the defect, the state error and the worst direction,

    APPROXIMATE    iff all three upper ends are within tolerance,
    NOT_CLOSED     iff any lower end exceeds its tolerance by more than exact_tol, and no one pair decides it,
    EXACT          iff APPROXIMATE and δ's upper end ≤ exact_tol ≤ 1e-8,                                         (1)
    INCONCLUSIVE   otherwise; fewer than 20 units decide nothing, and n_fit < 10 m_in supports nothing,

    exact_tol = max(1e-14, (10 ε κ)²) + 4 φ,                                                                    (2)

κ the larger condition number of the column-normalised [1 Ψ_in], [1 Ψ_out] over the directions that are used, φ the
known floor of solver and storage error, ε = 2.2e-16. A function of norm one is known to ε, hence a direction of it to
ε κ of its spread: what rounding may add to a share of variance, exact_tol, neither proves exactness nor denies closure.

One held-out pair decides a residual of which it carries more than all others together, or a tenth where κ > 1e7: such a
pair is one that an ill-conditioned fit extrapolates to. The jackknife's interval of a mean that one pair carries need
not cover: along a nested family of inputs it may rise, where the population's defect cannot.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from numbers import Real

from koopman_analysis.claims import Side, Verdict, verdict_on
from koopman_analysis.jackknife import Jackknife
from koopman_analysis.resampling import Interval

LEAST_UNITS = 20
"""Independent units below which no interval here deserves its level."""

PAIRS_PER_FUNCTION = 10
"""Fitted pairs for each input function below which δ is mostly its own bias."""

LARGEST_EXACT = 1e-8
"""A tolerance for exactness above this would not be exactness."""

HEAVY_TAIL = 0.1
"""Share of the squared residual in one held-out pair above which a mean of few such pairs says little."""

ILL_CONDITIONED = 1e7
"""Condition number from which rounding is visible in a defect of 1e-14."""


MOST = 0.5
"""Share of the squared residual in one held-out pair above which it outweighs all others together."""


STATE = "share of the state's variance not read out"


class Closedness(Enum):
    """Whether a dictionary is closed under the flow; the values are what a reader reads."""

    EXACT = "closed to the precision of the arithmetic and of the data"
    APPROXIMATE = "closed within the tolerances, not exactly"
    NOT_CLOSED = "not closed: some of it cannot be predicted linearly from the input dictionary"
    INCONCLUSIVE = "these pairs do not decide"


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Shares of variance up to which a dictionary counts as closed.

    Attributes:
        defect: Of the mean direction.
        state: Of the state that is read out.
        worst: Of the worst direction.
    """

    defect: float = 0.01
    state: float = 0.01
    worst: float = 0.05

    def __post_init__(self) -> None:
        for value in (self.defect, self.state, self.worst):
            if not (isinstance(value, Real) and 0 < value < 1):
                raise ValueError(f"expected tolerances strictly between 0 and 1, as shares of variance, got {self}")

    @classmethod
    def at(cls, tolerance: float) -> "Tolerances":
        """One dial: defect and state at this tolerance, the worst direction at five times it."""
        return cls(defect=tolerance, state=tolerance, worst=min(5 * tolerance, 0.999))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One quantity of equation (1), with the verdict on "at most the tolerance".

    Attributes:
        quantity: What it is, in words.
        interval: From the lower end that can refute to the upper end that can support.
        bound: Its tolerance.
    """

    quantity: str
    interval: Interval
    bound: float

    @property
    def verdict(self) -> Verdict:
        """Supported where the whole interval is within tolerance, refuted where none of it is."""
        return verdict_on(self.interval, side=Side.AT_MOST, bound=self.bound)


@dataclass(frozen=True, kw_only=True)
class ClosureReport:
    """The closure of one pair of dictionaries under one flow, on held-out pairs.

    Attributes:
        spectrum: σ_i of each non-constant output direction, as the fit part orders them.
        defect: 1 − mean σ_i², the share of variance of the mean output direction that is not predicted.
        operator_defect: δ, the same for the fitted K, biased upwards.
        worst_direction: 1 − σ_min²; low end of the direction the fit part chose, high end of the worst residual.
        state_error: Squared error of the state read out of Ψ_in(x) K, relative to the state's variance.
        dimension: Number of non-constant output directions.
        input_dimension: Number of non-constant input directions.
        units: Effective number of independent units, (Σ w)²/Σ w² of their mean weights (Kish 1965).
        fit_pairs: Effective number of pairs in the smaller fit part, (Σ w)²/Σ w².
        condition: κ of equation (2).
        floor: φ of equation (2).
        largest_share: Share of the squared residual that one held-out pair carries.
        dropped_share: Share of the output variance in directions left out as rounding.
        jackknife: Defect, δ, state error and worst direction, by σ and by r, without each group of units in turn: what
            comparing reports on the same groups needs.
        autocorrelation_time: τ in pairs, where few trajectories were cut into blocks; None where they were not.
    """

    spectrum: tuple[Interval, ...]
    defect: Interval
    operator_defect: Interval
    worst_direction: Interval
    state_error: Interval
    dimension: int
    input_dimension: int
    units: int
    fit_pairs: int
    condition: float
    floor: float
    largest_share: float
    dropped_share: float
    jackknife: Jackknife = field(compare=False, repr=False)
    autocorrelation_time: float | None = None

    @property
    def exact_tolerance(self) -> float:
        """Equation (2)."""
        return max(1e-14, (10 * 2.2e-16 * self.condition) ** 2) + 4 * self.floor

    @property
    def closedness(self) -> Closedness:
        """Equation (1) at the default tolerances."""
        return self.closedness_at(Tolerances())

    @property
    def shortage(self) -> str:
        """Why these pairs are too few to support closure; empty where they are not."""
        functions = self.input_dimension + 1
        if self.units < LEAST_UNITS:
            blocks = (
                f" (blocks of ten autocorrelation times, of {self.autocorrelation_time:.3g} pairs each)"
                if self.autocorrelation_time
                else ""
            )
            return f"too few independent units: {self.units}, of at least {LEAST_UNITS}{blocks}"
        return lack_of_pairs(self.fit_pairs, functions)

    @property
    def caution(self) -> float:
        """`least_share` of these dictionaries and pairs."""
        return least_share(self.input_dimension + self.dimension, self.fit_pairs)

    def measurements(self, tolerances: Tolerances) -> tuple[Measurement, ...]:
        """The three quantities of equation (1), lower ends by σ and upper ends by δ."""
        joined = _joined(self.defect, self.operator_defect)
        return (
            Measurement(quantity="share of the dictionary not predicted", interval=joined, bound=tolerances.defect),
            Measurement(quantity=STATE, interval=self.state_error, bound=tolerances.state),
            Measurement(
                quantity="share of the worst direction not predicted",
                interval=self.worst_direction,
                bound=tolerances.worst,
            ),
        )

    def closedness_at(self, tolerances: Tolerances) -> Closedness:
        """Equation (1) at these tolerances."""
        measured = self.measurements(tolerances)
        verdicts = {measurement.verdict for measurement in measured}
        beyond_rounding = any(m.interval.low > m.bound + self.exact_tolerance for m in measured)
        if beyond_rounding and self.units >= LEAST_UNITS and not self._one_pair_decides:
            return Closedness.NOT_CLOSED
        if verdicts != {Verdict.SUPPORTED} or self.shortage:
            return Closedness.INCONCLUSIVE
        exact = self.operator_defect.high <= self.exact_tolerance <= LARGEST_EXACT
        return Closedness.EXACT if exact else Closedness.APPROXIMATE

    def deciding(self, tolerances: Tolerances) -> Measurement:
        """The measurement that decided: the furthest beyond its bound, or the nearest to it, or the undecided one."""
        measured = self.measurements(tolerances)
        refuted = [m for m in measured if m.verdict is Verdict.REFUTED]
        if refuted:
            return max(refuted, key=lambda m: m.interval.low / m.bound)
        return max(measured, key=lambda m: m.interval.high / m.bound)

    def because(self, tolerances: Tolerances) -> str:
        """One sentence that gives the reason for the verdict at these tolerances."""
        closedness, decided = self.closedness_at(tolerances), self.deciding(tolerances)
        span = f"{decided.quantity} in [{decided.interval.low:.3g}, {decided.interval.high:.3g}]"
        match closedness:
            case Closedness.NOT_CLOSED if self.dimension == 0:
                return "the output dictionary has collapsed to a constant, from which no state can be read"
            case Closedness.NOT_CLOSED if self._only_the_state_is_not_read(tolerances):
                return f"{span}, above {decided.bound:.3g}: closed, but the state is not read linearly from it"
            case Closedness.NOT_CLOSED if decided.quantity == STATE:
                return f"{span}, above {decided.bound:.3g}"
            case Closedness.NOT_CLOSED:
                return f"{span}, above {decided.bound:.3g} (if one state has many images, draw two of each and compare)"
            case Closedness.EXACT:
                return (
                    f"{span}; δ ≤ {self.operator_defect.high:.2g} is rounding (exact below {self.exact_tolerance:.2g})"
                )
            case Closedness.APPROXIMATE:
                return f"{span}, at most {decided.bound:.3g}{self._caveat}"
        undecided = "would refute" if decided.verdict is Verdict.REFUTED else f"contains {decided.bound:.3g}"
        return self.shortage or f"{span} {undecided}: {self._obstacle}"

    @property
    def _one_pair_decides(self) -> bool:
        return self.largest_share > (HEAVY_TAIL if self.condition > ILL_CONDITIONED else MOST)

    @property
    def _obstacle(self) -> str:
        if self.condition > ILL_CONDITIONED:
            return f"the dictionary is ill-conditioned ({self.condition:.1g}): standardise the states"
        return self._heavy_tail or "more pairs would decide"

    @property
    def _heavy_tail(self) -> str:
        """That one pair carries much of the residual; empty where none does."""
        if self.largest_share <= HEAVY_TAIL:
            return ""
        return f"one held-out pair carries {self.largest_share:.0%} of the residual (a heavy tail)"

    @property
    def _caveat(self) -> str:
        return f"; {self._heavy_tail}: pairs beyond these may miss more" if self._heavy_tail else ""

    def _only_the_state_is_not_read(self, tolerances: Tolerances) -> bool:
        return all((m.verdict is Verdict.SUPPORTED) != (m.quantity == STATE) for m in self.measurements(tolerances))


def lack_of_pairs(fit_pairs: int, functions: int) -> str:
    """Why so many fitted pairs are too few for so many input functions; empty where they are not."""
    if fit_pairs >= PAIRS_PER_FUNCTION * functions:
        return ""
    return (
        f"too few pairs: {fit_pairs} fitted for {functions} input functions, of at least {PAIRS_PER_FUNCTION} for each"
    )


def least_share(directions: int, fit_pairs: int) -> float:
    """1 − (directions + 1)/n_fit, or 0: what the population has at least of a defect found on new pairs.

    The rest may be what a fit of so many directions to so few pairs misses.
    """
    return max(0.0, 1 - (directions + 1) / fit_pairs)


def lowered(interval: Interval, share: float) -> Interval:
    """The interval with a positive lower end multiplied by a share."""
    return replace(interval, low=min(interval.low, share * interval.low))


def _joined(lower: Interval, upper: Interval) -> Interval:
    """From what can refute to what can support: the lower end of one interval, the upper end of another."""
    return Interval(
        estimate=upper.estimate,
        low=min(lower.low, upper.high),
        high=upper.high,
        level=upper.level,
        n=upper.n,
        method=upper.method,
    )
