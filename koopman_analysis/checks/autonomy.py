"""Is the flow, in one dictionary for all times, one semigroup on some clock?

The claim is that the largest error over the later times t_k,

    max_k ‖Ψ(x_k) − Ψ(x_0) exp(s_k A)‖ / S_k ≤ b,     S_k the spread of Ψ(x_k),                                (1)

on held-out trajectories (`autonomy.report`, equation (1), Ψ with the constant) is at most a declared bound, with
intervals simultaneous over the times. Where it is refuted, the reason says whether a matrix for each time would have
done better: if not, what fails is the dictionary, not the semigroup.

Controls. It must be supported on the fitted semigroup itself, Ψ(x_0) exp(s_k A) in the place of Ψ(x_k): otherwise the
search does not find what is there. It must be refuted where all later states are handed to another trajectory, and, a
case known in closed form, for the probability flow of Gaussian data with variances 9, 1 and 0.09 in its own
coordinates: linear at every time, closed, and no semigroup on any clock (`systems.gaussian_flow`, equation (3)).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.autonomy import AutonomyReport, autonomy_report
from koopman_analysis.autonomy.paths import constant_functions
from koopman_analysis.autonomy.report import INDEPENDENT, SEMIGROUP, lifted
from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.dictionaries import Coordinates, Dictionary
from koopman_analysis.resampling import largest
from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems import GaussianFlow

BOUND = 0.05
"""Largest relative error of a flow called autonomous."""
VARIANCES = (9.0, 1.0, 0.09)
"""Of the Gaussian control."""
LEVELS = 9
"""Noise levels of the Gaussian control, evenly spaced in the seventh root."""
GAUSSIAN_TRAJECTORIES = 400


@dataclass(frozen=True, kw_only=True, eq=False)
class AutonomyControl:
    """A case whose answer is known, measured in the same way.

    Attributes:
        report: What was measured.
        expected: The verdict that it must receive.
    """

    report: AutonomyReport
    expected: Verdict


def autonomous(
    report: AutonomyReport, *, bound: float = BOUND, controls: Mapping[str, AutonomyControl] | None = None
) -> Claim:
    """The claim that one semigroup carries the dictionary through all times, up to a relative error.

    Args:
        report: What was measured.
        bound: Largest relative error at any time.
        controls: Of `autonomy_controls`, by name.

    Raises:
        ValueError: If the bound is not positive.
    """
    if not bound > 0:
        raise ValueError(f"expected a positive bound on the relative error, got {bound}")
    made = [
        _claim(control.report, bound).as_control(name=name, expected=control.expected)
        for name, control in (controls or {}).items()
    ]
    return _claim(report, bound).with_controls(made)


def autonomy_controls(
    trajectories: SnapshotTrajectories,
    report: AutonomyReport,
    *,
    dictionary: Dictionary | None = None,
    rng: np.random.Generator,
) -> dict[str, AutonomyControl]:
    """Measures the three controls that stand beside a report.

    Args:
        trajectories: Those that the report is of.
        report: What was measured on them.
        dictionary: The dictionary of the report; the coordinates where None.
        rng: Draws the shuffle, the Gaussian trajectories, and what each report draws.
    """
    host = trajectories.on_host()
    states, features = host.states, lifted(host, dictionary or Coordinates())
    carried = np.einsum("nr,krm->nkm", features[:, 0], report.semigroup.operators)[..., ~constant_functions(features)]
    handed_on = states.copy()
    handed_on[:, 1:] = states[np.roll(rng.permutation(len(states)), 1), 1:]
    levels = np.linspace(80.0 ** (1 / 7), 0.002 ** (1 / 7), LEVELS) ** 7
    gaussian = GaussianFlow(mean=np.zeros(3), covariance=np.diag(VARIANCES), noise_scale=float(levels[0]))
    cases = {
        "the fitted semigroup itself": (replace(trajectories, states=carried), None, Verdict.SUPPORTED),
        "shuffled trajectories": (replace(trajectories, states=handed_on), dictionary, Verdict.REFUTED),
        "Gaussian data of three variances": (
            gaussian.trajectories(GAUSSIAN_TRAJECTORIES, scales=levels, rng=rng), None, Verdict.REFUTED
        ),
    }  # fmt: skip
    return {
        name: AutonomyControl(report=autonomy_report(case, dictionary=chosen, starts=1, rng=rng), expected=expected)
        for name, (case, chosen, expected) in cases.items()
    }


def _claim(report: AutonomyReport, bound: float) -> Claim:
    errors = report.by_contender
    claim = Claim.decided(
        id="autonomous",
        hypothesis="One semigroup on one clock carries the dictionary through all times of the flow.",
        quantity="largest error of the semigroup over the times, in units of the spread",
        interval=largest(errors[SEMIGROUP]),
        side=Side.AT_MOST,
        bound=bound,
    )
    floor = largest(errors[INDEPENDENT])
    if claim.verdict is not Verdict.REFUTED:
        return claim
    blame = "no matrix does it at that bound: the dictionary is not closed" if floor.low > bound else (
        f"with a matrix for each time it is {floor.estimate:.3g}"
    )  # fmt: skip
    return replace(claim, because=f"{claim.because}; {blame}")
