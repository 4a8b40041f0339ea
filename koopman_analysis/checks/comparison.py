"""Is a model better than its baselines, on the same held-out pairs?

For predictions ŷ of a model and y' of a baseline, both from the same noise, with the errors of one pair kept together,

    ratio = √( Σᵢ ‖ŷᵢ − yᵢ‖² / Σᵢ ‖y'ᵢ − yᵢ‖² ) ≤ 1.                                                       (1)

Intervals are those of log ratio when pairs are resampled, simultaneous over the baselines (max-t); the claim carries
the largest ratio, with the largest of the lower and of the upper ends. Where both predict to rounding the ratio is 1:
errors below 10 ε of the data's spread count as that.

Controls, against the same baselines and on the same resamples. Far from the bound: the model's predictions handed to
the wrong pairs must be refuted. Near it, made of the strongest baseline y' itself: with noise η that makes its error a
tenth larger,

    y' + η,     η ~ N(0, (1.1² − 1) E I),     E = mean ‖y' − y‖² / d,                                        (2)

it must be refuted, and with a tenth of its error taken away, .9 y' + .1 y, it must be supported. A comparison that
cannot tell these from the baseline has too few pairs for differences of that size, and says so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Bootstrap, Interval, largest, object_bootstrap
from koopman_analysis.shapes import States
from koopman_analysis.twosample import Sample

MODEL, SHUFFLED = "model", "model on shuffled pairs"
MARGIN = 0.1
"""Share by which the controls near the bound are worse or better than the strongest baseline."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedErrors:
    """Root mean squared errors of several predictions of the same states, on the same resamples.

    Attributes:
        names: All predictions, in the order of the columns: the model, the controls and the baselines.
        baselines: The names of the baselines.
        log_errors: log of the errors relative to the data's spread √(tr Cov y): predicting the mean has error 1.
    """

    names: tuple[str, ...]
    baselines: tuple[str, ...]
    log_errors: Bootstrap

    def errors(self) -> dict[str, Interval]:
        """The relative error of the model and of each baseline, each with its own interval."""
        intervals = dict(zip(self.names, self.log_errors.intervals(), strict=True))
        return {name: _exponential(intervals[name]) for name in (MODEL, *self.baselines)}

    def strongest(self, baselines: Collection[str]) -> str:
        """The one of these baselines that has the smallest error."""
        return min(baselines, key=lambda name: float(self.log_errors.estimate[self.names.index(name)]))

    def ratios(self, name: str, baselines: Collection[str]) -> dict[str, Interval]:
        """Equation (1) for the named predictions against each baseline, with simultaneous intervals."""
        here = self.names.index(name)
        pairs = [(here, self.names.index(baseline)) for baseline in baselines]
        intervals = self.log_errors.differences(pairs).simultaneous()
        return {baseline: _exponential(interval) for baseline, interval in zip(baselines, intervals, strict=True)}


def paired_errors(
    truth: States,
    prediction: Sample,
    baselines: Mapping[str, Sample],
    *,
    resamples: int = 999,
    rng: np.random.Generator,
) -> PairedErrors:
    """Measures a model's predictions and its baselines' against the same true states.

    Args:
        truth: Held-out states at the data end, one independent pair a row.
        prediction: The model's, from the same noise.
        baselines: Each baseline's, from the same noise, by name.
        resamples: Resamples of the object bootstrap.
        rng: Draws the resamples and the controls.

    Raises:
        ValueError: If a shape differs from the truth's, a value is not finite, a name is taken, or the truth is
            constant.
    """
    taken = sorted({MODEL, SHUFFLED} & set(baselines))
    if taken:
        raise ValueError(f"expected other names for the baselines than {taken}: rename them")
    given = {MODEL: prediction, **baselines}
    for name, states in given.items():
        if states.shape != truth.shape or not np.isfinite(states).all():
            raise ValueError(
                f"expected finite predictions of shape {truth.shape} from {name!r}, "
                f"got shape {states.shape}: a baseline that diverged is left out, and said so"
            )
    spread = float(truth.var(axis=0, dtype=np.float64).sum())
    if spread == 0.0:
        raise ValueError("expected states that vary, got all equal: an error relative to their spread has no meaning")
    rounding = (10.0 * np.finfo(np.float64).eps) ** 2
    predictions = {**given, SHUFFLED: prediction[rng.permutation(len(prediction))]}
    for name, states in baselines.items():
        predictions[_worse(name)] = states + _enlargement(states - truth, rounding * spread / truth.shape[1], rng)
        predictions[_better(name)] = states + MARGIN * (truth - states)
    squares = np.stack(
        [np.square(states - truth, dtype=np.float64).sum(axis=1) / spread for states in predictions.values()], axis=1
    )

    def log_errors(multiplicities: np.ndarray) -> np.ndarray:
        return 0.5 * np.log(np.maximum(multiplicities @ squares / len(squares), rounding))

    bootstrap = object_bootstrap(log_errors, len(truth), resamples=resamples, rng=rng)
    return PairedErrors(names=tuple(predictions), baselines=tuple(baselines), log_errors=bootstrap)


def better_than_baselines(
    errors: PairedErrors,
    *,
    against: Collection[str] | None = None,
    id: str = "comparison",
    hypothesis: str = "The model's paired error is at most that of every baseline.",
) -> Claim:
    """The claim that the largest ratio of equation (1) is at most 1.

    Args:
        errors: What `paired_errors` measured.
        against: The baselines of this claim; all where None.
        id: Name of the claim, where several sets of baselines have one each.
        hypothesis: The claim as a sentence.

    Raises:
        ValueError: If there is no baseline, or one was not measured.
    """
    baselines = errors.baselines if against is None else tuple(against)
    if not baselines or set(baselines) - set(errors.baselines):
        raise ValueError(f"expected baselines among {list(errors.baselines)}, got {list(baselines)}")
    strongest = errors.strongest(baselines)
    controls = {
        SHUFFLED: ("shuffled pairs", Verdict.REFUTED),
        _worse(strongest): ("strongest baseline made a tenth worse", Verdict.REFUTED),
        _better(strongest): ("strongest baseline made a tenth better", Verdict.SUPPORTED),
    }
    claims = {
        name: Claim.decided(
            id=id,
            hypothesis=hypothesis,
            quantity="largest ratio of paired RMSE, model over baseline",
            interval=largest(list(errors.ratios(name, baselines).values())),
            side=Side.AT_MOST,
            bound=1.0,
        )
        for name in (MODEL, *controls)
    }
    return claims[MODEL].with_controls(
        [claims[name].as_control(name=shown, expected=expected) for name, (shown, expected) in controls.items()]
    )


def _worse(baseline: str) -> str:
    return f"{baseline}, made worse"


def _better(baseline: str) -> str:
    return f"{baseline}, made better"


def _enlargement(errors: States, least: float, rng: np.random.Generator) -> States:
    """The noise η of equation (2); an error E below the least that counts is enlarged to a tenth above that."""
    mean_square = float(np.square(errors, dtype=np.float64).mean())
    variance = (1.0 + MARGIN) ** 2 * max(mean_square, least) - mean_square
    return np.sqrt(variance) * rng.standard_normal(errors.shape)


def _exponential(interval: Interval) -> Interval:
    low, estimate, high = (float(np.exp(end)) for end in (interval.low, interval.estimate, interval.high))
    return replace(interval, low=low, estimate=estimate, high=high)
