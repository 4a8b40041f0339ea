"""What of a two-encoder model's operator depends on its latent coordinates, and what does not: tables and a picture.

    in this checkpoint's gauge      spectral radius, departure from normality, ranks, conditioning, latent residual  (1)
    invariants                      whitened and decoder-weighted singular values, paired error                   (2)

each here and over random gauges, in which no prediction changes (`koopman_analysis.gauge`). No claim: nothing in (1) is
a property of the flow.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.figures import draw_gauge, figure_of
from koopman_analysis.gauge import InGauges, gauge_experiment
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Report, Table, significant
from koopman_analysis.verification.material import Material

IN_THIS_GAUGE = "In this checkpoint's gauge: numbers of K that belong to its latent coordinates"
GAUGES = 3
PAIRS = 2000
"""Most pairs that are looked at: the numbers describe, and decide nothing."""


def with_gauge(report: Report, material: Material, *, rng: np.random.Generator) -> Report:
    """The report with both tables and the picture, where there are two encoders into spaces of one dimension.

    Where latents do not vary, or are not decoded, there is a table without numbers that says so.
    """
    m_in, m_out = material.model.matrix.shape
    if material.model.shared_encoder or m_in != m_out:
        return report
    independent = material.independent()
    some = independent.rows(rng.permutation(independent.pairs.n)[:PAIRS])
    try:
        found = gauge_experiment(some.model, some.pairs, gauges=GAUGES, labels=some.labels, rng=rng)
    except (ConstantData, UndefinedDecoder) as error:
        return report.including(tables=[_table(IN_THIS_GAUGE, (), f"Not measured: {error}.")])
    note = (
        f"The same model in {GAUGES} other latent coordinates, changed at either end by random matrices of condition "
        f"{found.condition:g}: no prediction changes by more than {significant(found.largest_change)} of the spread of "
        f"the data. On {some.pairs.n:,} of the pairs. "
    )
    tables = [
        _table(
            IN_THIS_GAUGE, found.dependent,
            note + "None of these numbers is a property of the flow or of the model.",
        ),
        _table(
            "In every gauge: numbers that belong to the model", found.invariant,
            note + "Differences are those of the decoder's derivatives, which are measured.",
        ),
    ]  # fmt: skip
    picture = partial(figure_of, partial(draw_gauge, experiment=found), size=(6.4, 4.0))
    report = report.including(figures={"gauge": picture}, tables=tables)
    # The picture shows why the claim on eigenvalues does not apply.
    entries = tuple(
        replace(entry, figure="gauge") if entry.claim.id == "eigenvalues" else entry for entry in report.entries
    )
    return replace(report, entries=entries)


def _table(title: str, numbers: Sequence[InGauges], note: str) -> Table:
    rows = [
        (
            number.name,
            significant(number.here),
            f"{significant(min(number.elsewhere))} to {significant(max(number.elsewhere))}",
        )
        for number in numbers
    ]
    return Table(title=title, columns=("number", "here", "in random gauges"), rows=rows, note=note)
