"""Does nearness fail where the flow tears apart what is near, and nowhere else?

    violations_at_boundaries      near pairs that violate a bound have larger exponents than others                (1)
    near_stays_near               near neighbours land in one class, where the exponent is small                   (2)

each in the noise and, with the ending `_latent`, in latent space. The controls are shuffled exponents, and the same
statement at the boundaries (`koopman_analysis.checks.boundaries`). A plane is shown whole: the exponents of the flow
and of the model beside each other, with the edges of the basins.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.checks.boundaries import FEWEST_MEASURED
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import Figure, draw_exponents, draw_neighbourhoods, figure_of
from koopman_analysis.report import Entry, Report, Table
from koopman_analysis.sensitivity import (
    KnownFlow,
    Linearisation,
    LyapunovExponents,
    UnboundedPairs,
    exponent_field,
    lyapunov_exponents,
    model_linearised,
)
from koopman_analysis.verification.material import Material

SPACES = {"": "noise", "_latent": "latent space"}
FEWEST, FEWEST_JUDGED = 20, 10
"""Independent objects below which there is nothing to halve, and exponents below which there is nothing to locate."""
AGREEMENT = 0.05
"""Median distance of the flow's images to the data, as a share of the data's spread, above which it is another flow."""
WORST = 4
EDGE = 0.995
"""Quantile of the noise's coordinates at which its map ends."""


class _NothingToDifferentiate(ValueError):
    """Why neither claim applies."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Differentiated:
    """Independent objects, the exponents at half of them, and every object in either space.

    Attributes:
        material: The objects.
        rows: Where each stands among the caller's pairs.
        others: Those that constants come from.
        judged: Those whose exponents are known.
        exponents: λ at each judged object.
        points: The objects in each of the spaces.
        errors: Their one-step errors.
    """

    material: Material
    rows: np.ndarray
    others: np.ndarray
    judged: np.ndarray
    exponents: LyapunovExponents
    points: dict[str, np.ndarray]
    errors: np.ndarray


def with_boundaries(
    report: Report,
    material: Material,
    *,
    flow: KnownFlow | None,
    located: float,
    near: float,
    rng: np.random.Generator,
) -> Report:
    """The report with both claims in both spaces.

    Args:
        report: The report so far.
        material: Model and pairs.
        flow: The flow, None where nobody can differentiate it.
        located: Least AUROC in equation (1).
        near: Least share of neighbours in equation (2).
        rng: Draws the objects and the resamples.

    Raises:
        ValueError: If the flow is not that of these pairs.
        TypeError: If the flow gives anything but a linearisation.
    """
    try:
        found = _differentiated(material, flow, rng)
    except _NothingToDifferentiate as error:
        reason = str(error)
        claims = [_violations_not_applicable(ending, reason, located) for ending in SPACES]
        claims += [_near_not_applicable(ending, reason, near) for ending in SPACES]
        return report.including(*(Entry(claim=claim) for claim in claims))
    assert flow is not None  # or there would be nothing to differentiate
    report = _with_violations(report, found, flow, located, rng)
    return _with_neighbourhoods(report, found, near, rng)


def _differentiated(material: Material, flow: KnownFlow | None, rng: np.random.Generator) -> _Differentiated:
    rows = material.independent_rows()
    if flow is None:
        raise _NothingToDifferentiate("there is no flow here that can be differentiated")
    if len(rows) < FEWEST:
        raise _NothingToDifferentiate(f"there are {len(rows)} independent objects, fewer than {FEWEST}")
    if flow.affordable < FEWEST_JUDGED:
        raise _NothingToDifferentiate(
            f"the flow can be differentiated at {flow.affordable} states, fewer than {FEWEST_JUDGED}"
        )
    some = material.rows(rows)
    order = rng.permutation(len(rows))
    judged = order[: min(flow.affordable, len(rows) // 2)]
    noise, after = (np.asarray(states, dtype=np.float64) for states in (some.pairs.before, some.pairs.after))
    return _Differentiated(
        material=some,
        rows=rows,
        others=order[len(judged) : 2 * len(judged)],
        judged=judged,
        exponents=lyapunov_exponents(_of_these_pairs(flow, noise[judged], after[judged]).jacobians),
        points={"": noise, "_latent": np.asarray(some.carried(), dtype=np.float64)},
        errors=np.linalg.norm(after - some.predictions(), axis=1),
    )


def _of_these_pairs(flow: KnownFlow, noise: np.ndarray, after: np.ndarray) -> Linearisation:
    """The flow's derivative at this noise, where its images are the data that belong to it."""
    found = flow.linearised(noise)
    if not isinstance(found, Linearisation):
        raise TypeError(f"expected a Linearisation of the flow, got {type(found).__name__}: return Linearisation(...)")
    if found.images.shape != after.shape:
        raise ValueError(f"expected the flow of these pairs, got images of {found.images.shape} for data {after.shape}")
    apart = float(np.median(np.linalg.norm(found.images - after, axis=1)))
    spread = float(np.sqrt(after.var(axis=0).sum()))
    if apart > AGREEMENT * spread:
        raise ValueError(
            f"expected the flow of these pairs, got images {apart:.3g} apart from their data at the median, more than "
            f"{AGREEMENT:g} of the data's spread {spread:.3g}: pass the flow that made the pairs, or none"
        )
    return found


