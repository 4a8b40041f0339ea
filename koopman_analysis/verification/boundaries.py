"""Does nearness fail where the flow tears apart what is near, and nowhere else?

    violations_at_boundaries      pairs that violate the bound have larger exponents than others                   (1)
    near_stays_near               neighbours in noise land in one class, where the exponent is small               (2)
    near_stays_near_latent        neighbours in latent space do                                                    (3)

The controls are shuffled exponents, and the same statement at the boundaries (`koopman_analysis.checks.boundaries`). A
plane is shown whole: the exponents of the flow and of the model beside each other, with the edges of the basins.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import Figure, draw_exponents, draw_neighbourhoods, figure_of
from koopman_analysis.report import Entry, Report, Table
from koopman_analysis.sensitivity import (
    KnownFlow,
    LyapunovExponents,
    PairBounds,
    exponent_field,
    lyapunov_exponents,
    model_linearised,
)
from koopman_analysis.shapes import Labels
from koopman_analysis.verification.material import Material

OBJECTS = 300
"""Objects whose pairs are bounded, all with all."""
WORST = 6
EDGE = 0.995
"""Quantile of the noise's coordinates at which its map ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Differentiated:
    """What is looked at.

    Attributes:
        pairs: Pairs beside their bounds, of the first of the rows.
        rows: Rows of the material at which the flow is differentiated.
        exponents: λ at each of them.
    """

    pairs: PairBounds
    rows: np.ndarray
    exponents: LyapunovExponents


def with_boundaries(
    report: Report,
    material: Material,
    *,
    flow: KnownFlow | None,
    classes: Labels | None,
    located: float,
    near: float,
    rng: np.random.Generator,
) -> Report:
    """The report with the three claims.

    Args:
        report: The report so far.
        material: Model and pairs.
        flow: The flow, None where nobody can differentiate it.
        classes: What each pair is; None where nothing outside the model says so.
        located: Least AUROC in equation (1).
        near: Least share of neighbours in equations (2) and (3).
        rng: Draws the objects and the resamples.
    """
    if flow is None:
        return _without(report, "there is no flow here that can be differentiated", located, near)
    try:
        found = _differentiated(material, flow, rng)
    except ValueError as error:
        return _without(report, str(error), located, near)
    violations = checks.located_violations(
        found.pairs, found.exponents.subset(np.arange(len(found.pairs.rows))), rng=rng
    )  # fmt: skip
    claim = checks.violations_at_boundaries(violations, bound=located)
    figures, name = {}, None
    if claim.applicable and material.pairs.before.shape[1] == 2:
        name = "boundaries"
        figures[name] = partial(_maps, material, flow, violations, found.exponents.median)
    report = report.including(Entry(claim=claim, figure=name), figures=figures, tables=[_worst(violations, flow)])
    return _with_neighbourhoods(report, material, found, classes, near, rng)


def _differentiated(material: Material, flow: KnownFlow, rng: np.random.Generator) -> _Differentiated:
    """Pairs beside their bounds, and exponents there and at as many more objects as can be afforded."""
    pairs = checks.typical_pairs(
        material.model, material.pairs, labels=material.labels, objects=min(OBJECTS, flow.affordable), rng=rng
    )  # fmt: skip
    others = np.setdiff1d(material.independent_rows(), pairs.rows)
    rows = np.concatenate([pairs.rows, rng.permutation(others)])[: max(flow.affordable, len(pairs.rows))]
    noise = np.asarray(material.pairs.before[rows], dtype=np.float64)
    return _Differentiated(
        pairs=pairs, rows=rows, exponents=lyapunov_exponents(flow.linearised(noise).jacobians)
    )  # fmt: skip


