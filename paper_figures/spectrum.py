"""What of a spectrum is real: residuals, pseudospectra, one model in several gauges, and the modes that no gauge moves.

Above: eigenvalues of EDMD with monomials of the slow manifold, ranked by their residual on held-out pairs, filled where
they are those that theory names; eigenvalues of polynomials on the double well over the residual pseudospectrum, filled
where their residual is at most 5 %. Below: eigenvalues of one distilled checkerboard model in its own latent
coordinates and in random others, in which it makes the same predictions; the leading modes of a digits model, the
decoder two standard deviations along each, and how much worse it is with few of them.
"""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopman_analysis import EDMD, Monomials
from koopman_analysis.dimension import LatentDirections, decoder_weighted_directions, rank_sweep
from koopman_analysis.figures import (
    draw_gauge,
    draw_images,
    draw_pseudospectrum,
    draw_rank_sweep,
    draw_residuals,
)
from koopman_analysis.gauge import gauge_experiment
from koopman_analysis.moments import FactorMoments
from koopman_analysis.pseudospectrum import residual_pseudospectrum, window
from koopman_analysis.spectrum import Eigenpairs
from koopman_analysis.systems import DoubleWell, SlowManifold
from paper_figures.experiments import Distilled, distilled
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

DEGREE = 5
"""Of the monomials on the slow manifold."""
SAME, TRUSTED = 1e-6, 0.05
"""Distance up to which an eigenvalue is the one that theory names, and residual up to which one may be trusted."""
MODES = 6
TITLES = ("a  residuals", "b  least residual", "c  one model, four spectra", "d  modes", "e  how many it takes")
RANKS = (1, 2, 4, 8, 16, 32, 64)
ROOMY = 4.5
"""Inches from which panels fit side by side."""


def drawn(profile: Profile) -> Figure:
    """The five panels."""
    width = profile.width_or(6.75)
    with styled_for_print():
        figure = Figure(figsize=(width, (0.78 if width > ROOMY else 3.0) * width), layout="constrained")
        ranked, plane, gauges, modes, ranks = _panels(figure, roomy=width > ROOMY)
        found = _ranked(profile)
        draw_residuals(ranked, found, true=_named(found))
        _plane(profile)(plane)
        model = distilled("checkerboard", profile)
        some = model.heldout.subset(np.arange(200 if profile.fast else 2000))
        draw_gauge(gauges, gauge_experiment(model.subject.model, some, gauges=3, rng=_rng(profile, 2)))
        gauges.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32), ncols=2)
        _modes(distilled("digits", profile), profile, modes, ranks)
        ranks.set_ylabel("error, whole model’s = 1")
        for ax, title in zip((ranked, plane, gauges, modes, ranks), TITLES, strict=True):
            ax.set_title(title)
    return figure


def _panels(figure: Figure, *, roomy: bool) -> list[Axes]:
    """Two by two, the last one parted; or one below another in a column."""
    parts = figure.subfigures(2, 2) if roomy else figure.subfigures(4, 1, height_ratios=[1, 1.1, 1, 1.3])
    ranked, plane, gauges, below = parts.ravel()
    modes, ranks = below.subplots(2, 1, height_ratios=[1, 1.5])
    return [ranked.subplots(), plane.subplots(), gauges.subplots(), modes, ranks]


def _rng(profile: Profile, step: int) -> np.random.Generator:
    return np.random.default_rng([profile.seed, step])


def _ranked(profile: Profile) -> Eigenpairs:
    count = 500 if profile.fast else 4000
    fit, heldout = (SlowManifold().pairs(count, rng=_rng(profile, step)) for step in (0, 1))
    return EDMD(Monomials(DEGREE)).fit(fit).eigenpairs(heldout=heldout)


def _named(found: Eigenpairs) -> np.ndarray:
    """Which of them theory names, whatever their residuals."""
    exact = SlowManifold().eigenvalues_up_to(DEGREE)
    return np.abs(found.eigenvalues[:, None] - exact).min(axis=1) < SAME


def _residuals(found: Eigenpairs) -> np.ndarray:
    assert found.residuals is not None  # they are held out
    return found.residuals


def _plane(profile: Profile) -> partial:
    psi, count = Monomials(7), 2000 if profile.fast else 20_000
    fit, heldout = (DoubleWell(lag=0.3).pairs(count, rng=_rng(profile, step)) for step in (3, 4))
    found = EDMD(psi).fit(fit).eigenpairs(heldout=heldout)
    points = window(found.eigenvalues, resolution=24 if profile.fast else 90)
    return partial(
        draw_pseudospectrum, pseudospectrum=residual_pseudospectrum(FactorMoments.of(fit, psi), points),
        eigenvalues=found.eigenvalues, trusted=_residuals(found) <= TRUSTED,
    )  # fmt: skip


def _modes(digits: Distilled, profile: Profile, pictures: Axes, curve: Axes) -> None:
    model, pairs = digits.subject.model, digits.heldout
    some, rest = pairs.subset(np.arange(pairs.n // 2)), pairs.subset(np.arange(pairs.n // 2, pairs.n))
    directions = decoder_weighted_directions(model, some, rng=_rng(profile, 5))
    draw_images(pictures, _along(digits, directions), columns=MODES)
    ranks = [rank for rank in RANKS if rank <= len(directions.singular_values)]
    sweep = rank_sweep(
        model, rest, directions=directions, ranks=ranks, resamples=59 if profile.fast else 299, rng=_rng(profile, 6)
    )
    draw_rank_sweep(curve, {"digits": sweep.ratio})


def _along(digits: Distilled, directions: LatentDirections) -> np.ndarray:
    """The decoder two standard deviations to either side along each mode."""
    steps = 2.0 * directions.back[:MODES]
    ends = [digits.subject.model.decode(directions.mean + sign * steps, None) for sign in (1.0, -1.0)]
    return np.concatenate(ends).reshape(-1, *digits.data.shape)