def _with_violations(
    report: Report, found: _Differentiated, flow: KnownFlow, bound: float, rng: np.random.Generator
) -> Report:
    """Equation (1), the maps of a plane and the worst pairs."""
    located, entries = {}, []
    plane = found.material.pairs.before.shape[1] == 2
    after = np.asarray(found.material.pairs.after, dtype=np.float64)
    for (ending, space), errors in zip(SPACES.items(), (None, found.errors), strict=True):
        try:
            pairs = checks.near_pair_bounds(
                found.points[ending], after, others=found.others, judged=found.judged, errors=errors
            )
        except UnboundedPairs as error:
            entries.append(Entry(claim=_violations_not_applicable(ending, str(error), bound)))
            continue
        located[ending] = checks.located_violations(pairs, found.exponents, space=space, rng=rng)
        claim = checks.violations_at_boundaries(located[ending], id=f"violations_at_boundaries{ending}", bound=bound)
        entries.append(Entry(claim=claim, figure="boundaries" if plane and claim.applicable else None))
    pictures = {}
    if any(entry.figure for entry in entries):
        pictures["boundaries"] = partial(_maps, found, flow, located)
    return report.including(*entries, figures=pictures, tables=[_worst(found, located, flow)])


def _with_neighbourhoods(report: Report, found: _Differentiated, bound: float, rng: np.random.Generator) -> Report:
    """Equation (2)."""
    classes = found.material.classes
    reason = None if classes is not None else "there are no classes from outside the model"
    if len(found.judged) < FEWEST_MEASURED:
        reason = f"exponents are known at {len(found.judged)} objects, fewer than {FEWEST_MEASURED}"
    if classes is None or reason is not None:
        claims = [_near_not_applicable(ending, str(reason), bound) for ending in SPACES]
        return report.including(*(Entry(claim=claim) for claim in claims))
    shown, entries = {}, []
    for ending, space in SPACES.items():
        shown[space] = checks.neighbourhoods(
            found.points[ending], classes, found.exponents, measured=found.judged, space=space, rng=rng
        )
        claim = checks.near_stays_near(shown[space], id=f"near_stays_near{ending}", bound=bound)
        entries.append(Entry(claim=claim, figure="neighbourhoods" if claim.applicable else None))
    draw = partial(draw_neighbourhoods, found=shown, bound=bound)
    pictures = {"neighbourhoods": partial(figure_of, draw, size=(5.4, 3.6))} if entries[0].figure else {}
    return report.including(*entries, figures=pictures)


def _maps(found: _Differentiated, flow: KnownFlow, located: dict[str, checks.LocatedViolations]) -> Figure:
    """The plane of the noise by the exponents of the flow, and of the model on the same scale."""
    noise, reference = found.points[""], found.exponents.median
    width = float(np.quantile(np.abs(noise), EDGE))
    field = exponent_field(flow, half_width=width, reference=reference)
    flows = {"": ("the flow", field)}
    if found.material.labels is None:
        model = KnownFlow(linearised=partial(model_linearised, found.material.model), classes=flow.classes)
        flows["_latent"] = ("the model", exponent_field(model, half_width=width, reference=reference))
    draws = [
        partial(
            draw_exponents, field=shown, limits=field.limits, title=f"{title}, and violations in {SPACES[ending]}",
            violating=noise[found.judged[located[ending].pairs.violators]] if ending in located else None,
        )
        for ending, (title, shown) in flows.items()
    ]  # fmt: skip
    return figure_of(*draws, size=(5.4 * len(draws), 4.4))


def _worst(found: _Differentiated, located: dict[str, checks.LocatedViolations], flow: KnownFlow) -> Table:
    """The violating pairs with the least slack, and how the flow stretches there."""
    leading, rows = found.exponents.centred, []
    for ending, some in located.items():
        pairs, bound = some.pairs, some.pairs.bound
        for pair in pairs.worst(WORST):
            ends = np.array([pairs.first[pair], pairs.second[pair]])
            first, second = found.rows[found.judged[ends]]
            rows.append((
                SPACES[ending], f"{first}, {second}", f"{pairs.near[pair]:.3g}", f"{pairs.apart[pair]:.3g}",
                f"{bound[pair]:.3g}", f"{leading[ends].max():+.2f}",
            ))  # fmt: skip
    return Table(
        title="Near pairs that violate the bound most",
        columns=("near in", "held-out pairs", "near by", "data apart by", "bound", "larger exponent less the median"),
        rows=rows,
        note="The constant holds for 95 % of the near pairs of other objects. Exponents log ‖DΦ‖ of the flow "
        f"{flow.description}; their median is {found.exponents.median:.3g}.",
    )


def _violations_not_applicable(ending: str, reason: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=f"violations_at_boundaries{ending}", hypothesis=checks.violations_hypothesis(SPACES[ending]),
        quantity="AUROC of the Lyapunov exponent for “violates the bound”, over near pairs", side=Side.AT_LEAST,
        bound=bound, reason=reason,
    )  # fmt: skip


def _near_not_applicable(ending: str, reason: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=f"near_stays_near{ending}", hypothesis=checks.near_hypothesis(SPACES[ending]),
        quantity="share of near neighbours that land in the same class", side=Side.AT_LEAST, bound=bound, reason=reason,
    )  # fmt: skip