def _with_neighbourhoods(
    report: Report, material: Material, found: _Differentiated, classes: Labels | None, bound: float,
    rng: np.random.Generator,
) -> Report:  # fmt: skip
    """Equations (2) and (3)."""
    if classes is None:
        claims = [_near_not_applicable(id, "there are no classes from outside the model", bound) for id in SPACES]
        return report.including(*(Entry(claim=claim) for claim in claims))
    independent = material.independent_rows()
    some = material.rows(independent)
    measured = np.searchsorted(independent, found.rows)
    points = {"noise": some.pairs.before, "latent space": some.latents()}
    shown, entries = {}, []
    for (id, space), of_space in zip(SPACES.items(), points.values(), strict=True):
        try:
            shown[space] = checks.neighbourhoods(
                of_space, classes[independent], found.exponents, measured=measured, space=space, rng=rng
            )
        except ValueError as error:
            entries.append(Entry(claim=_near_not_applicable(id, str(error), bound)))
            continue
        claim = checks.near_stays_near(shown[space], id=id, bound=bound)
        entries.append(Entry(claim=claim, figure="neighbourhoods" if claim.applicable else None))
    draw = partial(draw_neighbourhoods, found=shown, bound=bound)
    pictures = {"neighbourhoods": partial(figure_of, draw, size=(5.4, 3.6))}
    return report.including(*entries, figures=pictures if any(entry.figure for entry in entries) else {})


def _maps(material: Material, flow: KnownFlow, violations: checks.LocatedViolations, reference: float) -> Figure:
    """The plane of the noise by the exponents of the flow, and of the model on the same scale."""
    noise = np.asarray(material.pairs.before, dtype=np.float64)
    width = float(np.quantile(np.abs(noise), EDGE))
    field = exponent_field(flow, half_width=width, reference=reference)
    ends = violations.pairs.violating.any(axis=1)
    draws = [partial(
        draw_exponents, field=field, violating=noise[violations.pairs.rows[ends]], title="the flow",
    )]  # fmt: skip
    if material.labels is None:
        model = KnownFlow(linearised=partial(model_linearised, material.model), classes=flow.classes)
        draws.append(partial(
            draw_exponents, field=exponent_field(model, half_width=width, reference=reference),
            limits=field.limits, title="the model",
        ))  # fmt: skip
    return figure_of(*draws, size=(4.9 * len(draws), 4.4))


def _worst(violations: checks.LocatedViolations, flow: KnownFlow) -> Table:
    """The pairs with the least slack, and where the flow is there."""
    bounds, leading = violations.pairs, violations.exponents.centred
    place = {int(row): index for index, row in enumerate(bounds.rows)}
    rows = []
    for pair in bounds.worst(WORST):
        first, second = (place[int(row)] for row in pair)
        rows.append((
            f"{pair[0]}, {pair[1]}", f"{bounds.apart[first, second]:.3g}", f"{bounds.latent[first, second]:.3g}",
            f"{bounds.bound[first, second]:.3g}", f"{max(leading[first], leading[second]):+.2f}",
        ))  # fmt: skip
    return Table(
        title="Pairs that violate the bound most, with a constant that holds for 99 % of other pairs",
        columns=("held-out pairs", "apart", "apart in latent space", "bound", "larger exponent, less the median"),
        rows=rows,
        note=f"Exponents of the flow {flow.description}; their median is {violations.exponents.median:.3g}.",
    )


SPACES = {"near_stays_near": "noise", "near_stays_near_latent": "latent space"}


def _without(report: Report, reason: str, located: float, near: float) -> Report:
    claims = [
        Claim.not_applicable(
            id="violations_at_boundaries", hypothesis=checks.VIOLATIONS,
            quantity="AUROC of the Lyapunov exponent for “violates the bound”, over pairs", side=Side.AT_LEAST,
            bound=located, reason=reason,
        ),
        *(_near_not_applicable(id, reason, near) for id in SPACES),
    ]  # fmt: skip
    return report.including(*(Entry(claim=claim) for claim in claims))


def _near_not_applicable(id: str, reason: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=id, hypothesis=f"Away from the boundaries of basins, what is near in {SPACES[id]} becomes the same class.",
        quantity="share of near neighbours that land in the same class", side=Side.AT_LEAST, bound=bound, reason=reason,
    )  # fmt: skip
