"""The model against everything that stands beside it, on the same held-out pairs.

One table and one picture show all errors. A claim is made against each kind of rival:

comparison_dmd         every DMD baseline of at most the model's dimension
comparison_larger      larger regressors
comparison_direct      direct regression with its parameters, samples and loss: of models trained here
comparison_beside_…    another model, one claim for each
"""

from functools import partial

import numpy as np

from kdm.verification.evidence import DIRECT, NO_TRAINING, Evidence
from kdm.verification.experiment import Experiment
from kdm.verification.losses import with_loss
from koopman_analysis.checks import better_than_baselines, paired_errors
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import draw_errors, figure_of
from koopman_analysis.report import Entry, Report, Table, measured

DIRECT_ID = "comparison_direct"
DIRECTLY = "The model is at least as good as direct regression with its parameters, samples and loss."


def with_comparison(
    report: Report, experiment: Experiment, evidence: Evidence, *, rng: np.random.Generator
) -> Report:  # fmt: skip
    """The report with the claims of the module before those it has."""
    errors = paired_errors(evidence.heldout.after, evidence.prediction, evidence.predictions, rng=rng)
    sets = {
        "comparison_dmd": (
            tuple(evidence.baselines.equal),
            "The model is at least as good as every DMD baseline of at most its dimension.",
        ),
        "comparison_larger": (
            tuple(evidence.baselines.larger),
            "The model is at least as good as larger regressors: EDMD, kernel ridge, nearest neighbours.",
        ),
        **({} if experiment.training is None else {DIRECT_ID: ((DIRECT,), DIRECTLY)}),
        **{
            f"comparison_beside_{name}": (
                (name,),
                f"The model is at least as good as “{name}”, which stands beside it.",
            )
            for name in (other.name for other in experiment.beside)
        },
    }
    claims = {
        id: better_than_baselines(errors, against=against, id=id, hypothesis=hypothesis)
        for id, (against, hypothesis) in sets.items()
    }
    if experiment.training is not None:
        claims[DIRECT_ID] = with_loss(claims[DIRECT_ID], experiment.training.config)
    entries = [Entry(claim=claim, figure="comparison") for claim in claims.values()]
    if experiment.training is None:
        entries.insert(2, Entry(claim=_directly_not_applicable()))
    intervals = errors.errors()
    picture = partial(figure_of, partial(draw_errors, errors=intervals), size=(6.4, 3.2))
    table = Table(
        title="Paired error on held-out pairs, relative to the spread of the data",
        columns=("method", "relative RMSE [95 %]"),
        rows=[(name, measured(interval)) for name, interval in intervals.items()],
        note=f"Predicting the mean of the data has error 1. “model” is this page's, “{experiment.subject.name}”.",
    )
    return report.including(first=entries, figures={"comparison": picture}, tables=[table])


def _directly_not_applicable() -> Claim:
    return Claim.not_applicable(
        id=DIRECT_ID, hypothesis=DIRECTLY, quantity="largest ratio of paired RMSE, model over baseline",
        side=Side.AT_MOST, bound=1.0,
        reason=NO_TRAINING,
    )  # fmt: skip
